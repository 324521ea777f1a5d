"""Random stories in which records are paused, taken up and filtered at any time: in the end nothing is lost or doubled."""

from __future__ import annotations

import os
import random

import pytest

from integrations.adapters.base import Capabilities, Manifest
from integrations.adapters.registry import adapters
from integrations.models import LeftOut, RecordLink, Stream
from integrations.services import filters, links, restarts
from integrations.services.connect import Refused
from tests.simulation.memory import Fault, MemoryAdapter, Profile
from tests.simulation.play import Play

SEEDS = int(os.environ.get("TAKING_PART_SEEDS", "2"))  # per kind of tool
FAULTS = ("unavailable", "lost", "not_sent", "late", "killed", "killed_after")
PROFILES = (
    Profile(batch=5),
    Profile(batch=5, clock=60, lag=6, lossy=True),
    Profile(incremental=False, tombstones=False),
    Profile(versions=True, batch=5, messy=True),
)


class Registered(MemoryAdapter):
    manifest = Manifest("memory", "Memory", "", "http://nowhere.invalid", (), Capabilities(tells_created=True))


class Story:
    def __init__(self, play: Play, seed: int) -> None:
        self.play, self.chance = play, random.Random(seed)  # noqa: S311 - tells stories, guards nothing

    def tell(self, steps: int = 30) -> None:
        acts = [self.new, self.edit, self.edit, self.edit, self.pause, self.take_up, self.filter, self.run, self.run]
        # what was deleted on one side only may rightly come back when pairs are forgotten
        acts.append(self.chance.choice([self.delete, self.match_anew]))
        for _ in range(steps):
            act = self.chance.choice([*acts, self.read_again])
            self.play.log.append(f"-- {act.__name__}")
            act()
        self.end()

    def end(self) -> None:
        for link in RecordLink.objects.filter(left_out__in=[LeftOut.PAUSED, LeftOut.PING_PONG]):
            links.take_up(link, "Olga")
        filters.change(self.stream(), {})
        self.play.come_to_rest(runs=3)
        self.play.check()

    def stream(self) -> Stream:
        return Stream.objects.get(pk=self.play.streams["contact"].pk)

    def number(self) -> int:
        return next(self.play.numbers)

    def link(self, **wanted: object) -> RecordLink | None:
        found = list(
            RecordLink.objects.filter(record_id__isnull=False, remote_id__isnull=False, **wanted).order_by("id")
        )
        return self.chance.choice(found) if found else None

    def new(self) -> None:
        if self.chance.random() < 0.5:
            self.play.new_here("contact", score=str(self.number()))
        else:
            self.play.new_there("contact", score=str(self.number()))

    def edit(self) -> None:
        link = self.link()
        if link is None:
            return
        name = self.chance.choice(["job_title", "email", "score", "job_title"])
        value = self.play.value("contact", name, self.number())
        if self.chance.random() < 0.5:
            self.play.edit_here("contact", str(link.record_id), name, value)
        elif not self.play.world.rows[link.remote_id].deleted:
            self.play.edit_there("contact", link.remote_id, name, value)

    def delete(self) -> None:
        link = self.link(state="linked", left_out="")
        if link is not None and self.chance.random() < 0.5:
            if self.chance.random() < 0.5:
                self.play.delete_here("contact", str(link.record_id))
            elif not self.play.world.rows[link.remote_id].deleted:
                self.play.trash_there(link.remote_id)

    def pause(self) -> None:
        link = self.link(state="linked")
        if link is not None:
            try:
                links.pause(link, "Olga")
            except Refused:
                pass

    def take_up(self) -> None:
        link = self.link(left_out=LeftOut.PAUSED)
        if link is not None:
            links.take_up(link, "Olga")

    def filter(self) -> None:
        side = self.chance.choice(["here", "there"])
        conditions = [
            {
                "field": "score",
                "op": self.chance.choice(["gte", "lt"]),
                "value": str(10_000 + self.chance.randrange(60)),
            }
        ]
        filters.change(self.stream(), self.chance.choice([{}, {side: conditions}]))

    def read_again(self) -> None:
        restarts.read_again(self.stream())

    def match_anew(self) -> None:
        restarts.match_anew(self.stream())

    def run(self) -> None:
        kind = self.chance.choice([*FAULTS, "", "", ""])
        self.play.run(faults=[Fault(self.chance.randrange(6), kind)] if kind else [])


@pytest.mark.parametrize("seed", range(SEEDS * len(PROFILES)))
def test_nothing_is_lost_or_doubled(live_tenant, monkeypatch, seed):
    monkeypatch.setitem(adapters(), "memory", Registered)
    play = Play(live_tenant, PROFILES[seed % len(PROFILES)], {"match_fields": ["email"]}, entities=("contact",))
    try:
        Story(play, seed).tell()
    finally:
        play.close()
