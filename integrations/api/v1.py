"""The REST API, version 1: its parts, its errors, its description."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import Http404, HttpRequest
from django.urls import URLPattern
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from integrations.api import (
    describe,
    inbox,
    integrations,
    plans,
    problems,
    providers,
    records,
    runs,
    streams,
    taking_part,
)
from integrations.api.door import door
from tenants.middleware import for_everybody


class Json(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data, option=orjson.OPT_UTC_Z)


class StrictJson(Parser):
    """Refuses what is JSON to Python alone: NaN, half a surrogate pair."""

    def parse_body(self, request: HttpRequest) -> Any:
        return orjson.loads(request.body)


class Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **place: Any) -> Any:
        return describe.finished(super().get_openapi_schema(**place))


api = Api(
    title="Raccord",
    version="1",
    description=describe.INTRODUCTION,
    urls_namespace="api-v1",
    docs_url=None,
    docs_decorator=for_everybody,  # the description holds nothing of the tenant
    renderer=Json(),
    parser=StrictJson(),
)
api.add_router("/providers", providers.router)
api.add_router("/integrations", integrations.router)
api.add_router("", streams.router)
api.add_router("", taking_part.router)
api.add_router("/plans", plans.router)
api.add_router("/runs", runs.router)
api.add_router("", inbox.router)
api.add_router("", records.router)
for kind in (Exception, Http404, HttpError, ValidationError):  # the last three replace handlers that ninja brings
    api.add_exception_handler(kind, problems.answer)  # type: ignore[arg-type]


def urls() -> tuple[list[URLPattern], str, str]:
    """The endpoints, each behind the door."""
    found, app_name, namespace = api.urls
    patterns = [pattern for pattern in found if isinstance(pattern, URLPattern)]
    for pattern in patterns:
        if pattern.name != "openapi-json":
            pattern.callback = door(pattern.callback)
    return patterns, app_name, namespace
