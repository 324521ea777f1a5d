"""Public apps: consent page, code, tokens. A refresh answers the same refresh token; access tokens live half an hour."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from integrations.sandbox.calls import Answer, Call, Routes, html_answer, json_answer, redirect
from integrations.sandbox.hubspot import base

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

CODE_SECONDS, ACCESS_SECONDS = 60, 1800
KEPT = ("redirect_uri", "state", "scope", "optional_scope", "code_challenge", "code_challenge_method")


def routes(world: HubSpotWorld) -> Routes:
    desk = Desk(world)
    made = Routes()
    for path in ("/oauth/authorize", "/oauth/{portal}/authorize"):
        made.add("GET", path, desk.ask)
        made.add("POST", path, desk.decide)
    for version in ("v3", "2026-03"):
        made.add("POST", f"/oauth/{version}/token", desk.token)
        made.add("POST", f"/oauth/{version}/token/introspect", desk.introspect)
        made.add("POST", f"/oauth/{version}/token/revoke", desk.revoke)
    made.add("GET", "/oauth/v1/access-tokens/{token}", desk.access_token)
    return made


class Desk:
    def __init__(self, world: HubSpotWorld) -> None:
        self.world = world

    # The person's side

    def ask(self, call: Call, portal: str = "") -> Answer:
        params = dict(call.query)
        if params.get("client_id") != base.CLIENT_ID:
            return html_answer("<h1>Authorization failed because no app with this client id exists.</h1>", 400)
        target = params.get("redirect_uri", "")
        if not target.startswith(("https://", "http://localhost", "http://127.0.0.1")):
            return html_answer("<h1>Authorization failed because the redirect URL does not match.</h1>", 400)
        if not params.get("scope"):
            return html_answer("<h1>Authorization failed because there are no scopes.</h1>", 400)
        return html_answer(_consent(self.world, params))

    def decide(self, call: Call, portal: str = "") -> Answer:
        form = _form(call)
        state = {"state": form["state"]} if form.get("state") else {}
        target = form.get("redirect_uri", "")
        if form.get("decision") != "allow":
            refused = {"error": "access_denied", "error_description": "the user denied the request"}
            return redirect(_with_query(target, refused | state))
        owner = self.world.owners[form["owner"]]
        code = {
            "code": f"eu1-{secrets.token_hex(16)}",
            "redirect_uri": target,
            "portal": owner.portal,
            "user": owner.email,
            "scopes": [*form.get("scope", "").split(), *form.get("optional_scope", "").split()],
            "challenge": form.get("code_challenge", ""),
            "at": self.world.now(),
            "used": False,
        }
        self.world.save_code(code)
        return redirect(_with_query(target, {"code": code["code"]} | state))

    # The client's side

    def token(self, call: Call) -> Answer:
        form = _form(call)
        if refused := _wrong_client(form):
            return refused
        match form.get("grant_type"):
            case "authorization_code":
                return self._from_code(form)
            case "refresh_token":
                return self._from_refresh(form)
        return _refused("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type")

    def _from_code(self, form: dict[str, str]) -> Answer:
        code = self.world.codes.get(form.get("code", ""))
        if code is None or code["used"] or self.world.now() - code["at"] > CODE_SECONDS * 1000:
            return _refused("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code")
        if form.get("redirect_uri") != code["redirect_uri"]:
            return _refused("invalid_grant", "BAD_REDIRECT_URI", "redirect_uri mismatch")
        if code["challenge"] and _challenge(form.get("code_verifier", "")) != code["challenge"]:
            return _refused("invalid_grant", "BAD_CODE_VERIFIER", "code verifier mismatch")
        self.world.save_code(code | {"used": True})
        return self._issue(code["portal"], code["user"], code["scopes"], f"eu1-{secrets.token_hex(16)}", [])

    def _from_refresh(self, form: dict[str, str]) -> Answer:
        wanted = form.get("refresh_token")
        known = [doc for doc in self.world.tokens.values() if wanted and doc["refresh"] == wanted]
        if not known or any(doc["revoked"] for doc in known):
            return _refused("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
        last = known[-1]
        return self._issue(last["portal"], last["user"], last["scopes"], str(wanted), last["hidden"])

    def _issue(self, portal: int, user: str, scopes: list[str], refresh: str, hidden: list[str]) -> Answer:
        access = f"CL{secrets.token_urlsafe(225)}"
        expires = self.world.now() + ACCESS_SECONDS * 1000
        self.world.save_token(
            {
                "token": access,
                "portal": portal,
                "name": "Raccord",
                "scopes": scopes,
                "user": user,
                "refresh": refresh,
                "expires": expires,
                "revoked": False,
                "hidden": hidden,
            }
        )
        body = {
            "token_type": "bearer",
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": ACCESS_SECONDS,
            "hub_id": portal,
            "scopes": scopes,
            "token_use": "access_token",
            "user_id": self._user_id(portal, user),
        }
        return json_answer(body)

    def introspect(self, call: Call) -> Answer:
        form = _form(call)
        if refused := _wrong_client(form):
            return refused
        doc = self._known(form.get("token", ""))
        if doc is None:
            return json_answer({"active": False})
        return json_answer(self._told(doc) | {"active": True, "client_id": base.CLIENT_ID, "token_use": "access_token"})

    def access_token(self, call: Call, token: str) -> Answer:
        doc = self._known(token)
        if doc is None:
            return _refused("invalid_grant", "BAD_ACCESS_TOKEN", "access token is invalid or expired", 404)
        return json_answer(self._told(doc))

    def revoke(self, call: Call) -> Answer:
        form = _form(call)
        if refused := _wrong_client(form):
            return refused
        wanted = form.get("token", "")
        for doc in list(self.world.tokens.values()):
            if wanted and wanted in (doc["token"], doc["refresh"]):
                self.world.save_token(doc | {"revoked": True})
        return Answer(204, b"")

    def _known(self, token: str) -> dict[str, Any] | None:
        doc = self.world.tokens.get(token)
        if doc is None or doc["revoked"] or (doc["expires"] is not None and doc["expires"] <= self.world.now()):
            return None
        return doc

    def _told(self, doc: dict[str, Any]) -> dict[str, Any]:
        left = (doc["expires"] - self.world.now()) // 1000 if doc["expires"] is not None else ACCESS_SECONDS
        return {
            "token": doc["token"],
            "token_type": "access",
            "hub_id": doc["portal"],
            "hub_domain": self.world.portals[doc["portal"]].name.lower().replace(" ", "-") + ".example",
            "user": doc["user"],
            "user_id": self._user_id(doc["portal"], doc["user"]),
            "scopes": doc["scopes"],
            "expires_in": left,
            "app_id": base.APP_ID,
            "is_private_distribution": False,
        }

    def _user_id(self, portal: int, email: str) -> int:
        owners = self.world.owners.values()
        return next((o.user_id for o in owners if o.portal == portal and o.email == email), 0)


def _wrong_client(form: dict[str, str]) -> Answer | None:
    if form.get("client_id") != base.CLIENT_ID:
        return _refused("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id")
    if not secrets.compare_digest(form.get("client_secret", "").encode(), base.CLIENT_SECRET.encode()):
        return _refused("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret")
    return None


def _refused(error: str, status: str, description: str, code: int = 400) -> Answer:
    body = {"error": error, "error_description": description, "status": status, "message": description}
    return json_answer(body, code)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _form(call: Call) -> dict[str, str]:
    return {key: found[0] for key, found in parse_qs(call.body.decode(), keep_blank_values=True).items()}


def _with_query(target: str, params: Mapping[str, object]) -> str:
    return f"{target}{'&' if '?' in target else '?'}{urlencode(params)}"


def _consent(world: HubSpotWorld, params: dict[str, str]) -> str:
    kept = "".join(
        f'<input type="hidden" name="{name}" value="{escape(params.get(name, ""), quote=True)}">' for name in KEPT
    )
    people = "".join(
        f'<option value="{owner.id}">{escape(owner.first)} {escape(owner.last)} – '
        f"{escape(world.portals[owner.portal].name)}</option>"
        for owner in world.owners.values()
    )
    wanted = [*params.get("scope", "").split(), *params.get("optional_scope", "").split()]
    listed = "".join(f"<li>{escape(scope)}</li>" for scope in wanted)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>Connect to HubSpot (sandbox)</title><link rel=icon href='data:,'><style>:root{color-scheme:light dark}"
        "body{font:16px/1.5 system-ui;max-width:28rem;margin:10vh auto;padding:0 1rem}"
        "select,button{font:inherit;padding:.4rem .8rem;margin:.6rem .4rem .6rem 0}"
        "button[value=allow]{background:#b45309;color:#fff;border:0;border-radius:.4rem}</style>"
        "<h1>Raccord wants to access HubSpot</h1><p>Sandbox: nothing leaves this computer.</p>"
        f'<form method="post">{kept}<p>As <select name="owner" aria-label="Person">{people}</select></p>'
        f"<p>It asks for:</p><ul>{listed}</ul>"
        '<button name="decision" value="allow">Connect app</button>'
        '<button name="decision" value="cancel">Cancel</button></form></html>'
    )
