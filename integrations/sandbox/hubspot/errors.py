"""HubSpot's error bodies."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from integrations.sandbox.calls import Answer, json_answer

MESSAGES = {
    400: ("VALIDATION_ERROR", "Invalid input JSON on line 1, column 1: it cannot be read."),
    401: (
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details "
        "at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    ),
    403: ("BANNED", "This account isn't permitted to use this API."),
    404: ("OBJECT_NOT_FOUND", "resource not found"),
    409: ("CONFLICT", "The object was changed at the same time."),
    414: ("URI_TOO_LONG", "URI Too Long"),
    423: ("LOCKED", "The resource is locked."),
    477: ("MIGRATION_IN_PROGRESS", "This account is being moved."),
    500: ("INTERNAL_ERROR", "internal error"),
    502: ("BAD_GATEWAY", "bad gateway"),
    503: ("SERVICE_UNAVAILABLE", "service unavailable"),
    504: ("GATEWAY_TIMEOUT", "timed out"),
}
SAVED_STATUS = 504


class HubSpotError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, category: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.category, self.message, self.more = status, category, message, more

    def body(self) -> dict[str, Any]:
        return {
            "status": "error",
            "message": self.message,
            "correlationId": str(uuid.uuid4()),
            "category": self.category,
        } | self.more

    def in_batch(self, **context: list[str]) -> dict[str, Any]:
        """As one of the errors of a 207."""
        return {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
            "errors": self.more.get("errors", []),
            "links": {},
        }

    def answer(self, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        return json_answer(self.body(), self.status, headers)


def plain(status: int, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    category, message = MESSAGES.get(status, MESSAGES[500])
    return HubSpotError(status, category, message).answer(headers)


def invalid(message: str) -> HubSpotError:
    return HubSpotError(400, "VALIDATION_ERROR", message)


def bad_json(detail: str) -> HubSpotError:
    return invalid(f"Invalid input JSON on line 1, column 1: {detail}")


def bad_values(problems: list[tuple[str, str, str]]) -> HubSpotError:
    """problems: (property, code, message). The details stand as JSON inside the message."""
    listed = [
        {"isValid": False, "message": message, "error": code, "name": name, "localizedErrorMessage": message}
        for name, code, message in problems
    ]
    errors = [
        {"message": message, "code": code, "context": {"propertyName": [name]}} for name, code, message in problems
    ]
    text = "Property values were not valid: " + orjson.dumps(listed).decode()
    return HubSpotError(400, "VALIDATION_ERROR", text, errors=errors)


def not_found() -> HubSpotError:
    return HubSpotError(404, "OBJECT_NOT_FOUND", "resource not found")


def unauthorized() -> HubSpotError:
    return HubSpotError(401, *MESSAGES[401])


def expired(when: str) -> HubSpotError:
    message = "The OAuth token used to make this call expired 0 second(s) ago."
    return HubSpotError(401, "EXPIRED_AUTHENTICATION", message, context={"expire time": [when]})


def missing_scopes(*scopes: str) -> HubSpotError:
    text = "One or more of the following scopes are required."
    return HubSpotError(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call.",
        errors=[{"message": text, "context": {"requiredGranularScopes": list(scopes)}}],
    )


def contact_exists(ident: str) -> HubSpotError:
    return HubSpotError(409, "CONFLICT", f"Contact already exists. Existing ID: {ident}")


def rate_limited(policy: str) -> HubSpotError:
    """policy: TEN_SECONDLY_ROLLING, DAILY, or SECONDLY (search, which speaks differently)."""
    if policy == "SECONDLY":
        return HubSpotError(429, "RATE_LIMITS", "You have reached your secondly limit.")
    message = f"You have reached your {policy.lower()} limit."
    more = {"errorType": "RATE_LIMIT", "policyName": policy, "groupName": "publicapi:private-apps:calls"}
    return HubSpotError(429, "RATE_LIMITS", message, **more)


def saved(done: Answer) -> Answer:
    """HubSpot has no words for "saved, but not answered": a gateway gives up."""
    return plain(SAVED_STATUS) if done.status < 300 else done
