"""The engine's tables in bulk: links, lines, conflicts and what is set aside. Statements only; decisions are elsewhere.

Everything here runs inside the caller's transaction.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from crm import registry
from integrations.models import Conflict, RecordLink, SetAside, Stream, SyncLog, SyncLogLine
from integrations.sync import causes
from integrations.sync.tally import UNDO, Contest, Line, Problem, short
from values import Value

LINK_COLUMNS = (
    "stream_id",
    "remote_id",
    "record_id",
    "state",
    "base_local",
    "base_remote",
    "intent",
    "ghosts",
    "waiting",
    "waits_out",
    "dirty",
    "unsure",
    "reread",
    "left_out",
    "flips",
    "remote_version",
    "remote_edited_at",
    "remote_url",
    "linked_at",
)
JSON_COLUMNS = {"base_local", "base_remote", "intent", "ghosts", "waiting", "flips"}
JSON_PLACES = [place for place, name in enumerate(LINK_COLUMNS) if name in JSON_COLUMNS]
KEPT_COLUMNS = tuple(name for name in LINK_COLUMNS if name not in ("stream_id", "linked_at"))
#: What is set aside so ends when records are paired, or by what a person says; never by waiting.
BY_A_PERSON = ("ambiguous", "unsure_create")
RETRY_DELAYS = (dt.timedelta(minutes=10), dt.timedelta(hours=1), dt.timedelta(hours=6), dt.timedelta(days=1))


@dataclass(slots=True)
class FreshLink:
    """A link that is not stored yet: what `RecordLink` has, without the cost of a model (a first import makes many)."""

    stream_id: UUID
    remote_id: str
    record_id: str | None
    state: str
    base_local: dict[str, Value] = field(default_factory=dict)
    base_remote: dict[str, Value] = field(default_factory=dict)
    intent: dict[str, Any] | None = None
    ghosts: dict[str, list] = field(default_factory=dict)
    waiting: dict[str, Value] = field(default_factory=dict)
    waits_out: bool = False
    dirty: bool = False
    unsure: bool = False
    reread: bool = False
    left_out: str = ""
    flips: dict[str, list] = field(default_factory=dict)
    remote_version: str | None = None
    remote_edited_at: dt.datetime | None = None
    remote_url: str = ""
    linked_at: dt.datetime | None = None
    pk: None = None


Link = RecordLink | FreshLink

# --- links ----------------------------------------------------------------------------------------------------------


def among(column: str, values: Iterable[Any], kind: str = "text") -> RawSQL:
    """column IN values, as one array: hundreds of parameters cost more than the query."""
    return RawSQL(f"{column} = ANY(%s::{kind}[])", [[str(one) for one in values]], output_field=BooleanField())  # noqa: S611


def links_by_remote(stream: Stream, ids: Sequence[str]) -> dict[str, Link]:
    """Locked until the transaction ends."""
    found = RecordLink.objects.select_for_update().filter(among("remote_id", ids), stream=stream).order_by("id")
    return {link.remote_id: link for link in found if link.remote_id is not None}


def links_by_record(stream: Stream, ids: Sequence[str | UUID]) -> dict[str, RecordLink]:
    """Locked until the transaction ends."""
    if not ids:
        return {}
    found = RecordLink.objects.select_for_update().filter(among("record_id", ids, "uuid"), stream=stream).order_by("id")
    return {str(link.record_id): link for link in found}


def insert_links(links: Sequence[FreshLink]) -> None:
    if not links:
        return
    now = timezone.now()
    names = ", ".join(LINK_COLUMNS)
    with connection.cursor() as cursor, cursor.copy(f"COPY integrations_recordlink ({names}) FROM STDIN") as copy:
        for link in links:
            link.linked_at = now
            row = [getattr(link, name) for name in LINK_COLUMNS]
            for place in JSON_PLACES:
                if row[place] is not None:
                    row[place] = dumps(row[place])
            copy.write_row(row)


def dumps(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def save_links(links: Sequence[RecordLink]) -> None:
    """Write back everything about these links in one statement."""
    if not links:
        return
    rows = [{"id": link.pk} | {name: getattr(link, name) for name in KEPT_COLUMNS} for link in links]
    sets = ", ".join(f"{name} = r.{name}" for name in KEPT_COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE integrations_recordlink l SET {sets}"  # noqa: S608
            " FROM jsonb_populate_recordset(NULL::integrations_recordlink, %s::jsonb) r WHERE l.id = r.id",
            [dumps(rows)],
        )


def mark_dirty_from_feed(stream: Stream, entity: str, limit: int = 5000) -> int:
    """Look through the next part of the change feed: whatever others changed is looked at when pushing.

    Answers how many feed rows were looked through. Reads only below the oldest transaction still running, in
    (transaction id, row id) order, so that a transaction that commits late is never skipped.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH seen AS (
                SELECT txid, id, record_id, operation, origin FROM crm_change
                WHERE entity = %(entity)s AND (txid, id) > (%(txid)s, %(id)s)
                  AND txid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                ORDER BY txid, id LIMIT %(limit)s
            ), marked AS (
                INSERT INTO integrations_recordlink
                    (stream_id, record_id, state, base_local, base_remote, ghosts, waiting, waits_out, dirty, unsure,
                     remote_url, linked_at)
                SELECT DISTINCT %(stream)s::uuid, record_id, 'new', '{}'::jsonb, '{}'::jsonb, '{}'::jsonb, '{}'::jsonb,
                       false, true, false, '', now()
                FROM seen WHERE origin <> %(origin)s
                ORDER BY 2
                ON CONFLICT (stream_id, record_id) DO UPDATE SET dirty = true
            )
            SELECT txid, id, count(*) OVER () FROM seen ORDER BY txid DESC, id DESC LIMIT 1
            """,
            {
                "entity": entity,
                "txid": stream.feed_txid,
                "id": stream.feed_id,
                "limit": limit,
                "stream": stream.pk,
                "origin": stream.origin,
            },
        )
        last = cursor.fetchone()
    if last is None:
        return 0
    stream.feed_txid, stream.feed_id = last[0], last[1]
    Stream.objects.filter(pk=stream.pk).update(feed_txid=last[0], feed_id=last[1])
    return last[2]


def queue_all(stream: Stream, table: str) -> int:
    """The first export: every record that stands here and is not linked is looked at when pushing.

    So is one that counts as gone on both sides: it was brought back just before pairs were forgotten, and what the feed told
    before that is not read.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO integrations_recordlink
                (stream_id, record_id, state, base_local, base_remote, ghosts, waiting, waits_out, dirty, unsure,
                 remote_url, linked_at)
            SELECT %s::uuid, r.id, 'new', '{{}}'::jsonb, '{{}}'::jsonb, '{{}}'::jsonb, '{{}}'::jsonb,
                   false, true, false, '', now()
            FROM "{table}" r
            ON CONFLICT (stream_id, record_id) DO UPDATE SET dirty = true WHERE integrations_recordlink.state = 'gone'
            """,  # noqa: S608
            [stream.pk],
        )
        return cursor.rowcount


def deleted_row(entity: registry.Entity, record_id: UUID | str | None) -> registry.Row:
    """One of `deleted_rows`; {} if unknown."""
    return deleted_rows(entity, [record_id]).get(str(record_id), {}) if record_id else {}


def deleted_rows(entity: registry.Entity, ids: Sequence[UUID | str]) -> dict[str, registry.Row]:
    """{id: the record as it was when it was deleted}, from the change feed, without relations to what is gone too.

    One query, and one more for each kind of record that these point to.
    """
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT last.record_id, last.before FROM unnest(%s::uuid[]) AS wanted(id), LATERAL ("
            " SELECT record_id, before FROM crm_change WHERE record_id = wanted.id AND entity = %s AND operation = 'delete'"
            " ORDER BY id DESC LIMIT 1) last",
            [list(dict.fromkeys(map(str, ids))), entity.name],
        )
        found = {str(pk): registry.load_row(kept) if isinstance(kept, str) else kept for pk, kept in cursor.fetchall()}
    rows = {pk: {name: kept[name] for name in entity.columns if name in kept} for pk, kept in found.items()}
    for column in entity.model._meta.concrete_fields:
        target, name = column.related_model, str(column.column)
        pointed = {str(row[name]) for row in rows.values() if row.get(name) is not None}
        if target is None or not pointed:
            continue
        there = set(map(str, target._default_manager.filter(pk__in=pointed).values_list("pk", flat=True)))
        for row in rows.values():
            if str(row.get(name)) not in there:
                row[name] = None
    return rows


# --- lines, conflicts, set aside ------------------------------------------------------------------------------------


def insert_lines(run: SyncLog, stream: Stream, lines: Sequence[Line]) -> None:
    if not lines:
        return
    now = timezone.now()
    names = "run_id, stream_id, record_id, remote_id, title, side, action, changes, before, rules, reason, at"
    with connection.cursor() as cursor, cursor.copy(f"COPY integrations_synclogline ({names}) FROM STDIN") as copy:
        for line in lines:
            copy.write_row(
                [
                    run.pk,
                    stream.pk,
                    line.record_id,
                    line.remote_id,
                    short(line.title),
                    line.side,
                    line.action,
                    dumps(line.changes),
                    dumps(line.before) if line.before else None,
                    dumps(line.rules) if line.rules else None,
                    line.reason,
                    now,
                ]  # fmt: skip
            )


TOLD_BY_CONTESTS = (
    "base", "local", "remote", "remote_raw", "local_at", "remote_at", "local_actor", "policy"
)  # fmt: skip


def record_contests(run: SyncLog, stream: Stream, contests: Sequence[Contest]) -> list[Contest]:
    """Keep both values of every conflict; answers the new ones. One that waits for a person is brought up to date."""
    now = timezone.now()
    mine = Conflict.objects.filter(among("record_id", {one.record_id for one in contests}, "uuid"), stream=stream)
    found = mine.filter(state=Conflict.State.OPEN).order_by("id").select_for_update()  # nobody settles them meanwhile
    waiting = {(str(one.record_id), one.field): one for one in found}
    fresh: list[Contest] = []
    rows: dict[UUID, Conflict] = {}
    for contest in contests:
        row = waiting.get((contest.record_id, contest.field))
        if row is None:
            fresh.append(contest)
            row = Conflict(stream=stream, record_id=contest.record_id, field=contest.field, state=Conflict.State.OPEN)
            row.remote_id, row.critical = contest.remote_id, contest.critical
        row.run, row.title, row.at = run, short(contest.title), now
        for name in TOLD_BY_CONTESTS:
            setattr(row, name, getattr(contest, name))
        if contest.winner != "ask":  # of one that waits, the rule is another one now
            row.winner, row.state = contest.winner, Conflict.State.SETTLED
        rows[row.pk] = row
    Conflict.objects.bulk_create(
        list(rows.values()),
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["run", "title", "at", "winner", "state", *TOLD_BY_CONTESTS],
    )
    return fresh


def last_decisions(stream: Stream, record_ids: Sequence[str]) -> dict[tuple[str, str], tuple[str, Value, Value]]:
    """{(record id, field): (rule, the value that won, the remote value it was decided over)} of the last settled conflict.

    rule: the policy, or "person".
    """
    rows = Conflict.objects.filter(stream=stream, record_id__in=record_ids, state=Conflict.State.SETTLED)
    rows = rows.exclude(winner="").order_by("at", "id")  # without what ended by itself
    names = ("record_id", "field", "policy", "settled_by", "winner", "local", "remote", "remote_raw")
    found = {}
    for record_id, name, policy, by, winner, local, remote, raw in rows.values_list(*names):
        found[str(record_id), name] = ("person" if by else policy, remote if winner == "remote" else local, raw)
    return found


def set_back(run: SyncLog, stream: Stream, record_ids: Sequence[str]) -> dict[tuple[str, str], Value]:
    """{(record id, field): value} that this undo, or an attempt at it that failed, has given our side again."""
    lines = SyncLogLine.objects.filter(run__undoes=run.undoes_id, stream=stream, side="here", action="updated")
    lines = lines.filter(among("record_id", record_ids, "uuid")).order_by("id")
    return {
        (str(record_id), name): changes[name][1]
        for record_id, changes, rules in lines.values_list("record_id", "changes", "rules")
        for name, rule in (rules or {}).items()
        if rule == UNDO
    }


def set_aside(stream: Stream, problems: Sequence[Problem]) -> None:
    """Remember what waits and why; each further attempt waits longer. Of what is told twice the last counts."""
    place = ("side", "remote_id", "record_id", "field")
    told = {tuple(getattr(one, name) for name in place): one for one in problems}
    rows = [
        asdict(one) | {"title": short(one.title), "cause": causes.key(one.code, one.reason)} for one in told.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO integrations_setaside AS kept (stream_id, side, remote_id, record_id, field, title, code, reason,
                cause, fingerprint, attempts, first_at, retry_at)
            SELECT %(stream)s::uuid, side, remote_id, record_id, field, title, code, reason, cause, fingerprint, 1, %(now)s,
                %(now)s + (%(delays)s::interval[])[1]
            FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(side text, remote_id text, record_id uuid, field text, title text,
                code text, reason text, cause text, fingerprint text)
            ON CONFLICT (stream_id, side, remote_id, record_id, field) DO UPDATE SET
                code = excluded.code, reason = excluded.reason, cause = excluded.cause, fingerprint = excluded.fingerprint,
                title = coalesce(nullif(excluded.title, ''), kept.title),
                attempts = 1 + CASE WHEN kept.fingerprint = excluded.fingerprint THEN kept.attempts ELSE 0 END,
                retry_at = %(now)s + (%(delays)s::interval[])[1 + least(%(last)s,
                    CASE WHEN kept.fingerprint = excluded.fingerprint THEN kept.attempts ELSE 0 END)]
            """,
            {
                "stream": stream.pk,
                "now": timezone.now(),
                "delays": list(RETRY_DELAYS),
                "last": len(RETRY_DELAYS) - 1,
                "rows": dumps(rows),
            },
        )


