"""What a provider remembers: documents by kind and id, written through to SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson


class Store:
    """Documents of one provider. Memory is the provider's business; this only makes it last.

    `put` and `drop` collect, `commit` writes them in one transaction: the frame calls it before an answer goes out,
    so what a client was told survives a crash of the process. synchronous=OFF leaves only a crash of the machine.
    """

    def __init__(self, path: Path | None) -> None:
        self._pending: dict[tuple[str, str], bytes | None] = {}
        self._db: sqlite3.Connection | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS documents (kind TEXT, id TEXT, body BLOB, PRIMARY KEY (kind, id))"
                " WITHOUT ROWID"
            )

    def load(self, kind: str) -> Iterator[Any]:
        if self._db is None:
            return
        for (body,) in self._db.execute("SELECT body FROM documents WHERE kind = ?", (kind,)):
            yield orjson.loads(body)

    def put(self, kind: str, key: str, document: Any) -> None:
        if self._db is not None:
            self._pending[kind, key] = orjson.dumps(document)

    def put_many(self, kind: str, documents: Iterable[tuple[str, Any]]) -> None:
        for key, document in documents:
            self.put(kind, key, document)

    def drop(self, kind: str, key: str) -> None:
        if self._db is not None:
            self._pending[kind, key] = None

    def clear(self) -> None:
        self._pending.clear()
        if self._db is not None:
            self._db.execute("DELETE FROM documents")

    def commit(self) -> None:
        if self._db is None or not self._pending:
            return
        pending, self._pending = self._pending, {}
        kept = [(kind, key, body) for (kind, key), body in pending.items() if body is not None]
        gone = [key for key, body in pending.items() if body is None]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", kept)
        self._db.executemany("DELETE FROM documents WHERE kind = ? AND id = ?", gone)
        self._db.execute("COMMIT")

    def close(self) -> None:
        self.commit()
        if self._db is not None:
            self._db.close()
            self._db = None
