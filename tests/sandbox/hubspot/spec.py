"""HubSpot's official OpenAPI description as a judge of requests and answers.

    spec.check_request("POST", "/crm/v3/objects/contacts/search", body)
    spec.check_response("POST", "/crm/v3/objects/contacts/search", 200, body)

Both raise SpecError. The document is not part of the repository: without it AVAILABLE is False and checks do nothing. In requests
no key may be unknown; in answers none is too many, and values of properties may be null, as HubSpot's guides have it.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.sandbox import fitting

PATH = Path(__file__).resolve().parents[4] / "shared" / "specs" / "hubspot.json"
AVAILABLE = PATH.exists()
_URN = "urn:hubspot"
_MAPS = ("properties", "context")  # {name: value} objects whose description names no keys


class SpecError(AssertionError):
    """Not as the official description has it."""


def header() -> str:
    if AVAILABLE:
        return "hubspot spec: requests and answers are checked against the official OpenAPI document"
    return f"hubspot spec: NOT AVAILABLE ({PATH.name} not found) - nothing is checked against the official description"


def check_request(method: str, path: str, body: Any) -> None:
    if AVAILABLE:
        operation = _operation("request", method, path)
        if operation.get("requestBody") is None:
            raise SpecError(f"{method} {path} takes no body")
        _judge("request", _content(operation["requestBody"]), body, f"{method} {path} request")


def check_query(method: str, path: str, names: set[str]) -> None:
    if AVAILABLE:
        known = {
            one["name"] for one in _operation("request", method, path).get("parameters", []) if one["in"] == "query"
        }
        if names - known:
            raise SpecError(f"{method} {path} takes no {', '.join(sorted(names - known))}")


def check_response(method: str, path: str, status: int, body: Any) -> None:
    if not AVAILABLE:
        return
    found = _operation("response", method, path)["responses"].get(str(status))
    if status >= 400:  # described as "default", without members
        if body.get("status") != "error" or "message" not in body or "category" not in body:
            raise SpecError(f"{method} {path} {status}: not an error of HubSpot: {body}")
    elif found is None:
        raise SpecError(f"{method} {path}: {status} is not among its answers")
    elif schema := _content(found):
        _judge("response", schema, body, f"{method} {path} {status}")
    elif body is not None:
        raise SpecError(f"{method} {path} {status}: there should be nothing: {body}")


def watch_request(request: httpx.Request) -> None:
    path = api_path(request)
    check_query(request.method, path, set(request.url.params))
    if request.content:
        check_request(request.method, path, json.loads(request.content))


def watch_response(response: httpx.Response) -> None:
    response.read()
    body = response.json() if response.content else None
    check_response(response.request.method, api_path(response.request), response.status_code, body)


def api_path(request: httpx.Request) -> str:
    """Behind the sandbox's prefix; the SDK ends one path with a slash that the description does not have."""
    return "/" + request.url.path.partition("/hubspot/")[2].rstrip("/")


def _judge(side: str, schema: dict[str, Any], value: Any, what: str) -> None:
    if fitting.checker(schema, lambda reference: _at(side, reference), _made(side))(value):
        return
    validator = Draft202012Validator(schema, registry=_registry(side))
    if validator.is_valid(value):
        return
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    at = "/".join(str(part) for part in error.absolute_path)
    raise SpecError(f"{what}, at {at or 'top'}: {error.message[:600]}")


@functools.cache
def _made(side: str) -> dict[int, fitting.Fits]:
    return {}


def _at(side: str, reference: str) -> Any:
    steps = reference.removeprefix(f"{_URN}#/").split("/")
    return functools.reduce(lambda node, name: node[name], steps, _document(side))


def _content(told: dict[str, Any]) -> dict[str, Any] | None:
    return next((one["schema"] for one in told.get("content", {}).values()), None)


def _operation(side: str, method: str, path: str) -> dict[str, Any]:
    for template, operations in _document(side)["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in operations:
            return operations[method.lower()]
    raise SpecError(f"{method} {path} is not in the official description")


@functools.cache
def _registry(side: str) -> Registry[Any]:
    return Registry().with_resource(_URN, Resource(contents=_document(side), specification=DRAFT202012))


@functools.cache
def _document(side: str) -> dict[str, Any]:
    return _adapted(json.loads(PATH.read_text()), side == "request")


def _adapted(node: Any, strict: bool) -> Any:
    """OpenAPI 3.0 as JSON Schema: references made absolute, `nullable` spelt out; `strict`: no unknown keys."""
    if isinstance(node, list):
        return [_adapted(each, strict) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _adapted(value, strict) for key, value in node.items() if key not in ("nullable", "format", "example")}
    if isinstance(node.get("$ref"), str):
        made["$ref"] = node["$ref"].replace("#/", f"{_URN}#/", 1)
    if (
        isinstance(node.get("additionalProperties"), dict)
        and node["additionalProperties"].get("type") == "string"
        and not strict
    ):
        made["additionalProperties"] = {"type": ["string", "null"]}
    if strict and node.get("type") == "object" and isinstance(node.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    if node.get("nullable") and isinstance(node.get("type"), str):
        made["type"] = [node["type"], "null"]
    return made
