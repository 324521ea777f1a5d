"""Records: list, read, create, change, archive, one at a time and in batches."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from integrations.sandbox.calls import Answer, Routes, json_answer
from integrations.sandbox.clock import iso
from integrations.sandbox.hubspot import errors, values
from integrations.sandbox.hubspot.asked import Asked
from integrations.sandbox.hubspot.catalogue import ASSOCIATIONS
from integrations.sandbox.hubspot.model import Kind, Record

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

HOME = "/crm/v3/objects/{kind}"


def register(routes: Routes) -> None:
    routes.add("GET", HOME, list_page)
    routes.add("POST", HOME, create)
    for name, handler in (
        ("read", batch_read),
        ("create", batch_create),
        ("update", batch_update),
        ("upsert", batch_upsert),
        ("archive", batch_archive),
    ):
        routes.add("POST", f"{HOME}/batch/{name}", handler)
    routes.add("GET", HOME + "/{ident}", retrieve)
    routes.add("PATCH", HOME + "/{ident}", change)
    routes.add("DELETE", HOME + "/{ident}", archive)


# --- reading ------------------------------------------------------------------------------------------------------


def list_page(asked: Asked, kind: str) -> Answer:
    found = asked.kind(kind)
    archived = asked.flag("archived")
    records, more = asked.table(found).after(_place(asked.call.param("after")), asked.size(), archived)
    names, linked = asked.names("properties"), asked.names("associations")
    results = [shown(found, r, names) | _associations(asked, found, r, linked) for r in records]
    body: dict[str, Any] = {"results": results}
    if more:
        after = base64.urlsafe_b64encode(records[-1].id.encode()).decode()
        link = f"{asked.call.base_url}{asked.call.path}?after={after}"
        body["paging"] = {"next": {"after": after, "link": link}}
    return json_answer(body)


def retrieve(asked: Asked, kind: str, ident: str) -> Answer:
    found = asked.kind(kind)
    record = _one(asked, found, ident, asked.call.param("idProperty"), asked.flag("archived"))
    names = asked.names("properties")
    return json_answer(shown(found, record, names) | _associations(asked, found, record, asked.names("associations")))


def batch_read(asked: Asked, kind: str) -> Answer:
    found = asked.kind(kind)
    prop, names = asked.body.get("idProperty"), asked.body.get("properties") or []
    archived = asked.flag("archived")
    if prop and not (known := found.live(prop) and found.props[prop].unique) and prop != "hs_object_id":
        raise errors.invalid(f"Property {prop} is not a unique property: {known}")
    results, missing = {}, []
    for one in asked.batch():
        wanted = str(one.get("id"))
        record = _look(asked, found, wanted, prop, archived)
        if record is None:
            missing.append(wanted)
        else:
            results[record.id] = shown(found, record, names)
    problems = []
    if missing:
        problem = errors.HubSpotError(
            404, "OBJECT_NOT_FOUND", "Could not get some objects, they may be deleted or not exist."
        )
        problems = [problem.in_batch(ids=missing)]  # fmt: skip
    return _batch(asked.world, reversed(results.values()), problems)


# --- writing ------------------------------------------------------------------------------------------------------


def create(asked: Asked, kind: str) -> Answer:
    found = asked.kind(kind, "write")
    record, sent = _create(asked, found, asked.body)
    return json_answer(written(found, record, sent), 201)


def change(asked: Asked, kind: str, ident: str) -> Answer:
    found = asked.kind(kind, "write")
    record = _one(asked, found, ident, asked.call.param("idProperty"), False)
    given = values.read(asked.world, found, asked.body.get("properties"), record)
    asked.world.change(found, record, given, asked.source)
    return json_answer(written(found, record, given))


def archive(asked: Asked, kind: str, ident: str) -> Answer:
    found = asked.kind(kind, "write")
    record = asked.table(found).records.get(ident)
    if record is not None and record.archived_at is None:
        asked.world.set_archived(found, record, True, asked.source)
    return Answer(204, b"")


def batch_create(asked: Asked, kind: str) -> Answer:
    found = asked.kind(kind, "write")

    def one(sent: dict[str, Any]) -> dict[str, Any]:
        record, given = _create(asked, found, sent)
        return written(found, record, given)

    def dry(sent: dict[str, Any]) -> None:
        _check_create(asked, found, sent)

    return _each(asked, one, dry, 201)


def batch_update(asked: Asked, kind: str) -> Answer:
    found = asked.kind(kind, "write")
    named = [(one.get("idProperty"), str(one.get("id"))) for one in asked.batch()]
    if len(set(named)) < len(named):
        raise errors.invalid("Duplicate IDs found in batch input.")
    inputs, missing = [], []
    for sent in asked.batch():
        prop = sent.get("idProperty")
        if prop == "email" or (prop and not found.props[prop].unique):
            raise errors.invalid(f"Unable to perform update/upsert by non-unique {found.type_id} property {prop}")
        record = _look(asked, found, str(sent.get("id")), prop, False)
        if record is None:
            missing.append(sent)
        else:
            inputs.append(sent)

    def one(sent: dict[str, Any]) -> dict[str, Any]:
        record = _one(asked, found, str(sent["id"]), sent.get("idProperty"), False)
        given = values.read(asked.world, found, sent.get("properties"), record)
        asked.world.change(found, record, given, asked.source)
        return written(found, record, given)

    def dry(sent: dict[str, Any]) -> None:
        record = _one(asked, found, str(sent["id"]), sent.get("idProperty"), False)
        values.read(asked.world, found, sent.get("properties"), record)

    problems = [errors.not_found().in_batch(ids=[str(one["id"])], **_trace(one)) for one in missing]
    return _each(asked, one, dry, 200, inputs, problems)


def batch_upsert(asked: Asked, kind: str) -> Answer:
    found = asked.kind(kind, "write")
    for sent in asked.batch():
        prop = found.live(str(sent.get("idProperty")))
        if prop is None or not prop.unique:
            named = sent.get("idProperty")
            raise errors.invalid(f"Unable to perform update/upsert by non-unique {found.type_id} property {named}")

    def split(sent: dict[str, Any]) -> tuple[Record | None, dict[str, Any]]:
        prop = sent["idProperty"]
        record = asked.table(found).by(prop, str(sent.get("id")))
        return record, {prop: str(sent.get("id"))} | (sent.get("properties") or {})

    def one(sent: dict[str, Any]) -> dict[str, Any]:
        record, given = split(sent)
        if record is None:
            record, kept = _create(asked, found, {"properties": given, "associations": []})
            return written(found, record, kept) | {"new": True}
        kept = values.read(asked.world, found, given, record)
        asked.world.change(found, record, kept, asked.source)
        return written(found, record, kept) | {"new": False}

    def dry(sent: dict[str, Any]) -> None:
        record, given = split(sent)
        if record is None:
            _check_create(asked, found, {"properties": given, "associations": []})
        else:
            values.read(asked.world, found, given, record)

    return _each(asked, one, dry, 200)


def batch_archive(asked: Asked, kind: str) -> Answer:
    for one in asked.batch():
        archive(asked, kind, str(one.get("id")))
    return Answer(204, b"")


def _check_create(asked: Asked, kind: Kind, sent: dict[str, Any]) -> dict[str, str]:
    given = values.read(asked.world, kind, sent.get("properties"), None)
    if kind.needs and not any(given.get(name) for name in kind.needs):
        names = ", ".join(kind.needs)
        raise errors.invalid(f"Error creating {kind.name}. Some required properties were not set: one of [{names}].")
    for link in sent.get("associations") or []:
        _linked(asked, kind, link)
    return given


def _create(asked: Asked, kind: Kind, sent: dict[str, Any]) -> tuple[Record, dict[str, str]]:
    from integrations.sandbox.hubspot.associations_api import connect

    given = _check_create(asked, kind, sent)
    record = asked.world.create(kind, given, asked.source)
    for link in sent.get("associations") or []:
        connect(asked.world, record, _linked(asked, kind, link), link.get("types") or [])
    return record, given


def _linked(asked: Asked, kind: Kind, link: dict[str, Any]) -> Record:
    """The other record; which type it is of, the association type says."""
    from integrations.sandbox.hubspot.associations_api import target_of

    other_kind = target_of(asked.world, kind, link.get("types") or [])
    other = asked.world.table(other_kind).records.get(str((link.get("to") or {}).get("id")))
    if other is None or other.archived_at is not None:
        raise errors.HubSpotError(404, "OBJECT_NOT_FOUND", f"No {other_kind.name} with such an id to associate with.")
    return other


def _each(
    asked: Asked,
    one: Callable[[dict[str, Any]], dict[str, Any]],
    dry: Callable[[dict[str, Any]], None],
    status: int,
    inputs: list[dict[str, Any]] | None = None,
    problems: list[dict[str, Any]] | None = None,
) -> Answer:
    """With a trace id on every input the good ones go through; without, the first bad one stops all (recorded)."""
    inputs, problems = asked.batch() if inputs is None else inputs, list(problems or [])
    traced = all(sent.get("objectWriteTraceId") for sent in asked.inputs)
    if not traced:
        for sent in inputs:
            dry(sent)
    results = []
    for sent in inputs:
        try:
            results.append(one(sent) | _shown_trace(sent))
        except errors.HubSpotError as error:
            if not traced:
                raise
            problems.append(error.in_batch(**_trace(sent)))
    return _batch(asked.world, reversed(results), problems, status)


def _trace(sent: dict[str, Any]) -> dict[str, list[str]]:
    return {"objectWriteTraceId": [str(sent["objectWriteTraceId"])]} if sent.get("objectWriteTraceId") else {}


def _shown_trace(sent: dict[str, Any]) -> dict[str, str]:
    return {"objectWriteTraceId": str(sent["objectWriteTraceId"])} if sent.get("objectWriteTraceId") else {}


def _batch(world: HubSpotWorld, results: Iterable[Any], problems: list[dict[str, Any]], status: int = 200) -> Answer:
    """Results come in another order than they were asked for."""
    now = iso(world.now())
    body = {"status": "COMPLETE", "results": list(results), "startedAt": now, "completedAt": now}
    if problems:
        return json_answer(body | {"numErrors": len(problems), "errors": problems}, 207)
    return json_answer(body, status)


# --- what is shown ------------------------------------------------------------------------------------------------


def shown(kind: Kind, record: Record, names: Iterable[str], held: dict[str, str] | None = None) -> dict[str, Any]:
    """Unknown and archived names are dropped without a word; what was never set is null."""
    told = held if held is not None else record.values
    wanted = [*(list(names) or kind.defaults), kind.created, kind.modified, "hs_object_id"]
    modified = values.moment(told[kind.modified]) or 0
    body = {
        "id": record.id,
        "properties": {name: told.get(name) for name in wanted if kind.live(name)},
        "createdAt": iso(record.created),
        "updatedAt": iso(modified),
        "archived": record.archived_at is not None,
        "url": f"https://app.hubspot.com/contacts/{record.portal}/record/{kind.type_id}/{record.id}",
    }
    if record.archived_at is not None:
        body["archivedAt"] = iso(record.archived_at)
    return body


def written(kind: Kind, record: Record, sent: Iterable[str]) -> dict[str, Any]:
    """What was sent and what HubSpot keeps itself; not the whole record (recorded)."""
    system = [prop.name for prop in kind.props.values() if prop.read_only and prop.name in record.values]
    return shown(kind, record, [*sent, *system])


def _associations(asked: Asked, kind: Kind, record: Record, wanted: list[str]) -> dict[str, Any]:
    body = {}
    for name in wanted:
        other = asked.kind(name)
        held = asked.world.linked(record, other.name)
        if not held:
            continue
        main = ASSOCIATIONS.get((kind.name, other.name), (0, None))[1]
        plain = f"{kind.singular}_to_{other.singular}".lower()
        results = [{"id": ident, "type": plain} for ident, types in held.items() if main in types]
        results += [{"id": ident, "type": f"{plain}_unlabeled" if main else plain} for ident in held]
        body[other.name] = {"results": results}
    return {"associations": body} if body else {}


def _one(asked: Asked, kind: Kind, ident: str, prop: str | None, archived: bool) -> Record:
    record = _look(asked, kind, ident, prop, archived)
    if record is None:
        raise errors.not_found()
    return record


def _look(asked: Asked, kind: Kind, ident: str, prop: str | None, archived: bool) -> Record | None:
    table = asked.table(kind)
    record = table.by(prop, ident) if prop and prop != "hs_object_id" else table.records.get(ident)
    return record if record is not None and (record.archived_at is not None) == archived else None


def _place(after: str | None) -> str:
    if not after:
        return ""
    try:
        ident = base64.urlsafe_b64decode(after.encode()).decode()
    except (binascii.Error, UnicodeDecodeError):
        ident = after
    if not ident.isdecimal():
        raise errors.invalid(f"The after parameter is invalid: {after}")
    return ident
