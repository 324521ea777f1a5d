"""Everything that can go wrong with a sync, by code: its words, its button, and what it does to schedule and breaker.

The one table that runs, pages and API read. Grouped by how one recovers: what passes is tried again with growing waits, what
needs a person stops the integration or one table of it, and what concerns one record sets that record aside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from integrations.catalog import texts

Text = str | Promise


class Effect(StrEnum):
    """What a failure does to the schedule."""

    RETRY = "retry"  # again by itself, waiting longer each time
    STOP_STREAM = "stop_stream"  # this table only; the others go on, and each run looks again
    STOP = "stop"  # no more runs until a person acts
    NONE = "none"  # the record is set aside, or nothing has to be done


class Button(StrEnum):
    """What a person can do about it. wait: nothing, and there is no button."""

    RECONNECT = "reconnect"
    RESUME = "resume"
    GO_ON = "go_on"  # yes, do what the brake stopped
    FIX_MAPPING = "fix_mapping"
    CHOOSE_TABLE = "choose_table"
    LOOK = "look"  # at the records, or at the plan
    CONTACT_SUPPORT = "contact_support"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind. title: in a few words; happened: what it means; todo: what to do. All may hold %(tool)s.

    trips: it is the provider's own outage and counts for its circuit breaker. tires: runs that fail with it for days are
    warned about, then paused. is_shared: it may hit all tenants at once, and then counts for an incident.
    """

    title: Text
    happened: Text
    todo: Text
    button: Button
    effect: Effect
    trips: bool = False
    tires: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A failure in the reader's language, with its facts filled in. action: the button's name."""

    code: str
    title: str
    happened: str
    todo: str
    action: str

    @property
    def text(self) -> str:
        return f"{self.happened} {self.todo}"


FAILURES: dict[str, Failure] = {
    # --- passes by itself -------------------------------------------------------------------------------------------
    "rate_limited": Failure(
        lazy("%(tool)s asks us to slow down"),
        lazy("It lets nobody ask more often than so many times a minute or a day."),
        lazy("The sync goes on by itself when it may."),
        Button.WAIT,
        Effect.RETRY,
    ),
    "unavailable": Failure(
        lazy("%(tool)s does not answer at the moment"),
        lazy("It is down, slow, or cannot be reached from here."),
        lazy("The sync is tried again by itself."),
        Button.WAIT,
        Effect.RETRY,
        trips=True,
        tires=True,
        is_shared=True,
    ),
    "outcome_unknown": Failure(
        lazy("An answer of %(tool)s was lost"),
        lazy("A change was sent, and whether it arrived is not known yet."),
        lazy("The next run looks what became of it."),
        Button.WAIT,
        Effect.RETRY,
        tires=True,
        is_shared=True,
    ),
    "version_mismatch": Failure(
        lazy("A record changed in %(tool)s while we wrote to it"),
        lazy("Nothing was overwritten."),
        lazy("It is read again and merged by itself."),
        Button.WAIT,
        Effect.RETRY,
        tires=True,
    ),
    "internal_error": Failure(
        lazy("A run met a fault of ours"),
        lazy("It is no fault of yours or of %(tool)s, and we were told."),
        lazy("It is tried again by itself. If it stays, write to us with the number of the run."),
        Button.CONTACT_SUPPORT,
        Effect.RETRY,
        tires=True,
    ),
    "app_refused": Failure(
        lazy("%(tool)s does not accept Raccord's own app"),
        lazy("What our staff entered for %(tool)s is not right, or has expired. Your connection is not at fault."),
        lazy("The sync goes on by itself when they have put it right."),
        Button.CONTACT_SUPPORT,
        Effect.RETRY,
        tires=True,
        is_shared=True,
    ),
    # --- needs a person ---------------------------------------------------------------------------------------------
    "authentication_failed": Failure(
        lazy("%(tool)s does not accept the key any more"),
        lazy("It was revoked, replaced, or has expired."),
        lazy("Reconnect. Mappings and paired records are kept."),
        Button.RECONNECT,
        Effect.STOP,
    ),
    "grant_lost": Failure(
        lazy("The sign-in at %(tool)s has to be repeated"),
        lazy("We were cut off while a new key was on its way, and %(tool)s gives each key only once."),
        lazy("Reconnect. Mappings and paired records are kept."),
        Button.RECONNECT,
        Effect.STOP,
    ),
    "key_unreadable": Failure(
        lazy("The stored key for %(tool)s cannot be read any more"),
        lazy("It is kept encrypted, and what opens it is not known to this installation any more."),
        lazy(
            "Reconnect; mappings and paired records are kept. Or ask whoever runs this installation to put back the former "
            "encryption key, and then resume."
        ),
        Button.RECONNECT,
        Effect.STOP,
    ),
    "not_connected": Failure(
        lazy("There is no key for %(tool)s"),
        lazy("The connection was made without one, or it was taken away."),
        lazy("Reconnect with a valid key."),
        Button.RECONNECT,
        Effect.STOP,
    ),
    "access_denied": Failure(
        lazy("%(tool)s does not let this connection do its work"),
        lazy("The key is good, but something is not shared with it or not allowed to it."),
        lazy("Give it the missing access in %(tool)s, then resume; or reconnect with another key."),
        Button.RESUME,
        Effect.STOP,
    ),
    "provider_off": Failure(
        lazy("%(tool)s is switched off here"),
        lazy("The staff of Raccord switched it off for now."),
        lazy("The sync goes on when it is switched on again."),
        Button.WAIT,
        Effect.RETRY,
    ),
    "brake": Failure(
        lazy("A run stopped before it would delete %(count)s of %(total)s records"),
        lazy("So many at once are often a mistake, so nothing was deleted."),
        lazy("If you want that, let it go on. If not, bring the records back in %(tool)s, or leave the pair paused."),
        Button.GO_ON,
        Effect.STOP,
    ),
    "brake_overwrites": Failure(
        lazy("A run stopped before it would overwrite %(count)s of %(total)s records"),
        lazy("So many at once are often a mistake, so nothing was overwritten."),
        lazy("Look at what it would change. If you want that, let it go on."),
        Button.GO_ON,
        Effect.STOP,
    ),
    "failing_for_days": Failure(
        lazy("The sync with %(tool)s has failed for days and was paused"),
        lazy("Every try of the last days ended in the same kind of trouble."),
        lazy("Look at the last runs. When %(tool)s works again, resume."),
        Button.RESUME,
        Effect.STOP,
    ),
    "catch_up": Failure(
        lazy("Ready to catch up with %(tool)s"),
        lazy("Changes have waited on both sides while the sync stood still."),
        lazy("Look at what a run would do and approve it, or sync now without looking."),
        Button.LOOK,
        Effect.STOP,
    ),
    # --- concerns one table -----------------------------------------------------------------------------------------
    "not_found": Failure(
        lazy("A table is gone, or is no longer shared with this connection"),
        lazy("The two look the same from here, so nothing was deleted."),
        lazy("Share it again in %(tool)s, or remove it from this connection."),
        Button.CHOOSE_TABLE,
        Effect.STOP_STREAM,
    ),
    "schema_changed": Failure(
        lazy("A table in %(tool)s looks different from what was mapped"),
        lazy("A field was renamed, removed or changed its type."),
        lazy("Look at the mapping, and choose again what belongs together."),
        Button.FIX_MAPPING,
        Effect.STOP_STREAM,
    ),
    "field_gone": Failure(
        lazy("Mapped fields are gone, or hold something else now"),
        lazy("The other fields of the table go on."),
        lazy("Choose what takes their place, or stop keeping them in step."),
        Button.FIX_MAPPING,
        Effect.NONE,
    ),
    # --- concerns one record ----------------------------------------------------------------------------------------
    "invalid_record": Failure(
        lazy("%(tool)s refuses a value"),
        lazy("It does not fit the rules of the field there."),
        lazy("Correct the value on either side; it is tried again by itself."),
        Button.LOOK,
        Effect.NONE,
    ),
    "unfit": Failure(
        lazy("A value does not fit the field on the other side"),
        lazy("The other fields of the record still go."),
        lazy("Correct the value, or change the mapping of the field; it is tried again by itself."),
        Button.FIX_MAPPING,
        Effect.NONE,
    ),
    "ambiguous": Failure(
        lazy("A record has several possible partners"),
        lazy("Several records share the key, so nobody can say which belong together."),
        lazy("Make the keys differ, or say which two belong together."),
        Button.LOOK,
        Effect.NONE,
    ),
    "ping_pong": Failure(
        lazy("Two writers keep changing a record back and forth"),
        lazy("Only this record is left out; nothing of it is lost."),
        lazy("Stop one of the two, then take the record up again."),
        Button.LOOK,
        Effect.NONE,
    ),
    "vanished": Failure(
        lazy("A record can no longer be read in %(tool)s"),
        lazy("It was removed for good, or is no longer shared."),
        lazy("Share it again, or delete it here if it shall go."),
        Button.LOOK,
        Effect.NONE,
    ),
    "second_copy": Failure(
        lazy("A record stands twice in %(tool)s"),
        lazy("A request that was given up arrived late, and somebody has edited the copy."),
        lazy("Keep the one that is right and delete the other in %(tool)s."),
        Button.LOOK,
        Effect.NONE,
    ),
    "unsure_create": Failure(
        lazy("Whether a record was created in %(tool)s is not known"),
        lazy("The answer was lost, and %(tool)s has no way to look it up for certain."),
        lazy("Look there: if it is there, pair the two; if not, have it created again."),
        Button.LOOK,
        Effect.NONE,
    ),
    "interrupted": Failure(
        lazy("A plan could not be finished"),
        lazy("Whoever worked on it ended in the middle, several times."),
        lazy("Ask for it again. If it happens again, write to us."),
        Button.CONTACT_SUPPORT,
        Effect.NONE,
    ),
    # --- what nobody foresaw ----------------------------------------------------------------------------------------
    "adapter_error": Failure(
        lazy("The last run could not finish"),
        lazy("%(tool)s answered in a way that we do not understand."),
        lazy("Resume to try it again. If it stays, write to us with the number of the run."),
        Button.CONTACT_SUPPORT,
        Effect.STOP,
    ),
}


def of(code: str) -> Failure:
    """The failure of a code; one that is not known is treated as unforeseen."""
    return FAILURES.get(code, FAILURES["adapter_error"])


def tell(code: str, detail: str = "", tool: str = "") -> Told:
    """A failure for a person. detail: what was stored with it; for the brake its two numbers, for a mapping its fields."""
    failure = of(code)
    count, total = [*re.findall(r"\d+", detail), "?", "?"][:2]
    facts = {"tool": tool or _("the tool"), "count": count, "total": total}
    own = texts.own(code)  # staff may have found better words
    title, happened, todo = (
        _begun(texts.filled(own[part], facts) if part in own else str(getattr(failure, part)) % facts, tool)
        for part in texts.PARTS
    )
    if code in ("schema_changed", "field_gone") and detail.startswith("“") and not own:
        title = _("Mapped fields are gone, or hold something else now: %(fields)s") % {"fields": detail}
        todo = _("Choose what takes their place, or stop keeping them in step.")
    return Told(code, title, happened, todo, failure.button.value)


def built_in(code: str, tool: str) -> Told:
    """As the code tells it, whatever staff wrote: for them to see beside their own words."""
    failure = of(code)
    facts = {"tool": tool, "count": "%(count)s", "total": "%(total)s"}
    title, happened, todo = (str(getattr(failure, part)) % facts for part in texts.PARTS)
    return Told(code, title, happened, todo, failure.button.value)


def _begun(sentence: str, tool: str) -> str:
    """A sentence that begins with “the tool” begins with a capital; a tool's name stays as it is written."""
    return sentence if tool else sentence[:1].upper() + sentence[1:]
