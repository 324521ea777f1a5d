"""What other apps show of a record beside it. `crm` knows nobody here; other apps register themselves.

A panel is drawn by a function that answers HTML (with its own template) or nothing; a marker answers HTML for single fields;
an origin namer turns the origins of the change feed ("stream:…") into words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from django.http import HttpRequest
from django.utils.safestring import SafeString

Panel = Callable[[HttpRequest, str, UUID], "SafeString | None"]
Marker = Callable[[HttpRequest, str, UUID], "dict[str, SafeString]"]
OriginNamer = Callable[[set[str]], dict[str, str]]

_panels: list[Panel] = []
_markers: list[Marker] = []
_namers: list[OriginNamer] = []


def register(panel: Panel) -> None:
    if panel not in _panels:
        _panels.append(panel)


def register_marks(marker: Marker) -> None:
    if marker not in _markers:
        _markers.append(marker)


def register_origins(namer: OriginNamer) -> None:
    if namer not in _namers:
        _namers.append(namer)


def render(request: HttpRequest, entity: str, record_id: UUID) -> list[SafeString]:
    drawn = (panel(request, entity, record_id) for panel in _panels)
    return [html for html in drawn if html]


def marks(request: HttpRequest, entity: str, record_id: UUID) -> dict[str, SafeString]:
    """{field: what stands beside its value}."""
    return {name: html for marker in _markers for name, html in marker(request, entity, record_id).items()}


def origin_words(origins: Iterable[str]) -> dict[str, str]:
    """{origin: words}; origins that nobody knows are absent."""
    asked = {origin for origin in origins if origin}
    found: dict[str, str] = {}
    for namer in _namers if asked else []:
        found |= namer(asked)
    return found