def note_swept(stream: Stream, ids: Sequence[str], gone: Sequence[str] = ()) -> None:
    """The full listing has shown these, or they were looked at because it did not; `gone` are those in the trash."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO integrations_sweptrecord (stream_id, remote_id, gone)"
            " SELECT DISTINCT %s::uuid, id, id = ANY(%s::text[]) FROM unnest(%s::text[]) id"
            " ON CONFLICT (stream_id, remote_id) DO UPDATE SET gone = excluded.gone",
            [stream.pk, list(gone), list(ids)],
        )


NOT_SWEPT = """
    FROM integrations_recordlink l WHERE stream_id = %s AND state = 'linked' AND left_out = '' AND remote_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM integrations_sweptrecord s WHERE s.stream_id = l.stream_id AND s.remote_id = l.remote_id)
"""


def count_missing(stream: Stream) -> int:
    """How many linked records the full listing did not show, but for those that are known to have vanished."""
    known = "SELECT remote_id FROM integrations_setaside WHERE stream_id = %s AND code = 'vanished'"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {NOT_SWEPT} AND l.remote_id NOT IN ({known})", [stream.pk, stream.pk])  # noqa: S608
        return cursor.fetchone()[0]


def not_swept(stream: Stream, limit: int) -> list[str]:
    """Linked records that the full listing did not show and that nobody has looked at since."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT remote_id {NOT_SWEPT} ORDER BY id LIMIT %s",  # noqa: S608
            [stream.pk, limit],
        )
        return [remote_id for (remote_id,) in cursor.fetchall()]


