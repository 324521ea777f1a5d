"""What Airtable's error answers mean. The types decide, the texts are for people; bodies come in three shapes."""

from __future__ import annotations

from typing import Any

import httpx

from integrations.adapters import errors
from integrations.transport.classify import retry_after

PAUSE_SECONDS = 30.0  # after a 429 everything is refused for so long, and no header says it
UNKNOWN_FIELD = "UNKNOWN_FIELD_NAME"
LOST_PLACE = ("LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "INVALID_OFFSET_VALUE")


class Refused(errors.InvalidRecord):
    """422. `kind`: Airtable's own word for the reason."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


class Hidden(errors.AccessDenied):
    """Forbidden, or not there: Airtable answers the same for both, so whoever asked has to look."""


class NotPermitted(errors.AccessDenied):
    """The role is too low, or only some people may edit this field."""


def read_error(response: httpx.Response) -> errors.AdapterError | None:
    """The transport's hook. None: the status says it all."""
    kind, message = _told(response)
    text = message or kind
    match response.status_code:
        case 401 if text:
            return errors.AuthenticationFailed(text)
        case 403 if kind == "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND":
            return Hidden(text)
        case 403 if kind:
            return NotPermitted(text)
        case 404 if text:
            return errors.NotFound(text)
        case 422:
            return Refused(text or "refused", kind)
        case 429 if kind == "PUBLIC_API_BILLING_LIMIT_EXCEEDED":
            return errors.AccessDenied("the monthly number of calls of this Airtable plan is used up")
        case 429:
            return errors.RateLimited(text, retry_after=retry_after(response, PAUSE_SECONDS))
    return None


def is_read(method: str, path: str) -> bool:
    """Listings are POST, for their formulas are long, and change nothing."""
    return method in ("GET", "HEAD") or (method == "POST" and path.endswith("/listRecords"))


def _told(response: httpx.Response) -> tuple[str, str]:
    """(type, message), "" where there is none."""
    try:
        body: Any = response.json()
    except ValueError:  # a proxy's HTML
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    many = body.get("errors")
    error = many[0] if isinstance(many, list) and many else body.get("error")
    if isinstance(error, dict):
        return str(error.get("type") or error.get("error") or ""), str(error.get("message") or "")
    return str(error or ""), str(body.get("error_description") or "")
