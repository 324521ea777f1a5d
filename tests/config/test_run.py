"""`manage.py run` as a person meets it: it starts, it serves, it stops, and nothing is left.

Serving, keeping the data and going on after a worker's death are shown on the servers too; the rest happens before or after
anybody asks a server for anything.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from tests import database

pytestmark = pytest.mark.slow
START_SECONDS = 180


class Installation:
    """Raccord in a folder of its own, started the way `make run` does."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.env = {**os.environ, **env, "VAR_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
        self.env |= {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
        self.output = folder / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def be_up(self) -> None:
        if not self.is_up:
            self.start()

    def be_down(self) -> None:
        if self.is_up:
            self.stop()

    def start(self, until: str = "Started in") -> None:
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=settings.BASE_DIR, env=self.env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while until not in self.text and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert until in self.text, self.text

    @property
    def text(self) -> str:
        return self.output.read_text()

    def get(self, path: str, host: str = "localhost") -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.env['PORT']}{path}", headers={"Host": host})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=90)

    def left(self, patience: float = 60, but: str = "nothing") -> list[str]:
        """Command lines of processes that belong to this folder. Those that lost their parent get a moment."""
        deadline = time.monotonic() + patience
        while found := [line for line in self._lines() if but not in line]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        return found

    def _lines(self) -> Iterator[str]:
        for process in psutil.process_iter():
            try:
                if self._ours(process):
                    yield " ".join(process.cmdline())
            except psutil.Error:
                continue  # it ended meanwhile

    def pids(self, word: str) -> set[int]:
        found = set()
        for process in psutil.process_iter():
            try:
                if self._ours(process) and word in process.cmdline():
                    found.add(process.pid)
            except psutil.Error:
                continue
        return found

    def _ours(self, process: psutil.Process) -> bool:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("VAR_DIR") == str(self.folder)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("run")
    with database.of_its_own("run") as url:
        found = Installation(folder, DATABASE_URL=url, CELERY_QUEUE=os.environ["CELERY_QUEUE"] + "-run")
        yield found
        if found.is_up:
            found.stop(signal.SIGKILL)


@pytest.mark.servers
def test_it_starts_serves_and_ctrl_c_leaves_nothing(installation):
    installation.be_down()
    installation.start()
    assert installation.get("/healthz") == (200, '{"status": "ok"}')
    assert installation.get("/readyz", host=f"acme.localhost:{installation.env['PORT']}")[0] == 200
    assert f"http://acme.localhost:{installation.env['PORT']}" in installation.text
    assert re.search(r"Password +\S{12} ", installation.text)
    assert installation.stop(signal.SIGINT) == 0
    assert installation.left() == []


@pytest.mark.servers
def test_a_second_start_keeps_the_data_and_migrates_nothing(installation):
    if installation.process is None:
        installation.start()
    installation.be_down()
    installation.start()
    assert "migrating" not in installation.text


@pytest.mark.servers
def test_a_killed_worker_is_started_again(installation):
    def workers() -> set[int]:
        return installation.pids("worker")

    installation.be_up()
    before = workers()
    assert before
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 90
    while not (workers() - before) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert workers() - before
    assert "it is started again" in installation.text


def test_a_second_one_in_the_same_folder_is_told_so(installation):
    installation.be_up()
    again = subprocess.run(
        [sys.executable, "manage.py", "run"],
        cwd=settings.BASE_DIR,
        env=installation.env,
        capture_output=True,
        text=True,
    )
    assert again.returncode != 0
    assert f"already runs from this folder (process {installation.process.pid})" in again.stderr


def test_a_taken_port_is_told_with_the_way_out(installation, tmp_path):
    installation.be_up()
    env = installation.env | {"VAR_DIR": str(tmp_path), "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}
    again = subprocess.run(
        [sys.executable, "manage.py", "run"], cwd=settings.BASE_DIR, env=env, capture_output=True, text=True
    )
    assert again.returncode != 0
    assert "is taken by another program" in again.stderr
    assert "make run PORT=" in again.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="children learn of their parent's death on Linux only")
def test_killed_outright_its_children_end_too(installation):
    installation.be_up()
    installation.stop(signal.SIGKILL)
    assert installation.left(but="postgres") == []


def test_it_starts_again_after_that_and_sigterm_leaves_nothing(installation):
    installation.be_down()
    installation.start()
    assert installation.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    assert installation.left() == []


def test_a_signal_during_the_start_leaves_nothing(installation):
    installation.be_down()
    installation.start(until="Sandbox on")
    installation.stop(signal.SIGTERM)
    assert installation.left() == []
