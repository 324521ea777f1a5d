"""How every record of a stream stands, as three lists: in step, left out (and why), failing. One truth, also for the numbers.

Each list is read in pages that begin after a place, with a fixed number of queries, however many records there are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count
from django.utils.translation import gettext as _

from crm import registry
from integrations.models import Direction, HeldRecord, LeftOut, LinkState, RecordLink, Stream
from integrations.services import failures
from integrations.services.connect import Refused

#: Links whose two records are as they shall be, if nothing is set aside and nobody is asked about them.
SETTLED = "l.state = 'linked' AND l.left_out = '' AND NOT l.dirty AND NOT l.reread AND l.intent IS NULL"
OUT = "(l.left_out <> '' OR l.state IN ('unlinked', 'left'))"
#: In step but for a relation whose other end is not linked yet.
HALF = "(l.waits_out OR l.waiting <> '{}')"
#: Links that are not left out, and may stand elsewhere than in step. Each of these is an index of its own, and together they are
#: few: what is in step is all others, and these are counted without being looked at.
ODD = f"(l.dirty OR l.reread OR l.intent IS NOT NULL OR l.state IN ('new', 'lost', 'extra', 'gone') OR {HALF}) AND NOT {OUT}"
#: troubled: records with something set aside, or a conflict that waits for a person.
COUNT = f"""
    SELECT stream, every.number - out.number - odd.number - caught.number, odd.waiting, out.number - out.ping_pong, odd.half
    FROM unnest(%(streams)s::uuid[]) AS wanted(stream)
    CROSS JOIN LATERAL (SELECT ARRAY(
        SELECT a.record_id FROM integrations_setaside a WHERE a.stream_id = stream AND a.record_id IS NOT NULL
        UNION SELECT c.record_id FROM integrations_conflict c WHERE c.stream_id = stream AND c.state = 'open'
        UNION SELECT l.record_id FROM integrations_setaside a JOIN integrations_recordlink l
            ON l.stream_id = a.stream_id AND l.remote_id = a.remote_id WHERE a.stream_id = stream AND a.record_id IS NULL
    ) AS records) troubled
    CROSS JOIN LATERAL (SELECT count(*) AS number FROM integrations_recordlink l WHERE l.stream_id = stream) every
    CROSS JOIN LATERAL (
        SELECT count(*) AS number, count(*) FILTER (WHERE l.left_out = 'ping_pong') AS ping_pong
        FROM integrations_recordlink l WHERE l.stream_id = stream AND {OUT}
    ) out
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE NOT ({SETTLED})) AS number,
            count(*) FILTER (WHERE NOT ({SETTLED}) AND l.state <> 'gone' AND t.record_id IS NULL) AS waiting,
            count(*) FILTER (WHERE {SETTLED} AND t.record_id IS NULL) AS half
        FROM integrations_recordlink l LEFT JOIN unnest(troubled.records) AS t(record_id) ON t.record_id = l.record_id
        WHERE l.stream_id = stream AND {ODD}
    ) odd
    CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM integrations_recordlink l
        WHERE l.stream_id = stream AND l.record_id = ANY(troubled.records) AND {SETTLED}
    ) caught
"""  # noqa: S608
IN_STEP = f"""
    SELECT l.id, l.record_id, l.remote_id, l.remote_url, l.linked_at FROM integrations_recordlink l
    WHERE l.stream_id = %(stream)s AND l.id > %(after)s AND {SETTLED}
      AND NOT EXISTS (SELECT 1 FROM integrations_setaside a WHERE a.stream_id = l.stream_id AND a.record_id = l.record_id)
      AND NOT EXISTS (SELECT 1 FROM integrations_setaside a WHERE a.stream_id = l.stream_id AND a.side = 'there'
                      AND a.remote_id = l.remote_id)
      AND NOT EXISTS (SELECT 1 FROM integrations_conflict c WHERE c.stream_id = l.stream_id AND c.record_id = l.record_id
                      AND c.state = 'open')
    ORDER BY l.stream_id, l.id LIMIT %(limit)s
"""  # noqa: S608
LEFT_OUT = f"""
    SELECT l.id, l.record_id, l.remote_id, l.remote_url, l.left_out, l.state, l.base_local FROM integrations_recordlink l
    WHERE l.stream_id = %(stream)s AND l.id > %(after)s AND {OUT} AND l.left_out <> 'ping_pong'
    ORDER BY l.stream_id, l.id LIMIT %(limit)s
