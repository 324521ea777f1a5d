"""Airtable's error bodies, in their three shapes."""

from __future__ import annotations

from typing import Any

from integrations.sandbox.calls import Answer, json_answer

HIDDEN = (
    "Invalid permissions, or the requested model was not found. Check that both your user and your token have the "
    "required permissions, and that the model names and/or ids are correct."
)
BAD_REQUEST = "Invalid request: parameter validation failed. Check your request data."
TOO_SLOW = "The server could not process your request in time. Please retry with backoff."
TEN = 'You must provide an array of up to 10 record objects, each with a "fields" object for cell values.'

#: What an armed fault of a status looks like.
BODIES: dict[int, Any] = {
    401: {"error": {"type": "UNAUTHORIZED", "message": "Invalid authentication token"}},
    403: {"error": {"type": "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "message": HIDDEN}},
    404: {"error": "NOT_FOUND"},
    422: {"error": {"type": "INVALID_REQUEST_UNKNOWN", "message": BAD_REQUEST}},
    429: {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]},
    500: {"error": {"type": "SERVER_ERROR", "message": "Try again. If the problem persists, contact support."}},
    503: {"error": {"type": "SERVICE_UNAVAILABLE", "message": TOO_SLOW}},
}


class AirtableError(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, kind: str, message: str = "") -> None:
        super().__init__(message or kind)
        self.status, self.kind, self.message = status, kind, message

    def answer(self) -> Answer:
        error = {"type": self.kind} | ({"message": self.message} if self.message else {})
        return json_answer({"error": error}, self.status)


class NoSuchPath(Exception):
    """404 in its short shape."""


def refused(kind: str, message: str = "") -> AirtableError:
    return AirtableError(422, kind, message)


def bad_request(message: str = BAD_REQUEST) -> AirtableError:
    return refused("INVALID_REQUEST_UNKNOWN", message)


def hidden() -> AirtableError:
    """The same for what is forbidden and for what does not exist: these cannot be told apart."""
    return AirtableError(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", HIDDEN)


def not_permitted() -> AirtableError:
    return AirtableError(403, "INVALID_PERMISSIONS", "You are not permitted to perform this operation")


def record_gone() -> AirtableError:
    return AirtableError(404, "MODEL_ID_NOT_FOUND", "Record not found")


def cannot_accept(field: dict[str, Any], why: str = "the provided value") -> AirtableError:
    return refused("INVALID_VALUE_FOR_COLUMN", f'Field "{field["name"]}" cannot accept {why}')


def unknown_field(name: str) -> AirtableError:
    return refused("UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def no_row(ident: str) -> AirtableError:
    return refused("ROW_DOES_NOT_EXIST", f"Record ID {ident} does not exist in this table")


def bad_formula(why: str) -> AirtableError:
    return refused("INVALID_FILTER_BY_FORMULA", f"The formula for filtering records is invalid: {why}")


def by_status(status: int, retry_after: int | None = None, body: Any = None) -> Answer:
    headers = (("Retry-After", str(retry_after)),) if retry_after else ()
    return json_answer(body or BODIES.get(status, BODIES[500]), status, headers)