def put_off(stream: Stream, remote_ids: Sequence[str], gone: Sequence[str]) -> None:
    """These were read again: what still waits is looked at less and less.

    What cannot be read any more (`gone`) is no longer set aside for what it held, only for having vanished.
    """
    now = timezone.now()
    read = SetAside.objects.filter(stream=stream, side="there", remote_id__in=remote_ids)
    read.filter(remote_id__in=gone).exclude(code="vanished").delete()
    again = list(read.exclude(code__in=BY_A_PERSON).exclude(retry_at__gt=now))
    for kept in again:
        kept.retry_at = now + RETRY_DELAYS[min(kept.attempts, len(RETRY_DELAYS) - 1)]
        kept.attempts += 1
    SetAside.objects.bulk_update(again, ["retry_at", "attempts"])


def forget_asides_of_gone(stream: Stream, table: str) -> None:
    """What could not go out of a record that stands here no more, and whose deletion is settled."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM integrations_setaside a WHERE stream_id = %s AND side = 'here' AND record_id IS NOT NULL"
            f' AND NOT EXISTS (SELECT 1 FROM "{table}" r WHERE r.id = a.record_id) AND NOT EXISTS ('  # noqa: S608
            "SELECT 1 FROM integrations_recordlink l WHERE l.stream_id = a.stream_id AND l.record_id = a.record_id"
            " AND l.state IN ('new', 'linked', 'lost'))",
            [stream.pk],
        )


def fingerprint(value: Value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def blocked_fields(stream: Stream, links: Sequence[RecordLink]) -> dict[str, dict[str, str]]:
    """{record id: {field: fingerprint}} that must not go out now: set aside, or waiting for a person's decision.

    The field "" stands for the whole record; an empty fingerprint blocks whatever the value is.
    """
    ids = [link.record_id for link in links if link.record_id]
    found: dict[str, dict[str, str]] = {}
    now = timezone.now()
    waits = Q(retry_at__gt=now) | Q(side="there") | Q(code__in=BY_A_PERSON)
    asides = SetAside.objects.filter(waits, stream=stream, record_id__in=ids)
    for record_id, side, name, print_, code in asides.values_list("record_id", "side", "field", "fingerprint", "code"):
        if code == "ambiguous":
            name, print_ = "", ""
        found.setdefault(str(record_id), {})[name] = print_ if side == "here" else ""
    open_ones = Conflict.objects.filter(stream=stream, record_id__in=ids, state=Conflict.State.OPEN)
    for record_id, name in open_ones.values_list("record_id", "field"):
        found.setdefault(str(record_id), {})[name] = ""
    return found
