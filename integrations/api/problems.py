"""Everything that can go wrong in a call, as `application/problem+json` with a stable `code`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import ninja.errors
import orjson
import psycopg
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _

from crm import records
from integrations.adapters import errors
from integrations.services import edits
from integrations.services.adapters import NotConnected, ProviderOff
from integrations.services.connect import Refused
from integrations.services.streams import explain
from tenants import team

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

#: {code: (status, title)}: part of the API's promise; the words of `detail` are not.
CODES: dict[str, tuple[int, str]] = {
    # the call itself
    "malformed": (400, "The request cannot be read"),
    "unauthorized": (401, "A valid token is needed"),
    "csrf_failed": (403, "The CSRF token is missing or wrong"),
    "forbidden": (403, "Your role does not allow this"),
    "not_found": (404, "There is no such thing here"),
    "method_not_allowed": (405, "The address does not take this method"),
    "too_large": (413, "The request is too large"),
    "invalid": (422, "Some values do not fit"),
    "invalid_cursor": (422, "The cursor is not one of this list"),
    "unknown_field": (422, "There is no such field"),
    "idempotency_key_reused": (422, "The idempotency key belongs to another request"),
    "idempotency_key_invalid": (422, "The idempotency key is not usable"),
    "in_progress": (409, "The same call is still being worked on"),
    "too_many_attempts": (429, "Too many wrong tokens"),
    "unexpected": (500, "Something went wrong on our side"),
    # records
    "read_only": (409, "The record is kept by a tool and only flows in"),
    "moved": (409, "Somebody changed the record meanwhile"),
    # files
    "unreadable_file": (422, "The file is no table that can be read"),
    "file_too_large": (413, "The file is too large"),
    "moved_import": (409, "Somebody changed the import meanwhile"),
    "nothing_to_do": (409, "Nothing would change"),
    # integrations and streams
    "edited_meanwhile": (412, "Somebody set the same meanwhile"),
    "refused": (422, "This cannot be done"),
    "no_provider": (422, "There is no such provider"),
    "provider_off": (409, "The provider is switched off"),
    "not_connected": (409, "The integration has no credentials yet"),
    "several_integrations": (409, "There are several integrations of this provider"),
    "wrong_direction": (409, "Nothing flows that way"),
    "not_ready": (409, "The setup is not finished"),
    "not_active": (409, "Only an active integration can do this"),
    "plan_not_ready": (409, "Only a plan that is ready can be approved"),
    "plan_too_old": (409, "The plan is too old to be carried out"),
    "plan_outdated": (409, "The mapping was changed after the plan was made"),
    "not_open": (409, "The plan is being carried out, or has been"),
    "name_taken": (409, "The name is taken"),
    "invalid_name": (422, "The name is not usable"),
    "invalid_frequency": (422, "There is no such frequency"),
    "missing": (422, "A value is missing"),
    "other_account": (409, "The credentials belong to another account"),
    "paired_already": (409, "The collection is paired with this entity already"),
    "no_entity": (422, "There is no such entity"),
    "no_field": (422, "There is no such field"),
    "no_setting": (422, "There is no such setting"),
    "invalid_choice": (422, "The value is not among the choices"),
    "invalid_filter": (422, "The filter makes no sense"),
    "linked_already": (409, "The record belongs to another one already"),
    "left_out": (409, "The record is left out already"),
    "not_paused": (409, "Nobody paused this record"),
    "does_not_apply": (409, "This does not help here any more"),
    "not_unsure": (409, "Nobody waits for a decision about this record"),
    "invalid_direction": (422, "There is no such direction"),
    "invalid_policy": (422, "There is no such conflict rule"),
    "types_do_not_fit": (422, "The two fields hold different things"),
    "one_way_only": (422, "These fields can flow in one direction only"),
    "mapped_twice": (422, "A field is mapped twice"),
    "cannot_create_fields": (409, "The provider lets nobody create fields"),
    "cannot_create_collections": (409, "The provider lets nobody create collections"),
    "no_template": (422, "There is no such template for this provider"),
    "cannot_resolve": (409, "The provider lists all its collections"),
    "invalid_number": (422, "The number is out of bounds"),
    "no_person": (404, "The token belongs to nobody on the team"),
    "cannot_erase": (409, "The provider lets nobody delete for good"),
    "still_running": (409, "The run has not ended yet"),
    "undo_asked": (409, "This is being taken back already"),
    "nothing_to_undo": (409, "The run did nothing that could be taken back"),
    "edited_since": (409, "It was edited since"),
    "not_settled": (409, "Nobody has won this conflict yet"),
    "still_open": (409, "The conflict waits for a decision"),
    "not_linked": (409, "The record is not linked any more"),
    "unfit": (422, "The value cannot be written on that side"),
    # webhooks that we send
    "invalid_url": (422, "The address is not usable"),
    "invalid_event": (422, "There is no such event"),
    "too_many_endpoints": (409, "There are as many webhook endpoints as there can be"),
    "endpoint_off": (409, "The webhook endpoint is switched off"),
    # what a provider answered
    "authentication_failed": (422, "The provider does not accept the credentials"),
    "grant_lost": (422, "The sign-in at the provider has to be repeated"),
    "key_unreadable": (422, "The stored credentials cannot be read any more"),
    "app_refused": (502, "The provider does not accept our own app"),
    "no_room": (409, "There is no room for one more"),
    "no_oauth_app": (409, "Nobody can connect this provider by signing in there"),
    "access_denied": (422, "The provider does not allow this with these credentials"),
    "invalid_record": (422, "The provider refused the record"),
    "rate_limited": (503, "The provider asks us to slow down"),
    "unavailable": (502, "The provider does not answer"),
    "outcome_unknown": (502, "The provider's answer was lost"),
    "version_mismatch": (409, "The record changed at the provider meanwhile"),
    "schema_changed": (409, "The collection looks different from what it was"),
    "adapter_error": (502, "The provider answered in an unexpected way"),
}


class Problem(Exception):
    """An answer that is an error. errors: [{"field", "detail"}]; extra: further members of the answer."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or code)
        self.code, self.detail, self.errors = code, detail, list(errors)
        self.headers, self.extra = dict(headers or {}), extra


