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
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Stopped(Exception):
    """A person, or the machine, asked us to stop. `code` is the exit code that says so."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


def stop_on_signals() -> None:
    """From here on a signal raises Stopped, also in the middle of preparing."""

    def stop(number: int, _: FrameType | None) -> None:
        raise Stopped(number)

    for number in SIGNALS:
        signal.signal(number, stop)


class Processes:
    """Children in sessions of their own, so that Ctrl-C in the terminal reaches only us and we end them in our way."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.children: dict[str, subprocess.Popen[bytes]] = {}
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
        reader = threading.Thread(target=self._relay, args=(name, child), daemon=True)
        reader.start()
        self._readers.append(reader)

    def wait(self) -> str:
        """Until one of them ends; answers its name."""
        while True:
            for name, child in self.children.items():
                if child.poll() is not None:
                    return name
            time.sleep(0.1)

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
            try:
                os.killpg(child.pid, number)
            except ProcessLookupError:
                continue

    def _relay(self, name: str, child: subprocess.Popen[bytes]) -> None:
        for line in child.stdout or ():
            with self._lock:
                self.write(f"{name:<8}| {line.decode(errors='replace').rstrip()}")


def _end_with_parent() -> None:
    """Linux: when the parent is killed outright, so is the child. It could not end its work in peace: nobody reads its output."""
    if _libc:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
