"""The broker of one machine: messages through files."""

from __future__ import annotations

import threading
from queue import Empty

import pytest
from kombu import Connection

import config.celery

__all__ = ["config"]
MESSAGES = 150


@pytest.fixture
def connection(tmp_path):
    for name in ("messages", "control"):
        (tmp_path / name).mkdir()
    folder = str(tmp_path / "messages")
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(tmp_path / "control")}
    with Connection("filesystem://", transport_options=options) as made:
        yield made


def test_whoever_looks_while_a_message_is_written_never_reads_half_of_it(connection):
    sending, receiving = connection.channel(), connection.channel()
    long = "x" * 200_000

    def send():
        for number in range(MESSAGES):
            sending._put("work", {"number": number, "text": long})

    thread = threading.Thread(target=send)
    thread.start()
    numbers = []
    while thread.is_alive() or len(numbers) < MESSAGES:
        was_sending = thread.is_alive()
        try:
            numbers.append(receiving._get("work")["number"])
        except Empty:
            assert was_sending or len(numbers) == MESSAGES
    assert sorted(numbers) == list(range(MESSAGES))