def answer(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer that says what `error` was. What nobody foresaw is logged and told without details."""
    problem = of(error)
    if problem is None:
        log.error("unexpected error in request %s", request_id(request), exc_info=error)
        problem = Problem("unexpected", _("The request was not carried out. Tell us the request id."))
    return render(request, problem)


def of(error: Exception) -> Problem | None:
    """The problem that an exception stands for; None for one that nobody foresaw."""
    match error:
        case Problem():
            return error
        case edits.Stale():
            told_by = [{"by": one.by, "at": one.at.isoformat(), "part": one.part} for one in error.edits]
            return Problem("edited_meanwhile", str(error), edits=told_by)
        case team.Refused():
            return Problem("refused", str(error))
        case Refused():
            code = error.code if error.code in CODES else "refused"
            return Problem(code, str(error), [_about(error.field, str(error))] if error.field else ())
        case records.Invalid():
            told = " ".join(f"{words.rstrip('.')}." for words in error.errors.values())
            return Problem("invalid", told, [_about(*pair) for pair in error.errors.items()])
        case records.ReadOnly():
            return Problem("read_only", str(error))
        case records.Moved():
            return Problem("moved", _("Read the record again, then repeat the change."), version=error.item.version)
        case records.Missing() | Http404() | ObjectDoesNotExist():
            return Problem("not_found", _("It is not here, or not any more."))
        case NotConnected():
            return Problem("not_connected", _("Connect the tool first."))
        case ProviderOff():
            return Problem("provider_off", _("This tool is switched off at the moment."))
        case errors.AdapterError():
            return _of_adapter(error)
        case ninja.errors.ValidationError():
            return Problem("invalid", _("Some values do not fit."), [_of_validation(one) for one in error.errors])
        case RequestDataTooBig():
            return Problem("too_large", _("Send less at once."))
        case ninja.errors.HttpError() | UnreadablePostError() | SuspiciousOperation():
            return Problem("malformed", _("The body is not valid JSON."))
        case DataError() | psycopg.DataError() | UnicodeEncodeError():
            return Problem("invalid", _("A value cannot be stored: it has a character or a size that no field takes."))
    return None


def render(request: HttpRequest, problem: Problem) -> HttpResponse:
    status, title = CODES[problem.code]
    told: dict[str, Any] = {
        "type": f"/api/v1/docs#{problem.code}",
        "title": title,
        "status": status,
        "detail": problem.detail or title,
        "code": problem.code,
        "request_id": request_id(request),
    }
    if problem.errors:
        told["errors"] = problem.errors
    response = HttpResponse(orjson.dumps(told | problem.extra), status=status, content_type=MEDIA_TYPE)
    for name, value in problem.headers.items():
        response[name] = value
    return response


def request_id(request: HttpRequest) -> str:
    return getattr(request, "api_id", "")


def _of_adapter(error: errors.AdapterError) -> Problem:
    headers = {"Retry-After": str(round(error.retry_after))} if isinstance(error, errors.RateLimited) else None
    code = error.code if error.code in CODES else "adapter_error"
    return Problem(code, f"{explain(error)} {_(error.remedy) if error.remedy else ''}".strip(), headers=headers)


def _of_validation(found: Mapping[str, Any]) -> dict[str, str]:
    """pydantic's finding without the value itself, which may be a secret."""
    place = [str(part) for part in found["loc"] if part not in ("body", "query", "path", "header")]
    if found["loc"][:1] == ("body",) and len(place) > 1:
        place = place[1:]  # the name of the endpoint's argument
    return _about(".".join(place), str(found["msg"]).removeprefix("Value error, "))


def _about(field: str, detail: str) -> dict[str, str]:
    return {"field": field, "detail": detail}
