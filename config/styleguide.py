"""The style guide: every component in every state, with made-up records. Routed only when DEBUG is on."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import get_urlconf, set_urlconf
from django.utils import timezone
from django.utils.safestring import SafeString

from integrations.ui import charts, clashes, lines, picture


class SampleForm(forms.Form):
    name = forms.CharField()
    email = forms.EmailField(label="E-mail", help_text="Where conflicts of this contact are announced.")
    address = forms.SlugField()
    stage = forms.ChoiceField(choices=[("lead", "Lead"), ("customer", "Customer")])
    policy = forms.ChoiceField(
        widget=forms.RadioSelect,
        choices=[("newest", "The newest wins"), ("ask", "Ask me every time")],
    )
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    is_key_account = forms.BooleanField(required=False, label="Key account", help_text="Changes are always announced.")


def styleguide(request: HttpRequest) -> HttpResponse:
    return render(request, "ui/styleguide.html", sample_context())


def sample_context() -> dict:
    now = timezone.now()
    refused = SampleForm(
        {
            "name": "",
            "email": "amelie@",
            "address": "acme",
            "stage": "lead",
            "policy": "ask",
        }
    )
    refused.is_valid()
    return {
        "form": SampleForm(
            initial={
                "name": "Amélie Dubois",
                "email": "amelie@ateliernord.example",
                "policy": "newest",
            }
        ),
        "refused": refused,
        "options": [(words, words) for words in ("Lead", "Customer", "Former customer")],
        "minutes_ago": now - timedelta(minutes=4),
        "days_ago": now - timedelta(days=3),
        "states": ["in_step", "waiting", "running", "failing", "paused"],
        "origin": {
            "tool": "Notion",
            "letters": "N",
            "by": "Marco Bianchi",
            "at": now - timedelta(hours=3),
            "rule": "The newest wins",
            "url": "#",
            "earlier": [
                {
                    "value": "Amelie Dubois",
                    "by": "Claire Fontaine",
                    "at": now - timedelta(days=4),
                }
            ],
        },
        "tabs": [
            {"label": "Overview", "url": "#", "active": True},
            {"label": "Runs", "url": "#"},
            {"label": "Set aside", "url": "#", "count": 3},
        ],
        "menu": [
            {"label": "Edit mapping", "icon": "columns-2", "url": "#"},
            {"label": "Pause", "icon": "pause", "url": "#"},
            {
                "label": "Delete connection",
                "icon": "trash-2",
                "dialog": "sample-dialog",
                "danger": True,
                "line": True,
            },
        ],
        "crumbs": [
            {"label": "Connections", "url": "#"},
            {"label": "Customers in Notion", "url": "#"},
        ],
        "columns": [
            {"label": "Name", "sort_url": "#", "sorted": "ascending"},
            {"label": "E-mail", "sort_url": "#"},
            {"label": "Open deals", "sort_url": "#", "number": True},
            {"label": "State"},
            {"label": "Changed", "sort_url": "#"},
            {"label": "What to do", "hidden": True},
        ],
        "rows": [
            {
                "id": 1,
                "name": "Amélie Dubois",
                "email": "amelie@ateliernord.example",
                "deals": "8,400 €",
                "state": "in_step",
                "at": now,
            },
            {
                "id": 2,
                "name": "Marco Bianchi",
                "email": "marco@bianchi.example",
                "deals": "7,800 €",
                "state": "waiting",
                "at": now - timedelta(minutes=9),
            },
            {
                "id": 3,
                "name": "Tom Hartley",
                "email": "tom@hartley.example",
                "deals": "120 €",
                "state": "failing",
                "at": now - timedelta(days=1),
            },
        ],
        "filters": [
            {
                "label": "State",
                "options": [
                    {"label": "In step", "url": "#"},
                    {"label": "Set aside", "url": "#"},
                ],
            },
            {
                "label": "Lives in",
                "value": "Notion",
                "clear_url": "#",
                "options": [
                    {"label": "Notion", "url": "#", "active": True},
                    {"label": "HubSpot", "url": "#"},
                ],
            },
        ],
        "steps": [
            {"label": "Tool", "chosen": "Notion", "url": "#", "state": "done"},
            {
                "label": "Account",
                "chosen": "Acme workspace",
                "url": "#",
                "state": "done",
            },
            {
                "label": "Pair",
                "chosen": "Customers and contacts",
                "url": "#",
                "state": "done",
            },
            {"label": "Map fields", "chosen": "4 of 12", "state": "current"},
            {"label": "Match", "state": "todo"},
            {"label": "Rules", "state": "todo"},
            {"label": "Start", "state": "todo"},
        ],
        "diff": lines.Drawing("Notion").diff(
            [
                {
                    "field": "Stage",
                    "side": "there",
                    "old": "Lead",
                    "new": "Customer",
                    "other": "Customer",
                    "reason": "Changed here by Claire Fontaine 4 minutes ago; unchanged in Notion since.",
                },
                {
                    "field": "Phone",
                    "side": "here",
                    "old": "06 12 34 56 78",
                    "new": "+33 6 12 34 56 78",
                    "other": "+33 6 12 34 56 78",
                    "undo_url": "#",
                },
                {
                    "field": "Company",
                    "side": "here",
                    "old": "",
                    "new": "Atelier Nord",
                    "other": "Atelier Nord",
                },
                {
                    "field": "Notes",
                    "side": "there",
                    "new": "Met at the fair in Lyon",
                    "other": "Met at the fair in Lyon",
                    "fresh": True,
                },
            ]
        ),
        "views": sample_views(),
        "mapping": [
            {
                "id": 1,
                "here": "Name",
                "here_type": "text",
                "there": "Full name",
                "there_type": "title",
                "direction": "both",
                "sample": {
                    "there": "Amélie Dubois",
                    "here": "Amélie Dubois",
                    "back": "Amélie Dubois",
                    "survives": True,
                },
            },
            {
                "id": 2,
                "here": "Stage",
                "here_type": "select",
                "there": "Status",
                "there_type": "status",
                "direction": "both",
                "transform": "4 values, each with its own",
                "edit_url": "#",
                "sample": {
                    "there": "Client",
                    "here": "Customer",
                    "back": "Client",
                    "survives": True,
                },
            },
            {
                "id": 3,
                "here": "Value",
                "here_type": "money",
                "there": "Budget",
                "there_type": "number",
                "direction": "in",
                "transform": "Rounded to whole euros",
                "edit_url": "#",
                "sample": {
                    "there": "1,249.50",
                    "here": "1,250 €",
                    "back": "1,250",
                    "survives": False,
                },
                "note": "Rounding loses the cents, so this field only flows into Raccord.",
            },
            {
                "id": 4,
                "here": "Owner",
                "here_type": "person",
                "there": "Responsible",
                "there_type": "people",
                "direction": "out",
                "transform": "Matched by e-mail",
                "edit_url": "#",
            },
        ],
        "conflicts": [
            _conflict(
                now, winner="", field="Phone", here="+33 6 12 34 56 78", before="06 12 34 56 78", there="06 99 88 77 66"
            ),
            _conflict(now, winner="remote", field="Stage", here="Customer", before="Lead", there=""),
        ],
        "picture": picture.of(
            {
                "created_here": 3,
                "created_there": 12,
                "updated_here": 24,
                "updated_there": 2,
                "deleted_there": 4,
                "linked": 9,
                "conflict": 2,
                "ambiguous": 1,
            },
            "Notion",
            lambda action, side: "#",
        ),  # fmt: skip
        "charts": sample_charts(),
        "totals": [
            {
                "count": 12,
                "words": "will be created in Notion",
                "side": "there",
                "url": "#",
            },
            {"count": 3, "words": "will change here", "side": "here", "url": "#"},
            {"count": 1, "words": "conflict waits for you", "url": "#"},
            {"count": 0, "words": "will be deleted"},
        ],
        "stats": [
            {"label": "Contacts", "value": "1,204"},
            {"label": "In step", "value": "1,180", "note": "98 %"},
            {"label": "Left out", "value": "21"},
            {"label": "Failing", "value": "3"},
        ],
        "connections": [
            {
                "name": "Customers",
                "url": "#",
                "provider": "Notion",
                "letters": "N",
                "state": "in_step",
                "status": "Notion, Acme workspace: contacts both ways",
                "last_at": now - timedelta(minutes=4),
                "days": sample_days(),
                "days_words": "14 days, 1 failed run",
                "agreement": 100,
            },
            {
                "name": "Sales pipeline",
                "url": "#",
                "provider": "HubSpot",
                "letters": "H",
                "tone": "orange",
                "state": "running",
                "status": "1,204 of 4,800 deals read",
                "last_at": now,
                "days": sample_days(),
                "days_words": "14 days, 1 failed run",
                "agreement": 97,
            },
            {
                "name": "Launch board",
                "url": "#",
                "provider": "Trello",
                "letters": "T",
                "tone": "blue",
                "state": "failing",
                "status": "Trello no longer accepts the key. 14 changes wait here.",
                "last_at": now - timedelta(days=2),
                "days": sample_days(),
                "days_words": "14 days, 1 failed run",
                "agreement": None,
                "action": {"label": "Reconnect", "url": "#"},
            },
        ],
        "entries": [
            {
                "at": now - timedelta(minutes=4),
                "words": "Customers: 3 contacts changed here, 12 in Notion",
                "icon": "circle-check",
                "kind": "agree",
                "url": "#",
                "detail": "Took 6 seconds and 31 calls",
            },
            {
                "at": now - timedelta(hours=2),
                "words": "HubSpot refused 3 contacts",
                "icon": "circle-alert",
                "kind": "trouble",
                "url": "#",
                "detail": "The phone number is not in a form it takes. They wait here.",
            },
            {
                "at": now - timedelta(hours=5),
                "words": "Claire Fontaine paused Launch board",
                "icon": "pause",
            },
        ],
        "providers": [
            {
                "name": "Notion",
                "letters": "N",
                "url": "#",
                "what": "Databases: contacts, deals, tasks, posts",
                "way": "both",
                "minutes": 4,
                "connected": "2 connections",
            },
            {
                "name": "Power BI",
                "letters": "P",
                "tone": "yellow",
                "url": "#",
                "what": "Datasets: indicators and their values",
                "way": "out",
                "minutes": 8,
            },
            {
                "name": "Toast",
                "letters": "To",
                "tone": "red",
                "url": "#",
                "what": "Restaurants: menus and sales",
                "way": "in",
                "minutes": 6,
                "note": "Staff sets it up",
            },
        ],
    }


def sample_views() -> list[tuple[str, SafeString]]:
    """The bar of saved views in each state, drawn as a list of records draws it."""
    whole: dict[str, Any] = {"label": "All", "url": "#"}
    mine: dict[str, Any] = {"label": "My leads", "url": "#"}
    shared: dict[str, Any] = {
        "label": "Customers in Lyon",
        "url": "#",
        "shared": True,
        "note": "Shared by Claire Fontaine",
    }
    lead = "status=Lead"

    def bar(words: str, at: int, query: str = "", is_changed: bool = False, may_change: bool = False) -> Any:
        tabs = [one | {"active": place == at} for place, one in enumerate([whole, mine, shared])]
        view = SimpleNamespace(pk=at) if at else None
        context = {
            "entity": SimpleNamespace(name="contact"),
            "arranged": SimpleNamespace(view=view, query=query, is_changed=is_changed),
            "tabs": tabs,
            "may_change_view": may_change,
            "is_first": at == 1,
            "bar_label": words,
            **dict.fromkeys(("path", "link", "make_url", "columns_url"), "#"),
        }
        return words, _of_a_tenant("crm/_views.html", context)

    return [
        bar("The whole list", 0),
        bar("The whole list, narrowed: it can be kept", 0, lead),
        bar("A view of one's own", 1, lead, may_change=True),
        bar("The same, changed", 1, lead, is_changed=True, may_change=True),
        bar("A shared one of somebody else, changed", 2, lead, is_changed=True),
    ]


def _of_a_tenant(template: str, context: dict[str, Any]) -> SafeString:
    """Drawn with a tenant's addresses, which the public host does not have."""
    before = get_urlconf()
    set_urlconf(settings.ROOT_URLCONF)
    try:
        return SafeString(render_to_string(template, context))  # noqa: S308
    finally:
        set_urlconf(before)


