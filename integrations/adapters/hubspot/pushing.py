"""One batch of changes of one kind, and what became of each.

Creates carry our marker in a property that HubSpot keeps unique, and are sent as creates, not as upserts: a request that
arrives late is then refused, where an upsert would set back what has been changed since. What was refused is looked for by its
marker, and one that stands there is the answer.

Every input has a trace id: without, one bad record stops the whole batch; with them, HubSpot says what became of which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.adapters import errors
from integrations.adapters.base import Action, Change, Record, Result
from integrations.adapters.hubspot import failures, translate, write
from integrations.adapters.hubspot.calls import Body, specs
from integrations.adapters.hubspot.fields import Described
from integrations.adapters.hubspot.objects import MARKER, Association

if TYPE_CHECKING:
    from integrations.adapters.hubspot import HubSpotAdapter

#: What concerns one record, though the whole batch was answered with it.
OF_RECORDS = (errors.InvalidRecord, errors.VersionMismatch)


@dataclass(slots=True)
class Pushing:
    """`results`: by the place of the change in the batch."""

    adapter: HubSpotAdapter
    type: Described
    results: dict[int, Result] = field(default_factory=dict)

    @property
    def collection(self) -> str:
        return self.type.type.name

    def send(self, action: Action, batch: Sequence[Change]) -> dict[int, Result]:
        """Raises what concerns more than one record; then nothing is known of any of them but what the error says."""
        match action:
            case "create":
                self._create(batch)
            case "update":
                self._update(batch)
            case "delete":
                self.adapter.calls.archive(self.collection, [str(change.id) for change in batch])
                for place, change in enumerate(batch):
                    self.results[place] = Result(change, Record(str(change.id), {}, deleted=True))
            case _:
                for place, change in enumerate(batch):
                    self.results[place] = Result(
                        change, error=errors.InvalidRecord("HubSpot does not let apps do this")
                    )
        return self.results

    # --- creates ----------------------------------------------------------------------------------------------------

    def _create(self, batch: Sequence[Change]) -> None:
        if any(change.marker for change in batch):
            self.adapter.prepare(self.collection)
            self.type = self.adapter.catalogue.described(self.collection)
        bodies = self._bodies(batch)
        inputs = {place: _new(body, batch[place].marker) for place, body in bodies.items()}
        answers, refused = self._batch(self.adapter.calls.create, inputs, batch)
        ids = {place: str(row["id"]) for place, row in answers.items()}
        self._link(batch, {place: _untyped(bodies[place]) for place in ids}, ids)
        self._answer(batch, {place: row for place, row in answers.items() if place not in self.results})
        self._adopt(batch, refused)

    def _adopt(self, batch: Sequence[Change], refused: Mapping[int, errors.AdapterError]) -> None:
        """An earlier attempt has made some of these: those are answered as they are, and nothing is set back."""
        markers = {change.marker: place for place in refused if (change := batch[place]).marker}
        found = self.adapter.find(self.collection, [one for one in markers if one]) if markers else []
        for record in found:
            place = markers[str(record.marker)]
            self.results[place] = Result(batch[place], record)
        for place, error in refused.items():
            self.results.setdefault(place, Result(batch[place], error=_of_new(error)))

    # --- updates ----------------------------------------------------------------------------------------------------

    def _update(self, batch: Sequence[Change]) -> None:
        bodies = self._bodies(batch)
        inputs: dict[int, Body] = {
            place: {"id": str(batch[place].id), "properties": body.properties}
            for place, body in bodies.items()
            if body.properties
        }
        answers, refused = self._batch(self.adapter.calls.update, inputs, batch)
        for place, error in refused.items():
            self.results[place] = Result(batch[place], error=error)
        ids = {place: str(batch[place].id) for place in bodies if place not in refused}
        self._link(batch, bodies, ids)
        done = {
            place: answers.get(place, {"id": str(batch[place].id)}) for place in bodies if place not in self.results
        }
        self._answer(batch, done)

    def _link(self, batch: Sequence[Change], bodies: Mapping[int, write.Body], ids: Mapping[int, str]) -> None:
        """Associations as they shall be, from what they are; a refused one refuses its record. ids: whose, by place."""
        calls, place_of = self.adapter.calls, {ident: place for place, ident in ids.items()}
        for association in dict.fromkeys(one for place in ids for one in bodies[place].links):
            concerned = {
                ident: bodies[place].links[association]
                for place, ident in ids.items()
                if association in bodies[place].links
            }
            held = calls.links(self.collection, association.target, list(concerned))
            adds: list[tuple[str, str, Sequence[int]]] = []
            drops: list[tuple[str, str]] = []
            for ident, wanted in concerned.items():
                more, fewer = write.links_to_change(association, wanted, held.get(ident, {}))
                adds += [(ident, to, types) for to, types in more]
                drops += [(ident, to) for to in fewer]
            try:
                refused = calls.link(self.collection, association.target, adds)
            except (errors.InvalidRecord, errors.NotFound) as error:
                refused = [{"message": str(error)}]
            calls.unlink(self.collection, association.target, drops)
            for problem in refused:
                self._refuse_link(batch, place_of, adds, association, problem)

    def _refuse_link(
        self,
        batch: Sequence[Change],
        place_of: Mapping[str, int],
        adds: Sequence[tuple[str, str, Sequence[int]]],
        association: Association,
        problem: Mapping[str, Any],
    ) -> None:
        """HubSpot names what it did not find, not whose it was."""
        told = {str(one) for some in (problem.get("context") or {}).values() for one in some}
        concerned = {ident for ident, to, _types in adds if {ident, to} & told} or {ident for ident, *_rest in adds}
        reason = str(problem.get("message") or "the association was refused")
        for ident in concerned:
            error = errors.InvalidRecord(reason, association.id)
            self.results[place_of[ident]] = Result(batch[place_of[ident]], error=error)

    # --- both -------------------------------------------------------------------------------------------------------

    def _bodies(self, batch: Sequence[Change]) -> dict[int, write.Body]:
        """What does not fit is refused here, before it is sent."""
        for change in batch:
            missing = write.new_options(change.values, self.type, change.new_options)
            if missing:
                self.adapter.catalogue.add_options(self.collection, missing)
                self.type = self.adapter.catalogue.described(self.collection)
        bodies = {}
        for place, change in enumerate(batch):
            current = change.current.raw["properties"] if change.current and change.current.raw else None
            try:
                bodies[place] = write.to_body(change.values, self.type, current, self.adapter.owners.member)
            except errors.InvalidRecord as error:
                self.results[place] = Result(change, error=error)
        return bodies

    def _batch(
        self, send: Callable[[str, Sequence[Body]], Body], inputs: Mapping[int, Body], batch: Sequence[Change]
    ) -> tuple[dict[int, Body], dict[int, errors.AdapterError]]:
        """({place: answer}, {place: why not})"""
        if not inputs:
            return {}, {}
        traced = [body | {"objectWriteTraceId": str(place)} for place, body in inputs.items()]
        try:
            answer = send(self.collection, traced)
        except OF_RECORDS as error:
            return {}, dict.fromkeys(inputs, error)
        except errors.NotFound as error:
            return {}, dict.fromkeys(inputs, self._not_found(error))
        by_id = {str(body["id"]): place for place, body in inputs.items() if "id" in body}
        by_marker = {change.marker: place for place, change in enumerate(batch) if change.marker}
        done: dict[int, Body] = {}
        for row in answer.get("results") or ():
            place = _place(
                row.get("objectWriteTraceId"), by_id.get(row["id"]), by_marker.get(row["properties"].get(MARKER))
            )
            if place is not None:
                done[place] = row
        refused: dict[int, errors.AdapterError] = {}
        for problem in answer.get("errors") or ():
            traced_to = [int(one) for one in failures.traces(problem)]
            places = traced_to or [by_id[one] for one in failures.ids(problem) if one in by_id]
            refused |= dict.fromkeys(places, failures.of_one(problem))
        for place in inputs.keys() - done.keys() - refused.keys():
            refused[place] = errors.OutcomeUnknown("HubSpot's answer does not say what became of this record")
        return done, refused

    def _not_found(self, error: errors.NotFound) -> errors.InvalidRecord:
        """The object type itself, which stops the stream, or a record that one of these names?"""
        self.adapter.catalogue.described(self.collection, fresh=True)
        return errors.InvalidRecord(str(error))

    def _answer(self, batch: Sequence[Change], answers: Mapping[int, Body]) -> None:
        """Read again, for the answer of a write holds what was sent; where that fails, it has to do."""
        if not answers:
            return
        fields = {name for place in answers for name in batch[place].values}
        try:
            present = self.adapter.read_back(self.type, [str(row["id"]) for row in answers.values()], fields)
        except errors.AdapterError:
            present = {}
        for place, row in answers.items():
            record = present.get(str(row["id"])) or self._from_answer(row, fields)
            self.results[place] = Result(batch[place], record)

    def _from_answer(self, row: Body, fields: Iterable[str]) -> Record:
        if "properties" not in row:  # only associations were written
            return Record(str(row["id"]), {})
        plans = [plan for plan in self.type.wanted(fields) if plan.association is None]
        plans = [plan for plan in plans if set(plan.properties) <= row["properties"].keys()]
        return translate.to_record(row, plans, self.adapter.owners.name, {})


def _new(body: write.Body, marker: str | None) -> Body:
    types: dict[tuple[str, str], list[int]] = {}  # a company may be named twice: as one of them, and as the primary one
    for association, wanted in body.links.items():
        for to in wanted if association.plain else ():
            held = types.setdefault((association.target, to), [])
            held += [one for one in (association.primary, association.plain) if one and one not in held]
    links = [{"to": {"id": to}, "types": specs(held)} for (_target, to), held in types.items()]
    filled = {name: text for name, text in body.properties.items() if text}  # a new record has nothing to clear
    return {"properties": filled | ({MARKER: marker} if marker else {}), "associations": links}


def _untyped(body: write.Body) -> write.Body:
    """What cannot be said when a record is created: associations whose type only HubSpot knows."""
    return write.Body(links={one: wanted for one, wanted in body.links.items() if one.plain is None and wanted})


def _of_new(error: errors.AdapterError) -> errors.AdapterError:
    """A create has no record that could be missing: it is one that it names."""
    if isinstance(error, errors.NotFound):
        return errors.InvalidRecord(f"{error} (a record that it is associated with)")
    return error


def _place(trace: Any, *known: int | None) -> int | None:
    if isinstance(trace, str) and trace.isdecimal():
        return int(trace)
    return next((one for one in known if one is not None), None)
