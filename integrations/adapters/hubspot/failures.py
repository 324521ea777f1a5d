"""What HubSpot's error answers mean. Status, category and policy decide; the texts are for people."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from integrations.adapters import errors
from integrations.transport.classify import http_date

BURST_SECONDS, SEARCH_SECONDS, LOCKED_SECONDS, MOVED_SECONDS = 10.0, 1.0, 2.0, 10.0
_READS = ("/search", "/batch/read")
#: Without the scopes of an object type its records are to us as if they were not shared; the other types go on.
_OF_ONE_TYPE = re.compile(r"/crm/v3/(objects|properties|pipelines)/|/crm/v4/associations/|/crm-object-schemas/")


def is_read(method: str, path: str) -> bool:
    """Searches and batch reads are POST and change nothing."""
    return method in ("GET", "HEAD") or (method == "POST" and path.endswith(_READS))


class ErrorReader:
    """The transport's hook. zone: of the account, by which its day ends; None while nobody has asked for it."""

    def __init__(self) -> None:
        self.zone: ZoneInfo | None = None

    def __call__(self, response: httpx.Response) -> errors.AdapterError | None:
        """None: the status says it all."""
        body = _body(response)
        message = str(body.get("message") or "")
        request = response.request
        match response.status_code:
            case 400 | 422 if message:
                return invalid(body)
            case 401 if message:
                return errors.AuthenticationFailed(message)
            case 403 if body.get("category") == "MISSING_SCOPES":
                text = f"{message} {', '.join(_scopes(body))}".strip()
                reads = is_read(request.method, request.url.path)
                if reads and _OF_ONE_TYPE.search(request.url.path):
                    return errors.NotFound(text)
                return errors.AccessDenied(text)
            case 403 if message:
                return errors.AccessDenied(message)
            case 404 if message:
                return errors.NotFound(message)
            case 423:
                return errors.RateLimited(message, retry_after=LOCKED_SECONDS)
            case 429 if "retry-after" not in response.headers:
                return errors.RateLimited(message, retry_after=self._pause(body, response))
            case 477:
                told = response.headers.get("retry-after", "")
                return errors.RateLimited(message, retry_after=float(told) if told.isdecimal() else MOVED_SECONDS)
        return None

    def _pause(self, body: Mapping[str, Any], response: httpx.Response) -> float:
        if body.get("policyName") == "DAILY":
            now = http_date(response.headers.get("date")) or dt.datetime.now(dt.UTC)
            return until_midnight(now, self.zone)
        return BURST_SECONDS if body.get("policyName") or body.get("errorType") else SEARCH_SECONDS


def until_midnight(now: dt.datetime, zone: ZoneInfo | None) -> float:
    """Seconds until the account's day ends. Where its zone is not known: until the next half hour, when somewhere a day ends."""
    if zone is None:
        past = now.minute % 30 * 60 + now.second
        return float(1800 - past)
    there = now.astimezone(zone)
    tomorrow = dt.datetime.combine(there.date() + dt.timedelta(days=1), dt.time(), tzinfo=zone)
    return max(1.0, (tomorrow - now).total_seconds())


def invalid(body: Mapping[str, Any]) -> errors.InvalidRecord:
    """The reason in HubSpot's words, and the field where exactly one is named."""
    details = [one for one in body.get("errors") or [] if isinstance(one, dict)]
    named = [name for one in details for name in (one.get("context") or {}).get("propertyName") or []]
    reasons = [str(one["message"]) for one in details if one.get("message")]
    reason = "; ".join(dict.fromkeys(reasons)) or str(body.get("message") or "refused")
    return errors.InvalidRecord(reason, named[0] if len(set(named)) == 1 else None)


def of_one(problem: Mapping[str, Any]) -> errors.AdapterError:
    """One of the errors of a 207."""
    category, message = problem.get("category"), str(problem.get("message") or "")
    if category == "OBJECT_NOT_FOUND":
        return errors.NotFound(message)
    if category in ("INTERNAL_ERROR", "RATE_LIMITS"):
        return errors.OutcomeUnknown(message)
    if category == "CONFLICT":  # somebody has this e-mail address, as their first or a further one
        return errors.InvalidRecord(f"{message} (the e-mail address belongs to another contact)", "email")
    return invalid(problem)


def traces(problem: Mapping[str, Any]) -> list[str]:
    """Which inputs of the batch it is about, by the trace ids that they were given."""
    return [str(one) for one in (problem.get("context") or {}).get("objectWriteTraceId") or []]


def ids(problem: Mapping[str, Any]) -> list[str]:
    return [str(one) for one in (problem.get("context") or {}).get("ids") or []]


def _scopes(body: Mapping[str, Any]) -> list[str]:
    contexts = [one.get("context") or {} for one in body.get("errors") or [] if isinstance(one, dict)]
    return [scope for context in contexts for scope in context.get("requiredGranularScopes") or []]


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:  # a proxy's HTML
        return {}
    return body if isinstance(body, dict) else {}
