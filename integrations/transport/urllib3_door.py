"""The door for SDKs that stand on `urllib3`: what their pool manager would send goes through `Transport`, as everything does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    import httpx

    from integrations.transport.http import Transport

#: These say what `urllib3` itself could do with a connection and an answer; both are httpx's here.
DROPPED = ("accept-encoding", "connection", "content-length", "transfer-encoding")


class PoolDoor:
    """Takes the place of a `urllib3.PoolManager`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def request(
        self,
        method: str,
        url: str,
        body: bytes | str | None = None,
        fields: Sequence[tuple[str, str]] | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **ignored: Any,
    ) -> Response:
        """Raises one of `integrations.adapters.errors`; timeouts and retries are the transport's, whatever the SDK asks for.

        fields: the query of a GET, HEAD or DELETE; the form of anything else.
        """
        kept = {name: value for name, value in (headers or {}).items() if name.lower() not in DROPPED}
        in_query = method.upper() in ("GET", "HEAD", "DELETE")
        request = self.transport.client.build_request(
            method,
            url,
            headers=kept,
            params=_pairs(fields) if fields and in_query else None,
            data=dict(fields) if fields and not in_query else None,
            content=body,
        )
        return Response(self.transport.client.send(request))

    def clear(self) -> None:
        """The connections are the transport's."""


class Response:
    """What of a `urllib3.HTTPResponse` SDKs use. The body has been read; its JSON is read once and fast."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.reason = answer.reason_phrase
        self.headers = urllib3.HTTPHeaderDict(answer.headers.multi_items())
        self.data = answer.content
        self._answer = answer

    def json(self) -> Any:
        return self._answer.json()

    def getheaders(self) -> urllib3.HTTPHeaderDict:
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return self.headers.get(name, default)

    def release_conn(self) -> None:
        """There is none to be given back."""


def _pairs(fields: Sequence[tuple[str, str]] | Mapping[str, str]) -> list[tuple[str, Any]]:
    """As the SDKs' own urlencode writes them: True as "True"."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return [(name, str(value)) for name, value in pairs]
