"""Notion's error bodies."""

from __future__ import annotations

from typing import Any

import orjson

from integrations.sandbox.calls import Answer, json_answer
from integrations.sandbox.notion.model import new_id

MESSAGES = {
    400: ("validation_error", "body failed validation."),
    401: ("unauthorized", "API token is invalid."),
    403: ("restricted_resource", "API token does not have access to this resource."),
    404: ("object_not_found", "Could not find page with ID: 00000000-0000-0000-0000-000000000000."),
    409: ("conflict_error", "Conflict occurred while saving. Please try again."),
    429: ("rate_limited", "You have been rate limited. Please try again in a few minutes."),
    500: ("internal_server_error", "Unexpected error occurred."),
    502: ("bad_gateway", "Bad gateway."),
    503: ("service_unavailable", "Notion is unavailable, please try again later."),
    504: ("gateway_timeout", "Notion took too long to answer. Please try again later."),
    529: ("service_overload", "Notion is overloaded. Please try again later."),
}
SAVED = (
    "The change was saved, but the response could not be built in time. "
    "Read the object again instead of repeating the write."
)


class NotionError(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, code: str, message: str, **additional: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.additional = status, code, message, additional

    def answer(self) -> Answer:
        return error_answer(self.status, self.code, self.message, self.additional)


def error_answer(
    status: int, code: str, message: str, additional: dict[str, Any] | None = None, retry_after: int | None = None
) -> Answer:
    body = {"object": "error", "status": status, "code": code, "message": message}
    if additional:
        body["additional_data"] = additional
    headers = (("Retry-After", str(retry_after)),) if retry_after is not None else ()
    return json_answer(body | {"request_id": new_id()}, status, headers)


def rate_limited(retry_after: int, reason: str = "public_api_request_rate_limit") -> Answer:
    code, message = MESSAGES[429]
    additional = {"rate_limit_reason": reason, "retry_after": str(retry_after)}
    return error_answer(429, code, message, additional, retry_after)


def invalid(message: str) -> NotionError:
    return NotionError(400, "validation_error", message)


def body_invalid(problem: str) -> NotionError:
    return invalid(f"body failed validation: {problem}")


def fix_one(problems: list[str]) -> NotionError:
    return invalid("body failed validation. Fix one:\n" + "\n".join(problems))


def not_found(kind: str, ident: str, connection_name: str, integration: str) -> NotionError:
    message = (
        f"Could not find {kind} with ID: {ident}. Make sure the relevant pages and databases are shared with your "
        f'integration "{connection_name}".'
    )
    return NotionError(404, "object_not_found", message, integration_id=integration)


def invalid_url() -> NotionError:
    return NotionError(400, "invalid_request_url", "Invalid request URL.")


def restricted() -> NotionError:
    return NotionError(403, *MESSAGES[403])


def saved(done: Answer) -> Answer:
    """503 for a write that happened; names what it made or changed."""
    body = orjson.loads(done.body)
    if done.status != 200:
        return done
    additional = {
        "retry_guidance": ["Read the object again to confirm the saved change.", "Do not repeat the write."],
        "committed_resource_id": body.get("id", ""),
    }
    return error_answer(503, "service_unavailable", SAVED, additional)
