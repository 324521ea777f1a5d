"""Values that go through steps, with the real engine: both ways, without an echo, and set aside where a step refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crm.models import Contact
from integrations.models import FieldMapping, RecordLink, SetAside, SyncLogLine
from tests.simulation.memory import Profile
from tests.simulation.play import Play


@pytest.fixture
def story(live_tenant: Any) -> Iterator[Play]:
    made = Play(live_tenant, Profile(), entities=("contact",))
    yield made
    made.close()


def steps(field: str, *wanted: dict[str, Any]) -> None:
    FieldMapping.objects.filter(local=field).update(options={"transforms": list(wanted)})


def here(pk: str) -> str:
    return Contact.objects.values_list("job_title", flat=True).get(pk=pk)


def test_values_change_on_the_way_and_are_no_echo(story):
    steps("job_title", {"name": "values", "pairs": [["v9002", "v9001"], ["v9003", "v9001"]]})
    pk = story.new_here("contact")
    story.run()
    remote = RecordLink.objects.get(record_id=pk).remote_id
    story.edit_there("contact", remote, "job_title", "v9003")
    story.run()
    assert here(pk) == "v9001"
    lines = SyncLogLine.objects.count()
    story.run()
    assert story.world.rows[remote].values["job"] == "v9003"  # one of a group stays what it is until somebody edits
    assert SyncLogLine.objects.count() == lines
    story.edit_here("contact", pk, "job_title", "v9004")
    story.run()
    story.edit_here("contact", pk, "job_title", "v9001")
    story.run()
    assert (here(pk), story.world.rows[remote].values["job"]) == ("v9001", "v9002")  # the way back that was chosen


def test_a_value_that_a_step_refuses_is_set_aside_with_the_reason(story):
    steps("job_title", {"name": "values", "pairs": [["v9002", "v9001"]], "other": "refuse"})
    pk = story.new_here("contact", job_title="v9001")
    story.run()
    remote = RecordLink.objects.get(record_id=pk).remote_id
    assert story.world.rows[remote].values["job"] == "v9002"
    story.edit_there("contact", remote, "job_title", "v9005")
    story.run()
    assert here(pk) == "v9001"
    assert "says nothing of “v9005”" in SetAside.objects.get(field="job_title").reason
