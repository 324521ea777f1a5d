"""What docs/webhooks.md shows is run, and what it lists is what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from django.conf import settings
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from integrations.outgoing import signing
from integrations.outgoing.events import EVENTS, TEST

GUIDE = (settings.BASE_DIR / "docs" / "webhooks.md").read_text()
BODY = '{"type":"run.finished","data":{"name":"Café ☕"}}'


def code(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL).group(1)


def signed(body: str = BODY):
    secrets = [signing.new_secret(), signing.new_secret()]
    return secrets, signing.headers("msg-1", timezone.now(), body, secrets)


def test_the_events_are_listed():
    assert re.findall(r"^\| `([a-z_.]+)` \|", GUIDE, re.MULTILINE) == [*EVENTS, TEST]


def test_the_python_verifies():
    place: dict = {}
    exec(code("python"), place)  # noqa: S102 - our own page
    (secret, other), headers = signed()
    assert place["received"](secret, headers, BODY.encode()) == place["received"](other, headers, BODY.encode())
    with pytest.raises(WebhookVerificationError):
        place["received"](secret, headers, BODY.encode() + b" ")


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_node_verifies():
    (secret, other), headers = signed()
    tries = [[secret, headers, BODY], [other, headers, BODY], [secret, headers, BODY + " "]]
    tries.append([secret, headers | {"webhook-timestamp": "1"}, BODY])
    ask = "for (const one of %s) { try { console.log(received(...one).type) } catch (e) { console.log(e.message) } }"
    program = code("js") + ask % json.dumps(tries)
    said = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True).stdout.split("\n")
    assert said[:4] == ["run.finished", "run.finished", "not from Raccord", "too old, or from the future"]
