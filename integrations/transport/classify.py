"""From an HTTP status to the error that says how one recovers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from integrations.adapters import errors

EXCERPT = 500


def classify(
    response: httpx.Response,
    request: httpx.Request,
    write: bool,
    read_error: Callable[[httpx.Response], errors.AdapterError | None] | None,
    redact: Callable[[str], str],
) -> errors.AdapterError:
    """What an answer of 300 and above means; the adapter's own reading comes first. Its cause is the HTTP error."""
    response.request = request
    # Cut after redacting: half a secret would not be recognised.
    shown = redact(response.text[: 10 * EXCERPT])[:EXCERPT]
    text = f"{request.method} {redact(request.url.path)}: {response.status_code} {shown}".strip()
    error = (read_error(response) if read_error else None) or _by_status(response, write, text)
    error.__cause__ = httpx.HTTPStatusError(text, request=request, response=response)
    return error


def _by_status(response: httpx.Response, write: bool, text: str) -> errors.AdapterError:
    match response.status_code:
        case 429 | 529:
            return errors.RateLimited(text, retry_after=retry_after(response))
        case 401:
            return errors.AuthenticationFailed(text)
        case 403:
            return errors.AccessDenied(text)
        case 404 | 410:
            return errors.NotFound(text)
        case 409 | 412 if write:
            return errors.VersionMismatch(text)
        case 408 | 409 | 425 if not write:
            return errors.Unavailable(text)
        case 400 | 413 | 422:
            return errors.InvalidRecord(text)
        case status if status >= 500 or status < 400 or status == 408:
            return errors.OutcomeUnknown(text) if write else errors.Unavailable(text)
        case _:
            return errors.SchemaChanged(text)  # 405, 406, 415 …: we speak an API that is no longer there


def retry_after(response: httpx.Response, default: float = 1.0) -> float:
    """Seconds, from whole seconds or an HTTP date (measured against the answer's own date, not our clock)."""
    value = response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        until = http_date(value)
    if until is None:
        return default
    now = http_date(response.headers.get("date", "")) or dt.datetime.now(dt.UTC)
    return max(0.0, (until - now).total_seconds())


def http_date(value: Any) -> dt.datetime | None:
    """An HTTP date as an aware time, None when it is none."""
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
