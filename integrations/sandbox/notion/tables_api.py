"""Databases and data sources: reading, creating, and changing their schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.calls import Answer, Routes, json_answer
from integrations.sandbox.notion import errors, render, schema, values
from integrations.sandbox.notion.asked import Asked
from integrations.sandbox.notion.model import Database, Source, new_id, plain_text

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld


class TablesApi:
    def __init__(self, world: NotionWorld) -> None:
        self.world = world

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/v1/databases/{database}", self.database)
        routes.add("POST", "/v1/databases", self.create_database)
        routes.add("PATCH", "/v1/databases/{database}", self.change_database)
        routes.add("GET", "/v1/data_sources/{source}", self.source)
        routes.add("PATCH", "/v1/data_sources/{source}", self.change_source)
        routes.add("POST", "/v1/data_sources", self.create_source)
        routes.add("GET", "/v1/data_sources/{source}/templates", self.templates)

    def database(self, asked: Asked, database: str) -> Answer:
        asked.need("read")
        return self._database_answer(asked.database(database))

    def create_database(self, asked: Asked) -> Answer:
        asked.need("insert")
        asked.only(
            "parent",
            "title",
            "description",
            "is_inline",
            "initial_data_source",
            "icon",
            "cover",
            "properties",
            "is_locked",
        )
        parent = asked.body.get("parent")
        if not isinstance(parent, dict):
            raise errors.body_invalid("body.parent should be defined, instead was `undefined`.")
        home = asked.page(str(parent["page_id"])).id if "page_id" in parent else None
        # A top-level `properties` is ignored, as the service does since data sources exist.
        config = (asked.body.get("initial_data_source") or {}).get("properties") or {}
        title = _title(asked.body.get("title")) or "Untitled"
        connection = asked.connection
        made, _ = schema.make_database(self.world, connection.workspace, home, title, connection.id, config)
        made.description = _title(asked.body.get("description"))
        self.world.save(made)
        self.world.webhooks.table_changed("database.created", made.id, connection.id)
        return self._database_answer(made)

    def change_database(self, asked: Asked, database: str) -> Answer:
        asked.need("update")
        asked.only("parent", "title", "description", "is_inline", "icon", "cover", "in_trash", "is_locked", "archived")
        found, body = asked.database(database), asked.body
        trash = body.get("in_trash", body.get("archived"))
        if found.trashed and trash is not False:
            raise errors.invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        if "title" in body:
            found.title = _title(body["title"])
        if "description" in body:
            found.description = _title(body["description"])
        found.edited = self.world.now()
        if trash is not None:
            self.world.set_table_trashed(found, bool(trash), asked.connection.id)
        self.world.save(found)
        return self._database_answer(found)

    def source(self, asked: Asked, source: str) -> Answer:
        asked.need("read")
        return self._source_answer(asked.source(source))

    def change_source(self, asked: Asked, source: str) -> Answer:
        asked.need("update")
        asked.only("title", "icon", "properties", "in_trash", "parent", "archived", "description")
        found, body = asked.source(source), asked.body
        trash = body.get("in_trash", body.get("archived"))
        if found.trashed and trash is not False:
            raise errors.invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        if "properties" in body:
            schema.change(self.world, found, body["properties"], asked.connection.id)
        if "title" in body:
            found.title = _title(body["title"])
            schema.schema_changed(self.world, found, asked.connection.id)
        if trash is not None:
            found.trashed = bool(trash)
            schema.schema_changed(self.world, found, asked.connection.id)
        return self._source_answer(found)

    def create_source(self, asked: Asked) -> Answer:
        asked.need("insert")
        asked.only("parent", "properties", "title", "icon")
        parent = asked.body.get("parent") or {}
        database = asked.database(str(parent.get("database_id", "")))
        now, author = self.world.now(), asked.connection.id
        title = _title(asked.body.get("title")) or "Untitled"
        source = Source(new_id(), database.id, title, {}, now, now, author, author)
        database.sources.append(source.id)
        self.world.save(database)
        self.world.save(source)
        config = asked.body.get("properties") or {}
        if not any("title" in given for given in config.values() if isinstance(given, dict)):
            config = {"Name": {"title": {}}} | config
        schema.change(self.world, source, config, author)
        return self._source_answer(source)

    def templates(self, asked: Asked, source: str) -> Answer:
        asked.need("read")
        asked.source(source)
        return json_answer({"templates": [], "has_more": False, "next_cursor": None, "request_id": new_id()})

    def _database_answer(self, database: Database) -> Answer:
        return json_answer(render.database_object(self.world, database) | {"request_id": new_id()})

    def _source_answer(self, source: Source) -> Answer:
        return json_answer(render.source_object(self.world, source) | {"request_id": new_id()})


def _title(runs: Any) -> str:
    if not runs:
        return ""
    values.check_runs("body.title", runs)
    return plain_text(values.read_runs(runs))
