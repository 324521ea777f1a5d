"""The control API, `/_control/{provider}/...`: what tests and the demo do to the sandbox itself. JSON in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integrations.sandbox import faults
from integrations.sandbox.hand import HandError
from integrations.sandbox.provider import Room

Action = Callable[[Room, dict[str, Any]], Any]


def reset(room: Room, _: dict[str, Any]) -> Any:
    room.faults.clear()
    room.log.clear()
    room.clock.shift(0)
    room.limit.set(room.limit.per_window)
    room.world.reset()
    return {"ok": True}


def seed(room: Room, body: dict[str, Any]) -> Any:
    sizes = {key: int(value) for key, value in body.items() if key != "seed"}
    return room.world.seed(str(body.get("seed", "crm")), **sizes)


def set_faults(room: Room, body: Any) -> Any:
    rules = body if isinstance(body, list) else body.get("rules", [body] if "fault" in body else [])
    room.faults.add(rules)
    return room.faults.describe()


def limits(room: Room, body: dict[str, Any]) -> Any:
    room.limit.set(body["requests"])
    return {"requests": room.limit.per_window}


def clock(room: Room, body: dict[str, Any]) -> Any:
    """{"offset": seconds}, {"freeze": ISO time or null} or {"advance": seconds}; {} only reads."""
    if "offset" in body:
        room.clock.shift(body["offset"])
    if "freeze" in body:
        room.clock.freeze(body["freeze"])
    if "advance" in body:
        room.clock.advance(body["advance"])
    return room.clock.describe()


def drop_faults(room: Room, _: dict[str, Any]) -> Any:
    room.faults.clear()
    return []


def drop_log(room: Room, _: dict[str, Any]) -> Any:
    room.log.clear()
    return {"ok": True}


def rows(room: Room, body: dict[str, Any]) -> Any:
    total, found = room.world.hand.rows(
        body["table"],
        int(body.get("offset", 0)),
        int(body.get("limit", 100)),
        str(body.get("search", "")),
        str(body.get("trashed", "")).lower() in ("1", "true"),
    )
    return {"total": total, "rows": [asdict(row) for row in found]}


def _done(_: Any) -> dict[str, bool]:
    return {"ok": True}


_ACTIONS: dict[tuple[str, str], Action] = {
    ("POST", "reset"): reset,
    ("POST", "seed"): seed,
    ("POST", "faults"): set_faults,
    ("GET", "faults"): lambda room, _: room.faults.describe(),
    ("DELETE", "faults"): drop_faults,
    ("GET", "fault_kinds"): lambda room, _: faults.KINDS,
    ("GET", "log"): lambda room, body: room.log.describe(int(body.get("limit", 200))),
    ("DELETE", "log"): drop_log,
    ("POST", "limits"): limits,
    ("POST", "clock"): clock,
    ("GET", "welcome"): lambda room, _: dict(room.world.welcome()),
    ("GET", "tables"): lambda room, _: [asdict(table) for table in room.world.hand.tables()],
    ("GET", "rows"): rows,
    ("GET", "row"): lambda room, b: asdict(room.world.hand.row(b["row"])),
    ("POST", "rows/create"): lambda room, b: asdict(room.world.hand.create_row(b["table"], b["values"])),
    ("POST", "rows/edit"): lambda room, b: asdict(room.world.hand.edit_row(b["row"], b["values"])),
    ("POST", "rows/trash"): lambda room, b: asdict(room.world.hand.trash_row(b["row"])),
    ("POST", "rows/restore"): lambda room, b: asdict(room.world.hand.restore_row(b["row"])),
    ("POST", "rows/delete"): lambda room, b: _done(room.world.hand.delete_row(b["row"])),
    ("POST", "fields/add"): lambda room, b: _done(room.world.hand.add_field(b["table"], b["name"], b["type"])),
    ("POST", "fields/rename"): lambda room, b: _done(
        room.world.hand.rename_field(b["table"], b["name"], b["new_name"])
    ),
    ("POST", "fields/remove"): lambda room, b: _done(room.world.hand.remove_field(b["table"], b["name"])),
    ("POST", "fields/change_type"): lambda room, b: _done(
        room.world.hand.change_field_type(b["table"], b["name"], b["type"])
    ),
    ("POST", "tables/trash"): lambda room, b: _done(room.world.hand.trash_table(b["table"])),
    ("POST", "tables/restore"): lambda room, b: _done(room.world.hand.restore_table(b["table"])),
    ("POST", "tables/share"): lambda room, b: _done(room.world.hand.share_table(b["table"], True, b.get("token"))),
    ("POST", "tables/unshare"): lambda room, b: _done(room.world.hand.share_table(b["table"], False, b.get("token"))),
    ("POST", "tokens/revoke"): lambda room, b: _done(room.world.hand.revoke_token(b["token"])),
}


def _perform(room: Room, method: str, action: str, body: Any) -> tuple[int, Any]:
    known = _ACTIONS.get((method, action))
    try:
        result = known(room, body) if known else room.world.control(action, body)
    except KeyError as error:
        return 404, {"error": f"unknown action or missing key: {error}"}
    except (HandError, ValueError, TypeError) as error:
        return 400, {"error": str(error)}
    room.store.commit()
    return 200, result


def routes(rooms: dict[str, Room]) -> list[BaseRoute]:
    return [Route("/{provider}/{action:path}", _endpoint(rooms), methods=["GET", "POST", "DELETE"])]


def _endpoint(rooms: dict[str, Room]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        room = rooms.get(request.path_params["provider"])
        if room is None:
            return _json(404, {"error": "no such provider"})
        raw = await request.body()
        body = orjson.loads(raw) if raw else dict(request.query_params)
        return _json(*_perform(room, request.method, request.path_params["action"].strip("/"), body))

    return endpoint


def _json(status: int, value: Any) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
