"""Associations, version 4: directional types, both directions set by one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.calls import Answer, Routes, json_answer
from integrations.sandbox.clock import iso
from integrations.sandbox.hubspot import catalogue, errors
from integrations.sandbox.hubspot.asked import Asked
from integrations.sandbox.hubspot.model import Kind, Record

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

HOME = "/crm/v4/associations/{one}/{other}/batch"
AT = "/crm/v4/objects/{one}/{ident}/associations"
READ, CREATE = 1000, 2000
PER_RECORD = 500  # associations of one record in an answer


def register(routes: Routes) -> None:
    routes.add("POST", f"{HOME}/read", batch_read)
    routes.add("POST", f"{HOME}/create", batch_create)
    routes.add("POST", f"{HOME}/associate/default", batch_default)
    routes.add("POST", f"{HOME}/archive", batch_archive)
    routes.add("POST", f"{HOME}/labels/archive", batch_archive_labels)
    routes.add("GET", AT + "/{other}", of_one)
    routes.add("PUT", AT + "/default/{other}/{to}", put_default)
    routes.add("PUT", AT + "/{other}/{to}", put)
    routes.add("DELETE", AT + "/{other}/{to}", delete)
    for home in ("/crm/v4/associations/{one}/{other}/labels", "/crm/associations/v4/{one}/{other}/labels"):
        routes.add("GET", home, labels)


def connect(world: HubSpotWorld, record: Record, other: Record, types: list[dict[str, Any]]) -> None:
    from integrations.sandbox.hubspot.world import association, primary

    main = primary(record.kind, other.kind)
    wanted = {int(each.get("associationTypeId", 0)) for each in types}
    takes = main is not None and main[0] in wanted
    world.link(record, other, association(record.kind, other.kind), main if takes else None)


def target_of(world: HubSpotWorld, kind: Kind, types: list[dict[str, Any]]) -> Kind:
    """The other object type, by the association types of a request."""
    wanted = [int(each.get("associationTypeId", 0)) for each in types]
    for other in world.kinds_of(kind.portal):
        known = {ident for ident in catalogue.ASSOCIATIONS.get((kind.name, other.name), ()) if ident}
        known.add(catalogue.invented(kind.name, other.name))
        if wanted and set(wanted) <= known:
            return other
    raise errors.invalid(f"No association type {wanted} from {kind.name}.")


def _pair(asked: Asked, one: str, other: str, way: str = "read") -> tuple[Kind, Kind]:
    return asked.kind(one, way), asked.kind(other)


def _there(asked: Asked, kind: Kind, ident: Any) -> Record | None:
    record = asked.table(kind).records.get(str(ident))
    return record if record is not None and record.archived_at is None else None


def _need(asked: Asked, kind: Kind, ident: Any) -> Record:
    record = _there(asked, kind, ident)
    if record is None:
        raise errors.not_found()
    return record


def _shown(here: Kind, there: Kind, ident: str, types: list[int]) -> dict[str, Any]:
    main = catalogue.ASSOCIATIONS.get((here.name, there.name), (0, None))[1]
    listed = [
        {"category": "HUBSPOT_DEFINED", "typeId": each} | ({"label": "Primary"} if each == main else {})
        for each in types
    ]
    return {"toObjectId": ident, "associationTypes": listed}


def batch_read(asked: Asked, one: str, other: str) -> Answer:
    here, there = _pair(asked, one, other)
    results, problems = [], []
    for sent in asked.batch(READ):
        record = _there(asked, here, sent.get("id"))
        held = asked.world.linked(record, there.name) if record else {}
        if record is None or not held:
            text = f"No {there.name} is associated with {here.name} {sent.get('id')}."
            problem = errors.HubSpotError(404, "OBJECT_NOT_FOUND", text)
            problems.append(problem.in_batch(fromObjectId=[str(sent.get("id"))]))
            continue
        start = int(sent.get("after") or 0)
        part = list(held.items())[start : start + PER_RECORD]
        row: dict[str, Any] = {"from": {"id": record.id}, "to": [_shown(here, there, to, types) for to, types in part]}
        if start + PER_RECORD < len(held):
            row["paging"] = {"next": {"after": str(start + PER_RECORD)}}
        results.append(row)
    return _batch(asked, results, problems)


def of_one(asked: Asked, one: str, ident: str, other: str) -> Answer:
    here, there = _pair(asked, one, other)
    record = _need(asked, here, ident)
    held = list(asked.world.linked(record, there.name).items())
    start, size = int(asked.call.param("after") or 0), asked.size(500, 500)
    body: dict[str, Any] = {"results": [_shown(here, there, *each) for each in held[start : start + size]]}
    if start + size < len(held):
        body["paging"] = {"next": {"after": str(start + size)}}
    return json_answer(body)


def batch_create(asked: Asked, one: str, other: str) -> Answer:
    here, there = _pair(asked, one, other, "write")
    results, problems = [], []
    for sent in asked.batch(CREATE):
        record = _there(asked, here, (sent.get("from") or {}).get("id"))
        to = _there(asked, there, (sent.get("to") or {}).get("id"))
        if record is None or to is None:
            problems.append(errors.not_found().in_batch(toObjectId=[str((sent.get("to") or {}).get("id"))]))
            continue
        if target_of(asked.world, here, sent.get("types") or []).name != there.name:
            raise errors.invalid("The association type does not fit.")
        connect(asked.world, record, to, sent.get("types") or [])
        results.append(_labels(here, there, record.id, to.id))
    return _batch(asked, results, problems, 201)


def batch_default(asked: Asked, one: str, other: str) -> Answer:
    here, there = _pair(asked, one, other, "write")
    results = []
    for sent in asked.batch(CREATE):
        record = _need(asked, here, (sent.get("from") or {}).get("id"))
        to = _need(asked, there, (sent.get("to") or {}).get("id"))
        connect(asked.world, record, to, [])
        results.append(_default(here, there, record, to))
    return _batch(asked, results, [])


def batch_archive(asked: Asked, one: str, other: str) -> Answer:
    here, there = _pair(asked, one, other, "write")
    for sent in asked.batch(CREATE):
        record = asked.table(here).records.get(str((sent.get("from") or {}).get("id")))
        for to in sent.get("to") or []:
            if record is not None:
                asked.world.unlink(record, asked.table(there).records.get(str(to.get("id"))))
    return Answer(204, b"")


def batch_archive_labels(asked: Asked, one: str, other: str) -> Answer:
    here, there = _pair(asked, one, other, "write")
    for sent in asked.batch(CREATE):
        record = _need(asked, here, (sent.get("from") or {}).get("id"))
        held = record.links.get(there.name, {}).get(str((sent.get("to") or {}).get("id")), [])
        for each in sent.get("types") or []:
            if each.get("associationTypeId") in held:
                held.remove(each["associationTypeId"])
        asked.world.save_record(record)
    return Answer(204, b"")


def put_default(asked: Asked, one: str, ident: str, other: str, to: str) -> Answer:
    here, there = _pair(asked, one, other, "write")
    record, target = _need(asked, here, ident), _need(asked, there, to)
    connect(asked.world, record, target, [])
    return _batch(asked, [_default(here, there, record, target)], [])


def put(asked: Asked, one: str, ident: str, other: str, to: str) -> Answer:
    here, there = _pair(asked, one, other, "write")
    record, target = _need(asked, here, ident), _need(asked, there, to)
    connect(asked.world, record, target, asked.body if isinstance(asked.body, list) else [])
    return json_answer(_labels(here, there, record.id, target.id), 201)


def delete(asked: Asked, one: str, ident: str, other: str, to: str) -> Answer:
    here, there = _pair(asked, one, other, "write")
    asked.world.unlink(_need(asked, here, ident), asked.table(there).records.get(to))
    return Answer(204, b"")


def labels(asked: Asked, one: str, other: str) -> Answer:
    from integrations.sandbox.hubspot.world import association

    here, there = _pair(asked, one, other)
    results: list[dict[str, Any]] = [
        {"category": "HUBSPOT_DEFINED", "typeId": association(here.name, there.name)[0], "label": None}
    ]
    main = catalogue.ASSOCIATIONS.get((here.name, there.name), (0, None))[1]
    if main:
        results.insert(0, {"category": "HUBSPOT_DEFINED", "typeId": main, "label": "Primary"})
    return json_answer({"results": results})


def _labels(here: Kind, there: Kind, one: str, other: str) -> dict[str, Any]:
    return {
        "fromObjectTypeId": here.type_id,
        "fromObjectId": one,
        "toObjectTypeId": there.type_id,
        "toObjectId": other,
        "labels": [],
    }


def _default(here: Kind, there: Kind, record: Record, to: Record) -> dict[str, Any]:
    from integrations.sandbox.hubspot.world import association

    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": association(here.name, there.name)[0]}
    return {"from": {"id": record.id}, "to": {"id": to.id}, "associationSpec": spec}


def _batch(asked: Asked, results: list[Any], problems: list[Any], status: int = 200) -> Answer:
    now = iso(asked.world.now())
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if problems:
        return json_answer(body | {"numErrors": len(problems), "errors": problems}, 207)
    return json_answer(body, status)