"""  # noqa: S608
FAILING = """
    SELECT * FROM (
        SELECT a.first_at AS since, 'a' || a.id AS place, a.record_id, a.remote_id, a.title, a.code, a.reason, a.field, a.side
        FROM integrations_setaside a WHERE a.stream_id = %(stream)s
        UNION ALL
        SELECT c.at, 'c' || c.id, c.record_id, c.remote_id, c.title, 'conflict', '', c.field, ''
        FROM integrations_conflict c WHERE c.stream_id = %(stream)s AND c.state = 'open'
    ) failing
    WHERE %(place)s = '' OR (since, place) < (%(since)s::timestamptz, %(place)s)
    ORDER BY since DESC, place DESC LIMIT %(limit)s
"""


@dataclass(slots=True)
class Counts:
    """failing: records, or fields of one, that are set aside, and conflicts that wait. half_linked: in step but for a relation.

    waiting: on their way, in either direction.
    """

    in_step: int = 0
    waiting: int = 0
    left_out: int = 0
    failing: int = 0
    set_aside: int = 0
    half_linked: int = 0

    @property
    def is_in_step(self) -> bool:
        """Whether a person may be told that all is in step: nothing waits and nothing fails."""
        return not self.waiting and not self.failing


@dataclass(frozen=True, slots=True)
class Row:
    """One record. code: why it stands here; words: the same for a person. place: where the next page begins after it."""

    place: str
    record_id: UUID | None
    remote_id: str
    title: str
    code: str = ""
    words: str = ""
    url: str = ""
    since: dt.datetime | None = None
    link_id: int | None = None
    field: str = ""


def counts(streams: Iterable[UUID]) -> dict[UUID, Counts]:
    """Three queries for any number of streams."""
    wanted = {"streams": [str(pk) for pk in streams]}
    found = {UUID(pk): Counts() for pk in wanted["streams"]}
    with connection.cursor() as cursor:
        cursor.execute(COUNT, wanted)
        for stream, in_step, waiting, left_out, half in cursor.fetchall():
            found[stream] = Counts(in_step, waiting, left_out, half_linked=half)
        cursor.execute(
            "SELECT stream_id, count(*) FILTER (WHERE reason IN ('filter', 'no_match')),"
            " count(*) FILTER (WHERE reason IN ('', 'former'))"
            " FROM integrations_heldrecord WHERE stream_id = ANY(%(streams)s::uuid[]) GROUP BY stream_id",
            wanted,
        )
        for stream, out, held in cursor.fetchall():
            found[stream].left_out += out
            found[stream].waiting += held
        cursor.execute(
            "SELECT stream_id, 'aside', count(*) FROM integrations_setaside WHERE stream_id = ANY(%(streams)s::uuid[])"
            " GROUP BY stream_id UNION ALL SELECT stream_id, 'conflict', count(*) FROM integrations_conflict"
            " WHERE stream_id = ANY(%(streams)s::uuid[]) AND state = 'open' GROUP BY stream_id",
            wanted,
        )
        for stream, what, number in cursor.fetchall():
            found[stream].failing += number
            found[stream].set_aside += number if what == "aside" else 0
    return found


def pairs(streams: Iterable[Stream]) -> int:
    """How many records stand on both sides. Two queries, each along an index."""
    links = RecordLink.objects.filter(stream__in=streams)
    only_here = links.filter(remote_id=None, record_id__isnull=False).count()
    return int(links.aggregate(here=Count("record_id"))["here"]) - only_here


def in_step(stream: Stream, after: str = "", limit: int = 50) -> list[Row]:
    """Records that both sides hold alike, as they were linked."""
    found = _rows(IN_STEP, stream, _number(after), limit)
    titles = _titles(stream, [one[1] for one in found])
    return [
        Row(str(pk), record_id, remote_id or "", titles.get(str(record_id), ""), url=url, since=since, link_id=pk)
        for pk, record_id, remote_id, url, since in found
    ]


def left_out(stream: Stream, after: str = "", limit: int = 50) -> list[Row]:
    """Records that stay out, with the reason: first those that are known on both sides or here, then those only there."""
    rows: list[Row] = []
    if not after.startswith("held:"):
        found = _rows(LEFT_OUT, stream, _number(after), limit)
        titles = _titles(stream, [one[1] for one in found])
        for pk, record_id, remote_id, url, why, state, base in found:
            code = why or state
            title = titles.get(str(record_id)) or _title_of(stream, base)
            rows.append(Row(str(pk), record_id, remote_id or "", title, code, _why(stream, code), url, link_id=pk))
        after = "held:"
    if len(rows) < limit:
        held = HeldRecord.objects.filter(stream=stream, remote_id__gt=after.removeprefix("held:")).exclude(
            reason__in=["", "former"]
        )
        for one in held.order_by("remote_id")[: limit - len(rows)]:
            place, url = f"held:{one.remote_id}", str(one.record.get("url") or "")
            rows.append(Row(place, None, one.remote_id, one.title, one.reason, _why(stream, one.reason, True), url))
    return rows


def failing(stream: Stream, after: str = "", limit: int = 50) -> list[Row]:
    """What is set aside, and conflicts that wait for a person, the newest first."""
    since, _space, place = after.partition(" ")
    if after and not (place and _is_time(since)):
        raise _bad_place()
    with connection.cursor() as cursor:
        cursor.execute(FAILING, {"stream": stream.pk, "since": since or None, "place": place, "limit": limit})
        found = cursor.fetchall()
    links = _links(stream, [one[2] for one in found], [one[3] for one in found])
    tool = stream.integration.name
    rows = []
    for at, place, record_id, remote_id, title, code, reason, field, _side in found:
        link = links.get(str(record_id)) or links.get(remote_id)
        words = reason or (_("Both sides changed it; somebody has to choose.") if code == "conflict" else "")
        rows.append(
            Row(
                f"{at.isoformat()} {place}",
                record_id or (link.record_id if link else None),
                remote_id or (link.remote_id or "" if link else ""),
                title,
                code,
                words or failures.tell(code, "", tool).title,
                link.remote_url if link else "",
                at,
                link.pk if link else None,
                field,
            )
        )
    return rows


def _rows(sql: str, stream: Stream, after: int, limit: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"stream": stream.pk, "after": after, "limit": limit})
        return cursor.fetchall()


def _number(after: str) -> int:
    if not after:
        return 0
    if not after.isdecimal() or len(after) > 18:
        raise _bad_place()
    return int(after)


def _is_time(text: str) -> bool:
    try:
        return bool(dt.datetime.fromisoformat(text))
    except ValueError:
        return False


def _bad_place() -> Refused:
    return Refused(_("Take the place of the last record of the page before, as it is."), "after", "invalid_cursor")


def _titles(stream: Stream, record_ids: Sequence[UUID | None]) -> dict[str, str]:
    entity = registry.entity(stream.entity)
    rows = registry.rows(entity, [pk for pk in record_ids if pk])
    return {pk: str(row[entity.title] or "") for pk, row in rows.items()}


def _title_of(stream: Stream, base: Any) -> str:
    kept = base if isinstance(base, dict) else {}
    return str(kept.get(registry.ENTITIES[stream.entity].title) or "")


def _links(stream: Stream, record_ids: Sequence[UUID | None], remote_ids: Sequence[str]) -> dict[str, RecordLink]:
    found: dict[str, RecordLink] = {}
    links = RecordLink.objects.filter(stream=stream).defer("base_local", "base_remote", "ghosts", "flips")
    for link in links.filter(remote_id__in=[one for one in remote_ids if one]).union(
        links.filter(record_id__in=[one for one in record_ids if one]), all=True
    ):
        found[str(link.record_id)] = link
        if link.remote_id:
            found[link.remote_id] = link
    return found


def _why(stream: Stream, code: str, only_there: bool = False) -> str:
    match code:
        case LeftOut.FILTER:
            return _("It is outside the filter.")
        case LeftOut.PAUSED:
            return _("Somebody paused this record.")
        case LeftOut.NO_MATCH if only_there and stream.direction == Direction.EXPORT:
            return _("It stands only there, and this table only flows out.")
        case LeftOut.NO_MATCH:
            return _("It has no partner, and only pairs are wanted.")
        case LinkState.UNLINKED:
            return _("One side was deleted, and the two were parted for good.")
    return _("One side was deleted, and the other is left alone.")
