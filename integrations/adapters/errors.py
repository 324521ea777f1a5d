"""What can go wrong between an adapter and its provider, grouped by how one recovers from it.

Classify by status code and type, never by message text. Every error keeps its cause (`raise … from`), says whether
it is `transient`, whom it `concerns` and what a person can do (`remedy`). The words a person reads are made from `code`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from integrations.adapters.words import gettext_noop as _

Concern = Literal["record", "stream", "integration", "provider"]


class AdapterError(Exception):
    """Base of all. `str(error)` is technical detail, already free of secrets."""

    code: ClassVar[str] = "adapter_error"
    transient: ClassVar[bool] = False
    concerns: ClassVar[Concern] = "integration"
    remedy: ClassVar[str] = ""


class RateLimited(AdapterError):
    """429 or a used-up quota: wait as told, then go on. `retry_after` in seconds."""

    code = "rate_limited"
    transient = True
    concerns = "integration"
    remedy = _("Nothing to do: the sync goes on by itself when the tool allows it.")

    def __init__(self, message: str = "", retry_after: float = 60.0) -> None:
        super().__init__(message or f"asked to wait {retry_after:.0f} s")
        self.retry_after = retry_after


class Unavailable(AdapterError):
    """The provider does not answer, or answers 5xx; nothing was written by this request."""

    code = "unavailable"
    transient = True
    concerns = "provider"
    remedy = _("Nothing to do: the sync is tried again by itself.")


class OutcomeUnknown(AdapterError):
    """A write was sent and its answer was lost: look for the result before sending again."""

    code = "outcome_unknown"
    transient = True
    concerns = "record"
    remedy = _("Nothing to do: the next run looks whether the write arrived.")


class AuthenticationFailed(AdapterError):
    """The credential is wrong, revoked or expired beyond refreshing."""

    code = "authentication_failed"
    concerns = "integration"
    remedy = _("Reconnect the tool with a valid key.")


class GrantLost(AuthenticationFailed):
    """A new key was on its way when we were cut off, and the provider gives each only once."""

    code = "grant_lost"
    remedy = _("Reconnect the tool; nothing else is lost.")


class KeyUnreadable(AuthenticationFailed):
    """What is stored cannot be opened: INTEGRATION_ENCRYPTION_KEY holds the key no more with which it was sealed."""

    code = "key_unreadable"
    remedy = _("Reconnect the tool, or ask whoever runs this installation to put back what it was kept with.")

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message or "no key of INTEGRATION_ENCRYPTION_KEY opens it; put the former one behind the present one"
        )


class AppRefused(AdapterError):
    """The provider does not take our own app's id or secret: nobody's grant is at fault, staff have to mend it."""

    code = "app_refused"
    transient = True
    concerns = "provider"
    remedy = _("Nothing to do: our staff have to correct the entry of the tool. The sync is tried again by itself.")


class AccessDenied(AdapterError):
    """The credential is good, but may not do this."""

    code = "access_denied"
    concerns = "integration"
    remedy = _("Give the connection the missing access in the tool, then resume.")


class InvalidRecord(AdapterError):
    """One record, or one field of it, was refused; the others go on. `field` is the remote field's id or None."""

    code = "invalid_record"
    concerns = "record"
    remedy = _("Correct the value on either side; it is tried again by itself.")

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class VersionMismatch(AdapterError):
    """The record moved since it was read (409, 412): read again, merge again."""

    code = "version_mismatch"
    transient = True
    concerns = "record"
    remedy = _("Nothing to do: the record is read and merged again.")


class NotFound(AdapterError):
    """The record or the collection is gone, or no longer shared with us; the two may look the same."""

    code = "not_found"
    concerns = "stream"
    remedy = _("Share the table with the connection again, or choose another one.")


class SchemaChanged(AdapterError):
    """An answer or a field is not as described: stop the stream and describe anew. `fields` are remote field ids."""

    code = "schema_changed"
    concerns = "stream"
    remedy = _("Check the mapping: a field was renamed, removed or changed its type.")

    def __init__(self, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class Forged(Exception):
    """A call that claims to come from the provider, but is not signed by it, or is too old. Answered with 401, never run."""
