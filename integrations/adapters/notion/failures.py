"""What Notion's error answers mean. The codes decide, the texts are for people."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import httpx

from integrations.adapters import errors


class SavedError(errors.OutcomeUnknown):
    """503, but the write was carried out: `resource` is the page to read instead of writing again."""

    def __init__(self, message: str, resource: str) -> None:
        super().__init__(message)
        self.resource = resource


def read_error(response: httpx.Response) -> errors.AdapterError | None:
    """The transport's hook. None: the status says it all."""
    body = _body(response)
    message = str(body.get("message") or body.get("error_description") or body.get("error") or "")
    code, more = body.get("code") or body.get("error"), body.get("additional_data") or {}
    match response.status_code:
        case 400 | 422 if message:
            return errors.InvalidRecord(message)
        case 401 if message:
            return errors.AuthenticationFailed(message)
        case 403 if message:
            return errors.AccessDenied(message)
        case 404 if message:
            return errors.NotFound(message)
        case 409 if code == "conflict_error" and _is_write(response.request):
            return errors.VersionMismatch(message)
        case 429 if more.get("rate_limit_reason") == "public_api_request_blocked":
            return errors.AccessDenied(message or "Notion has blocked this connection")
        case 429 | 529 if "retry-after" not in response.headers and str(more.get("retry_after", "")).isdecimal():
            return errors.RateLimited(message, retry_after=float(more["retry_after"]))
        case 503 if more.get("committed_resource_id"):
            return SavedError(message, str(more["committed_resource_id"]))
    return None


def is_read(method: str, path: str) -> bool:
    """Queries and searches are POST and change nothing."""
    return method in ("GET", "HEAD") or (method == "POST" and path.endswith(("/query", "/search")))


def field_named(message: str, sent: Collection[str]) -> str | None:
    """The field that a refusal is about, where its JSON path says so plainly; or the only one that was sent."""
    found: set[str] = set(re.findall(r"body\.properties\.([^\s.\[]+)", message)) & set(sent)
    if len(found) == 1:
        return found.pop()
    return next(iter(sent)) if len(sent) == 1 else None


def _is_write(request: httpx.Request) -> bool:
    return not is_read(request.method, request.url.path)


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:  # a proxy's HTML
        return {}
    return body if isinstance(body, dict) else {}
