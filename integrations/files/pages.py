"""An import or export as the pages show it: where it stands, what its rows would do or did, what was taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from crm import registry
from crm.registry import Entity
from integrations.files import exports, imports, partners
from integrations.files.models import Export, Import, ImportRow
from integrations.ui.shown import Shown

State, Action = Import.State, ImportRow.Action
LINES = 50


def origin_words(origins: set[str]) -> dict[str, str]:
    """{"import:<id>": "Import contacts.csv, Ada"} for the history of a record."""
    ids = {origin.partition(":")[2]: origin for origin in origins if origin.startswith("import:")}
    found = Import.objects.filter(pk__in=ids).values_list("pk", "name", "by") if ids else ()
    return {ids[str(pk)]: _("Import %(file)s, %(who)s") % {"file": name, "who": by} for pk, name, by in found}


def number(value: int) -> str:
    return formats.number_format(value, force_grouping=True)


def steps(job: Import | None, here: str, entity: str) -> list[dict[str, Any]]:
    """For ui/_steps.html: what was chosen under each."""
    labels = {"file": _("File"), "columns": _("Columns"), "matching": _("Matching"), "preview": _("Check and import")}
    order = list(labels)
    chosen, urls = {}, {"file": reverse("files:import", args=[entity])}
    if job:
        left = sum(1 for one in job.mapping if one["field"])
        chosen = {
            "file": job.name,
            "columns": _("%(n)s of %(all)s") % {"n": left, "all": len(job.columns)},
            "matching": str(Import.How(job.matching.get("how", "both")).label),
        }
        urls |= {
            "columns": reverse("files:columns", args=[job.pk]),
            "matching": reverse("files:matching", args=[job.pk]),
            "preview": reverse("files:job", args=[job.pk]),
        }
    at = order.index(here)
    return [
        {
            "label": labels[step],
            "chosen": chosen.get(step, "") if place < at else "",
            "url": urls.get(step, "") if place < at and step != "file" else "",
            "state": "current" if place == at else "done" if place < at else "todo",
        }
        for place, step in enumerate(order)
    ]


# --- the file -------------------------------------------------------------------------------------------------------------


GLYPHS = {State.DONE: "in_step", State.FAILED: "failing", State.DRAFT: "waiting", State.READY: "waiting"}


def recent(entity: str, limit: int = 8) -> list[dict[str, Any]]:
    found = Import.objects.filter(entity=entity).exclude(state=State.DISCARDED).defer("columns")[:limit]
    return [
        {
            "name": one.name,
            "by": one.by,
            "at": one.created_at,
            "url": reverse("files:job", args=[one.pk]),
            "glyph": "running" if one.is_busy else GLYPHS.get(State(one.state), "paused"),
            "words": sentence(one),
        }
        for one in found
    ]


def sentence(job: Import) -> str:
    """Where it stands, in one sentence."""
    counts = job.counts
    if job.state == State.DRAFT:
        return _("Being set up. Nothing is written.")
    if job.state == State.PLANNING:
        return _("Every row is read and compared. Nothing is written.")
    if job.state == State.READY and _is_stuck(job):
        return _("No row can come in as it is. Each stands below with its reason; nothing has been written.")
    if job.state == State.READY:
        return _("Nothing has been written yet. What you approve is done exactly so.")
    if job.state == State.RUNNING:
        return _("The rows come in. You can leave this page: it goes on.")
    if job.state == State.UNDOING:
        return _("It is being taken back, row by row.")
    if job.state == State.FAILED:
        return job.problem
    if job.state == State.DISCARDED:
        return _("It was thrown away. Nothing was written.")
    if job.state == State.UNDONE:
        gone, stayed = counts.get("undone", 0), counts.get("kept", 0)
        back = ngettext("%(n)s row was taken back", "%(n)s rows were taken back", gone) % {"n": number(gone)}
        if not stayed:
            return f"{back}."
        kept = ngettext("%(n)s was kept as it is now", "%(n)s were kept as they are now", stayed) % {
            "n": number(stayed)
        }
        return f"{back}; {kept}."
    new = ngettext("%(n)s record is new", "%(n)s records are new", counts.get("created_done", 0))
    changed = ngettext("%(n)s was changed", "%(n)s were changed", counts.get("updated_done", 0))
    told = f"{new % {'n': number(counts.get('created_done', 0))}}; {changed % {'n': number(counts.get('updated_done', 0))}}."
    return f"{told} {job.problem}".strip()


def _is_stuck(job: Import) -> bool:
    """There is nothing to approve, and not because everything is here already."""
    return not imports.changes(job.counts) and _has_left(job)


def _has_left(job: Import) -> bool:
    return bool(job.counts.get("refused") or job.counts.get("ambiguous"))


# --- preview and result -----------------------------------------------------------------------------------------------------


def of(job: Import, query: Mapping[str, str]) -> dict[str, Any]:
    entity = registry.entity(job.entity)
    return {
        "job": job,
        "entity": entity,
        "heading": _heading(job),
        "sentence": sentence(job),
        "is_busy": job.is_busy,
        "is_ready": job.state == State.READY,
        "is_over": job.state in (State.DONE, State.UNDONE),
        "progress": _progress(job),
        "totals": _totals(job),
        "changes": imports.changes(job.counts),
        "new_options": [
            {"field": entity.fields[name].label if name in entity.fields else name, "options": ", ".join(found)}
            for name, found in job.new_options.items()
        ],
        "related": partners.told(job) if job.counts.get("related") else [],
        "may_undo": job.state == State.DONE
        and job.counts.get("created_done", 0) + job.counts.get("updated_done", 0) > 0,
        "has_left": _has_left(job),
        "is_stuck": _is_stuck(job),
        "earlier": imports.before(job) if job.state in (State.DRAFT, State.READY) else None,
        **lines(job, query, entity),
    }


def _heading(job: Import) -> str:
    return {
        State.DRAFT: _("Import %(file)s"),
        State.PLANNING: _("Working out what %(file)s would change"),
        State.READY: _("This is what %(file)s would do"),
        State.RUNNING: _("Importing %(file)s"),
        State.DONE: _("%(file)s is imported"),
        State.UNDOING: _("Taking back %(file)s"),
        State.UNDONE: _("%(file)s was taken back"),
        State.FAILED: _("%(file)s could not be imported"),
        State.DISCARDED: _("%(file)s was thrown away"),
    }[State(job.state)] % {"file": job.name}


def _progress(job: Import) -> dict[str, Any] | None:
    """For ui/_progress.html: how many rows, how fast, how long still."""
    if not job.is_busy:
        return None
    if job.state == State.PLANNING:
        done, total = job.rows, 0
    elif job.state == State.RUNNING:
        told = ("created_done", "updated_done", "left")
        done, total = sum(job.counts.get(name, 0) for name in told), imports.changes(job.counts)
    else:
        done = job.counts.get("undone", 0) + job.counts.get("kept", 0)
        total = job.counts.get("created_done", 0) + job.counts.get("updated_done", 0)
    seconds = (timezone.now() - job.began_at).total_seconds() if job.began_at else 0
    rate = done / seconds if seconds > 1 and done else 0
    return {
        "done": done,
        "total": total,
        "unit": ngettext("row", "rows", total or done),
        "rate": _("%(n)s a second") % {"n": number(round(rate))} if rate else "",
        "left": _left((total - done) / rate) if rate and total > done else "",
    }


def _left(seconds: float) -> str:
    if seconds < 60:
        n = max(1, round(seconds))
        return ngettext("%(n)s second left", "%(n)s seconds left", n) % {"n": n}
    n = round(seconds / 60)
    return ngettext("%(n)s minute left", "%(n)s minutes left", n) % {"n": n}


def _totals(job: Import) -> list[dict[str, Any]]:
    """For ui/_totals.html, each leading to its rows."""
    over = job.state in (State.DONE, State.UNDOING, State.UNDONE, State.RUNNING)
    words = {
        Action.CREATED: (_("new"), _("to be added")),
        Action.UPDATED: (pgettext("records", "changed"), _("to be changed")),
        Action.SAME: (_("left alone: nothing differs"), _("stay as they are")),
        Action.REFUSED: (_("refused, with the reason"), _("refused, with the reason")),
        Action.AMBIGUOUS: (_("left: several records match"), _("left: several records match")),
    }
    found = []
    for action, (after, before) in words.items():
        n = job.counts.get(f"{action}_done" if over and action in (Action.CREATED, Action.UPDATED) else action, 0)
        if n or action in (Action.CREATED, Action.UPDATED):
            side = "here" if action in (Action.CREATED, Action.UPDATED) else ""
            found.append(
                {
                    "count": number(n) if n else 0,
                    "words": after if over else before,
                    "side": side,
                    "url": _link(job, action),
                }
            )
    if left := job.counts.get("left", 0):
        url = f"{reverse('files:job', args=[job.pk])}?outcome=left#rows"
        found.append(
            {"count": number(left), "words": _("left out: they moved since the preview"), "side": "", "url": url}
        )
    return found


def _link(job: Import, action: str, **more: Any) -> str:
    query = {name: value for name, value in ({"action": action} | more).items() if value}
    return f"{reverse('files:job', args=[job.pk])}{'?' if query else ''}{urlencode(query)}#rows"


def lines(job: Import, query: Mapping[str, str], entity: Entity | None = None) -> dict[str, Any]:
    """A page of rows under a filter. A fixed number of queries."""
    entity = entity or registry.entity(job.entity)
    action = query.get("action", "")
    action = action if action in Action.values else ""
    outcome = query.get("outcome", "")
    outcome = outcome if outcome in ("done", "left", "undone", "kept") else ""
    after = query.get("after", "")
    start = int(after) if after.isdecimal() and len(after) < 9 else 0
    found: list[ImportRow] = []
    if job.state not in (State.PLANNING, State.DISCARDED, State.DRAFT):
        found = list(imports.lines(job, action, outcome, start)[: LINES + 1])
    more = found[LINES - 1].number if len(found) > LINES else None
    narrowed = bool(action or outcome)
    tabs: list[tuple[str, Any, int]] = [("", _("All"), sum(job.counts.get(a, 0) for a in Action.values))]
    tabs += [(str(a), a.label, job.counts.get(a, 0)) for a in Action if job.counts.get(a, 0)]
    return {
        "lines": _shown(job, found[:LINES], entity),
        "tabs": [
            {"label": label, "count": number(n), "url": _link(job, value), "active": value == action and not outcome}
            for value, label, n in tabs
        ],
        "is_narrowed": narrowed,
        "clear_url": _link(job, ""),
        "more_url": _link(job, action, outcome=outcome, after=more).partition("#")[0] if more else "",
    }


def _shown(job: Import, found: Sequence[ImportRow], entity: Entity) -> list[dict[str, Any]]:
    coming = {pk for line in found for pk in partners.ids_in(entity, line.changes)} if job.counts.get("related") else ()
    held = [{f: pair[at] for f, pair in line.changes.items() if f in entity.fields} for line in found for at in (0, 1)]
    shown = Shown({entity.name: held}, partners.titles(job, coming) if coming else {})
    return [
        {
            "title": line.title or _("without a name"),
            "number": line.number,
            "url": _record_url(line, entity),
            "what": _what(line),
            "action": line.action,
            "side": "here" if line.action in (Action.CREATED, Action.UPDATED) else "",
            "reason": line.reason,
            "left_out": line.outcome in (ImportRow.Outcome.LEFT, ImportRow.Outcome.KEPT),
            "refused": line.action in (Action.REFUSED, Action.AMBIGUOUS),
            "changes": [
                {"field": one["field"], "old": one["old"], "new": one["new"], "fresh": one["fresh"]}
                for one in shown.changes(entity.name, line.changes, "here", line.action == Action.CREATED)
            ],
        }
        for line in found
    ]


def _record_url(line: ImportRow, entity: Entity) -> str:
    is_there = line.record_id and (line.action != Action.CREATED or line.outcome in ("done", "kept"))
    return reverse("records:detail", args=[entity.name, line.record_id]) if is_there else ""


def _what(line: ImportRow) -> str:
    if line.outcome == ImportRow.Outcome.UNDONE:
        return _("taken back")
    if line.outcome == ImportRow.Outcome.KEPT:
        return _("kept")
    if line.outcome == ImportRow.Outcome.LEFT:
        return _("left out")
    return str(Action(line.action).label)


# --- exports ----------------------------------------------------------------------------------------------------------------


def taken(entity: str) -> list[dict[str, Any]]:
    """The log of exports of one kind of record."""
    return [
        {
            "by": one.by,
            "at": one.created_at,
            "words": _taken_words(one),
            "url": reverse("files:fetch", args=[one.pk]) if one.state == Export.State.READY else "",
            "is_busy": one.state in (Export.State.WAITING, Export.State.RUNNING),
            "is_failed": one.state == Export.State.FAILED,
        }
        for one in exports.recent(entity)
    ]


def _taken_words(one: Export) -> str:
    told = ngettext("%(n)s record as %(format)s", "%(n)s records as %(format)s", one.total)
    return told % {"n": number(one.total), "format": one.format.upper()}
