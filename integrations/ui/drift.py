"""What changed in a table's fields, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from integrations.models import Stream
from integrations.sync.mapping import type_words
from values import Type

SHOWN = 10


def told(stream: Stream) -> Iterator[tuple[dict[str, Any], str]]:
    """({at, words, field}, kind), the newest first; needs no more of the stream than what it was told."""
    for one in stream.drift[:SHOWN]:
        yield {"at": parse_datetime(one["at"]), "words": _words(one), "field": one["field"]}, one["kind"]


def news(stream: Stream) -> list[dict[str, Any]]:
    """[{at, words, field, can_map}]. can_map: it is new, there, and nobody has mapped it yet."""
    there = {one["id"] for one in stream.schema.get("fields", ())} - {one.remote for one in stream.mappings.all()}
    return [one | {"can_map": kind == "new" and one["field"] in there} for one, kind in told(stream)]


def _words(one: dict[str, str]) -> str:
    facts = {"field": one["name"], "was": one["was"]}
    match one["kind"]:
        case "new":
            return _("“%(field)s” is new. Map it if you want it kept in step.") % facts
        case "gone":
            return _("“%(field)s” is gone.") % facts
        case "back":
            return _("“%(field)s” is back, and is kept in step again.") % facts
        case "renamed":
            return _("“%(was)s” is called “%(field)s” now. It stays mapped.") % facts
        case "type":
            return _("“%(field)s” holds something else now; it was: %(was)s.") % (
                facts | {"was": type_words(Type(one["was"]))}
            )
    return _("“%(field)s” has lost options: %(was)s.") % facts
