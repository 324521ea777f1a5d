"""The API's page: every call with an example, made from the OpenAPI description. No script, nothing from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integrations.api.problems import CODES
from integrations.api.v1 import api, short
from tenants.middleware import for_everybody


@for_everybody
def page(request: HttpRequest) -> HttpResponse:
    problems = [{"code": code, "status": status, "title": title} for code, (status, title) in sorted(CODES.items())]
    context = {"groups": _groups(), "problems": problems, "host": request.get_host(), "scheme": request.scheme}
    return render(request, "api/docs.html", context)


@cache
def _groups() -> list[dict[str, Any]]:
    """The calls by tag, in the order of the descriptions."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for document in (api.get_openapi_schema(), short.get_openapi_schema()):
        groups |= {tag["name"]: [] for tag in document["tags"]}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                groups[operation["tags"][0]].append(_call(path, method, operation))
    return [{"name": name, "calls": calls} for name, calls in groups.items()]


def _call(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    status, answer = next(iter(operation["responses"].items()))
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "about": operation.get("description", ""),
        "parameters": [p for p in operation["parameters"] if p["in"] == "query"],
        "body": _shown(operation.get("requestBody", {})),
        "status": status,
        "answer": _shown(answer),
    }


def _shown(holder: dict[str, Any]) -> str:
    media = next(iter(holder.get("content", {}).values()), None)
    return "" if media is None else json.dumps(media["example"], indent=2, ensure_ascii=False)
