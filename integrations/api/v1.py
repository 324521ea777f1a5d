"""The REST API: version 1 and the short connector endpoints; their parts, their errors, their description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.http import Http404, HttpRequest
from django.urls import URLPattern
from ninja import NinjaAPI, Router
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from integrations.api import (
    connectors,
    describe,
    files,
    forecast,
    inbox,
    integrations,
    lists,
    notifications,
    outgoing,
    plans,
    problems,
    providers,
    records,
    runs,
    streams,
    taking_part,
    team,
    templates,
    usage,
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


def _api(namespace: str, title: str, about: str, routers: Mapping[str, Sequence[Router]], **more: Any) -> Api:
    made = Api(
        title=title,
        version="1",
        description=about,
        urls_namespace=namespace,
        docs_url=None,
        docs_decorator=for_everybody,  # the description holds nothing of the tenant
        renderer=Json(),
        parser=StrictJson(),
        **more,
    )
    for prefix, some in routers.items():
        for router in some:
            made.add_router(prefix, router)
    for kind in (Exception, Http404, HttpError, ValidationError):  # the last three replace handlers that ninja brings
        made.add_exception_handler(kind, problems.answer)  # type: ignore[arg-type]
    return made


api = _api(
    "api-v1",
    "Raccord",
    describe.INTRODUCTION,
    {
        "/providers": [providers.router],
        "/integrations": [integrations.router, templates.router, usage.router],
        "": [
            streams.router,
            forecast.router,
            taking_part.router,
            inbox.router,
            notifications.router,
            files.router,
            lists.router,
            records.router,
            team.router,
        ],
        "/plans": [plans.router],
        "/runs": [runs.router],
        "/webhook-endpoints": [outgoing.router],
    },
)
short = _api(
    "api-connectors",
    "Raccord, short connector endpoints",
    describe.CONNECTORS,
    {"": [connectors.router]},
    openapi_url="/connectors/openapi.json",
)


def urls(of: Api) -> tuple[list[URLPattern], str, str]:
    """The endpoints, each behind the door."""
    found, app_name, namespace = of.urls
    patterns = [pattern for pattern in found if isinstance(pattern, URLPattern)]
    for pattern in patterns:
        if pattern.name != "openapi-json":
            pattern.callback = door(pattern.callback)
    return patterns, app_name, namespace
