"""A field that now means another one there: nothing that was sent to the old one is taken for an answer of the new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.models import Conflict, RecordLink
from integrations.services import streams
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import PAIRS, Play


@pytest.fixture
def story(live_tenant: Any) -> Iterator[Play]:
    made = Play(live_tenant, Profile(), {"policy": "ask"}, entities=("contact",))
    yield made
    made.close()


@pytest.mark.parametrize("recovered", [False, True])  # an intent is open; it has become a ghost
def test_write_of_unknown_outcome_is_forgotten_with_the_field_it_was_sent_to(story, recovered):
    ours = story.new_here("contact", job_title="v20000")
    story.come_to_rest()
    theirs = RecordLink.objects.get().remote_id
    story.edit_here("contact", ours, "job_title", "v20001")
    story.run([Fault(0, "not_sent", on="push")])
    if recovered:
        story.run()
    link = RecordLink.objects.get()
    assert "job_title" in (link.ghosts if recovered else link.intent["fields"])
    story.world.edit(theirs, "own", "v20001")  # a person wrote the same there, into the field that is mapped now
    pairs = PAIRS["contact"] | {"job_title": "own"}
    del pairs["company"]
    streams.set_mappings(story.streams["contact"], [{"remote": r, "local": name} for name, r in pairs.items()])
    story.edit_here("contact", ours, "job_title", "v20002")
    story.world.rest()
    story.run()
    story.run()
    assert {(one.local, one.remote) for one in Conflict.objects.filter(state="open")} == {("v20002", "v20001")}
    assert story.world.rows[theirs].values["own"] == "v20001"
