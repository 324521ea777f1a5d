"""The hand-edit pages: the tool as a person sees it, plain HTML over `hand.Hand`."""

from __future__ import annotations

from html import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from integrations.sandbox.provider import Room


def index(rooms: list[Room]) -> str:
    links = "".join(f'<li><a href="/{r.provider.slug}/">{escape(r.provider.name)}</a></li>' for r in rooms)
    return f"<!doctype html><title>Sandbox</title><ul>{links}</ul>"


def app(room: Room) -> Starlette:
    async def home(_: Request) -> HTMLResponse:
        return HTMLResponse(room.provider.name)

    return Starlette(routes=[Route("/", home)])
