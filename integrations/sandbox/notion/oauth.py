"""Public connections: consent page, code, tokens. Its errors are not Notion error objects (recorded)."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import orjson

from integrations.sandbox.calls import Answer, Call, Routes, html_answer, json_answer, redirect
from integrations.sandbox.notion import base, render
from integrations.sandbox.notion.model import Connection, new_id

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

CODE_SECONDS = 600


def routes(world: NotionWorld) -> Routes:
    desk = Desk(world)
    made = Routes()
    made.add("GET", "/v1/oauth/authorize", desk.ask)
    made.add("POST", "/v1/oauth/authorize", desk.decide)
    made.add("POST", "/v1/oauth/token", desk.token)
    made.add("POST", "/v1/oauth/revoke", desk.revoke)
    made.add("POST", "/v1/oauth/introspect", desk.introspect)
    return made


class Desk:
    def __init__(self, world: NotionWorld) -> None:
        self.world = world

    # The person's side

    def ask(self, call: Call) -> Answer:
        params = dict(call.query)
        if params.get("client_id") != base.CLIENT_ID or params.get("response_type") != "code":
            return html_answer("<h1>This connection is not set up correctly.</h1>", 400)
        if not params.get("redirect_uri", "").startswith(("http://", "https://")):
            return html_answer("<h1>Missing or invalid redirect_uri.</h1>", 400)
        return html_answer(_consent(self.world, params))

    def decide(self, call: Call) -> Answer:
        form = {key: found[0] for key, found in parse_qs(call.body.decode(), keep_blank_values=True).items()}
        state = {"state": form["state"]} if form.get("state") else {}
        target = form.get("redirect_uri", "")
        if form.get("decision") != "allow":
            return redirect(_with_query(target, {"error": "access_denied"} | state))
        user = self.world.users[form["user"]]
        shared = [key.removeprefix("db-") for key in form if key.startswith("db-")]
        mine = [d.id for d in self.world.databases.values() if d.workspace == user.workspace]
        code = {
            "code": f"03{secrets.token_hex(16)}",
            "redirect_uri": target,
            "user": user.id,
            "hidden": [ident for ident in mine if ident not in shared],
            "at": self.world.now(),
            "used": False,
        }
        self._keep_code(code)
        return redirect(_with_query(target, {"code": code["code"]} | state))

    # The client's side

    def token(self, call: Call) -> Answer:
        if not _knows_secret(call):
            return _refused(401, "invalid_client")
        body = _json(call)
        if body is None:
            return _refused(400, "invalid_request", "The body is not JSON.")
        match body.get("grant_type"):
            case "authorization_code":
                return self._from_code(body)
            case "refresh_token":
                return self._from_refresh(body)
        return _refused(400, "unsupported_grant_type")

    def _from_code(self, body: dict[str, Any]) -> Answer:
        code = self.world.codes.get(str(body.get("code")))
        expired = code is not None and self.world.now() - code["at"] > CODE_SECONDS * 1000
        if code is None or code["used"] or expired or body.get("redirect_uri") != code["redirect_uri"]:
            return _refused(400, "invalid_grant", "Invalid code: it is unknown, used, expired or of another client.")
        self._keep_code(code | {"used": True})
        user = self.world.users[code["user"]]
        connection = self._connection(user.id, user.workspace, code["hidden"])
        return self._tokens(connection)

    def _from_refresh(self, body: dict[str, Any]) -> Answer:
        wanted = body.get("refresh_token")
        found = next((doc for doc in self.world.tokens.values() if wanted and doc["refresh"] == wanted), None)
        if found is None or found["refresh_used"] or found["revoked"]:
            return _refused(400, "invalid_grant", "Invalid refresh token.")
        # The old refresh token is dead at once, and the old access token with it: the harder of what is reported.
        self.world.save_token(found | {"refresh_used": True, "revoked": True})
        return self._tokens(self.world.connections[found["connection"]])

    def revoke(self, call: Call) -> Answer:
        if not _knows_secret(call):
            return _refused(401, "invalid_client")
        doc = self.world.tokens.get(str((_json(call) or {}).get("token")))
        if doc is None:
            return _refused(400, "invalid_request", "Unknown token.")
        self.world.save_token(doc | {"revoked": True})
        return json_answer({"request_id": new_id()})

    def introspect(self, call: Call) -> Answer:
        if not _knows_secret(call):
            return _refused(401, "invalid_client")
        doc = self.world.tokens.get(str((_json(call) or {}).get("token")))
        if doc is None or doc["revoked"]:
            return json_answer({"active": False, "request_id": new_id()})
        scope = " ".join(self.world.connections[doc["connection"]].capabilities)
        return json_answer({"active": True, "scope": scope, "iat": doc["at"] // 1000, "request_id": new_id()})

    def _connection(self, user: str, workspace: str, hidden: list[str]) -> Connection:
        """One bot per user: authorizing again changes what it sees."""
        found = next((c for c in self.world.connections.values() if c.owner == user), None)
        if found is None:
            found = Connection(new_id(), workspace, "Raccord", base.INTEGRATION_ID, owner=user)
        found.hidden = hidden
        self.world.save(found)
        return found

    def _tokens(self, connection: Connection) -> Answer:
        access, refresh = f"ntn_{secrets.token_hex(20)}", f"nrt_{secrets.token_hex(20)}"
        self.world.save_token(
            {
                "token": access,
                "connection": connection.id,
                "at": self.world.now(),
                "revoked": False,
                "refresh": refresh,
                "refresh_used": False,
            }
        )
        workspace = self.world.workspaces[connection.workspace]
        owner = self.world.users[connection.owner or ""]
        body = {
            "access_token": access,
            "token_type": "bearer",
            "refresh_token": refresh,
            "bot_id": connection.id,
            "workspace_id": workspace.id,
            "workspace_name": workspace.name,
            "workspace_icon": None,
            "owner": {"type": "user", "user": render.user(owner)},
            "duplicated_template_id": None,
            "request_id": new_id(),
        }
        return json_answer(body)

    def _keep_code(self, code: dict[str, Any]) -> None:
        self.world.codes[code["code"]] = code
        self.world.store.put("code", code["code"], code)


def _refused(status: int, error: str, description: str | None = None) -> Answer:
    body = {"error": error} | ({"error_description": description} if description else {})
    return json_answer(body | {"request_id": new_id()}, status)


def _knows_secret(call: Call) -> bool:
    scheme, _, given = call.headers.get("authorization", "").partition(" ")
    try:
        text = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return scheme.lower() == "basic" and secrets.compare_digest(text.encode(), _secret())


def _secret() -> bytes:
    return f"{base.CLIENT_ID}:{base.CLIENT_SECRET}".encode()


def _json(call: Call) -> dict[str, Any] | None:
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _with_query(target: str, params: Mapping[str, object]) -> str:
    return f"{target}{'&' if '?' in target else '?'}{urlencode(params)}"


def _consent(world: NotionWorld, params: dict[str, str]) -> str:
    kept = "".join(
        f'<input type="hidden" name="{name}" value="{escape(params.get(name, ""), quote=True)}">'
        for name in ("redirect_uri", "state")
    )
    people = "".join(
        f'<option value="{user.id}">{escape(user.name)} – {escape(world.workspaces[user.workspace].name)}</option>'
        for user in world.users.values()
    )
    boxes = "".join(
        f'<label><input type="checkbox" name="db-{database.id}" checked> {escape(database.title)}</label>'
        for database in world.databases.values()
        if not database.trashed
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>Connect to Notion (sandbox)</title><link rel=icon href='data:,'><style>:root{color-scheme:light dark}"
        "body{font:16px/1.5 system-ui;max-width:28rem;margin:10vh auto;padding:0 1rem}label{display:block}"
        "select,button{font:inherit;padding:.4rem .8rem;margin:.6rem .4rem .6rem 0}"
        "button[value=allow]{background:#b45309;color:#fff;border:0;border-radius:.4rem}</style>"
        "<h1>Raccord wants to access Notion</h1><p>Sandbox: nothing leaves this computer.</p>"
        f'<form method="post">{kept}<p>As <select name="user" aria-label="Person">{people}</select></p>'
        f"<fieldset><legend>Pages to share</legend>{boxes or 'No databases yet.'}</fieldset>"
        '<button name="decision" value="allow">Allow access</button>'
        '<button name="decision" value="cancel">Cancel</button></form></html>'
    )
