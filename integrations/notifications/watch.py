"""What happened in a tenant since the last look, held against what its people know, told once.

One at a time looks (`rings.take_turn`), in one transaction: the facts, what is remembered, the notices and who gets them are
stored together or not at all, so a crash repeats the look and tells nothing twice.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q
from django.utils.translation import override

from integrations.files import exports, keeping
from integrations.files.models import Export
from integrations.models import Conflict, IntegrationInstance, SetAside, Status, Stream, SyncLog, SyncLogLine
from integrations.notifications import delivery, states, volumes
from integrations.notifications.bell import rings
from integrations.notifications.kinds import Kind, Level
from integrations.notifications.models import Delivery, Notice, Told, Volume
from integrations.notifications.states import Facts, Memory, News, State
from integrations.outgoing.models import Endpoint, Off
from integrations.scheduling import leases
from integrations.services import incidents

#: Runs that ended so shortly before the last look may have been stored after it.
OVERLAP = dt.timedelta(minutes=10)
#: How far the very first look goes back.
FIRST = dt.timedelta(hours=1)
#: A cause of records set aside that was over for so long is news when it comes back.
FORGET_CAUSE = dt.timedelta(days=1)
NAMES = 3
#: What asks nobody: a person approved the plan, or takes a run back.
WANTED = ("plan", "undo")
#: What only the brake's failure, or a mapping's, puts into words (failures.tell): numbers, and names of fields.
TELLING = ("brake", "brake_overwrites", "schema_changed", "field_gone")
WRITTEN = {"created": "created", "restored": "created", "updated": "changed", "deleted": "deleted"}


def look() -> int:
    """Tell what changed. Answers how many notices that made."""
    with transaction.atomic():
        rings.take_turn()
        return _Look(leases.database_time()).all()


def look_for_silence() -> int:
    """Once a day: busy tables that have not had a change for unusually long."""
    with transaction.atomic():
        rings.take_turn()
        return _Look(leases.database_time()).silences()


class _Look:
    def __init__(self, at: dt.datetime) -> None:
        self.at = at
        self.told = {one.subject: one for one in Told.objects.select_for_update()}
        self.made: list[tuple[Notice, bool]] = []
        every = IntegrationInstance.objects.exclude(status=Status.DRAFT)
        self.integrations = {one.pk: one for one in every.defer("credentials")}
        self.streams = {
            one.pk: one for one in Stream.objects.filter(integration__in=self.integrations).defer("schema", "drift")
        }

    def all(self) -> int:
        self._states()
        runs = self._new_runs()
        self._conflicts(runs)
        self._set_aside(runs)
        self._volumes(runs)
        self._webhooks()
        self._exports()
        self._over()
        delivery.deliver(self.made, self.at)
        return len(self.made)

    # --- states -----------------------------------------------------------------------------------------------------

    def _states(self) -> None:
        last = self._last_runs()
        lasting = incidents.open_of({one.provider for one in self.integrations.values()})
        shared = {slug: one for slug, one in lasting.items() if one.tenants > 1}
        patience = dt.timedelta(minutes=settings.TROUBLE_MINUTES)
        proven = {pk: _is_proven(one, last.get(pk)) for pk, one in self.integrations.items()}
        for pk, one in self.integrations.items():
            run = last.get(pk)
            facts = Facts(
                one.status, one.status_code, one.failing_since, one.warned_at is not None,
                run.error_code if run else "", proven[pk], one.provider in shared,
            )  # fmt: skip
            now = states.of_integration(facts, self.at, patience)
            self._step(f"integration:{pk}", now, one, _about(one))
        for stream in self.streams.values():
            one = self.integrations[stream.integration_id]
            now = states.of_stream(stream.problem_code if stream.is_active else "", one.status, proven[one.pk])
            self._step(f"stream:{stream.pk}", now, one, self._about_stream(stream))
        for slug in {one.provider for one in self.integrations.values()}:
            mine = [one for one in self.integrations.values() if one.provider == slug and one.status == Status.ACTIVE]
            incident = shared.get(slug)
            now = states.of_incident(incident.kind if incident else None, any(one.failures for one in mine))
            began = {"began": incident.began_at.isoformat()} if incident else {}
            self._step(f"incident:{slug}", now, None, {"provider": slug, **began})

    def _last_runs(self) -> dict[UUID, SyncLog]:
        ended = SyncLog.objects.filter(integration__in=self.integrations, ended_at__isnull=False)
        newest = ended.order_by("integration_id", "-started_at").distinct("integration_id")
        return {run.integration_id: run for run in newest.only("integration_id", "state", "ended_at", "error_code")}

    def _step(self, subject: str, now: State | None, of: IntegrationInstance | None, facts: dict[str, Any]) -> None:
        known = self.told.get(subject)
        memory, news = states.step(_memory(known), now, self.at)
        if known is None and memory == Memory():
            return
        if memory == _memory(known):
            return
        told = self._remember(subject, of)
        told.level, told.code = memory.told.level, memory.told.code
        told.before_level, told.before_code, told.over_at = memory.before.level, memory.before.code, memory.over_at
        if news is None:
            told.save()
            return
        if news.kind == Kind.RECOVERED:
            facts = {"provider": facts["provider"]} | {
                name: facts[name] for name in ("stream", "table") if name in facts
            }
            facts |= {"since": began.isoformat()} if (began := self._since(subject)) else {}
        self._end(subject)
        self._tell(told, news, facts)

    def _since(self, subject: str) -> dt.datetime | None:
        first = Notice.objects.filter(subject=subject, over_at=None).order_by("id")
        return first.values_list("at", flat=True).first()

    # --- runs ----------------------------------------------------------------------------------------------------------

    def _new_runs(self) -> list[SyncLog]:
        """Those that ended since the last look, each once."""
        told = self._remember("runs")
        upto = dt.datetime.fromisoformat(told.memory["upto"]) if told.memory else self.at - FIRST
        upto = min(upto, self.at)  # a clock that was set back would hide what ends now
        seen = set(told.memory.get("seen", ()))
        ended = SyncLog.objects.filter(integration__in=self.integrations, ended_at__gte=upto - OVERLAP)
        found = list(ended.order_by("ended_at").defer("exchanges"))
        told.memory = {
            "upto": self.at.isoformat(),
            "seen": [str(run.pk) for run in found if run.ended_at and run.ended_at >= self.at - OVERLAP],
        }
        told.save()
        return [run for run in found if str(run.pk) not in seen and (run.ended_at and run.ended_at >= upto - OVERLAP)]

    def _conflicts(self, runs: Sequence[SyncLog]) -> None:
        """Of each connection together: those that wait for a person, and critical fields that a rule settled."""
        some = [run.pk for run in runs if run.counts.get("conflict")]
        if not some:
            return
        found = Conflict.objects.filter(_to_see(), run__in=some, stream__in=self.streams)
        by_integration: dict[UUID, list[Conflict]] = {}
        for one in found.only("stream_id", "run_id", "title", "field", "state", "critical").order_by(
            "-critical", "-at"
        ):
            by_integration.setdefault(self.streams[one.stream_id].integration_id, []).append(one)
        for pk, mine in by_integration.items():
            of = self.integrations[pk]
            fields = dict.fromkeys((self.streams[one.stream_id].entity, one.field) for one in mine)
            facts = {
                "provider": of.provider,
                "open": sum(one.state == Conflict.State.OPEN for one in mine),
                "critical": sum(one.critical and one.state != Conflict.State.OPEN for one in mine),
                "names": list(dict.fromkeys(one.title for one in mine if one.title))[:NAMES],
                "fields": [list(field) for field in fields][:NAMES],
                "runs": sorted({str(one.run_id) for one in mine}),
            }
            self._tell(self._remember(f"conflicts:{pk}", of), News(Kind.CONFLICTS, State()), facts)

    def _set_aside(self, runs: Sequence[SyncLog]) -> None:
        """Causes that no record was set aside for before. memory: {"causes": {cause: when it was last there}}"""
        busy = {run.integration_id for run in runs if run.counts.get("set_aside")}
        for one in self.told.values():
            if one.integration_id and one.subject.startswith("set_aside:") and one.memory["causes"]:
                busy.add(one.integration_id)
        if not busy:
            return
        present: dict[UUID, dict[str, dict[str, Any]]] = {pk: {} for pk in busy if pk in self.integrations}
        causes = SetAside.objects.filter(stream__in=self.streams, stream__integration__in=busy)
        alike = causes.values("stream", "side", "field", "code")
        for cause in alike.annotate(n=Count("id"), keys=Count("cause", distinct=True), key=Max("cause")).order_by("-n"):
            stream = self.streams[cause["stream"]]
            name = "|".join((str(stream.pk), cause["side"], cause["field"], cause["code"]))
            about = {"stream": str(stream.pk), "table": stream.collection_name, "entity": stream.entity, "cause": name}
            present[stream.integration_id][name] = cause | about
        for pk, causes_now in present.items():
            told = self._remember(f"set_aside:{pk}", self.integrations[pk])
            before = told.memory.get("causes", {})
            new = [cause for key, cause in causes_now.items() if key not in before]
            fresh = {key: at for key, at in before.items() if self.at - dt.datetime.fromisoformat(at) < FORGET_CAUSE}
            told.memory = {"causes": fresh | dict.fromkeys(causes_now, self.at.isoformat())}
            if new:
                facts = {"provider": self.integrations[pk].provider, "causes": new[:NAMES], "more": len(new[NAMES:])}
                self._tell(told, News(Kind.SET_ASIDE, State()), facts)
            else:
                told.save()
            told_of = _open(f"set_aside:{pk}")
            self._dismiss([one.pk for one in told_of if not any(c["cause"] in causes_now for c in one.facts["causes"])])

    def _volumes(self, runs: Sequence[SyncLog]) -> None:
        """Far more than usual in one run; and what was silent is not any more."""
        done = {run.pk: run for run in runs if run.state == SyncLog.State.DONE and run.trigger not in WANTED}
        busy = [pk for pk, run in done.items() if any(run.counts.get(name) for name in _WRITES)]
        if not busy:
            return
        written: dict[tuple[UUID, UUID], Counter[str]] = {}
        lines = SyncLogLine.objects.filter(run__in=busy, action__in=WRITTEN, stream__in=self.streams)
        for run, stream, action, n in lines.values_list("run", "stream", "action").annotate(Count("id")).order_by():
            written.setdefault((run, stream), Counter())[WRITTEN[action]] += n
        usual = _usual({stream for _run, stream in written})
        for (run_id, stream_id), counts in sorted(written.items(), key=lambda one: done[one[0][0]].started_at):
            before = usual.setdefault(stream_id, [])
            stream, run = self.streams[stream_id], done[run_id]
            one = Volume(stream=stream, run_id=run_id, at=run.ended_at or self.at, **counts)
            for what in volumes.FLOOR:
                past = [getattr(volume, what) for volume in before]
                if volumes.is_odd(what, counts[what], past):
                    odd = {"run": str(run_id), "what": what, "n": counts[what], "usual": volumes.usual(past)}
                    of = self.integrations[stream.integration_id]
                    told = self._remember(f"volumes:{stream_id}", of)
                    self._tell(told, News(Kind.VOLUMES, State()), self._about_stream(stream) | odd)
            before.append(one)
            self._end(f"silence:{stream_id}")
        _keep(usual)

    def _webhooks(self) -> None:
        """Those that Raccord switched off by itself, once each time; over when they are on again, or gone."""
        off = {f"webhook:{one.pk}": one for one in Endpoint.objects.filter(off__in=(Off.GONE, Off.FAILING))}
        for subject, one in off.items():
            told, at = self._remember(subject), one.off_at.isoformat() if one.off_at else ""
            if told.memory.get("off_at") == at:
                continue
            told.memory = {"off_at": at}
            self._end(subject)
            name = one.note or urlsplit(one.url).hostname or ""  # never the address, which may hold a secret
            facts = {"endpoint": str(one.pk), "name": name, "why": one.off}
            self._tell(told, News(Kind.WEBHOOK, State(Level.WARNING)), facts)
        for subject, told in self.told.items():
            if subject.startswith("webhook:") and subject not in off and told.memory:
                self._end(subject)
                told.memory = {}
                told.save()

    def _exports(self) -> None:
        """Files that workers wrote or could not write, to whoever asked; over when the file is there no more."""
        ended = Export.objects.filter(state__in=(Export.State.READY, Export.State.FAILED), by_kind="user")
        here = {f"export:{one.pk}": one for one in ended.filter(ended_at__gte=self.at - keeping.EXPORTS)}
        for subject, one in here.items():
            if subject in self.told or not one.by_id.isdecimal():
                continue
            with override(one.language or None):
                file = exports.file_name(one)
            facts = {"user": int(one.by_id), "export": str(one.pk), "entity": one.entity, "file": file, "n": one.rows}
            is_ready = one.state == Export.State.READY
            self._tell(self._remember(subject), News(Kind.EXPORT, State()), facts | {"is_ready": is_ready})
        for subject, told in self.told.items():
            if subject.startswith("export:") and subject not in here:
                self._end(subject)
                told.delete()

    def silences(self) -> int:
        active = [pk for pk, one in self.streams.items()
                  if one.is_active and self.integrations[one.integration_id].status == Status.ACTIVE]  # fmt: skip
        for stream_id, before in _usual(active).items():
            stream = self.streams[stream_id]
            subject = f"silence:{stream_id}"
            of = self.integrations[stream.integration_id]
            works = not (of.failures or of.failing_since or stream.problem_code)  # else trouble says why nothing comes
            if not works or not volumes.is_silent([one.at for one in before], self.at) or _open(subject):
                continue
            silent = {"what": "silent", "last": before[-1].at.isoformat()}
            told = self._remember(subject, of)
            self._tell(told, News(Kind.VOLUMES, State()), self._about_stream(stream) | silent)
        delivery.deliver(self.made, self.at)
        return len(self.made)

    def _about_stream(self, stream: Stream) -> dict[str, Any]:
        return {
            "provider": self.integrations[stream.integration_id].provider,
            "stream": str(stream.pk),
            "table": stream.collection_name,
            "entity": stream.entity,
            "detail": stream.problem_detail if stream.problem_code in TELLING else "",
        }

    # --- telling -------------------------------------------------------------------------------------------------------

    def _remember(self, subject: str, of: IntegrationInstance | None = None) -> Told:
        if subject not in self.told:
            self.told[subject] = Told(subject=subject, integration=of)
        return self.told[subject]

    def _tell(self, told: Told, news: News, facts: dict[str, Any]) -> None:
        told.turn += 1
        told.save()
        notice = Notice(
            kind=news.kind,
            subject=told.subject,
            turn=told.turn,
            level=news.state.level,
            code=news.state.code,
            integration_id=told.integration_id,
            facts=facts,
            at=self.at,
        )
        try:
            with transaction.atomic():
                notice.save()
        except IntegrityError:  # told already, by whomever
            return
        self.made.append((notice, news.again))

    def _over(self) -> None:
        """What a person has seen to, and what is no more: conflicts that nobody waits for, tables and tools that were removed."""
        waiting = {str(pk) for pk in Conflict.objects.filter(_to_see()).values_list("run", flat=True).distinct() if pk}
        told = Notice.objects.filter(kind=Kind.CONFLICTS, over_at=None)
        self._dismiss([one.pk for one in told if not waiting & set(one.facts["runs"])])
        here = {f"stream:{pk}" for pk in self.streams} | {
            f"incident:{one.provider}" for one in self.integrations.values()
        }
        for subject, told_ in self.told.items():
            if subject.startswith(("stream:", "incident:")) and told_.level and subject not in here:
                self._end(subject)
                told_.delete()

    def _end(self, subject: str) -> None:
        self._dismiss([one.pk for one in _open(subject)])

    def _dismiss(self, notices: Sequence[int]) -> None:
        if notices:
            Notice.objects.filter(pk__in=notices).update(over_at=self.at)
            Delivery.objects.filter(notice__in=notices, read_at=None).update(read_at=self.at)


_WRITES = tuple(f"{what}_{side}" for what in ("created", "updated", "deleted") for side in ("here", "there"))


def _memory(told: Told | None) -> Memory:
    if told is None:
        return Memory()
    before = State(Level(told.before_level), told.before_code)
    return Memory(State(Level(told.level), told.code), before, told.over_at)


def _is_proven(one: IntegrationInstance, run: SyncLog | None) -> bool:
    """It works: the last run got through, since the connection is what it is now."""
    is_done = run is not None and run.state == SyncLog.State.DONE and not one.failures
    return bool(is_done and run and run.ended_at and run.ended_at >= one.status_since)


def _about(one: IntegrationInstance) -> dict[str, Any]:
    detail = one.status_detail if one.status_code in TELLING else ""
    since = {"failing_since": one.failing_since.isoformat()} if one.failing_since else {}
    return {"provider": one.provider, "detail": detail} | since


def _to_see() -> Q:
    return Q(state=Conflict.State.OPEN) | Q(state=Conflict.State.SETTLED, critical=True, seen_at=None)


def _open(subject: str) -> list[Notice]:
    return list(Notice.objects.filter(subject=subject, over_at=None))


def _usual(streams: Iterable[UUID]) -> dict[UUID, list[Volume]]:
    """{table: its last busy runs, oldest first}"""
    found: dict[UUID, list[Volume]] = {}
    for one in Volume.objects.filter(stream__in=list(streams)).order_by("at"):
        found.setdefault(one.stream_id, []).append(one)
    return found


def _keep(usual: dict[UUID, list[Volume]]) -> None:
    Volume.objects.bulk_create(
        [one for some in usual.values() for one in some if one.pk is None], ignore_conflicts=True
    )
    Volume.objects.filter(
        pk__in=[one.pk for some in usual.values() for one in some[: -volumes.KEPT] if one.pk]
    ).delete()
