"""Runs a few processes together: one output, one end. Why not a process runner from the shelf: docs/adr/0004."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

#: How long a process may take to end its work; after a second Ctrl-C it may not.
PATIENCE_SECONDS = 10.0
#: A child that falls this often, each time sooner than this after its start, will not stand.
FALLS, SOON_SECONDS = 3, 10.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Stopped(BaseException):  # noqa: N818 - like KeyboardInterrupt: no library's `except Exception` may swallow it
    """A person, or the machine, asked us to stop. `code` is the exit code that says so."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


_asked: list[int] = []  # an exception that a signal raises inside a finaliser is lost; this is not


def stop_on_signals() -> None:
    """From here on a signal raises Stopped, also in the middle of preparing."""

    def stop(number: int, _: FrameType | None) -> None:
        _asked.append(number)
        raise Stopped(number)

    for number in SIGNALS:
        signal.signal(number, stop)


class Processes:
    """Children in sessions of their own, so that Ctrl-C in the terminal reaches only us and we end them in our way."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._known: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {}
        self._born: dict[str, float] = {}
        self._falls: dict[str, int] = {}
        self._lock = threading.Lock()
        self._readers: list[threading.Thread] = []

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        child = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent if _libc else None,  # noqa: PLW1509 - one C call, no lock of ours
        )
        self.children[name] = child
        self._known[name] = (command, env)
        self._born[name] = time.monotonic()
        reader = threading.Thread(target=self._relay, args=(name, child), daemon=True)
        reader.start()
        self._readers.append(reader)

    def wait(self) -> str:
        """Until one of them cannot be kept up; answers its name. One that ends otherwise is started again."""
        while True:
            if _asked:
                raise Stopped(_asked[0])
            for name, child in list(self.children.items()):
                if child.poll() is not None and not self._start_again(name):
                    return name
            time.sleep(0.1)

    def _start_again(self, name: str) -> bool:
        soon = time.monotonic() - self._born[name] < SOON_SECONDS
        self._falls[name] = self._falls.get(name, 0) + 1 if soon else 0
        if self._falls[name] >= FALLS:
            return False
        self._signal_one(self.children[name], signal.SIGKILL)  # what it leaves behind would hold its port
        self.write(f"{name} ended by itself (exit code {self.ended(name)}); it is started again.")
        self.start(name, *self._known[name])
        return True

    def stop(self) -> None:
        """Ask all to end, wait, then make them. Returns when no process of theirs is left."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while self._alive() and time.monotonic() < deadline:
                time.sleep(0.05)
        except Stopped:
            pass  # a second Ctrl-C: at once
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        self._signal(signal.SIGKILL)
        for child in self.children.values():
            child.wait()
        for reader in self._readers:
            reader.join(timeout=1)

    def ended(self, name: str) -> int:
        return self.children[name].returncode

    def _alive(self) -> bool:
        return any(child.poll() is None for child in self.children.values())

    def _signal(self, number: int) -> None:
        """To whole groups: also to what a child started."""
        for child in self.children.values():
            self._signal_one(child, number)

    def _signal_one(self, child: subprocess.Popen[bytes], number: int) -> None:
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return  # the whole group has ended

    def _relay(self, name: str, child: subprocess.Popen[bytes]) -> None:
        for line in child.stdout or ():
            with self._lock:
                self.write(f"{name:<8}| {line.decode(errors='replace').rstrip()}")


def _end_with_parent() -> None:
    """Linux: when the parent is killed outright, so is the child. It could not end its work in peace: nobody reads its output."""
    if _libc:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
