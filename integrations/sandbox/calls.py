"""One request and its answer, as plain values: what a provider sees of HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Call:
    """A request, path relative to the provider's mount. Header names are lower case."""

    method: str
    path: str
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = ""

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query_string, keep_blank_values=True)

    def param(self, name: str, default: str | None = None) -> str | None:
        return next((value for key, value in self.query if key == name), default)

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, orjson.dumps(value), JSON, headers)


def html_answer(text: str, status: int = 200) -> Answer:
    return Answer(status, text.encode(), "text/html; charset=utf-8")


def redirect(location: str) -> Answer:
    return Answer(302, b"", "text/plain", (("Location", location),))


class Routes:
    """Method and path template to handler; `{name}` takes one path segment, as it was sent (still encoded)."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = []

    def add(self, method: str, template: str, handler: Callable[..., Any]) -> None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        self._routes.append((method, re.compile(pattern), handler))

    def find(self, method: str, path: str) -> tuple[Callable[..., Any], dict[str, str]] | None:
        for verb, pattern, handler in self._routes:
            if verb == method and (match := pattern.fullmatch(path)):
                return handler, match.groupdict()
        return None
