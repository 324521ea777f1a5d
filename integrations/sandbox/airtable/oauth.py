"""OAuth with PKCE: consent page, code, and pairs of tokens that rotate at every refresh."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from integrations.sandbox.airtable import base as furniture
from integrations.sandbox.calls import Answer, Call, Routes, html_answer, json_answer, redirect

if TYPE_CHECKING:
    from integrations.sandbox.airtable.world import AirtableWorld

CODE_SECONDS = 600
TOKEN_SECONDS = 3600
GRANT_SECONDS = 60 * 24 * 3600
SAME_MOMENT_SECONDS = 10  # a second refresh with the same token within them is told to wait
CLIENTS: dict[str, str] = {furniture.CLIENT_ID: furniture.CLIENT_SECRET, furniture.PUBLIC_CLIENT_ID: ""}
KEPT = ("client_id", "redirect_uri", "state", "scope", "code_challenge")


def routes(world: AirtableWorld) -> Routes:
    desk = Desk(world)
    made = Routes()
    made.add("GET", "/oauth2/v1/authorize", desk.ask)
    made.add("POST", "/oauth2/v1/authorize", desk.decide)
    made.add("POST", "/oauth2/v1/token", desk.token)
    return made


class Desk:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world

    # The person's side

    def ask(self, call: Call) -> Answer:
        params = dict(call.query)
        wrong = _what_is_wrong(params)
        if wrong:
            return html_answer(f"<h1>This integration is not set up correctly</h1><p>{escape(wrong)}</p>", 400)
        return html_answer(_consent(self.world, params))

    def decide(self, call: Call) -> Answer:
        form = _form(call)
        if wrong := _what_is_wrong(form | {"response_type": "code", "code_challenge_method": "S256"}):
            return html_answer(f"<p>{escape(wrong)}</p>", 400)
        state, target = {"state": form["state"]}, form["redirect_uri"]
        if form.get("decision") != "allow":
            denied = {"error": "access_denied", "error_description": "The user denied the request"}
            return redirect(_with_query(target, denied | state))
        shared = {key.removeprefix("base-") for key in form if key.startswith("base-")}
        code = {
            "code": secrets.token_hex(24),
            "user": form.get("user") or next(iter(self.world.users)),
            "hidden": [ident for ident in self.world.bases if ident not in shared],
            "at": self.world.now(),
            "used": False,
        } | {name: form[name] for name in KEPT}
        self.world.save_code(code)
        return redirect(_with_query(target, {"code": code["code"]} | state))

    # The client's side

    def token(self, call: Call) -> Answer:
        form = _form(call)
        client = _client(call, form)
        if client is None:
            return _refused(401, "invalid_client", "Unknown client, or wrong secret")
        match form.get("grant_type"):
            case "authorization_code":
                return self._from_code(client, form)
            case "refresh_token":
                return self._from_refresh(client, form)
        return _refused(400, "unsupported_grant_type")

    def _from_code(self, client: str, form: dict[str, str]) -> Answer:
        code = self.world.codes.get(form.get("code", ""))
        if code is None or code["used"]:
            return _refused(400, "invalid_grant", "The code is unknown or used")
        self.world.save_code(code | {"used": True})  # also when this very request fails
        verifier = form.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        good = (
            code["client_id"] == client
            and form.get("redirect_uri") == code["redirect_uri"]
            and self.world.now() - code["at"] <= CODE_SECONDS * 1000
            and 43 <= len(verifier) <= 128
            and challenge == code["code_challenge"]
        )
        if not good:
            return _refused(400, "invalid_grant", "The code does not belong to this request")
        return self._pair(client, code["user"], code["scope"], code["hidden"])

    def _from_refresh(self, client: str, form: dict[str, str]) -> Answer:
        wanted, now = form.get("refresh_token"), self.world.now()
        found = next((doc for doc in self.world.tokens.values() if wanted and doc.get("refresh") == wanted), None)
        if found is None or found["client"] != client:
            return _refused(400, "invalid_grant", "The refresh token is unknown")
        if found["refreshed"] is not None and now - found["refreshed"] < SAME_MOMENT_SECONDS * 1000:
            return _refused(409, "invalid_request", "The same refresh token was used a moment ago")
        if found["revoked"] or now > found["at"] + GRANT_SECONDS * 1000:
            return _refused(400, "invalid_grant", "The refresh token is used, expired or revoked")
        self.world.save_token(found | {"revoked": True, "refreshed": now})
        return self._pair(client, found["user"], " ".join(found["scopes"]), found["hidden"])

    def _pair(self, client: str, user: str, scope: str, hidden: list[str]) -> Answer:
        access, refresh = f"oaa{secrets.token_hex(20)}", f"oar{secrets.token_hex(20)}"
        now = self.world.now()
        furniture.add_token(
            self.world,
            access,
            user=user,
            scopes=scope.split(),
            hidden=hidden,
            client=client,
            refresh=refresh,
            refreshed=None,
            expires=now + TOKEN_SECONDS * 1000,
        )
        body = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "scope": scope}
        return json_answer(body | {"expires_in": TOKEN_SECONDS, "refresh_expires_in": GRANT_SECONDS})


def _what_is_wrong(params: Mapping[str, str]) -> str:
    scopes = params.get("scope", "").split(" ")
    parts = urlsplit(params.get("redirect_uri", ""))
    near = parts.hostname in ("localhost", "127.0.0.1") or (parts.hostname or "").endswith(".localhost")
    checks = {
        "client_id": params.get("client_id") in CLIENTS,
        "redirect_uri": parts.scheme == "https" or (parts.scheme == "http" and near),
        "response_type": params.get("response_type") == "code",
        "scope": set(scopes) <= set(furniture.SCOPES) and len(set(scopes)) == len(scopes),
        "state": 16 <= len(params.get("state", "")) <= 1024,
        "code_challenge": re.fullmatch(r"[A-Za-z0-9_-]{43}", params.get("code_challenge", "")) is not None,
        "code_challenge_method": params.get("code_challenge_method") == "S256",
    }
    return ", ".join(f"invalid {name}" for name, good in checks.items() if not good)


def _client(call: Call, form: Mapping[str, str]) -> str | None:
    """With a secret the header is required, without one the form names the client and no header may come."""
    scheme, _, given = call.headers.get("authorization", "").partition(" ")
    if not scheme:
        named = form.get("client_id", "")
        return named if CLIENTS.get(named) == "" else None
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    known = CLIENTS.get(name)
    return name if scheme.lower() == "basic" and known and secrets.compare_digest(secret, known) else None


def _form(call: Call) -> dict[str, str]:
    return {key: found[0] for key, found in parse_qs(call.body.decode(), keep_blank_values=True).items()}


def _refused(status: int, error: str, description: str = "") -> Answer:
    return json_answer({"error": error} | ({"error_description": description} if description else {}), status)


def _with_query(target: str, params: Mapping[str, object]) -> str:
    return f"{target}{'&' if '?' in target else '?'}{urlencode(params)}"


def _consent(world: AirtableWorld, params: Mapping[str, str]) -> str:
    kept = "".join(
        f'<input type="hidden" name="{name}" value="{escape(params.get(name, ""), quote=True)}">' for name in KEPT
    )
    people = "".join(f'<option value="{user["id"]}">{escape(user["name"])}</option>' for user in world.users.values())
    boxes = "".join(
        f'<label><input type="checkbox" name="base-{base.id}" checked> {escape(base.name)}</label>'
        for base in world.bases.values()
    )
    scopes = "".join(f"<li>{escape(scope)}</li>" for scope in params.get("scope", "").split())
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>Connect to Airtable (sandbox)</title><link rel=icon href='data:,'><style>:root{color-scheme:light dark}"
        "body{font:16px/1.5 system-ui;max-width:28rem;margin:10vh auto;padding:0 1rem}label{display:block}"
        "select,button{font:inherit;padding:.4rem .8rem;margin:.6rem .4rem .6rem 0}"
        "button[value=allow]{background:#b45309;color:#fff;border:0;border-radius:.4rem}</style>"
        "<h1>Raccord wants to access Airtable</h1><p>Sandbox: nothing leaves this computer.</p>"
        f'<form method="post">{kept}<p>As <select name="user" aria-label="Person">{people}</select></p>'
        f"<ul>{scopes}</ul><fieldset><legend>Bases to share</legend>{boxes or 'No bases yet.'}</fieldset>"
        '<button name="decision" value="allow">Grant access</button>'
        '<button name="decision" value="cancel">Cancel</button></form></html>'
    )
