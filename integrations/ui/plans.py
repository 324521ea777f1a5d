"""A stored plan for people: how far it is, what it would do on both sides, record by record, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.fields import is_id
from integrations.models import IntegrationInstance, Plan, PlanLine, Status, Stream
from integrations.services import brought, cost, plans
from integrations.ui import effects, picture, status, words
from integrations.ui.lines import Drawing
from integrations.ui.shown import Shown
from integrations.ui.status import plural
from integrations.ui.tools import Tool, tool

LINES = 50
FIRST = 10  # lines that are shown while a plan is being made
ACTIONS = ("created", "updated", "deleted", "restored", "linked", "conflict", "set_aside", "ambiguous", "skipped")
FILTERS = ("stream", "action", "side", "outcome", "q")
GLYPHS = {"making": "running", "ready": "waiting", "approved": "running", "done": "in_step", "failed": "failing"}


def of(plan: Plan, query: Mapping[str, str]) -> dict[str, Any]:
    """For plan.html and _plan_page.html."""
    integration, known = plan.integration, tool(plan.integration.provider)
    streams = {one.pk: one for one in integration.streams.select_related("integration").defer("schema")}
    states = Plan.State
    drawn = picture.of(plan.counts, known.name, lambda action, side: _link(plan, {"action": action, "side": side}))
    trouble = words.trouble(plan.error_code, plan.error_detail, known.name) if plan.error_code else None
    return {
        "plan": plan,
        "integration": integration,
        "tool": known,
        "glyph": GLYPHS.get(plan.state, "paused"),
        "is_making": plan.state == states.MAKING,
        "is_ready": plan.state == states.READY,
        "may_retry": plan.state in (states.FAILED, states.DISCARDED),
        "is_busy": plan.state in (states.MAKING, states.APPROVED),
        "heading": heading(plan),
        "sentence": _sentence(plan, known),
        "totals_words": _totals(plan, known),
        "effort": _effort(plan) if plan.state == states.READY else "",
        "progress": _progress(plan, known.name),
        "picture": drawn,
        "totals": words.totals(plan.counts, known.name, words.planned),
        "streams": _streams(plan, streams, known),
        "changes": _changes(plan.counts),
        "written": _written(plan.counts),
        "is_empty": not _changes(plan.counts) and not drawn["between"] and integration.status == Status.ACTIVE,
        "trouble": trouble,
        "mend": _mend(plan, trouble),
        "invented": _invented(plan, known) if plan.state == states.READY else None,
        "run": plan.runs.order_by("-started_at").first() if plan.state in (states.APPROVED, states.DONE) else None,
        **lines(plan, query, streams),
    }


def _mend(plan: Plan, trouble: words.Trouble | None) -> dict[str, Any] | None:
    """What has to be done elsewhere before the plan can be worked out; what is done by looking is done here."""
    action = status.mend(plan.integration, trouble.mend) if trouble else None
    return action if action and not action.get("post") and trouble and trouble.mend not in ("go_on", "look") else None


def _invented(plan: Plan, known: Tool) -> dict[str, str] | None:
    """Records that only practising brought here, before they reach a real tool."""
    found = brought.would_travel(plan)
    if found is None:
        return None
    source, number = found
    title = ngettext(
        "%(n)s of these records is invented: it came from %(source)s",
        "%(n)s of these records are invented: they came from %(source)s",
        number,
    )
    facts = {"n": formats.number_format(number, force_grouping=True), "source": source.name, "tool": known.name}
    return {
        "title": title % facts,
        "text": _(
            "They would be created in %(tool)s. Delete that connection first, and choose that its records go with it."
        )
        % facts,
        "url": reverse("connections:delete", args=[source.pk]),
        "label": _("Delete %(source)s") % facts,
    }


def lines(plan: Plan, query: Mapping[str, str], streams: Mapping[Any, Stream] | None = None) -> dict[str, Any]:
    """A page of lines, with the filters that it stands under. Three queries, and a few small ones per kind of record."""
    chosen = wanted(query)
    after = query.get("after", "")
    size = FIRST if plan.state == Plan.State.MAKING else LINES
    found = list(
        plans.lines(
            plan,
            stream=stream_of(chosen),
            action=chosen["action"],
            side=chosen["side"],
            outcome=chosen["outcome"],
            search=chosen["q"],
            after=int(after) if after.isdecimal() and len(after) < 19 else 0,
            limit=size + 1,
        )
    )
    more = found[size - 1].pk if len(found) > size else None
    known = tool(plan.integration.provider)
    by_id = streams or {one.pk: one for one in plan.integration.streams.defer("schema")}
    return {
        "lines": _shown(found[:size], by_id, known.name),
        "more_url": _link(plan, chosen | {"after": str(more)}) if more and plan.state != Plan.State.MAKING else "",
        "filters": _filters(plan, chosen, by_id, known),
        "query": chosen,
        "is_narrowed": any(chosen.values()),
        "clear_url": _link(plan, {}),
        "again_url": _link(plan, chosen),
        "csv_url": f"{reverse('connections:plan_csv', args=[plan.integration_id, plan.pk])}?{urlencode(_set(chosen))}",
        "tool": known,
    }


def wanted(query: Mapping[str, str]) -> dict[str, str]:
    """The filters of an address; what means nothing is left out."""
    chosen = {name: query.get(name, "").strip() for name in FILTERS}
    return chosen | {"stream": chosen["stream"] if is_id(chosen["stream"]) else ""}


def stream_of(chosen: Mapping[str, str]) -> UUID | None:
    return UUID(chosen["stream"]) if chosen["stream"] else None


def _set(chosen: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in chosen.items() if value}


def _link(plan: Plan, chosen: Mapping[str, str]) -> str:
    here = reverse("connections:plan", args=[plan.integration_id, plan.pk])
    return f"{here}?{urlencode(_set(chosen))}" if _set(chosen) else here


# --- in words -----------------------------------------------------------------------------------------------------------


def heading(plan: Plan) -> str:
    if plan.state == Plan.State.READY and plan.integration.setup_step != "done":
        return _("This is what the first sync would do")
    return {
        Plan.State.MAKING: _("Working out what would happen"),
        Plan.State.READY: _("This is what would happen"),
        Plan.State.APPROVED: _("The plan is being carried out"),
        Plan.State.DONE: _("The plan is carried out"),
        Plan.State.FAILED: _("The plan could not be finished"),
        Plan.State.DISCARDED: _("This plan was discarded"),
    }[Plan.State(plan.state)]


def _sentence(plan: Plan, known: Tool) -> str:
    if plan.state == Plan.State.MAKING:
        return _("Both sides are read and compared. Nothing is written, neither here nor in %(tool)s.") % {
            "tool": known.name
        }
    if plan.state == Plan.State.READY:
        return _(
            "Nothing has been written yet. Exactly what you approve is done; what changes before that is left out."
        )
    if plan.state == Plan.State.DISCARDED:
        return _("Nothing of it was written.")
    if plan.state == Plan.State.DONE:
        return _("Below is what was done, and what was left out because it had moved since.")
    return ""


def _totals(plan: Plan, known: Tool) -> str:
    """What it would do, in a sentence or two; that nothing is deleted is told, too."""
    if plan.state != Plan.State.READY or not plan.counts:
        return ""
    told = words.sentence(words.expected(plan.counts, known.name)) + "."
    deletes = plan.counts.get("deleted_here", 0) + plan.counts.get("deleted_there", 0)
    return " ".join([told, _("Nothing is deleted.")]) if not deletes and _changes(plan.counts) else told


def _effort(plan: Plan) -> str:
    found = cost.of_plan(plan)
    calls = ngettext("Takes about %(n)s call, %(time)s.", "Takes about %(n)s calls, %(time)s.", found.calls)
    return calls % {"n": effects.number(found.calls), "time": effects.duration(found.seconds)}


def _changes(counts: Mapping[str, int]) -> int:
    """How much there is to approve: what would be written, and the pairs that would be made."""
    return _written(counts) + counts.get("linked", 0)


def _written(counts: Mapping[str, int]) -> int:
    return sum(counts.get(f"{action}_{side}", 0) for action in picture.ACTIONS for side in ("here", "there"))


def _progress(plan: Plan, provider: str) -> dict[str, str]:
    read = plan.counts.get("read", 0) or plan.progress.get("read", 0)
    said = ngettext("%(n)s record read in %(tool)s", "%(n)s records read in %(tool)s", read)
    return {
        "table": plan.progress.get("stream", ""),
        "phase": words.phase(plan.progress.get("phase", "")),
        "read": said % {"n": formats.number_format(read, force_grouping=True), "tool": provider},
    }


def _streams(plan: Plan, streams: Mapping[Any, Stream], known: Tool) -> list[dict[str, Any]]:
    by_id = {str(pk): stream for pk, stream in streams.items()}
    return [
        {
            "table": by_id[str(one["stream"])].collection_name,
            "entity": plural(by_id[str(one["stream"])].entity),
            "direction": words.direction(by_id[str(one["stream"])].direction, known.name),
            "summary": words.totals(one.get("counts", {}), known.name, words.planned),
            "url": _link(plan, {"stream": str(one["stream"])}),
            "problems": plans.problems(by_id[str(one["stream"])], one),
            "mend_url": _mend_url(plan, one),
        }
        for one in plan.streams
        if str(one["stream"]) in by_id
    ]


def _mend_url(plan: Plan, one: Mapping[str, Any]) -> str:
    """Where what stays behind can be mended in the wizard: the mapping when a field is the cause, else the keys ("")."""
    if not any(field for field, _reason, _number in one["reasons"]):
        return ""
    return reverse("connections:mapping", args=[plan.integration_id, one["stream"]])


# --- filters ------------------------------------------------------------------------------------------------------------


def _filters(plan: Plan, chosen: dict[str, str], streams: Mapping[Any, Stream], known: Tool) -> list[dict[str, Any]]:
    """For ui/_filters.html: by action, side, table, and what became of it."""
    actions = [
        (one, action_name(one)) for one in ACTIONS if any(k.startswith(one) and v for k, v in plan.counts.items())
    ]
    groups = [
        ("action", _("What"), actions),
        ("side", _("Side"), [("here", _("Here")), ("there", known.name)]),
    ]
    if len(streams) > 1:
        groups.append(("stream", _("Table"), [(str(pk), one.collection_name) for pk, one in streams.items()]))
    if plan.state in (Plan.State.APPROVED, Plan.State.DONE, Plan.State.FAILED):
        outcomes = [("done", _("Done")), ("left_out", _("Left out")), ("waiting", _("Not done yet"))]
        groups.append(("outcome", _("Outcome"), outcomes))
    return [_filter(plan, name, label, options, chosen) for name, label, options in groups if options]


def _filter(
    plan: Plan, name: str, label: str, options: list[tuple[str, str]], chosen: dict[str, str]
) -> dict[str, Any]:
    return {
        "label": label,
        "value": dict(options).get(chosen[name], ""),
        "clear_url": _link(plan, chosen | {name: ""}),
        "options": [
            {"label": words_, "url": _link(plan, chosen | {name: value}), "active": value == chosen[name]}
            for value, words_ in options
        ],
    }


def action_name(action: str) -> str:
    return {
        "created": _("Created"),
        "updated": _("Changed"),
        "deleted": _("Deleted"),
        "restored": _("Brought back"),
        "linked": _("Paired"),
        "conflict": _("Conflicts"),
        "set_aside": _("Set aside"),
        "ambiguous": _("Several partners"),
        "skipped": _("Left as it is"),
    }.get(action, action)


# --- lines --------------------------------------------------------------------------------------------------------------


def _shown(found: Iterable[PlanLine], streams: Mapping[Any, Stream], name: str) -> list[dict[str, Any]]:
    rows = [line for line in found if line.stream_id in streams]
    held: dict[str, list[dict[str, Any]]] = {}
    for line in rows:
        for at in (0, 1):
            values = {field: pair[at] for field, pair in line.changes.items()}
            held.setdefault(streams[line.stream_id].entity, []).append(values)
    shown = Shown(held)
    draw = Drawing(name)
    told = [_line(line, streams[line.stream_id].entity, name, shown) for line in rows]
    return [one | {"html": draw.line(one)} for one in told]


def _line(line: PlanLine, entity: str, name: str, shown: Shown) -> dict[str, Any]:
    is_new_here = (line.action, line.side) == ("created", "here") and line.outcome != "done"
    url = shown.address(entity, line.record_id) if line.record_id and not is_new_here else ""
    done = line.outcome == "done"
    changes = shown.changes(entity, line.changes, line.side, line.action == "created")
    ruled, shared = words.with_rules(changes, line.changes, line.rules, name)
    return {
        "title": line.title or _("without a name"),
        "url": url,
        "what": words.action(line.action, line.side, name) if done else future(line.action, line.side, name),
        "side": line.side if line.action in ("created", "updated", "deleted", "restored") else "",
        "reason": _reason(line, name) or shared,
        "left_out": line.outcome == "left_out",
        "changes": [change | {"both": line.action == "conflict"} for change in ruled],
    }


def _reason(line: PlanLine, name: str) -> str:
    if line.outcome == "left_out":
        return line.outcome_reason
    return words.winner(line.reason, name) if line.action == "conflict" else line.reason


def future(action: str, side: str, name: str) -> str:
    key = action if action in words.SIDES else f"{action}_{side}"
    if action == "restored":
        return _("Will be brought back")
    return words.sentence(words.planned(key, name, 1)) if key in words.SIDES else action


# --- where to -----------------------------------------------------------------------------------------------------------


def latest(integration: IntegrationInstance) -> Plan | None:
    """The plan that is being made, waits for approval, or is being carried out."""
    states = Plan.State
    plan = integration.plans.filter(state__in=[states.MAKING, states.READY, states.APPROVED]).first()
    return plans.look(plan) if plan else None
