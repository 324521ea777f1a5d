"""Runs and the records that they touched, for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import listing
from crm.fields import is_id
from integrations.models import IntegrationInstance, Status, SyncLog, SyncLogLine
from integrations.services import run_lines
from integrations.ui import picture, problems, status, undoing, words
from integrations.ui.lines import Drawing
from integrations.ui.living import live_progress
from integrations.ui.paging import by_id, newest_first
from integrations.ui.shown import Shown
from integrations.ui.tools import tool

LINES = 50
RUNS = 30
#: Runs that found both sides in step: most of them, and of no interest when one looks for what happened.
TOUCHING = ("created_here", "created_there", "updated_here", "updated_there", "deleted_here", "deleted_there",
            "linked", "unlinked", "conflict", "set_aside", "left_out")  # fmt: skip
QUIET = Q(state=SyncLog.State.DONE) & ~Q(counts__has_any_keys=TOUCHING)
ACTIONS = ("created", "updated", "deleted", "restored", "linked", "unlinked", "conflict", "set_aside", "left_out")
GLYPHS = {"asked": "waiting", "running": "running", "done": "in_step", "failed": "failing", "cancelled": "paused"}


def rows(runs: Iterable[SyncLog], integrations: Mapping[UUID, IntegrationInstance]) -> list[dict[str, Any]]:
    return [_row(run, integrations[run.integration_id]) for run in runs]


def _row(run: SyncLog, integration: IntegrationInstance) -> dict[str, Any]:
    provider = tool(integration.provider)
    return {
        "run": run,
        "url": reverse("connections:run", args=[integration.pk, run.pk]),
        "glyph": GLYPHS[run.state],
        "state": run.get_state_display(),
        "words": _words(run, provider.name),
        "trigger": words.trigger(run.trigger),
        "took": took(run),
        "calls": _calls(run.counts.get("requests", 0)),
        "name": integration.name,
        "letters": provider.letters,
        "tone": provider.tone,
        "provider": provider.name,
    }


def _calls(number: int) -> str:
    words_ = ngettext("%(n)s call", "%(n)s calls", number)
    return words_ % {"n": formats.number_format(number, force_grouping=True)} if number else ""


def _words(run: SyncLog, provider: str) -> str:
    if run.state == SyncLog.State.ASKED:
        return _("Waits until the connection is free")
    if run.state == SyncLog.State.RUNNING:
        return words.phase(run.progress.get("phase", "")).capitalize()
    if run.state == SyncLog.State.FAILED:
        return words.trouble(run.error_code, run.error_detail, provider).title
    return words.summary(run.counts, provider)


def took(run: SyncLog) -> str:
    """From begin to end, in the two units that matter."""
    if run.ended_at is None:
        return ""
    seconds = (run.ended_at - run.started_at).total_seconds()
    if seconds < 1:
        return _("under a second")
    if seconds < 90:
        return ngettext("%(n)s second", "%(n)s seconds", round(seconds)) % {"n": round(seconds)}
    minutes = round(seconds / 60)
    if minutes < 90:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    hours = round(seconds / 3600, 1)
    return ngettext("%(n)s hour", "%(n)s hours", round(hours)) % {"n": hours}


def runs(query: Mapping[str, str]) -> dict[str, Any]:
    """All connections' runs, a page of them: those that did something, all, or those that failed; of one connection or of all."""
    shown = query.get("show", "all" if query.get("all") == "1" else "")
    chosen = {"show": shown if shown in ("all", "failed") else "", "tool": query.get("tool", "")}
    chosen["tool"] = chosen["tool"] if is_id(chosen["tool"]) else ""
    found = SyncLog.objects.select_related("integration").defer("exchanges", "integration__credentials")
    if chosen["show"] == "failed":
        found = found.filter(state=SyncLog.State.FAILED)
    elif not chosen["show"]:
        found = found.exclude(QUIET)
    if chosen["tool"]:
        found = found.filter(integration=UUID(chosen["tool"]))
    page = newest_first(found, "started_at", query.get("before", ""), RUNS)
    return {
        "rows": [_row(run, run.integration) for run in page.items],
        "connected": bool(page.items) or IntegrationInstance.objects.exists(),
        "next": _activity(chosen | {"before": page.next}) if page.next else "",
        "show": chosen["show"],
        "kinds": [
            {"label": label, "url": _activity(chosen | {"show": name}), "active": name == chosen["show"]}
            for name, label in (("", _("What happened")), ("all", _("All runs")), ("failed", _("Failed")))
        ],
        "tools": _connections(chosen),
        "first": not query.get("before"),
    }


