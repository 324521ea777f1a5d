"""manage.py run: everything on one machine, under one supervisor. `make run` calls it."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import time
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import deploy
from config.processes import Processes, Stopped, stop_on_signals

HOST = "127.0.0.1"
START_SECONDS = 60
PANEL = """
  Raccord is running.

  Demo tenant    {tenant}
                 sign in as {owner} (owner) or {member} (member)
  Public site    {public}
  Staff admin    {public}/admin/  as {staff}
  Password       {password}   (for all three; kept in {secrets})
  {sandbox}
  Stop with Ctrl-C.
"""


#: The worker of one machine; the benchmarks start the same.
WORKER = "--pool threads -c 4 --without-gossip --without-mingle --without-heartbeat"


class Command(BaseCommand):
    help = "Start the site, a worker, beat and the providers' sandbox; stop all of them with Ctrl-C."
    requires_system_checks = ()  # the web process checks; here it would only delay the start

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="no demo tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        stop_on_signals()
        began = time.monotonic()
        lock = _lock(settings.VAR_DIR / "run.lock")
        own_sandbox = bool(settings.SANDBOX_PORT) and not _elsewhere()
        _need_port(settings.PORT, "PORT")
        if own_sandbox:
            _need_port(settings.SANDBOX_PORT, "SANDBOX_PORT")
            settings.PROVIDER_BASE_URLS = settings.PROVIDER_BASE_URLS | _sandbox_urls()
        processes = Processes(self._say)
        try:
            self._start(processes, own_sandbox, demo=not options["no_demo"])
            self._say(_panel(own_sandbox))
            self._say(f"  Started in {time.monotonic() - began:.1f} s.\n")
            name = processes.wait()
            raise CommandError(
                f"{name} does not stay up (exit code {processes.ended(name)}), so everything was stopped."
            )
        except (Stopped, KeyboardInterrupt) as stopped:
            self._say("\nStopping …")
            code = getattr(stopped, "code", 130)
        finally:
            processes.stop()
            lock.close()
        self._say("Stopped.")
        sys.exit(0 if code == 130 else code)  # Ctrl-C is how one stops it: not an error for make

    def _start(self, processes: Processes, own_sandbox: bool, demo: bool) -> None:
        env = _environment()
        python = [sys.executable, "-u", "-m"]
        if own_sandbox:
            data = str(settings.VAR_DIR / "sandbox")
            where = ["--host", HOST, "--port", str(settings.SANDBOX_PORT), "--data", data]
            processes.start("sandbox", [*python, "integrations.sandbox", *where], env)
        deploy.set_up(self._say)
        worker = WORKER.split()
        gunicorn = "--worker-class gthread --workers 1 --threads 8 --graceful-timeout 5 --no-control-socket".split()
        # inside a container root is the only user there is
        celery = [sys.executable, "-W", "ignore:You're running the worker", "-m", "celery", "-q", "-A", "config"]
        level = ["--loglevel", settings.LOG_LEVEL]
        bind = ["--bind", f"{HOST}:{settings.PORT}", "--log-level", "warning"]
        processes.start("web", [*python, "gunicorn", "config.wsgi", *gunicorn, *bind], env)
        if demo:
            call_command("demo", records_only=True, verbosity=0)
        processes.start("worker", [*celery, "worker", *worker, *level], env)
        # no pid file: a stale one would keep the next start from starting
        processes.start("beat", [*celery, "beat", "--pidfile", "", "--loglevel", "WARNING"], env)
        if own_sandbox:
            _wait_for(processes, f"http://{HOST}:{settings.SANDBOX_PORT}/")
        if demo:
            call_command("demo", stdout=self.stdout, stderr=self.stderr, verbosity=0)
        _wait_for(processes, f"http://{HOST}:{settings.PORT}/healthz")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _environment() -> dict[str, str]:
    """What children need beside what `config.embedded` has put into our own environment."""
    urls = ",".join(f"{slug}={url}" for slug, url in settings.PROVIDER_BASE_URLS.items())
    return {
        **os.environ,
        "PROVIDER_BASE_URLS": urls,
        "VAR_DIR": str(settings.VAR_DIR),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")])),
    }


def _elsewhere() -> dict[str, str]:
    """Where the tools are, when somebody has said so. The practice tool is ourselves."""
    return {slug: url for slug, url in settings.PROVIDER_BASE_URLS.items() if slug != "practice"}


def _sandbox_urls() -> dict[str, str]:
    from integrations.sandbox.provider import find_providers

    return {
        provider.slug: f"http://{HOST}:{settings.SANDBOX_PORT}/{provider.slug}" for provider in find_providers(None)
    }


def _lock(path: Path) -> IO[str]:
    """One `run` per folder. The lock ends with the process, so none is ever stale."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise CommandError(f"Raccord already runs from this folder (process {file.read().strip()}).") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _need_port(port: int, name: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that just ended is no obstacle
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} is taken by another program. Stop that one, or choose another port: make run {name}={port + 10}"
            ) from error


def _wait_for(processes: Processes, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if any(child.poll() is not None for child in processes.children.values()):
            return  # `wait` says which one
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.1)
    raise CommandError(f"{url} does not answer after {START_SECONDS} s; its messages above say why.")


def _panel(own_sandbox: bool) -> str:
    from config.demo.people import MEMBER, OWNER, SLUG, STAFF
    from tenants.hosts import public_url

    public = public_url()
    sandbox = "Providers      " + ", ".join(f"{slug} at {url}" for slug, url in _elsewhere().items()) + "\n"
    if own_sandbox:
        sandbox = (
            f"Notion         http://{HOST}:{settings.SANDBOX_PORT}/  a sandbox: see and edit the other side by hand\n"
        )
    return PANEL.format(
        tenant=public.replace("://", f"://{SLUG}.", 1),
        public=public,
        owner=OWNER.email,
        member=MEMBER.email,
        staff=STAFF.email,
        password=settings.DEMO_PASSWORD,
        secrets=os.path.relpath(settings.VAR_DIR / "secrets.env"),
        sandbox=sandbox,
    )
