"""The practice tool's HTTP API, on the public host below /practice/api/.

    GET    /v1/me                                 {"id", "name"}
    GET    /v1/tables                             {"tables": [{"id", "name", "rows", "fields": [{"id", "name", "type", …}]}]}
    POST   /v1/tables                             {"name"}: one of this name that stands there is answered
    GET    /v1/tables/{table}                     one of them
    POST   /v1/tables/{table}/fields              {"name", "type", "options"?, "target"?}
    GET    /v1/tables/{table}/records             ?after=position&whole=1 or ?ids=a,b  {"records", "position", "more"}
    POST   /v1/tables/{table}/records             {"fields", "external_id"?, "new_options"?}, Idempotency-Key
    PATCH  /v1/tables/{table}/records/{id}        {"fields", "deleted"?: false, "new_options"?}, If-Match: version
    DELETE /v1/tables/{table}/records/{id}        into the trash, If-Match: version
    POST   /v1/tables/{table}/hooks               {"url"}: {"id", "secret"}
    GET    /v1/tables/{table}/hooks/{id}          and DELETE

Errors are {"error": {"code", "message", "field"?}}. Authorization: Bearer and the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django_tenants.utils import tenant_context

from practice import faults, hooks, keys, world
from practice.cells import Unacceptable
from practice.models import Event, Key, Row, Table

PAGE_SIZE = 100
MOST_IDS = 200


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.field = status, code, field


@csrf_exempt
def api(request: HttpRequest, path: str) -> HttpResponse:
    scheme, _, plain = request.headers.get("Authorization", "").partition(" ")
    found = keys.find(plain.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        return _refused(Refusal(401, "unauthorized", "This key is not known."))
    tenant, key = found
    with tenant_context(tenant):
        return Call(request, key).answer(path)


class Call:
    """One request: what it asks, what it is answered, and what the page is told of it."""

    def __init__(self, request: HttpRequest, key: Key) -> None:
        self.request, self.key, self.workspace = request, key, key.workspace
        self.facts: dict[str, Any] = {}  # of the event
        self.fault = ""

    def answer(self, path: str) -> HttpResponse:
        try:
            handler, parts = self._route(path)
            self._meet_faults()
            response: HttpResponse = JsonResponse(handler(**parts))
        except Refusal as refusal:
            response = _refused(refusal)
        if self.fault == "lost":  # what a proxy says when the answer got lost on the way
            response = HttpResponse("<h1>Bad gateway</h1>", status=502)
        if "what" in self.facts or self.fault:  # who only looks what tables there are is not worth a line
            world.note(self.workspace, Event.Kind.ASKED, status=response.status_code, fault=self.fault, **self.facts)
        return response

    def _meet_faults(self) -> None:
        number = faults.count(self.workspace)
        if self.key.is_expired:
            self.fault = "expired"
            raise Refusal(401, "unauthorized", "This key has expired.")
        self.fault = faults.met(self.workspace, number)
        if self.fault == "busy":
            raise Refusal(429, "too_many_requests", "Too many requests.")
        if self.fault == "broken":
            raise Refusal(500, "internal_error", "Something broke here.")
        if "slow" in self.workspace.faults:
            self.fault = "slow"
            faults.dawdle()

    # --- account, tables ----------------------------------------------------------------------------------------------

    def me(self) -> Any:
        return {"id": str(self.workspace.pk), "name": self.workspace.name}

    def tables(self) -> Any:
        return {"tables": [_told_table(table) for table in self.workspace.tables.all()]}

    def add_table(self) -> Any:
        name = str(self._body().get("name") or "").strip()
        if not name:
            raise Refusal(422, "invalid_field", "A table needs a name.")
        return _told_table(self._room(lambda: world.add_table(self.workspace, name)))

    def table(self, table: str) -> Any:
        return _told_table(self._table(table))

    def add_field(self, table: str) -> Any:
        body = self._body()
        name, kind = str(body.get("name") or "").strip(), str(body.get("type") or "")
        if not name:
            raise Refusal(422, "invalid_field", "A column needs a name.")
        home = self._table(table)
        options = [str(option) for option in body.get("options") or ()]
        try:
            added = self._room(lambda: world.add_field(home, name, kind, options, str(body.get("target") or "")))
        except ValueError as error:
            raise Refusal(422, "invalid_field", f"There is no type “{kind}”.") from error
        return _told_table(added)

    # --- reading ------------------------------------------------------------------------------------------------------

    def records(self, table: str) -> Any:
        home = self._table(table)
        if "ids" in self.request.GET:
            self.facts["what"] = "look"
            wanted = self.request.GET["ids"].split(",")[:MOST_IDS]
            rows, following, position = list(home.rows.filter(ident__in=wanted)), None, 0
        else:
            after = self.request.GET.get("after", "0")
            position = int(after) if after.isdecimal() and len(after) < 18 else 0
            self.facts["what"] = "changes" if self.request.GET.get("whole") != "1" else "list"
            rows, following = world.changes(home, position, self.facts["what"] == "list", PAGE_SIZE)
            position = rows[-1].position if rows else position
        self.facts["count"] = len(rows)
        return {
            "records": [self._told(home, row) for row in rows],
            "position": position,
            "more": following is not None,
        }

    # --- writing ------------------------------------------------------------------------------------------------------

    def create(self, table: str) -> Any:
        home, body = self._table(table), self._body()
        if not (key := self.request.headers.get("Idempotency-Key", "")[:100]):
            raise Refusal(400, "key_missing", "Send an Idempotency-Key.")
        self._about(home, None, body)
        external = str(body["external_id"])[:100] if body.get("external_id") else None
        row, is_new = self._write(
            home,
            lambda: world.make(
                home,
                body.get("fields", {}),
                by=world.RACCORD,
                key=key,
                external_id=external,
                told=self._told,
                **self._how(body),
            ),
        )
        self.facts |= {"row": row.ident, "what": "create" if is_new else "again"}
        if is_new and "lost" in self.workspace.faults:
            self.fault = "lost"
        return row.answer

    def change(self, table: str, ident: str) -> Any:
        home, body = self._table(table), self._body()
        self._about(home, ident, body)
        version = self._version(home, ident)
        back = body.get("deleted") is False
        self.facts["what"] = "restore" if back else "update"
        row = self._write(
            home,
            lambda: world.change(
                home,
                ident,
                body.get("fields", {}),
                by=world.RACCORD,
                version=version,
                back=back,
                **self._how(body),
            ),
        )
        return self._told(home, row)

    def trash(self, table: str, ident: str) -> Any:
        home = self._table(table)
        self._about(home, ident, {})
        version = self._version(home, ident)
        row = self._write(home, lambda: world.remove(home, ident, by=world.RACCORD, version=version))
        return self._told(home, row)

    def _version(self, table: Table, ident: str) -> str:
        """What the caller has read. With the switch on, somebody was faster."""
        version = self.request.headers.get("If-Match", "")
        if version and "stale" in self.workspace.faults and world.nudge(table, ident):
            self.fault = "stale"
        return version

    def _how(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "strict_phones": "phones" in self.workspace.faults,
            "new_options": [str(field) for field in body.get("new_options") or ()],
        }

    def _write(self, table: Table, act: Callable[[], Any]) -> Any:
        try:
            return self._room(act)
        except Unacceptable as error:
            field = table.field(error.field)
            if field is None:
                raise Refusal(422, "unknown_field", str(error), error.field) from error
            if field["type"] == "phone" and "phones" in self.workspace.faults:
                self.fault = "phones"
            raise Refusal(422, "invalid_field", str(error), error.field) from error
        except world.Stale as error:
            raise Refusal(409, "changed_meanwhile", "This row was changed or deleted meanwhile.") from error
        except Row.DoesNotExist as error:
            raise Refusal(404, "unknown_record", "There is no such row.") from error

    def _room(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except world.Full as error:
            raise Refusal(422, "full", f"The practice tool has no room for more {error}.") from error

    # --- hooks --------------------------------------------------------------------------------------------------------

    def add_hook(self, table: str) -> Any:
        url = str(self._body().get("url") or "")
        if not url.startswith(("https://", "http://")) or len(url) > 500:
            raise Refusal(422, "invalid_field", "This is no address.")
        return _told_hook(hooks.subscribe(self._table(table), url))

    def hook(self, table: str, ident: str) -> Any:
        return _told_hook(self._hook(table, ident))

    def end_hook(self, table: str, ident: str) -> Any:
        self._hook(table, ident).delete()
        return {}

    def _hook(self, table: str, ident: str) -> Any:
        try:
            found = self._table(table).hooks.filter(pk=UUID(ident)).first()
        except ValueError:
            found = None
        if found is None:
            raise Refusal(404, "unknown_hook", "There is no such hook.")
        return found

    # --- inside -------------------------------------------------------------------------------------------------------

    def _route(self, path: str) -> tuple[Callable[..., Any], dict[str, str]]:
        for method, pattern, name in ROUTES:
            if method == self.request.method and (match := pattern.fullmatch(path)):
                return getattr(self, name), match.groupdict()
        raise Refusal(404, "unknown_path", "There is nothing here.")

    def _table(self, slug: str) -> Table:
        table = self.workspace.tables.filter(slug=slug).first()
        if table is None:
            raise Refusal(404, "unknown_table", "There is no such table.")
        self.facts["table"] = table.name
        return table

    def _about(self, table: Table, ident: str | None, body: dict[str, Any]) -> None:
        """What the page tells of a write: which row, and which columns were sent."""
        row = table.rows.filter(ident=ident).first() if ident else None
        sent = body.get("fields", {})
        names = [str(field["name"]) for field in table.fields if field["id"] in sent]
        title = (row.values if row else sent).get(table.title) or ""
        self.facts |= {"what": "delete" if not body else "create" if ident is None else "update"}
        self.facts |= {"row": ident or "", "title": str(title), "field": ", ".join(names)}

    def _body(self) -> dict[str, Any]:
        try:
            body = json.loads(self.request.body)
        except ValueError as error:
            raise Refusal(400, "no_json", "The body is no JSON.") from error
        if not isinstance(body, dict) or not isinstance(body.get("fields", {}), dict):
            raise Refusal(400, "bad_body", "The body is not as documented.")
        return body

    def _told(self, table: Table, row: Row) -> dict[str, Any]:
        edited = row.edited_at
        if "coarse" in self.workspace.faults:
            edited = edited.replace(second=0, microsecond=0)
        return {
            "id": row.ident,
            "fields": {
                field["id"]: row.values.get(field["id"], False if field["type"] == "boolean" else None)
                for field in table.fields
            },
            "version": row.version,
            "created_at": row.made_at.isoformat(),
            "edited_at": edited.isoformat(),
            "edited_by": row.edited_by,
            "deleted": row.is_gone,
            "external_id": row.external_id,
        }


_RECORDS = r"/v1/tables/(?P<table>[\w-]+)/records"
_HOOKS = r"/v1/tables/(?P<table>[\w-]+)/hooks"
ROUTES = [
    (method, re.compile(pattern), name)
    for method, pattern, name in (
        ("GET", r"/v1/me", "me"),
        ("GET", r"/v1/tables", "tables"),
        ("POST", r"/v1/tables", "add_table"),
        ("GET", r"/v1/tables/(?P<table>[\w-]+)", "table"),
        ("POST", r"/v1/tables/(?P<table>[\w-]+)/fields", "add_field"),
        ("GET", _RECORDS, "records"),
        ("POST", _RECORDS, "create"),
        ("PATCH", _RECORDS + r"/(?P<ident>\w+)", "change"),
        ("DELETE", _RECORDS + r"/(?P<ident>\w+)", "trash"),
        ("POST", _HOOKS, "add_hook"),
        ("GET", _HOOKS + r"/(?P<ident>[\w-]+)", "hook"),
        ("DELETE", _HOOKS + r"/(?P<ident>[\w-]+)", "end_hook"),
    )
]


def _told_table(table: Table) -> dict[str, Any]:
    rows = table.rows.filter(is_gone=False).count()
    return {"id": table.slug, "name": table.name, "fields": table.fields, "rows": rows}


def _told_hook(hook: Any) -> dict[str, Any]:
    return {"id": str(hook.pk), "secret": hook.secret.open()}


def _refused(refusal: Refusal) -> JsonResponse:
    told = {"code": refusal.code, "message": str(refusal)} | ({"field": refusal.field} if refusal.field else {})
    response = JsonResponse({"error": told}, status=refusal.status)
    if refusal.status == 429:
        response["Retry-After"] = str(faults.RETRY_AFTER)
    return response