def _activity(query: Mapping[str, str]) -> str:
    kept = {name: value for name, value in query.items() if value}
    return f"{reverse('activity:list')}?{urlencode(kept)}" if kept else reverse("activity:list")


def _connections(chosen: Mapping[str, str]) -> list[dict[str, Any]]:
    """A filter for ui/_filters.html, where there are several to choose from."""
    options = [
        {"label": name, "url": _activity({**chosen, "tool": str(pk)}), "active": str(pk) == chosen["tool"]}
        for pk, name in IntegrationInstance.objects.values_list("pk", "name")
    ]
    if len(options) < 2:
        return []
    value = next((one["label"] for one in options if one["active"]), "")
    return [
        {"label": _("Connection"), "value": value, "clear_url": _activity({**chosen, "tool": ""}), "options": options}
    ]


# --- one run ------------------------------------------------------------------------------------------------------------


def of_run(run: SyncLog, chosen: dict[str, str]) -> dict[str, Any]:
    """For run.html, beside what `lines` answers."""
    provider = tool(run.integration.provider)
    states = SyncLog.State
    trouble = words.trouble(run.error_code, run.error_detail, provider.name) if run.error_code else None
    undone_by = list(run.undone_by.order_by("-started_at")[:5])
    return {
        "run": run,
        "integration": run.integration,
        "glyph": GLYPHS[run.state],
        "is_busy": run.state in (states.ASKED, states.RUNNING),
        "progress": live_progress(run) if run.state == states.RUNNING else None,
        "groups": problems.shown(run_lines.causes(run)) if run.counts.get("set_aside") else [],
        "q": chosen["q"],
        "chosen_action": chosen["action"],
        "chosen_side": chosen["side"],
        "csv_url": _link(run, chosen, "connections:run_csv"),
        "may_retry": run.state in (states.FAILED, states.CANCELLED) and run.integration.status == Status.ACTIVE,
        "retry_url": reverse("connections:run_retry", args=[run.integration_id, run.pk]),
        "sentence": _words(run, provider.name),
        "trigger": words.trigger(run.trigger),
        "took": took(run),
        "picture": picture.of(
            run.counts, provider.name, lambda action, side: _link(run, {"action": action, "side": side})
        ),
        "trouble": trouble,
        "mend": _mend(run, trouble.mend) if trouble else None,
        "filters": _filters(run, chosen, provider.name),
        "exchanges": [_exchange(one) for one in run.exchanges],
        "undo_url": undoing.url(run) if undoing.is_possible(run) else "",
        "undoes": run.undoes,
        "undone_by": [one for one in undone_by if not (one.undo_scope or {}).get("record_id")],
        "is_partly_undone": any((one.undo_scope or {}).get("record_id") for one in undone_by),
        "plan_url": reverse("connections:plan", args=[run.integration_id, run.plan_id]) if run.plan_id else "",
    }


def _mend(run: SyncLog, what: str) -> dict[str, Any] | None:
    """The way to what mends it, while the connection still stands still for that."""
    integration = run.integration
    if integration.status != Status.ATTENTION or integration.status_code != run.error_code:
        return None
    action = status.mend(integration, what)
    return None if action is None or "post" in action else action


def wanted(query: Mapping[str, str]) -> dict[str, str]:
    """The filters of a run's address; what means nothing is left out."""
    action, side = query.get("action", ""), query.get("side", "")
    return {
        "action": action if action in ACTIONS else "",
        "side": side if side in ("here", "there") else "",
        "q": listing.plain(query.get("q", ""))[:100],
    }


def _link(run: SyncLog, chosen: Mapping[str, str], name: str = "connections:run") -> str:
    here = reverse(name, args=[run.integration_id, run.pk])
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"{here}?{query}" if query else here


