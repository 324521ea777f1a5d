"""What the rules in the form would do: which records meet, what the sync costs. Beside the form, drawn at every change."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import registry
from integrations.models import IntegrationInstance, Matching, RecordLink, Stream
from integrations.services import cost, discovery, matching, samples
from integrations.services.connect import Refused
from integrations.ui.forms import FrequencyForm, StreamForm
from integrations.ui.tools import Tool


def of(
    integration: IntegrationInstance, frequency: FrequencyForm, pairs: Sequence[StreamForm], tool: Tool, ask: bool
) -> dict[str, Any]:
    """For integrations/_effects.html. ask: look at real records even if that takes a call per table; else only at known ones.

    Of a table that is kept in step already, the records have met: there is nothing to forecast.
    """
    met = set(RecordLink.objects.filter(stream__integration=integration).values_list("stream", flat=True).distinct())
    streams = [_as_chosen(form) for form in pairs if form.stream.pk not in met]
    problem = ""
    if ask:
        try:
            for stream in streams:
                discovery.size(integration, stream.collection)
        except Refused as refused:
            problem = str(refused)
    first = cost.first(integration, streams) if streams else None
    chosen = frequency["frequency"].value()
    meets = [_meets(stream, tool, ask and not problem) for stream in streams if stream.matching != Matching.CREATE_ONLY]
    return {
        "tool": tool,
        "is_known": not streams or first is not None and all(one["is_known"] for one in meets),
        "problem": problem,
        "first": _first(first, tool) if first else None,
        "is_first": bool(streams),
        "then": frequency.words_of(chosen),
        "share": frequency.share_of(chosen),
        "meets": meets,
        "asked": ask,
    }


def _as_chosen(form: StreamForm) -> Stream:
    stream = copy(form.stream)
    stream.direction = form["direction"].value() or stream.direction
    stream.matching = form["matching"].value() or stream.matching
    stream.match_fields = list(form["match_fields"].value() or ())
    return stream


# --- the first import -----------------------------------------------------------------------------------------------


def _first(first: cost.First, tool: Tool) -> dict[str, Any]:
    read = (
        ngettext("%(n)s record to read in %(tool)s", "%(n)s records to read in %(tool)s", first.records)
        if first.is_exact
        else ngettext(
            "more than %(n)s record to read in %(tool)s", "more than %(n)s records to read in %(tool)s", first.records
        )
    )
    sent = ngettext(
        "at most %(n)s record from here to write there", "at most %(n)s records from here to write there", first.sent
    )
    calls = ngettext("about %(n)s call", "about %(n)s calls", first.calls)
    return {
        "read": read % {"n": number(first.records), "tool": tool.name},
        "sent": sent % {"n": number(first.sent)} if first.sent else "",
        "calls": (calls if first.is_exact else _("at least %(n)s calls")) % {"n": number(first.calls)},
        "time": duration(first.seconds) if first.is_exact else "",
        "pace": ""
        if first.is_exact
        else _("%(tool)s does not tell how many there are. Every %(n)s records take %(time)s.")
        % {"tool": tool.name, "n": number(cost.PER), "time": duration(first.pace)},
    }


def duration(seconds: float) -> str:
    if seconds < 20:
        return _("a few seconds")
    if seconds < 60:
        return _("less than a minute")
    if seconds < 5400:
        minutes = max(round(seconds / 60), 1)
        return ngettext("about %(n)s minute", "about %(n)s minutes", minutes) % {"n": number(minutes)}
    hours = round(seconds / 3600)
    return ngettext("about %(n)s hour", "about %(n)s hours", hours) % {"n": number(hours)}


def number(value: float) -> str:
    return formats.number_format(round(value), force_grouping=True)


# --- which records meet ---------------------------------------------------------------------------------------------


def _meets(stream: Stream, tool: Tool, ask: bool) -> dict[str, Any]:
    """{table, lines, groups, is_known, problem} of one table."""
    told: dict[str, Any] = {"table": stream.collection_name, "lines": [], "groups": [], "is_known": True, "problem": ""}
    if not stream.match_fields:
        return told | {"problem": _("Choose what tells which records belong together.")}
    if not ask and samples.known(stream.integration, stream.collection) is None:
        return told | {"is_known": False}
    try:
        found = matching.forecast(stream, stream.match_fields, stream.matching)
    except Refused as refused:
        return told | {"problem": str(refused)}
    if found is None or not found.looked_at:
        return told
    fields = registry.entity(stream.entity).fields
    return told | {
        "of": _of(found, tool),
        "lines": _lines(found, stream),
        "groups": [
            {
                "field": fields[one.field].label if one.field in fields else one.field,
                "theirs": ", ".join(one.theirs),
                "ours": ", ".join(one.ours),
            }
            for one in found.groups
        ],
        "more": max(found.ambiguous - sum(len(one.theirs) for one in found.groups), 0),
    }


def _of(found: matching.Forecast, tool: Tool) -> str:
    facts = {"n": number(found.looked_at), "tool": tool.name}
    if found.is_whole:
        return ngettext("Of %(n)s record in %(tool)s", "Of all %(n)s records in %(tool)s", found.looked_at) % facts
    return (
        ngettext("Of the first record in %(tool)s", "Of the first %(n)s records in %(tool)s", found.looked_at) % facts
    )


def _lines(found: matching.Forecast, stream: Stream) -> list[dict[str, Any]]:
    made = found.alone + found.keyless
    alone = ngettext("has no partner here and is created", "have no partner here and are created", made)
    if stream.matching == Matching.MATCH_ONLY:
        alone = ngettext("has no partner here and is left alone", "have no partner here and are left alone", made)
    several = ngettext(
        "shares its key with several: it waits until you say which belong together",
        "share their key with several: they wait until you say which belong together",
        found.ambiguous,
    )
    told = [
        (found.paired, "agree", ngettext("finds its partner here", "find their partner here", found.paired)),
        (found.ambiguous, "trouble", several),
        (made, "", alone),
    ]
    return [{"count": number(n), "kind": kind, "words": text} for n, kind, text in told if n]
