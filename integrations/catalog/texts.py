"""The staff's own words for failures, kept in memory: they are asked for with nearly every page and change once in a while."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from django.db import DatabaseError, transaction
from django.utils.translation import get_language

PARTS = ("title", "happened", "todo")
PLACES = ("tool", "count", "total")  # what may be filled in, written %(tool)s
KEPT_SECONDS = 60.0  # other processes tell a new text at the latest after this

Texts = dict[tuple[str, str], dict[str, str]]
_kept: tuple[float, Texts] | None = None


def own(code: str) -> Mapping[str, str]:
    """{part: text} in the language of whoever reads; a part that staff left to the built-in words is absent."""
    return _all().get((code, (get_language() or "en").partition("-")[0]), {})


def filled(text: str, facts: Mapping[str, str]) -> str:
    """The text with its places filled in. Whatever else stands there is told as it is: nothing is evaluated."""
    return re.sub(r"%\((\w+)\)s", lambda place: facts.get(place[1], place[0]), text)


def forget() -> None:
    """A text was written: the next one who asks reads them anew."""
    global _kept
    _kept = None


def _all() -> Texts:
    global _kept
    if _kept is None or time.monotonic() - _kept[0] > KEPT_SECONDS:
        _kept = (time.monotonic(), _read())
    return _kept[1]


def _read() -> Texts:
    from integrations.catalog.models import FailureText

    try:
        with transaction.atomic():
            rows = list(FailureText.objects.values_list("code", "language", *PARTS))
    except DatabaseError:  # before the migration that makes the table: the built-in words will do
        return {}
    return {
        (code, language): {part: text for part, text in zip(PARTS, words, strict=True) if text.strip()}
        for code, language, *words in rows
    }
