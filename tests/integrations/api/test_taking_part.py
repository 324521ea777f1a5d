"""Which records take part, through the API: filters, one record, beginning anew, the three lists."""

from __future__ import annotations

import pytest

from crm import feed, records
from integrations.models import RecordLink, SetAside, Stream


@pytest.fixture
def link(wired):
    record = records.create("contact", {"name": "Ada"}, feed.SYSTEM)
    return RecordLink.objects.create(
        stream_id=wired["stream"], record_id=record.id, remote_id="r1", remote_url="https://x"
    )


def test_filters_are_told_checked_and_changed(api, wired):
    home = f"streams/{wired['stream']}"
    told = api.get(f"{home}/filters").json()
    assert told["filters"] == {"here": [], "there": []}
    there = {one["label"]: one for one in told["choices"]["there"]}
    assert "gte" in there["Created at"]["ops"] and there["Created at"]["field"] == "@created"
    wanted = {
        "here": [{"field": "status", "op": "in", "value": ["Lead"]}],
        "there": [{"field": there["Email"]["field"], "op": "not_empty"}],
    }
    changed = api.patch(home, {"filters": wanted, "policy": "local"})
    assert changed.status_code == 200, changed.content
    kept = changed.json()["filters"]
    assert kept["here"] == wanted["here"] and kept["there"][0]["op"] == "not_empty"
    refused = api.patch(home, {"filters": {"here": [{"field": "score", "op": "gt", "value": "x"}]}, "policy": "ask"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_filter")
    now = api.get(home).json()
    assert (now["policy"], now["filters"]) == ("local", kept)
    api.patch(home, {"policy": "newest"})
    assert api.get(home).json()["filters"] == kept
    api.patch(home, {"filters": {}})
    assert Stream.objects.get(pk=wired["stream"]).filters == {}


def test_one_record_is_paused_and_taken_up(caller, link):
    member = caller("member")
    (found,) = member.all(f"records/contact/{link.record_id}/links")
    assert (found["id"], found["left_out"], found["remote_id"]) == (link.pk, "", "r1")
    assert member.post(f"links/{link.pk}/pause").json()["left_out"] == "paused"
    assert member.post(f"links/{link.pk}/resume").json()["left_out"] == ""
    link.refresh_from_db()
    assert link.reread and link.dirty
    again = member.post(f"links/{link.pk}/resume")
    assert (again.status_code, again.json()["code"]) == (409, "not_paused")


def test_a_record_that_is_nowhere_has_no_links(api, wired):
    assert api.get("records/contact/01993f0a-71b2-7c44-8a90-5d3e8b6f1c02/links").status_code == 404


def test_a_person_says_what_belongs_together(api, wired):
    record = records.create("contact", {"name": "Ada"}, feed.SYSTEM)
    for remote_id in ("r1", "r2"):
        SetAside.objects.create(stream_id=wired["stream"], side="there", remote_id=remote_id, code="ambiguous")
    home = f"streams/{wired['stream']}"
    paired = api.post(f"{home}/pair", {"remote_id": "r1", "record_id": record.id})
    assert paired.json()["record_id"] == record.id and paired.json()["state"] == "linked"
    assert api.post(f"{home}/keep-apart", {"remote_id": "r2"}).json()["state"] == "new"
    assert not SetAside.objects.exists()
    taken = api.post(f"{home}/pair", {"remote_id": "r1", "record_id": record.id})
    assert (taken.status_code, taken.json()["code"]) == (409, "linked_already")
    assert api.post(f"{home}/keep-apart", {"remote_id": "r9"}).status_code == 404


def test_beginning_anew(api, wired, link):
    home = f"streams/{wired['stream']}"
    Stream.objects.update(cursor="far")
    assert api.post(f"{home}/read-again").status_code == 200
    assert Stream.objects.get().cursor == "" and RecordLink.objects.count() == 1
    assert api.post(f"{home}/match-anew").json()["listed_at"] is None
    assert not RecordLink.objects.exists()


def test_the_lists_are_paged_and_agree_with_the_counts(api, wired, link):
    home = f"streams/{wired['stream']}/health"
    RecordLink.objects.create(stream_id=wired["stream"], remote_id="r2", left_out="paused")
    for number in range(3):
        SetAside.objects.create(
            stream_id=wired["stream"], side="there", remote_id=f"x{number}", code="unfit", reason="no"
        )
    told = api.get(home).json()
    assert told == {"in_step": 1, "waiting": 0, "left_out": 1, "failing": 3, "is_in_step": False}
    assert [one["link"] for one in api.all(f"{home}/in-step")] == [link.pk]
    assert [one["code"] for one in api.all(f"{home}/left-out")] == ["paused"]
    assert [one["remote_id"] for one in api.all(f"{home}/failing?limit=1")] == ["x2", "x1", "x0"]
    for name in ("in-step", "failing"):
        wrong = api.get(f"{home}/{name}?after=nowhere")
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_cursor")
