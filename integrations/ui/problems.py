"""Records set aside, by cause: what happened, what it means, what to do, and the buttons that do it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import present, registry
from crm.fields import is_id
from integrations.models import Direction, Part, SetAside
from integrations.services import failures
from integrations.services import problems as services
from integrations.services.problems import Cause, Problem
from integrations.services.solved import Solved
from integrations.ui import charts
from integrations.ui.paging import by_id
from integrations.ui.tools import tool

ROWS = 50
RECONNECTS = ("access_denied", "authentication_failed", "grant_lost", "key_unreadable", "not_connected")


def shown(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """For _problems.html. Two small queries per kind of record that has problems."""
    entities = {name: registry.entity(name) for name in {one.stream.entity for one in problems}}
    return [_problem(one, entities[one.stream.entity]) for one in problems]


def _problem(problem: Problem, entity: registry.Entity) -> dict[str, Any]:
    cause, name = problem.cause, tool(problem.stream.integration.provider).name
    told = failures.tell(cause.code, tool=name)
    field = entity.fields.get(cause.field)
    label = field.label if field else cause.field
    return {
        "id": f"problem-{problem.examples[0].pk}" if problem.examples else "",
        "title": _title(problem, entity, label, told.title, name),
        "meaning": told.happened,
        "todo": told.todo,
        "reason": _reason(problem, told.title),
        "integration": problem.stream.integration.name,
        "table": problem.stream.collection_name,
        "count": problem.count,
        "first_at": problem.first_at,
        "last_at": problem.last_at,
        "examples": [_example(one, problem) for one in problem.examples[:3]],
        "more": max(problem.count - 3, 0),
        "url": url(cause),
        "act_url": reverse("inbox:act"),
        "cause": _parts(cause),
        "ways": _ways(problem, label, name),
        "links": _links(problem, label),
        "is_tried_again": problem.is_tried_again,
    }


def _reason(problem: Problem, title: str) -> str:
    """As it was told; where each record has its own value, that of one of them: a sentence with holes tells nobody anything."""
    if not problem.reason or problem.reason == title:
        return ""
    if "…" in problem.reason and problem.examples:
        return _("For example: %(reason)s") % {"reason": problem.examples[0].reason}
    return problem.reason


def _title(problem: Problem, entity: registry.Entity, field: str, what: str, name: str) -> str:
    """ "37 contacts: Phone is not accepted by HubSpot"."""
    facts = {
        "n": formats.number_format(problem.count, force_grouping=True),
        "records": (entity.plural if problem.count != 1 else entity.label).lower(),
        "field": field,
        "tool": name,
        "what": what,
    }
    if field and problem.cause.side == "here":
        return _("%(n)s %(records)s: %(field)s is not accepted by %(tool)s") % facts
    if field and problem.cause.code != "ambiguous":
        return _("%(n)s %(records)s: %(field)s of %(tool)s does not fit here") % facts
    return _("%(n)s %(records)s: %(what)s") % facts


def _ways(problem: Problem, field: str, name: str) -> list[dict[str, Any]]:
    """The buttons of `services.ways`, each with what it does; needs: who may press it."""
    facts = {"tool": name, "field": field}
    inward = services.turned(problem) == Direction.IMPORT
    words = {
        "retry": (
            ngettext("Try it again", "Try all again", problem.count),
            _("With a run at once, before the next try is due."),
        ),
        "add_options": (
            _("Have missing options made in %(tool)s") % facts,
            _("An option that we hold and %(tool)s lacks is made there with the next run.") % facts,
        ),
        "one_way": (
            (_("Let %(field)s only flow in") if inward else _("Let %(field)s only flow out")) % facts,
            (_("What changes in %(tool)s comes here; what changes here stays here.") if inward
             else _("What changes here goes to %(tool)s; what changes there stays there.")) % facts,
        ),
        "stop_field": (
            _("Stop keeping %(field)s in step") % facts,
            _("Both sides keep what they have. The mapping can bring it back."),
        ),
    }  # fmt: skip
    return [
        {"name": way, "label": words[way][0], "help": words[way][1], "needs_admin": services.NEEDS[way] == "admin"}
        for way in services.ways(problem)
    ]


def _links(problem: Problem, field: str) -> list[dict[str, Any]]:
    """Pages where something can be mended that no button can: each as {label, url, needs_admin}."""
    stream, cause = problem.stream, problem.cause
    here = [stream.integration_id, stream.pk]
    found: list[dict[str, Any]] = []
    if cause.code == "ambiguous":
        found.append({"label": _("Say which belong together"), "url": reverse("connections:matches", args=here)})
    if cause.code in RECONNECTS:
        url_ = reverse("connections:reconnect", args=here[:1])
        found.append({"label": _("Reconnect"), "url": url_, "needs_admin": True})
    if cause.code == "ping_pong":
        url_ = f"{reverse('connections:health', args=here)}?list=failing"
        found.append({"label": _("See both writers"), "url": url_})
    first = next((one for one in problem.examples if one.record_id), None)
    if first is not None:
        url_ = reverse("records:detail", args=[stream.entity, first.record_id])
        found.append({"label": _("Open the first record"), "url": url_})
    if mapped := next((one for one in stream.mappings.all() if cause.field and one.local == cause.field), None):
        url_ = f"{reverse('connections:mapping', args=here)}#local-{mapped.remote}"
        found.append({"label": _("See how %(field)s is mapped") % {"field": field}, "url": url_, "needs_admin": True})
    return found


def _example(one: SetAside, problem: Problem) -> dict[str, Any]:
    url_ = reverse("records:detail", args=[problem.stream.entity, one.record_id]) if one.record_id else ""
    return {"title": one.title or _("without a name"), "url": url_}


def solved(found: Sequence[Solved]) -> list[dict[str, Any]]:
    """For _solved.html: what was set aside lately and is not any more."""
    entities = {name: registry.entity(name) for name in {one.stream.entity for one in found}}
    return [_solved(one, entities[one.stream.entity]) for one in found]


def _solved(one: Solved, entity: registry.Entity) -> dict[str, Any]:
    cause, integration = one.cause, one.stream.integration
    name = tool(integration.provider).name
    field = entity.fields.get(cause.field)
    facts = {"field": field.label if field else cause.field, "tool": name}
    if cause.field and cause.side == "here":
        title = _("%(field)s was not accepted by %(tool)s") % facts
    elif cause.field and cause.code != "ambiguous":
        title = _("%(field)s of %(tool)s did not fit here") % facts
    else:
        title = failures.tell(cause.code, tool=name).title
    done = _("Nothing waits for this any more.")
    if one.edit and one.edit.by:
        done = {
            Part.MAPPING: _("%(who)s had changed the mapping."),
            Part.RULES: _("%(who)s had changed the rules."),
        }[Part(one.edit.part)] % {"who": one.edit.by}
    return {
        "title": title,
        "integration": integration.name,
        "table": one.stream.collection_name,
        "done": done,
        "first_at": one.first_at,
        "over_at": one.over_at,
        "run_url": reverse("connections:run", args=[integration.pk, one.run]) if one.run else "",
    }


# --- one cause by itself ------------------------------------------------------------------------------------------------


def _parts(cause: Cause) -> dict[str, str]:
    found = {
        "stream": str(cause.stream),
        "side": cause.side,
        "code": cause.code,
        "field": cause.field,
        "key": cause.key,
    }
    return {name: value for name, value in found.items() if value}


def url(cause: Cause) -> str:
    return f"{reverse('inbox:problem')}?{urlencode(_parts(cause))}"


def asked(query: Mapping[str, str]) -> Cause | None:
    """The cause that an address or a form speaks of."""
    if not is_id(query.get("stream", "")):
        return None
    text = {name: query.get(name, "")[:60].replace("\x00", "") for name in ("side", "code", "field", "key")}
    return Cause(UUID(query["stream"]), **text)


def context(problem: Problem) -> dict[str, Any]:
    """For problem.html, beside what `rows` answers."""
    entity = registry.entity(problem.stream.entity)
    today = timezone.localdate()
    every = [today - dt.timedelta(days=back) for back in range(services.DAYS - 1, -1, -1)]
    days = charts.lately(every, min(problem.days, default=None))
    came = charts.Series("trouble", _("set aside"), [problem.days.get(day, 0) for day in days])
    return {
        "problem": _problem(problem, entity),
        "integration": problem.stream.integration,
        "tool": tool(problem.stream.integration.provider),
        "chart": charts.columns(
            "came", _("Since when those that wait have waited"), [charts.day(one) for one in days], [came]
        )
        if problem.count > 1
        else None,
    }


def rows(problem: Problem, cursor: str) -> dict[str, Any]:
    """For _problem_rows.html: a page of the records that wait for this cause."""
    page = by_id(problem.cause.records, cursor, ROWS)
    more = f"{url(problem.cause)}&{urlencode({'after': page.next})}" if page.next else ""
    address = present.addresses(problem.stream.entity)
    retry_url = reverse("inbox:retry_one", args=[0]).replace("/0/", "/%s/")
    return {
        "rows": [
            {
                "id": one.pk,
                "title": one.title or _("without a name"),
                "url": address(str(one.record_id)) if one.record_id else "",
                "reason": one.reason,
                "first_at": one.first_at,
                "retry_at": one.retry_at,
                "attempts": one.attempts,
                "is_unsure": one.code == "unsure_create",
                "retry_url": retry_url % one.pk if problem.is_tried_again or one.code == "unsure_create" else "",
            }
            for one in page.items
        ],
        "back": url(problem.cause),
        "more_url": more,
    }
