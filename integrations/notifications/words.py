"""A notice in words, for whoever reads it: what happened, what it means, and the one button. In the reader's language.

In pages, mails and the API alike. With `notice.integration` fetched, it asks only for the fields of kinds of records: `Entities`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm import registry
from integrations.adapters.registry import adapters
from integrations.files import keeping
from integrations.models import IntegrationInstance
from integrations.notifications.kinds import Kind, Level
from integrations.notifications.models import Notice
from integrations.outgoing.models import Off
from integrations.services import failures
from integrations.services.failures import Button
from tenants.models import RANK, Role

__all__ = ["Entities", "Said", "day", "say"]


@dataclass(frozen=True, slots=True)
class Said:
    """tone: trouble, there (wants a look) or agree. glyph: of ui/_glyph.html. source: whose it is. label, path: of the button."""

    title: str
    text: str
    tone: str
    glyph: str
    source: str
    label: str
    path: str


class Entities(dict[str, registry.Entity | None]):
    """The kinds of records with their fields, each asked for once: give it to all that are said together."""

    def __missing__(self, name: str) -> registry.Entity | None:
        self[name] = registry.entity(name) if name in registry.ENTITIES else None
        return self[name]


def say(notice: Notice, role: str, entities: Entities | None = None) -> Said:
    """role: whoever may not mend it is led to where they can look."""
    entities = Entities() if entities is None else entities
    match Kind(notice.kind):
        case Kind.CONFLICTS:
            return _conflicts(notice, role, entities)
        case Kind.SET_ASIDE:
            return _set_aside(notice, entities)
        case Kind.CRITICAL:
            return _trouble(notice, role)
        case Kind.WARNING:
            return _shared(notice) if notice.level == Level.SHARED else _trouble(notice, role)
        case Kind.RECOVERED:
            return _shared_over(notice) if notice.level == Level.SHARED else _recovered(notice)
        case Kind.VOLUMES:
            return _silent(notice) if notice.facts["what"] == "silent" else _odd(notice)
        case Kind.WEBHOOK:
            return _webhook(notice)
        case Kind.EXPORT:
            return _export(notice, entities)


# --- states -----------------------------------------------------------------------------------------------------------


def _trouble(notice: Notice, role: str) -> Said:
    facts, name = notice.facts, _tool(notice)
    told = failures.tell(notice.code, facts.get("detail", ""), name)
    title = told.title
    if facts.get("table"):
        title = _("%(table)s: %(title)s") % {"table": facts["table"], "title": title}
    parts = [told.happened, told.todo]
    if notice.level in (Level.WARNING, Level.LONG) and facts.get("failing_since"):
        parts.append(_("Since %(time)s every run has failed.") % {"time": moment(facts["failing_since"])})
    if notice.level == Level.LONG:
        left = max(settings.FAILING_PAUSE_HOURS - settings.FAILING_WARN_HOURS, 0)
        pause = ngettext(
            "If this goes on, the connection is paused in about %(n)s day.",
            "If this goes on, the connection is paused in about %(n)s days.",
            max(round(left / 24), 1),
        )
        parts.append(pause % {"n": max(round(left / 24), 1)})
    if notice.level == Level.CRITICAL:
        parts.append(_("Nothing is lost: changes wait on both sides."))
    mend = _mend(notice, told.action, role)
    tone, glyph = ("trouble", "failing") if notice.level == Level.CRITICAL else ("there", "waiting")
    return Said(title, " ".join(parts), tone, glyph, _source(notice), *mend)


def _recovered(notice: Notice) -> Said:
    name = notice.facts.get("table") or _source(notice)
    since = notice.facts.get("since")
    text = _("Runs get through again, and what waited goes on its way.")
    if since:
        text = _("After trouble since %(time)s runs get through again, and what waited goes on its way.")
        text %= {"time": moment(since)}
    title = _("“%(name)s” works again") % {"name": name}
    return Said(title, text, "agree", "in_step", _source(notice), *_see(notice))


def _shared(notice: Notice) -> Said:
    facts = {"tool": _tool(notice), "time": moment(notice.facts.get("began") or notice.at.isoformat())}
    said = (
        _("The sync with %(tool)s has had trouble since %(time)s")
        if notice.code == "app_refused"  # the fault is ours, not theirs
        else _("%(tool)s has had trouble since %(time)s")
    )
    text = _("It is so for many, and we look after it. Nothing is lost: changes wait and go by themselves.")
    return Said(said % facts, text, "there", "waiting", _tool(notice), *_connections())


def _shared_over(notice: Notice) -> Said:
    title = _("%(tool)s works again") % {"tool": _tool(notice)}
    text = _("What waited meanwhile goes on its way. There is nothing to do.")
    return Said(title, text, "agree", "in_step", _tool(notice), *_connections())


# --- records ----------------------------------------------------------------------------------------------------------


def _conflicts(notice: Notice, role: str, entities: Entities) -> Said:
    facts, name = notice.facts, _tool(notice)
    waiting, critical = facts["open"], facts["critical"]
    parts = []
    if waiting:
        said = ngettext(
            "%(n)s conflict with %(tool)s waits for you", "%(n)s conflicts with %(tool)s wait for you", waiting
        )
        title = said % {"n": _number(waiting), "tool": name}
        parts.append(_("Both sides changed the same, differently. Choose which one is right; nothing is overwritten."))
        if critical:
            also = ngettext(
                "A rule settled %(n)s more, of a critical field.",
                "A rule settled %(n)s more, of critical fields.",
                critical,
            )
            parts.append(also % {"n": _number(critical)})
    else:
        said = ngettext(
            "A critical field clashed with %(tool)s", "%(n)s critical fields clashed with %(tool)s", critical
        )
        title = said % {"n": _number(critical), "tool": name}
        said = ngettext(
            "A rule settled it. Look whether the right side won; you can still swap.",
            "A rule settled them. Look whether the right side won each time; you can still swap.",
            critical,
        )
        parts.append(said)
    if about := _about(facts, entities):
        parts.append(about)
    label = _("Settle it") if waiting and _may(role, Role.MEMBER) else _("Look at it")
    anchor = "conflicts" if waiting else "alerts"
    return Said(title, " ".join(parts), "there", "waiting", _source(notice), label, f"{_path('inbox:list')}#{anchor}")


def _about(facts: dict[str, Any], entities: Entities) -> str:
    names, fields = ", ".join(facts["names"]), ", ".join(_labels(facts["fields"], entities))
    if names and fields:
        return _("It is about %(names)s: %(fields)s.") % {"names": names, "fields": fields}
    return _("It is about %(names)s.") % {"names": names} if names else ""


def _labels(fields: Sequence[Sequence[str]], entities: Entities) -> list[str]:
    """Of fields as conflicts keep them; one that is gone by its name."""
    found = []
    for entity, name in fields:
        known = entities[entity] if name else None
        declared = known.fields.get(name) if known else None
        found.append(declared.label.lower() if declared else name or _("the record itself"))
    return list(dict.fromkeys(found))


def _set_aside(notice: Notice, entities: Entities) -> Said:
    facts, name = notice.facts, _tool(notice)
    first = facts["causes"][0]
    said = {
        "here": ngettext("%(n)s record could not go to %(tool)s", "%(n)s records could not go to %(tool)s", first["n"]),
        "there": ngettext(
            "%(n)s record of %(tool)s could not come in", "%(n)s records of %(tool)s could not come in", first["n"]
        ),
    }[first["side"] if first["side"] in ("here", "there") else "there"]
    field = _labels([[first["entity"], first["field"]]], entities)[0] if first["field"] else ""
    told = failures.tell(first["code"], tool=name)
    where = _("In “%(table)s”, field %(field)s.") if field else _("In “%(table)s”.")
    parts = [where % {"table": first["table"], "field": field}, told.happened, told.todo]
    if more := len(facts["causes"]) - 1 + facts["more"]:
        others = ngettext("There is %(n)s more cause.", "There are %(n)s more causes.", more)
        parts.append(others % {"n": _number(more)})
    parts.append(_("The rest goes on."))
    title = said % {"n": _number(first["n"]), "tool": name}
    label = _("See the records")
    path = _path("inbox:list")
    if not more and first.get("keys") == 1:
        named = {name: first[name] for name in ("stream", "side", "code", "field", "key") if first[name]}
        path = f"{_path('inbox:problem')}?{urlencode(named)}"
    return Said(title, " ".join(parts), "there", "waiting", _source(notice), label, path)


def _odd(notice: Notice) -> Said:
    facts, number = notice.facts, notice.facts["n"]
    said = {
        "created": ngettext(
            "A run created %(n)s record in “%(table)s”", "A run created %(n)s records in “%(table)s”", number
        ),
        "changed": ngettext(
            "A run changed %(n)s record in “%(table)s”", "A run changed %(n)s records in “%(table)s”", number
        ),
        "deleted": ngettext(
            "A run deleted %(n)s record in “%(table)s”", "A run deleted %(n)s records in “%(table)s”", number
        ),
    }[facts["what"]]
    usual = facts["usual"]
    text = (
        ngettext("Usually it is about %(n)s a run.", "Usually it is about %(n)s a run.", usual) % {"n": _number(usual)}
        if usual
        else _("Usually there are none.")
    )
    text = " ".join([text, _("If nobody meant that, the run can be taken back.")])
    path = _path("connections:run", notice.integration_id, facts["run"])
    title = said % {"n": _number(number), "table": facts["table"]}
    return Said(title, text, "there", "waiting", _source(notice), _("See the run"), path)


def _silent(notice: Notice) -> Said:
    facts = notice.facts
    title = _("No changes in “%(table)s” since %(time)s") % {"table": facts["table"], "time": moment(facts["last"])}
    text = _(
        "Usually there are some much more often. Runs go through; look whether everybody still works in that table."
    )
    return Said(title, text, "there", "waiting", _source(notice), *_see(notice))


def _webhook(notice: Notice) -> Said:
    facts = notice.facts
    why = {
        Off.GONE: _("It answered that it is gone (410), so it is told nothing any more."),
        Off.FAILING: _("It took nothing for days, so it is told nothing any more."),
    }[Off(facts["why"])]
    title = _("The webhook %(name)s is switched off") % {"name": facts["name"]}
    text = " ".join([why, _("Mend it, switch it on, and send what was given up again.")])
    path = _path("settings:webhook", facts["endpoint"])
    return Said(title, text, "there", "waiting", _("Webhooks"), _("Open the webhook"), path)


def _export(notice: Notice, entities: Entities) -> Said:
    facts, number, days = notice.facts, notice.facts["n"], keeping.EXPORTS.days
    entity = entities[facts["entity"]]
    source, again = entity.plural if entity else facts["entity"], _path("files:export", facts["entity"])
    if not facts["is_ready"]:
        title = _("%(file)s could not be put together") % {"file": facts["file"]}
        text = _("A fault of ours stopped it. Nothing of it is kept; ask for the file once more.")
        return Said(title, text, "trouble", "failing", source, _("Export again"), again)
    title = _("%(file)s is ready") % {"file": facts["file"]}
    holds = ngettext("%(n)s record is in it.", "%(n)s records are in it.", number) % {"n": _number(number)}
    if notice.over_at:
        gone = _("The file has been removed since.")
        return Said(title, f"{holds} {gone}", "agree", "in_step", source, _("Export again"), again)
    kept = ngettext("It is kept for %(n)s day.", "It is kept for %(n)s days.", days) % {"n": days}
    path = _path("files:fetch", facts["export"])
    return Said(title, f"{holds} {kept}", "agree", "in_step", source, _("Get the file"), path)


# --- buttons ----------------------------------------------------------------------------------------------------------


#: Button of a failure -> what it says and where it leads: a deed is done on the connection's page, where one sees it.
LEADS = {
    Button.RECONNECT: (gettext_lazy("Reconnect"), "connections:reconnect"),
    Button.FIX_MAPPING: (gettext_lazy("Look at the mapping"), "connections:tables"),
    Button.CHOOSE_TABLE: (gettext_lazy("Look at the tables"), "connections:tables"),
    Button.GO_ON: (gettext_lazy("See what it is about"), "connections:detail"),
    Button.LOOK: (gettext_lazy("See what it is about"), "connections:detail"),
    Button.RESUME: (gettext_lazy("Resume"), "connections:detail"),
    Button.CONTACT_SUPPORT: (gettext_lazy("Resume"), "connections:detail"),  # the text says whom to write to
}


def _mend(notice: Notice, button: str, role: str) -> tuple[str, str]:
    """The button that mends it, for whoever may."""
    if notice.integration_id is None or not _may(role, Role.ADMIN) or button not in LEADS:
        return _see(notice)
    label, name = LEADS[Button(button)]
    if button == Button.FIX_MAPPING and "stream" in notice.facts:
        return str(label), _path("connections:mapping", notice.integration_id, notice.facts["stream"])
    return str(label), _path(name, notice.integration_id)


def _see(notice: Notice) -> tuple[str, str]:
    if notice.integration_id is None:
        return _connections()
    return _("See the connection"), _path("connections:detail", notice.integration_id)


def _connections() -> tuple[str, str]:
    return _("See the connections"), _path("connections:list")


def _path(name: str, *args: Any) -> str:
    return reverse(name, args=args, urlconf=settings.ROOT_URLCONF)


# --- small ones -------------------------------------------------------------------------------------------------------


def moment(iso: str) -> str:
    """A time as people say it: today only the hour."""
    at = timezone.localtime(dt.datetime.fromisoformat(iso))
    if at.date() == timezone.localdate():
        return formats.time_format(at, "TIME_FORMAT")
    return formats.date_format(at, "DATETIME_FORMAT")


def day(date: dt.date) -> str:
    today = timezone.localdate()
    if date == today:
        return _("Today")
    if date == today - dt.timedelta(days=1):
        return _("Yesterday")
    return formats.date_format(date, "DATE_FORMAT")


def _tool(notice: Notice) -> str:
    slug = notice.facts["provider"]
    known = adapters().get(slug)
    return _(known.manifest.name) if known else slug.replace("_", " ").title()


def _source(notice: Notice) -> str:
    return notice.integration.name if isinstance(notice.integration, IntegrationInstance) else _tool(notice)


def _number(number: int) -> str:
    return formats.number_format(number, force_grouping=True)


def _may(role: str, needed: str) -> bool:
    return RANK[Role(role)] >= RANK[Role(needed)]
