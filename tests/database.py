"""The database of a test session: which server, how it is built, how it goes away.

Every session gets a slot, a folder `var/test/<n>` that it alone uses while it lasts, with a PostgreSQL of its own in it. A shared
server would not do: PostgreSQL counts transactions for the whole server, and a reader of the change feed waits for the
oldest one still running, also when it runs in the tests of somebody else.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from config import embedded

ROOT = Path(__file__).resolve().parent.parent
#: The settings are read before anybody knows whether a test needs a database, so PostgreSQL starts later.
NOT_YET = "postgres://postgres@/raccord?host=/not-started"
#: Whatever decides how an empty installation looks; see `_fingerprint`.
BUILT_FROM = (
    "*/migrations/*.py",
    "*/*/migrations/*.py",
    "*/*/*/migrations/*.py",
    "integrations/adapters/*/__init__.py",
    "crm/feed.py",
    "tenants/lifecycle.py",
    "config/deploy.py",
    "config/settings.py",
    "requirements.txt",
)

_slot: list[int] = []  # a file descriptor, held open: the lock ends with the process, however that ends


def take_slot() -> None:
    """Choose VAR_DIR: the first folder that no other test session uses."""
    # pytest-xdist's workers inherit the environment that their parent has already changed
    base = Path(os.environ.setdefault("TEST_SLOTS", str(Path(os.environ.get("VAR_DIR", ROOT / "var")) / "test")))
    base.mkdir(parents=True, exist_ok=True)
    for number in range(1, 100):
        lock = os.open(base / f"{number}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        _slot.append(lock)
        os.environ["VAR_DIR"] = str(base / str(number))
        os.environ["CELERY_QUEUE"] = f"raccord-test-{number}"
        (base / str(number) / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where it is missing
        return
    raise RuntimeError("99 test sessions at once")


def prepare() -> None:
    """What the settings read, before they are read."""
    on_server = (os.environ.get("DATABASE_URL") or NOT_YET) != NOT_YET
    if on_server and "PYTEST_XDIST_WORKER" in os.environ:
        raise RuntimeError(
            "on a server tests run one after the other: side by side they hold up each other's change feed"
        )
    take_slot()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["TEST_ON_SERVER"] = "1" if on_server else ""
    os.environ["DATABASE_URL"] = os.environ.get("DATABASE_URL") or NOT_YET
    # nothing of the developer's own set-up reaches a test
    os.environ.pop("PROVIDER_BASE_URLS", None)
    embedded.prepare()


def create() -> str:
    """A new, empty installation. Answers its DATABASE_URL, which child processes get as well."""
    url = os.environ["DATABASE_URL"]
    if url == NOT_YET:
        url = embedded.start_postgres(embedded.var_dir() / "postgres")
        _hurry(url)
    name = "test_" + urlsplit(url).path.strip("/") + os.environ.get("PYTEST_XDIST_WORKER", "")
    built = f"{name}_built"
    _use(url, name)
    with _maintenance(url) as server:
        _drop(server, name)
        is_built = _known_as(server, built) == _fingerprint()
        if is_built:
            _run(server, "CREATE DATABASE {} TEMPLATE {}", name, built)
        else:
            _drop(server, built)
            _run(server, "CREATE DATABASE {}", name)
        for setting in ("synchronous_commit", "jit"):  # a power cut may take the data; no query is worth compiling
            _run(server, f"ALTER DATABASE {{}} SET {setting} = off", name)
        if not is_built:
            _build()
            _keep(server, name, built)
    return os.environ["DATABASE_URL"]


def destroy() -> None:
    from django.db import connections

    name = connections["default"].settings_dict["NAME"]
    connections.close_all()
    with _maintenance(os.environ["DATABASE_URL"]) as server:
        _drop(server, name)


def _build() -> None:
    from config import deploy

    deploy.set_up(lambda _: None)


def _keep(server: psycopg.Connection, name: str, built: str) -> None:
    """Set the built database aside, so that the next session copies it instead of migrating."""
    from django.db import connections

    connections.close_all()
    _run(server, "CREATE DATABASE {} TEMPLATE {}", built, name)
    server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(built), sql.Literal(_fingerprint())))


def _use(url: str, name: str) -> None:
    from django.conf import settings
    from django.db import connections

    parts = urlsplit(url)
    os.environ["DATABASE_URL"] = urlunsplit(parts._replace(path=f"/{name}"))
    fresh = settings.DATABASES["default"]
    if os.environ["TEST_ON_SERVER"] == "":
        fresh |= {"OPTIONS": {**fresh.get("OPTIONS", {}), "host": parts.query.removeprefix("host=")}}
    fresh["NAME"] = name
    connections["default"].settings_dict |= {"NAME": name, "OPTIONS": fresh.get("OPTIONS", {})}


def _hurry(url: str) -> None:
    """Test data need not survive a power cut."""
    with _maintenance(url) as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.execute(f"ALTER SYSTEM SET {setting} = off")
        server.execute("SELECT pg_reload_conf()")


def _maintenance(url: str) -> psycopg.Connection[Any]:
    parts = urlsplit(url)
    return psycopg.connect(urlunsplit(parts._replace(scheme="postgresql", path="/postgres")), autocommit=True)


def _run(server: psycopg.Connection[Any], statement: str, *names: str) -> None:
    server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    _run(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _known_as(server: psycopg.Connection[Any], name: str) -> str | None:
    found = server.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    return found[0] if found else None


def _fingerprint() -> str:
    """Changes when an empty installation would look different."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for pattern in BUILT_FROM:
        for path in sorted(ROOT.glob(pattern)):
            if ".venv" not in path.parts:
                digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def of_its_own(purpose: str) -> Iterator[str]:
    """A database for processes that a test starts: "" (they start PostgreSQL themselves), or an empty one on the server."""
    if not os.environ["TEST_ON_SERVER"]:
        yield ""
        return
    url = os.environ["DATABASE_URL"]
    name = "test_raccord_" + purpose + os.environ.get("PYTEST_XDIST_WORKER", "")
    with _maintenance(url) as server:
        _drop(server, name)
        _run(server, "CREATE DATABASE {}", name)
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        _drop(server, name)
