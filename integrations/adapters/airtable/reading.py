"""How a table is listed, whole or since a moment, and gone on with. No translation here.

* The order and the members of a listing are fixed by its first page. The offset of the next page lives for minutes: while it
  lives, a listing that was broken off goes on from it; when it is dead, the listing begins again.
* What changed is found by LAST_MODIFIED_TIME(), which every table has, also one without such a field. It cannot be sorted by,
  so the place moves only when all pages of a window are read.
* Those times are whole seconds, rounded, so up to half a second ahead of the clock; and an edit of this very moment may not be
  visible yet. The place is therefore MARGIN behind the moment, on Airtable's own clock, at which the listing began.
* A formula, rollup or lookup that changes because of another record does not move that time: the daily full listing sees it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from integrations.adapters import errors
from integrations.adapters.airtable.failures import LOST_PLACE, Refused

MARGIN = dt.timedelta(seconds=10)
EPOCH = dt.datetime(2012, 1, 1, tzinfo=dt.UTC)  # before Airtable was
MOST_BEGINNINGS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """One page. now: Airtable's clock when it answered, None where it did not say."""

    rows: list[Mapping[str, Any]]
    offset: str | None
    now: dt.datetime | None


#: Asks for one page: (formula or None, offset or None).
Ask = Callable[[str | None, str | None], Answer]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Opaque outside. since: all edits until then have been read ("": none has). began, offset: of a listing under way.

    hook, payload: of which webhook which payload is the next to be read.
    """

    since: str = ""
    began: str = ""
    offset: str = ""
    hook: str = ""
    payload: int = 0

    def dump(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str | None) -> Cursor:
        return cls(**json.loads(text)) if text else cls()


def pages(ask: Ask, cursor: Cursor) -> Iterator[tuple[list[Mapping[str, Any]], Cursor, bool]]:
    """(records, cursor after them, whether a whole listing ends here)."""
    place, beginnings = cursor, 1
    formula = changed_since(cursor.since) if cursor.since else None
    while True:
        try:
            answer = ask(formula, place.offset or None)
        except Refused as refused:
            if not place.offset or refused.kind not in LOST_PLACE:
                raise
            if beginnings == MOST_BEGINNINGS:
                raise errors.Unavailable("Airtable forgot the place in this listing again and again") from refused
            place, beginnings = Cursor(cursor.since), beginnings + 1
            continue
        began = place.began or (stamp(answer.now) if answer.now else "")
        if answer.offset is None:
            yield answer.rows, _at_rest(cursor.since, began), not cursor.since
            return
        place = Cursor(cursor.since, began, answer.offset)
        yield answer.rows, place, False


def changed_since(since: str) -> str:
    return f"IS_AFTER(LAST_MODIFIED_TIME(), '{since}')"


def stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _at_rest(since: str, began: str) -> Cursor:
    """Without a clock the place stays where it was, which costs requests and loses nothing."""
    reached = stamp(dt.datetime.fromisoformat(began) - MARGIN) if began else ""
    return Cursor(max(since, reached) or stamp(EPOCH))
