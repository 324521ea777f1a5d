"""The OpenAPI description: what ninja derives, and what holds for every call (errors, idempotency, an example of each body)."""

from __future__ import annotations

from typing import Any

from integrations.api.problems import CODES, MEDIA_TYPE

Json = dict[str, Any]

INTRODUCTION = """Everything that the pages do, for programs. Send a bearer token of this tenant (Settings → API tokens, or
`manage.py create_api_token TENANT`); bodies are JSON.

Lists answer `{"items": […], "next": cursor or null}`; send `next` back as `after`. An unsafe call may carry an
`Idempotency-Key`: repeated with the same body within 24 hours it is not carried out again and gets its first answer.
Errors are `application/problem+json` with a stable `code`."""

CONNECTORS = """The endpoints that simple connector clients know, by the provider's name instead of ids. They answer for the
tenant's one integration of that provider; where there are several it is 409 `several_integrations`, and version 1 does it.
Tokens, errors, lists and idempotency keys are those of version 1."""

PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong. `code` is stable, the words are for people.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(CODES)},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "version": {"type": "string", "description": "With `moved`: the record's present version."},
    },
    "examples": [
        {
            "type": "/api/v1/docs#invalid",
            "title": "Some values do not fit",
            "status": 422,
            "detail": "“ada at rossi” is not an e-mail address.",
            "code": "invalid",
            "request_id": "01993f0a-80c3-7d55-9ba1-6e4f9c702d03",
            "errors": [{"field": "email", "detail": "“ada at rossi” is not an e-mail address"}],
        }
    ],
}

IDEMPOTENCY_KEY: Json = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Your own name for this call. Repeated with it, the call is not carried out twice.",
}
UNSAFE = ("post", "put", "patch", "delete")


def finished(document: Any) -> Any:
    """ninja's description, completed in place."""
    schemas = document["components"]["schemas"]
    schemas["Problem"] = PROBLEM
    document["servers"] = [{"url": "/"}]
    document["tags"] = [{"name": tag} for tag in dict.fromkeys(_tags(document))]
    for path in document["paths"].values():
        for method, operation in path.items():
            _complete(operation, method, schemas)
    return document


def example(schema: Json, schemas: Json) -> Any:
    """A value that the schema allows: its own example, else one made of its parts'."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("examples"):
        return _in_order(schema["examples"][0], schema, schemas)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example(next((one for one in schema[key] if one.get("type") != "null"), {}), schemas)
    return _by_type(schema, schemas)


def _in_order(value: Any, schema: Json, schemas: Json) -> Any:
    """The example with its members as the schema lists them; pydantic sorts them by name."""
    if "$ref" in schema:
        return _in_order(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if isinstance(value, list):
        return [_in_order(one, schema.get("items", {}), schemas) for one in value]
    if "anyOf" in schema:
        return _in_order(value, next((one for one in schema["anyOf"] if one.get("type") != "null"), {}), schemas)
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    known = {name: _in_order(value[name], one, schemas) for name, one in schema["properties"].items() if name in value}
    return known | {name: one for name, one in value.items() if name not in known}


def _by_type(schema: Json, schemas: Json) -> Any:
    match schema.get("type"):
        case "object":
            return {name: example(one, schemas) for name, one in schema.get("properties", {}).items()}
        case "array":
            return [example(schema.get("items", {}), schemas)]
        case "string":
            return {"uuid": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10", "date-time": "2026-09-15T09:30:00Z"}.get(
                schema.get("format", ""), "text"
            )
        case "integer":
            return 1
        case "number":
            return 1.5
        case "boolean":
            return False
    return None


def _complete(operation: Json, method: str, schemas: Json) -> None:
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for holder in [*bodies, *operation["responses"].values()]:
        for media in holder.get("content", {}).values():
            if not media["schema"].get("anyOf"):
                media["example"] = example(media["schema"], schemas)
            else:  # an optional body
                media["example"] = example(media["schema"]["anyOf"][0], schemas)
    operation["responses"] = {str(status): told for status, told in operation["responses"].items()} | {
        "default": {
            "description": "What went wrong",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    if method in UNSAFE:
        operation["parameters"] = [*operation["parameters"], IDEMPOTENCY_KEY]
    for parameter in operation["parameters"]:
        if isinstance(parameter.get("examples"), list):  # a map in OpenAPI, a list in JSON Schema
            parameter["example"] = parameter.pop("examples")[0]


def _tags(document: Any) -> list[str]:
    return [tag for path in document["paths"].values() for one in path.values() for tag in one.get("tags", [])]
