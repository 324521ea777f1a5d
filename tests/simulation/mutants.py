"""Known flaws, planted one at a time, to see that the stories find them: `make mutants`.

A mutant replaces text of one module (`planting.py`); nothing in the product knows of this. The first seven are the flaws of the
protocol's model. A test holds that every text still stands in its module exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYNC = "integrations.sync."


@dataclass(frozen=True)
class Mutant:
    """edits: (text of the module, what stands there instead)."""

    module: str
    edits: tuple[tuple[str, str], ...]
    breaks: str

    @property
    def path(self) -> Path:
        return ROOT / (self.module.replace(".", "/") + ".py")


MUTANTS = {
    # --- the seven of the model -----------------------------------------------------------------------------------------------
    "no-intent": Mutant(
        SYNC + "intend",
        (
            (
                "    tables.save_links(links)\n    _forget_refusals",
                "    _kept = [(one, one.intent) for one in links]\n"
                "    for one in links:\n"
                "        one.intent = None if one.intent and one.intent['action'] == 'update' else one.intent\n"
                "    tables.save_links(links)\n"
                "    for one, _intent in _kept:\n"
                "        one.intent = _intent\n"
                "    _forget_refusals",
            ),
        ),
        "updates are sent without storing the intent first",
    ),
    "base-from-now": Mutant(
        SYNC + "settle",
        (
            (
                "        link.base_local = link.base_local | {name: sent}\n        if is_empty",
                "        from crm import registry as _registry\n"
                "        _row = _registry.rows(store.entity, [link.record_id]).get(str(link.record_id))\n"
                "        _now = store.readers[name](_row) if _row and name in store.readers else sent\n"
                "        link.base_local = link.base_local | {name: _now}\n"
                "        if is_empty",
            ),
        ),
        "after a push the base is the local value of that moment, not the value that was sent",
    ),
    "no-verify": Mutant(
        SYNC + "verify",
        (("    if not looked_at:\n", "    if True:\n"),),
        "no read just before the write",
    ),
    "no-ghosts": Mutant(
        SYNC + "intents",
        (("    link.ghosts = link.ghosts | {name: [*kept,", "    _forgotten = {name: [*kept,"),),
        "writes of unknown outcome are forgotten",
    ),
    "stale-merge": Mutant(
        SYNC + "apply",
        (
            (
                "    def work() -> None:\n        if before:\n            before()\n"
                "        Batch(store, records, matches, listed, retold).work()\n",
                "    _links = RecordLink.objects.filter(stream=store.stream, remote_id__in=[r.id for r in records])\n"
                "    _ids = list(_links.exclude(record_id=None).values_list('record_id', flat=True))\n"
                "    _stale = registry.rows(store.entity, _ids)\n\n"
                "    def work() -> None:\n        if before:\n            before()\n"
                "        _batch = Batch(store, records, matches, listed, retold)\n"
                "        _batch.rows = {pk: dict(row) for pk, row in _stale.items()}\n"
                "        _batch.work()\n",
            ),
        ),
        "the merge uses the local values read before the transaction",
    ),
    "no-conflict-row": Mutant(
        SYNC + "store",
        (("        if self.contests:\n", "        if False:\n"),),
        "a conflict is settled without keeping both values",
    ),
    "seen-before-applied": Mutant(
        SYNC + "apply",
        (
            (
                "        service.update_rows(store.entity, list(self.changed_rows.values()))\n",
                "        from django.db import transaction as _transaction\n"
                "        _rows = list(self.changed_rows.values())\n"
                "        _transaction.on_commit(lambda: service.update_rows(store.entity, _rows))\n",
            ),
        ),
        "the remote value is marked as seen before it is applied",
    ),
    # --- classic ones ---------------------------------------------------------------------------------------------------------
    "base-not-stored": Mutant(
        SYNC + "apply",
        (('            facts["base_local"] = link.base_local | result.base_local\n', ""),),
        "what both sides agreed on is not remembered for our side",
    ),
    "base-is-what-was-sent": Mutant(
        SYNC + "settle",
        (
            (
                "link.base_remote = link.base_remote | {name: came_back}",
                "link.base_remote = link.base_remote | {name: sent}",
            ),
        ),
        "what a tool rounds or trims is read back as somebody's edit",
    ),
    "echo-by-time": Mutant(
        SYNC + "apply",
        (
            (
                "        if self.listed and self._looks_old(link, row, record):\n",
                "        if link.remote_edited_at and record.edited_at == link.remote_edited_at and not link.intent:\n"
                "            return\n"
                "        if self.listed and self._looks_old(link, row, record):\n",
            ),
        ),
        "a record with a known time of editing is taken for our own echo",
    ),
    "echo-of-others": Mutant(
        SYNC + "tables",
        (("FROM seen WHERE origin <> %(origin)s", "FROM seen WHERE origin = ''"),),
        "what another tool brought in is taken for our own echo",
    ),
    "fence-ignored": Mutant(
        "integrations.scheduling.leases",
        (("            if cursor.rowcount != 1:\n", "            if False:\n"),),
        "a worker that slept past its lease goes on writing",
    ),
    "two-leases": Mutant(
        "integrations.scheduling.leases",
        ((" AND due_at <= now() AND (leased_until IS NULL OR leased_until <= now())", " AND due_at <= now()"),),
        "a second call gives the lease to a second worker",
    ),
    "absent-is-empty": Mutant(
        SYNC + "apply",
        (
            (
                "            m.name: record.values[m.remote.id]\n            for m in store.mapped\n"
                "            if m.remote.id in record.values and m.remote.id not in record.unfit\n",
                "            m.name: record.values.get(m.remote.id)\n            for m in store.mapped\n"
                "            if m.remote.id not in record.unfit\n",
            ),
            (
                "                self.record.values[mapped.remote.id], self.present",
                "                self.record.values.get(mapped.remote.id), self.present",
            ),
            ("remote_raw=record.values[mapped.remote.id],", "remote_raw=record.values.get(mapped.remote.id),"),
        ),
        "a field that was not told is taken for empty",
    ),
    "unlisted-is-deleted": Mutant(
        SYNC + "pull",
        (
            ("    is_listed = is_whole or bool(begun)\n", "    is_listed = True\n"),
            (
                "    found = {record.id: record for record in store.adapter.fetch(store.stream.collection, ids)}\n",
                "    found = {pk: Record(pk, {}, deleted=True) for pk in ids}\n",
            ),
            (  # what is missing is read twice, and either reading would save it
                "[record for record in store.adapter.fetch(store.stream.collection, ids) if record.deleted]",
                "[Record(pk, {}, deleted=True) for pk in ids]",
            ),
        ),
        "what a partial listing lacks is deleted",
    ),
    "our-clock-in-the-cursor": Mutant(
        "tests.simulation.memory",
        (
            (
                "                return self._since(max(since, began))\n",
                "                ours = began + int(self.world.clock.skew / TICK)\n"
                "                return self._since(max(since, ours))\n",
            ),
        ),
        "the cursor is made from our clock instead of the tool's",
    ),
    "feed-by-id": Mutant(
        SYNC + "tables",
        (
            ("(txid, id) > (%(txid)s, %(id)s)", "id > (%(id)s %% 4611686018427387904) AND %(txid)s IS NOT NULL"),
            ("                  AND txid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint\n", ""),
            ("ORDER BY txid, id LIMIT", "ORDER BY id LIMIT"),
            ("FROM seen ORDER BY txid DESC, id DESC LIMIT 1", "FROM seen ORDER BY id DESC LIMIT 1"),
        ),
        "the change feed is read by row number, so a transaction that commits late is skipped",
    ),
    "cursor-before-apply": Mutant(
        SYNC + "apply",
        (
            (
                "    try:\n        store.commit(work)\n",
                "    if advance:\n        store.commit(lambda: store.save_stream(**advance))\n"
                "    try:\n        store.commit(work)\n",
            ),
        ),
        "the cursor moves before the page is applied",
    ),
    "create-not-looked-for": Mutant(
        SYNC + "creates",
        (
            (
                "            found = store.adapter.find(collection, [str(link.record_id) for link in links])\n",
                "            found: list[Record] = []\n",
            ),
        ),
        "a create whose answer was lost is sent again without looking for it",
    ),
    "second-copy-kept": Mutant(
        SYNC + "adopt",
        (("        elif link.unsure:\n            _extra(", "        elif False:\n            _extra("),),
        "the copy that a late create made is taken for a new record",
    ),
    "late-create-forgotten": Mutant(
        SYNC + "recover",
        (("link.intent, link.dirty, link.unsure = None, True, True", "link.intent, link.dirty = None, True"),),
        "nobody remembers that a create may still arrive",
    ),
    "brake-ignored": Mutant(
        SYNC + "brake",
        (("        raise BrakeApplied(count, total, CODES[kind])\n", "        pass\n"),),
        "a run deletes as much as it likes",
    ),
    "no-matching": Mutant(
        SYNC + "adopt",
        (("    for remote_id, record_id in batch.matches.pairs.items():\n", "    for remote_id, record_id in ():\n"),),
        "unlinked records are not paired",
    ),
    "edit-lost-to-deletion-there": Mutant(
        SYNC + "existence",
        (("    elif store.outbound and _changed_here(batch, link, row):\n", "    elif False:\n"),),
        "a deletion there takes an edit here with it",
    ),
    "edit-lost-to-deletion-here": Mutant(
        SYNC + "existence",
        (
            (
                "    edited = edited_there(batch, link, record)\n    if link.state",
                "    edited = False\n    if link.state",
            ),
        ),
        "a deletion here takes an edit there with it",
    ),
    "waiting-dropped": Mutant(
        SYNC + "apply",
        (('            facts["waiting"] = waiting\n', "            pass\n"),),
        "a relation whose other end comes later is forgotten",
    ),
    "undecided-sent": Mutant(
        SYNC + "tables",
        (
            (
                '    for record_id, name in open_ones.values_list("record_id", "field"):\n'
                '        found.setdefault(str(record_id), {})[name] = ""\n    return found\n',
                "    return found\n",
            ),
        ),
        "a field goes out although a person is asked about it",
    ),
    "version-ignored": Mutant(
        SYNC + "store",
        (("        if held.first() != self.stream.version:\n", "        if False:\n"),),
        "a run goes on with a mapping that was edited meanwhile",
    ),
    "held-forgotten": Mutant(
        SYNC + "match",
        (
            (
                "def next_held(store: Store) -> list[HeldRecord]:\n",
                "def next_held(store: Store) -> list[HeldRecord]:\n    return []\n",
            ),
        ),
        "records held back during the first listing are never decided",
    ),
    "stale-listing-believed": Mutant(
        SYNC + "apply",
        (
            (
                "        if self.listed and known_at and record.edited_at and",
                "        if False and record.edited_at and known_at and",
            ),
        ),
        "a listing that lags behind undoes what we wrote",
    ),
    "every-write-landed": Mutant(
        SYNC + "intents",
        (
            (
                "            if theirs == reads_back:\n                link.base_local",
                "            if theirs is not UNSEEN:\n                link.base_local",
            ),
        ),
        "a write of unknown outcome is taken for done",
    ),
    "winner-not-sent": Mutant(
        SYNC + "merge",
        (('    elif winner == "local":\n        _send(', '    elif winner == "nobody":\n        _send('),),
        "ours wins a conflict and never goes out",
    ),
    "withdrawn-forgotten": Mutant(
        SYNC + "intend",
        (
            (
                "filter(pk__in=ids).update(intent=None, dirty=True))\n\n\ndef refuse",
                "filter(pk__in=ids).update(intent=None))\n\n\ndef refuse",
            ),
        ),
        "what could not be sent is not looked at again",
    ),
    "deletion-not-sent": Mutant(
        SYNC + "existence",
        (
            (
                "        if store.outbound and not link.dirty:\n            batch.set(link, dirty=True)\n        return\n",
                "        batch.set(link, dirty=False)\n        return\n",
            ),
        ),
        "a deletion here is forgotten when the record is read again",
    ),
}


def mutated(mutant: Mutant, source: str) -> str:
    for old, new in mutant.edits:
        assert source.count(old) == 1, f"{mutant.module} has {source.count(old)} times: {old}"
        source = source.replace(old, new)
    return source


#: A seed that is known to catch each, where `make mutants` begins. When the stories change, another one may be needed.
CATCHES = {
    "no-intent": 1,
    "base-from-now": 4,
    "no-verify": 3,
    "no-ghosts": 84,
    "stale-merge": 5,
    "no-conflict-row": 6,
    "seen-before-applied": 8,
    "base-not-stored": 12,
    "base-is-what-was-sent": 41,
    "echo-by-time": 13,
    "echo-of-others": 24,
    "fence-ignored": 20,
    "two-leases": 25,
    "absent-is-empty": 19,
    "unlisted-is-deleted": 39,
    "our-clock-in-the-cursor": 42,
    "feed-by-id": 49,
    "cursor-before-apply": 36,
    "create-not-looked-for": 17,
    "second-copy-kept": 18,
    "late-create-forgotten": 18,
    "brake-ignored": 23,
    "no-matching": 2,
    "edit-lost-to-deletion-there": 9,
    "edit-lost-to-deletion-here": 65,
    "waiting-dropped": 44,
    "undecided-sent": 35,
    "version-ignored": 50,
    "held-forgotten": 30,
    "stale-listing-believed": 40,
    "every-write-landed": 29,
    "winner-not-sent": 34,
    "withdrawn-forgotten": 43,
    "deletion-not-sent": 10,
}
#: A few that are played with every test run.
QUICK = ("no-intent", "no-verify", "no-matching", "version-ignored", "waiting-dropped")
