"""The walk through docs/api.md, by its own shell lines and curl, against a live site and the sandbox."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from django.db import connection

from integrations.scheduling import inline
from tenants import tokens
from tests.integrations.api import guide


@pytest.mark.skipif(not shutil.which("curl"), reason="the guide speaks curl")
def test_the_guide_does_what_it_says(live_tenant, live_site, sandbox_notion):
    sandbox_notion.seed("crm", contacts=12, companies=4, deals=0, tasks=0)
    _row, token = tokens.create_token(live_tenant, "Command line")
    names: dict[str, str] = {}
    walked = guide.steps()
    assert len(walked) > 20
    for step in walked:
        inline.run_due(20)  # what a worker would have done by now
        connection.set_tenant(live_tenant)
        came = answer_to(guide.renamed(step.call, names), live_site, token)
        guide.compare(step.answer, came, names, step.call)


def answer_to(call, site, token):
    done = subprocess.run(
        ["bash", "-c", f"{guide.helper()}\n{call}"],
        env={"API": f"{site}/api/v1", "TOKEN": token, "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)
