"""Every answer in these tests is held against the API's own description, and looked through for secrets."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

#: What must never come out, in any answer or log.
SECRETS = ("ntn_sandbox_demo", "ntn_sandbox_other", "ntn_sandbox_readonly", "ntn_no_such_token")
UNSAFE = ("post", "put", "patch", "delete")


@cache
def documents() -> list[dict[str, Any]]:
    """Version 1, and the short connector endpoints."""
    from integrations.api.v1 import api, short

    return [json.loads(json.dumps(one.get_openapi_schema())) for one in (api, short)]


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = [pair for document in documents() for pair in document["paths"].items()]
    return [(path, method, op) for path, methods in paths for method, op in methods.items()]


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    for template, known_method, op in operations():
        # a literal path wins over a pattern: "bulk" is no record's id
        pattern = re.sub(r"\\{\w+\\}", lambda m: ".+" if "collection_id" in m[0] else "[^/]+", re.escape(template))
        if known_method == method.lower() and re.fullmatch(pattern, path.partition("?")[0]):
            return op
    return None


def fits(value: Any, schema: dict[str, Any]) -> None:
    parts = [document["components"]["schemas"] for document in documents()]
    whole = {"components": {"schemas": parts[1] | parts[0]}, **schema}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def check(method: str, path: str, response: Any) -> None:
    """The answer is one that the description announces."""
    text = b"".join(response.streaming_content if response.streaming else [response.content]).decode()
    for secret in SECRETS:
        assert secret not in text, f"{method} {path} tells a secret"
    assert response["X-Request-Id"]
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json", text
        fits(response.json(), {"$ref": "#/components/schemas/Problem"})
        assert response.json()["status"] == response.status_code
        return
    op = operation_of(method, path)
    assert op is not None, f"{method} {path} is not described"
    told = op["responses"][str(response.status_code)]
    if "text/csv" in told.get("content", {}):
        assert response["Content-Type"] == "text/csv"
    elif "content" in told:
        assert response["Content-Type"].startswith("application/json")
        fits(response.json(), told["content"]["application/json"]["schema"])
    else:
        assert text == ""