def sample_days() -> list[dict]:
    levels = [2, 3, 3, 4, 2, 0, 1, 3, 4, 3, 4, 3, 2, 3]
    states = {5: "", 8: "some", 10: "failed"}
    return [
        {
            "level": level,
            "state": states.get(day, "ok"),
            "words": f"{13 - day} days ago",
        }
        for day, level in enumerate(levels)
    ]


def _conflict(now: datetime, winner: str, field: str, here: str, before: str, there: str) -> SafeString:
    sides = {
        "here": {"value": here, "by": "Claire Fontaine", "at": now - timedelta(minutes=4), "keep": "Keep this value"},
        "there": {"value": there, "by": "in Notion", "at": now - timedelta(minutes=6), "keep": "Keep this value"},
    }
    other = {"remote": "local"}.get(winner, "")
    urls = {"url": "#", "resolve_url": "#", "swap_url": "#", "seen_url": "#"}
    one = sides | urls | {"id": field, "title": "Marie Tharp", "field": field, "before": before, "winner": winner,
                           "other": other, "critical": bool(winner), "integration": "Notion", "tool": "Notion",
                           "by": "The newest edit wins", "at": now}  # fmt: skip
    return clashes.Drawing(may_write=True).card(one, is_settled=bool(winner))


def sample_charts() -> list[dict[str, Any]]:
    days = [f"{at} May" for at in range(1, 31)]
    runs = [(at * 7) % 11 + 2 for at in range(30)]
    failed = [1 if at % 9 == 4 else 0 for at in range(30)]
    share = [None if at in (3, 9, 11) else 100 - (at * 3) % 5 / 2 for at in range(30)]
    return [
        charts.columns("guide-runs", "Runs", days, [
            charts.Series("ok", "done", runs), charts.Series("plain", "cancelled", [0] * 30),
            charts.Series("trouble", "failed", failed),
        ]),
        charts.columns("guide-written", "Records written", days, [
            charts.Series("here", "here", failed), charts.Series("there", "in Notion", runs),
        ]),
        charts.line("guide-share", "Share of looked-at pairs that agree", days, share, 95, 100, " %"),
        charts.columns("guide-none", "Calls", days, [charts.Series("plain", "calls", [0] * 30)]),
    ]  # fmt: skip
