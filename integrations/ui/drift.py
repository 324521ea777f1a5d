"""What changed in a table's fields, in words."""

from __future__ import annotations

from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from integrations.models import Stream
from integrations.sync.mapping import type_words
from values import Type

SHOWN = 10


def news(stream: Stream) -> list[dict[str, Any]]:
    """[{at, words}], the newest first."""
    return [{"at": parse_datetime(one["at"]), "words": _words(one)} for one in stream.drift[:SHOWN]]


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
