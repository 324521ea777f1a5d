"""Reading an answer once, whole and not without end."""

from __future__ import annotations

import json
from typing import Any

import httpx
import orjson

_UNSET: Any = object()


class UnreadableError(Exception):
    """An answer that cannot be read: too long (`permanent`), or not the JSON that it should be."""

    def __init__(self, message: str, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Answer(httpx.Response):
    """A response whose body is here, and whose JSON is read once and fast, also when the SDK asks for it."""

    _parsed: Any = _UNSET

    def json(self, **kwargs: Any) -> Any:
        if self._parsed is _UNSET:
            self._parsed = parse(self.content)
        return self._parsed


def read_answer(response: httpx.Response, max_bytes: int, json_due: bool) -> Answer:
    """Raises UnreadableError, or httpx.TransportError when the body breaks off."""
    try:
        body = _read(response, max_bytes)
    except httpx.DecodingError as error:
        raise UnreadableError(str(error)) from error
    finally:
        response.close()
    # The body is decoded now, and a second decoding is what these headers would ask for.
    headers = [
        (name, value)
        for name, value in response.headers.raw
        if name.lower() not in (b"content-encoding", b"content-length", b"transfer-encoding")
    ]
    answer = Answer(response.status_code, headers=headers, content=body, extensions=response.extensions)
    if json_due and body and response.status_code < 300:
        try:
            answer.json()
        except ValueError as error:
            raise UnreadableError(f"{response.status_code} with {len(body)} bytes that are not JSON") from error
    return answer


def _read(response: httpx.Response, max_bytes: int) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > max_bytes:
            raise UnreadableError(f"an answer of more than {max_bytes} bytes", permanent=True)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def parse(body: bytes) -> Any:
    """JSON from bytes. Raises ValueError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # orjson refuses halves of surrogate pairs, which some editors leave behind when they cut text; one such row
        # must not make its whole page unreadable, and no database stores it: it becomes "?".
        value = json.loads(body)
        return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
