"""Data source schemas: reading property configurations, and changing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.notion import errors, options
from integrations.sandbox.notion.model import (
    COMPUTED,
    WRITABLE,
    Connection,
    Database,
    Prop,
    Source,
    dashed,
    new_id,
    new_property_id,
)

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

MAX_PROPERTIES = 500
TYPES = frozenset(WRITABLE) | frozenset(COMPUTED)
_CHANGE_KEYS = {"name", "type", "description", "id"}
_TO_TEXT = ("title", "rich_text", "url", "email", "phone_number")


def make_database(
    world: NotionWorld, workspace: str, parent: str | None, title: str, author: str, config: dict[str, Any]
) -> tuple[Database, Source]:
    now = world.now()
    database = Database(new_id(), workspace, title, parent, [], now, now)
    source = Source(new_id(), database.id, title, {}, now, now, author, author)
    database.sources.append(source.id)
    world.save(database)
    world.save(source)
    if not any(_type_of(name, given) == "title" for name, given in config.items()):
        config = {"Name": {"title": {}}} | config
    change(world, source, config, author)
    return database, source


def change(world: NotionWorld, source: Source, body: Any, author: str) -> None:
    """Apply a `properties` body: create, rename, reconfigure, remove (null). All or nothing."""
    if not isinstance(body, dict):
        raise errors.body_invalid("body.properties should be an object.")
    _check_change(source, body)
    actions: dict[str, list[tuple[Prop, str]]] = {"created": [], "updated": [], "deleted": []}
    for name, given in body.items():
        prop = source.prop(name)
        if given is None and prop is not None:
            _remove(world, source, prop)
            actions["deleted"].append((prop, prop.name))
        elif prop is None:
            actions["created"].append((_create(world, source, name, given), name))
        else:
            _alter(world, source, prop, given)
            actions["updated"].append((prop, prop.name))
    schema_changed(world, source, author)
    told = [{"id": p.id, "name": name, "action": word} for word, done in actions.items() for p, name in done]
    world.webhooks.schema_changed(source, told, author)


def schema_changed(world: NotionWorld, source: Source, author: str) -> None:
    source.version += 1
    world.index(source.id).forget_texts()
    source.edited, source.edited_by = world.now(), author
    world.save(source)


def _check_change(source: Source, body: dict[str, Any]) -> None:
    creates = 0
    for name, given in body.items():
        prop = source.prop(name)
        if given is None:
            if prop is None:
                raise errors.invalid(f"Could not find property with name or id: {name}")
            if prop.type == "title":
                raise errors.invalid("Cannot delete or change the type of the title property.")
            continue
        if not isinstance(given, dict):
            raise errors.body_invalid(f"body.properties.{name} should be an object or `null`.")
        kind = _type_of(name, given)
        if prop is None:
            creates += 1
            if kind is None:
                raise errors.invalid(f"Could not find property with name or id: {name}")
            if kind == "title" and any(p.type == "title" for p in source.props.values()):
                raise errors.invalid("Cannot create a second title property.")
        elif kind not in (None, prop.type) and "title" in (kind, prop.type):
            raise errors.invalid("Cannot delete or change the type of the title property.")
        renamed = given.get("name")
        if prop is not None and renamed and (other := source.prop(renamed)) is not None and other is not prop:
            raise errors.invalid(f"Cannot rename to {renamed}: a property of that name exists.")
    if len(source.props) + creates > MAX_PROPERTIES:
        raise errors.invalid(f"A data source can have at most {MAX_PROPERTIES} properties.")


def _type_of(name: str, given: Any) -> str | None:
    found = [key for key in given if key in TYPES] if isinstance(given, dict) else []
    unknown = [key for key in given if key not in TYPES | _CHANGE_KEYS] if isinstance(given, dict) else []
    if unknown or len(found) > 1:
        key = unknown[0] if unknown else found[1]
        raise errors.body_invalid(f"body.properties.{name}.{key} should be not present.")
    if found:
        return found[0]
    return given.get("type") if isinstance(given, dict) and given.get("type") in TYPES else None


def _create(world: NotionWorld, source: Source, name: str, given: dict[str, Any]) -> Prop:
    kind = _type_of(name, given) or ""
    ident = "title" if kind == "title" else new_property_id(source.props)
    prop = Prop(ident, given.get("name") or name, kind, {}, given.get("description"))
    prop.config = _configured(world, source, prop, given.get(kind) or {})
    source.props[prop.id] = prop
    if kind == "relation" and "dual_property" in (given[kind] or {}):
        _create_synced(world, source, prop, given[kind]["dual_property"] or {})
    return prop


def _configured(world: NotionWorld, source: Source, prop: Prop, given: dict[str, Any]) -> dict[str, Any]:
    match prop.type:
        case "select" | "multi_select":
            return {"options": options.replaced(prop, given.get("options", []))}
        case "status":
            asked = given.get("options")
            return options.status_config(options.replaced(prop, asked)) if asked else options.default_status()
        case "number":
            return {"format": given.get("format", "number")}
        case "unique_id":
            return {"prefix": given.get("prefix")}
        case "formula":
            return {"expression": given.get("expression", "")}
        case "relation":
            target = dashed(str(given.get("data_source_id", "")))
            if target not in world.sources:
                raise errors.invalid(f"Could not find data source with ID: {given.get('data_source_id')}.")
            return {"source": target}
        case "rollup":
            return _rollup(world, source, given)
    return {}


def _rollup(world: NotionWorld, source: Source, given: dict[str, Any]) -> dict[str, Any]:
    relation = source.prop(str(given.get("relation_property_id") or given.get("relation_property_name")))
    target = world.sources.get(relation.config.get("source", "")) if relation else None
    looked = target.prop(str(given.get("rollup_property_id") or given.get("rollup_property_name"))) if target else None
    if relation is None or looked is None:
        raise errors.invalid("Could not find the relation or the property of this rollup.")
    return {"function": given.get("function", "count"), "relation": relation.id, "target": looked.id}


def _create_synced(world: NotionWorld, source: Source, prop: Prop, given: dict[str, Any]) -> None:
    target = world.sources[prop.config["source"]]
    name = given.get("synced_property_name") or f"Related to {source.title} ({prop.name})"
    other = Prop(new_property_id(target.props), name, "relation", {"source": source.id, "synced": prop.id})
    target.props[other.id] = other
    prop.config["synced"] = other.id
    if target is not source:
        schema_changed(world, target, source.edited_by)


def _remove(world: NotionWorld, source: Source, prop: Prop) -> None:
    del source.props[prop.id]
    for page in world.pages.values():
        if page.source == source.id and page.values.pop(prop.id, None) is not None:
            world.save(page)
    target = world.sources.get(prop.config.get("source", ""))
    other = target.props.get(prop.config.get("synced", "")) if target else None
    if target is not None and other is not None:
        other.config.pop("synced", None)
        schema_changed(world, target, source.edited_by)


def _alter(world: NotionWorld, source: Source, prop: Prop, given: dict[str, Any]) -> None:
    kind = _type_of(prop.name, given)
    if kind is not None and kind != prop.type:
        change_type(world, source, prop, kind)
    if kind is not None and given.get(kind):
        _reconfigure(world, source, prop, given[kind])
    if given.get("name"):
        prop.name = given["name"]
    if "description" in given:
        prop.description = given["description"]


def _reconfigure(world: NotionWorld, source: Source, prop: Prop, given: dict[str, Any]) -> None:
    if prop.type == "status":
        if "options" in given:
            _add_status_options(prop, given["options"])
        return
    if prop.type in ("select", "multi_select") and "options" in given:
        before = {option["id"] for option in prop.options}
        prop.config["options"] = options.replaced(prop, given["options"])
        _forget_options(world, source, prop, before - {option["id"] for option in prop.options})
    elif prop.type in ("number", "formula", "unique_id"):
        prop.config |= _configured(world, source, prop, given)


def _add_status_options(prop: Prop, asked: list[dict[str, Any]]) -> None:
    """Status options can be added (to To-do), not taken away."""
    for option in asked:
        if options.by_name(prop.options, option.get("name")) is None and options.by_id(prop, option.get("id")) is None:
            made = options.make(option["name"], option.get("color"))
            prop.options.append(made)
            prop.config["groups"][0]["option_ids"].append(made["id"])


def _forget_options(world: NotionWorld, source: Source, prop: Prop, gone: set[str]) -> None:
    for page in world.pages.values() if gone else ():
        value = page.values.get(prop.id) if page.source == source.id else None
        if value is None:
            continue
        if isinstance(value, list):
            page.values[prop.id] = [ident for ident in value if ident not in gone]
        elif value in gone:
            del page.values[prop.id]
        world.save(page)


def change_type(world: NotionWorld, source: Source, prop: Prop, kind: str) -> None:
    """Text kinds keep what they hold; any other change empties the property."""
    keeps = prop.type in _TO_TEXT and kind in _TO_TEXT
    for page in world.pages.values() if not keeps else ():
        if page.source == source.id and page.values.pop(prop.id, None) is not None:
            world.save(page)
    prop.type, prop.config = kind, {}
    prop.config = _configured(world, source, prop, {})


def check_readable(world: NotionWorld, connection: Connection, source: Source | None) -> bool:
    return source is not None and world.sees(connection, source.database)
