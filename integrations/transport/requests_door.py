"""The door for SDKs that stand on `requests`: what their session sends goes through `Transport`, as everything does."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
import requests
from requests.adapters import BaseAdapter

if TYPE_CHECKING:
    from integrations.transport.http import Transport

#: These say what `requests` itself could do with a connection and an answer; both are httpx's here.
DROPPED = ("accept-encoding", "connection", "content-length")


def mount(session: requests.Session, transport: Transport) -> None:
    """Let everything that this session sends go through `transport`, whose errors reach the SDK's caller as they are.

    Nothing of the environment counts: no proxies, and no .netrc, which would replace the SDK's own sign-in.
    """
    session.trust_env = False
    session.adapters.clear()
    door = RequestsDoor(transport)
    for scheme in ("https://", "http://"):
        session.mount(scheme, door)


class RequestsDoor(BaseAdapter):
    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self.transport = transport

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Raises one of `integrations.adapters.errors`; timeouts are the transport's, whatever the SDK asks for."""
        headers = {name: str(value) for name, value in request.headers.items() if name.lower() not in DROPPED}
        body: Any = request.body
        sent = self.transport.client.build_request(str(request.method), str(request.url), headers=headers, content=body)
        return Response(request, self.transport.handle(sent))

    def close(self) -> None:
        """The connections are the transport's."""


class Response(requests.Response):
    """What the transport read, whole; its JSON is read once and fast."""

    def __init__(self, request: requests.PreparedRequest, answer: httpx.Response) -> None:
        super().__init__()
        self.request = request
        self.url = str(request.url)
        self.status_code = answer.status_code
        self.reason = answer.reason_phrase
        self.headers.update(answer.headers)
        self.encoding = answer.encoding or "utf-8"
        self._content = answer.content
        self.raw = io.BytesIO(answer.content)
        self._answer = answer

    def json(self, **kwargs: Any) -> Any:
        return self._answer.json()