def _filters(run: SyncLog, chosen: dict[str, str], provider: str) -> list[dict[str, Any]]:
    """The actions that this run has lines of, as chips."""
    kinds = {
        "created": _("Created"),
        "updated": _("Changed"),
        "deleted": _("Deleted"),
        "restored": _("Brought back"),
        "linked": _("Paired"),
        "unlinked": _("Parted"),
        "conflict": _("Conflicts"),
        "set_aside": _("Set aside"),
        "left_out": _("Left as it is"),
    }
    present = run_lines.actions(run, ACTIONS)
    keep = {"q": chosen["q"]}
    chips = [{"label": _("All"), "url": _link(run, keep), "active": not (chosen["action"] or chosen["side"])}]
    chips += [
        {
            "label": label,
            "url": _link(run, keep | {"action": kind}),
            "active": kind == chosen["action"] and not chosen["side"],
        }
        for kind, label in kinds.items()
        if kind in present
    ]
    if chosen["side"]:
        side = _("here") if chosen["side"] == "here" else _("in %(tool)s") % {"tool": provider}
        label = f"{kinds[chosen['action']]} {side}" if chosen["action"] else words.sentence(side)
        chips.append({"label": label, "url": _link(run, chosen), "active": True})
    return chips if len(present) > 1 or chosen["side"] else []


def lines(run: SyncLog, chosen: dict[str, str], cursor: str, may_undo: bool = False) -> dict[str, Any]:
    """For _run_lines.html: a page of touched records with old and new."""
    found = run_lines.chosen(run, chosen["action"], chosen["side"], chosen["q"])
    page = by_id(found.defer("before"), cursor, LINES)
    streams = {one.pk: one for one in run.integration.streams.defer("schema")}
    for line in page.items:
        line.stream = streams[line.stream_id]
    run_lines.with_values(run, page.items)
    held: dict[str, list[dict[str, Any]]] = {}
    for line in page.items:
        for at in (0, 1):
            held.setdefault(line.stream.entity, []).append({name: pair[at] for name, pair in line.changes.items()})
    shown = Shown(held)
    provider = tool(run.integration.provider)
    undo_url = undoing.url(run) if may_undo and undoing.is_possible(run) else ""
    draw = Drawing(provider.name)
    told = [_line(line, provider.name, shown, undo_url) for line in page.items]
    return {
        "lines": [one | {"html": draw.line(one)} for one in told],
        "more_url": _link(run, chosen | {"after": page.next}) if page.next else "",
        "started": bool(cursor),
    }


def _line(line: SyncLogLine, provider: str, shown: Shown, undo_url: str) -> dict[str, Any]:
    """undo_url: of the whole run, where that can be taken back."""
    url = shown.address(line.stream.entity, line.record_id) if line.record_id else ""
    wrote = undo_url and line.record_id and line.action in undoing.ACTIONS
    by_field = wrote and line.action == "updated"
    changes = shown.changes(line.stream.entity, line.changes, line.side, line.action == "created")
    ruled, shared = words.with_rules(changes, line.changes, line.rules, provider)
    return {
        "title": line.title or _("without a name"),
        "url": url if line.action != "deleted" or line.side == "there" else "",
        "what": words.action(line.action, line.side, provider),
        "side": line.side if line.action in ("created", "updated", "deleted", "restored") else "",
        "reason": words.winner(line.reason, provider) if line.action == "conflict" else line.reason or shared,
        "at": line.at,
        "undo_url": undoing.part(undo_url, line.record_id) if wrote else "",
        "changes": [
            change
            | {
                "both": line.action == "conflict",
                "undo_url": undoing.part(undo_url, line.record_id, change["name"]) if by_field else "",
            }
            for change in ruled
        ],
    }


def _exchange(one: dict[str, Any]) -> dict[str, Any]:
    """A failing request and its answer, without secrets, as text."""
    asked = "\n".join([f"{one.get('method', '')} {one.get('url', '')}", *_headers(one.get("request_headers"))])
    told = "\n".join(
        [f"HTTP {one.get('status') or '–'} {one.get('error', '')}", *_headers(one.get("response_headers"))]
    )
    return {
        "what": f"{one.get('method', '')} {one.get('url', '')}",
        "status": one.get("status"),
        "error": one.get("error", ""),
        "request": f"{asked}\n\n{_body(one.get('request_body'))}".strip(),
        "response": f"{told}\n\n{_body(one.get('response_body'))}".strip(),
    }


def _headers(headers: Any) -> list[str]:
    return [f"{name}: {value}" for name, value in (headers or {}).items()]


def _body(text: Any) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(text or "")
