"""Notion's official OpenAPI document as a judge of requests and answers.

    spec.check_request("POST", "/v1/pages", body)
    spec.check_response("GET", "/v1/users/me", 200, body)

Both raise SpecError. The document is not part of the repository: without it AVAILABLE is False, checks do nothing, and
`header()` says so at the top of the test output. `watched_client()` checks what passes through an httpx client.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import jsonschema
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.sandbox import fitting

PATH = Path(__file__).resolve().parents[3] / "shared" / "specs" / "notion.json"
AVAILABLE = PATH.exists()
VERSION = "2026-03-11"  # the version that the document describes
_URN = "urn:notion"
# Later than this copy of the document, but live (see its SOURCES): not looked at in requests.
_NEWER = {("POST", "/v1/data_sources/{data_source_id}/query"): ["is_archived"]}
_OAUTH = "/v1/oauth/"


class SpecError(AssertionError):
    """Not as the official description has it."""


def header() -> str:
    if AVAILABLE:
        return "notion spec: every answer of the sandbox is checked against the official OpenAPI document"
    return (
        f"notion spec: NOT AVAILABLE ({PATH.name} not found) - answers are NOT checked against the official description"
    )


def check_request(method: str, path: str, body: Any) -> None:
    if not AVAILABLE:
        return
    template = _template(path)
    if not isinstance(body, dict):
        return
    newer = _NEWER.get((method, template), [])
    told = {key: value for key, value in body.items() if key not in newer}
    if template == "/v1/search" and "filter" in told:
        told["filter"] = {key: value for key, value in told["filter"].items() if key != "in_trash"} or None
        told = {key: value for key, value in told.items() if value is not None}
    where = ["paths", template, method.lower(), "requestBody", "content", "application/json", "schema"]
    _judge("request", where, told, f"{method} {template} request")


def check_response(method: str, path: str, status: int, body: Any) -> None:
    if not AVAILABLE:
        return
    template = _template(path)
    if status >= 400 and template.startswith(_OAUTH):
        # The document says code and message; the live service answers error and request_id.
        if not isinstance(body.get("error"), str) or "request_id" not in body:
            raise SpecError(f"{method} {template} {status}: not an OAuth error: {body}")
        return
    if str(status) not in _document("response")["paths"][template][method.lower()]["responses"]:
        if body.get("object") != "error" or body.get("status") != status:
            raise SpecError(f"{method} {template} {status}: not a Notion error: {body}")
        return
    where = ["paths", template, method.lower(), "responses", str(status), "content", "application/json", "schema"]
    _judge("response", where, body, f"{method} {template} {status}")


def check_event(event: dict[str, Any]) -> None:
    """A webhook delivery, by its type: `page.properties_updated` is pagePropertiesUpdatedWebhookPayload."""
    if not AVAILABLE:
        return
    first, *rest = re.split(r"[._]", event["type"])
    name = first + "".join(word.capitalize() for word in rest) + "WebhookPayload"
    if name not in _document("response")["components"]["schemas"]:
        raise SpecError(f"{event['type']} is not an event of the official description")
    _judge("response", ["components", "schemas", name], event, f"event {event['type']}")


def watched_client(**options: Any) -> httpx.Client:
    """For `notion_client.Client(client=...)`: whatever was accepted must be right, and so must every answer."""

    def watch(response: httpx.Response) -> None:
        response.read()
        request = response.request
        path = "/v1/" + request.url.raw_path.decode().partition("/v1/")[2]  # property ids stay encoded
        if "json" not in response.headers.get("content-type", ""):
            return
        is_described = request.headers.get("Notion-Version", VERSION) == VERSION
        if response.status_code < 400 and request.content and is_described:
            check_request(request.method, path, json.loads(request.content))
        check_response(request.method, path, response.status_code, response.json())

    plain = httpx.HTTPTransport(verify=False)  # reads no certificates
    return httpx.Client(event_hooks={"response": [watch]}, transport=plain, **options)


def _judge(side: str, where: list[str], value: Any, what: str) -> None:
    if _fits(side, *where)(value):
        return
    validator = _validator(side, *where)
    if validator.is_valid(value):
        return
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    at = "/".join(str(part) for part in error.absolute_path)
    raise SpecError(f"{what}, at {at or 'top'}: {error.message[:600]}")


def _template(path: str) -> str:
    bare = path.split("?")[0]
    for template, pattern in _patterns():
        if pattern.fullmatch(bare):
            return template
    raise SpecError(f"{path} is not in the official description")


@functools.cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    templates = sorted(_document("response")["paths"], key=lambda template: template.count("{"))
    return [(template, re.compile(re.sub(r"\{\w+\}", "[^/]+", template))) for template in templates]


@functools.cache
def _fits(side: str, *where: str) -> fitting.Fits:
    return fitting.checker(_at(side, *where), lambda reference: _at(side, *_steps(reference)), _made(side))


@functools.cache
def _made(side: str) -> dict[int, fitting.Fits]:
    return {}


def _at(side: str, *where: str) -> Any:
    return functools.reduce(lambda node, name: node[name], where, _document(side))


def _steps(reference: str) -> list[str]:
    pointer = reference.removeprefix(f"{_URN}#/")
    return [name.replace("~1", "/").replace("~0", "~") for name in unquote(pointer).split("/")]


@functools.cache
def _validator(side: str, *where: str) -> Draft202012Validator:
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in where)
    return _Validator({"$ref": f"{_URN}#/{pointer}"}, registry=_registry(side))


def _any_of(validator: Draft202012Validator, choices: list[Any], value: Any, _: Any) -> Iterator[Any]:
    """anyOf, passing over the branches that are meant for another `type`: most lists here have twenty of them."""
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str):
        fitting = [choice for choice in choices if _type_const(validator, choice) in (None, kind)]
        choices = fitting or choices
    problems = []
    for number, choice in enumerate(choices):
        found = list(validator.descend(value, choice, schema_path=number))
        if not found:
            return
        problems.extend(found)
    yield jsonschema.ValidationError(f"{value!r} is not valid under any of the given schemas", context=problems)


_consts: dict[int, str | None] = {}


def _type_const(validator: Draft202012Validator, schema: Any) -> str | None:
    """The one value of `type` that a schema allows, through references and allOf; None if it says nothing."""
    if id(schema) not in _consts:
        _consts[id(schema)] = _find_const(validator, schema)
    return _consts[id(schema)]


def _find_const(validator: Draft202012Validator, schema: Any) -> str | None:
    if "$ref" in schema:
        return _type_const(validator, validator._resolver.lookup(schema["$ref"]).contents)
    if "allOf" in schema:
        return next((found for part in schema["allOf"] if (found := _type_const(validator, part))), None)
    return schema.get("properties", {}).get("type", {}).get("const")


_Validator = jsonschema.validators.extend(Draft202012Validator, {"anyOf": _any_of})


@functools.cache
def _registry(side: str) -> Registry[Any]:
    resource = Resource(contents=_document(side), specification=DRAFT202012)
    return Registry().with_resource(_URN, resource)


@functools.cache
def _document(side: str) -> dict[str, Any]:
    """The document loosened: in answers no key is too many; in requests only where allOf makes that impossible."""
    document = json.loads(PATH.read_text())
    merged = _merged_names(document)
    schemas = document["components"]["schemas"]
    for name in schemas:
        schemas[name] = _loosen(schemas[name], side == "response" or name in merged)
    document["paths"] = _loosen(document["paths"], side == "response")
    return document


def _merged_names(document: dict[str, Any]) -> set[str]:
    """Schemas that some allOf leads to: their additionalProperties:false cannot be meant."""
    found: set[str] = set()

    def visit(node: Any, inside: bool) -> None:
        if isinstance(node, list):
            for each in node:
                visit(each, inside)
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix("#/components/schemas/")
            if inside and name in document["components"]["schemas"] and name not in found:
                found.add(name)
                visit(document["components"]["schemas"][name], True)
            for key, value in node.items():
                if key == "allOf":
                    visit(value, True)
                else:
                    visit(value, inside and key in ("oneOf", "anyOf"))

    visit(document, False)
    return found


def _loosen(node: Any, open_up: bool) -> Any:
    if isinstance(node, list):
        return [_loosen(each, open_up) for each in node]
    if not isinstance(node, dict):
        return node
    made = {}
    for key, value in node.items():
        if key == "additionalProperties" and value is False and open_up:
            continue
        if key == "$ref" and isinstance(value, str):
            made[key] = value.replace("#/", f"{_URN}#/", 1)
        else:
            name = "anyOf" if key == "oneOf" else key
            made[name] = _loosen(value, open_up or key == "allOf")
    return made
