"""The page with the few rules of every table and the frequency, saved at once: beside somebody who saved some of it meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.models import IntegrationInstance, Part, Stream
from integrations.services import edits, lifecycle, streams
from integrations.services.connect import Refused
from integrations.services.edits import Meeting
from integrations.ui import meanwhile
from integrations.ui.forms import FrequencyForm, StreamForm


@dataclass
class Meetings:
    """rows: what both changed; kept: told after saving; seen: the newest edit that was looked at."""

    seen: int | None
    met: list[Meeting] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def newest(self) -> Meeting:
        return max(self.met, key=lambda one: one.seen)


def meetings(
    integration: IntegrationInstance, frequency: FrequencyForm, pairs: Sequence[StreamForm], seen: int | None
) -> Meetings:
    """Puts into the forms what only somebody else changed."""
    found = Meetings(seen)
    forms: list[tuple[IntegrationInstance | Stream, Part, Any, str]] = [(integration, Part.FREQUENCY, frequency, "")]
    forms += [(one.stream, Part.RULES, one, one.stream.collection_name) for one in pairs]
    for of, part, form, table in forms:
        met = edits.meeting(of, part, seen, form.cleaned_data)
        if met is None:
            continue

        label, words = partial(_label, form, table), partial(_words, form)
        found.met.append(met)
        found.seen = max(found.seen or 0, met.seen)
        found.rows += meanwhile.rows(met, label, words)
        form.cleaned_data = {name: met.merged.get(name) for name in form.cleaned_data}
        if text := meanwhile.kept(met, label):
            found.kept.append(text)
    return found


def keep(
    integration: IntegrationInstance, frequency: FrequencyForm, pairs: Sequence[StreamForm], met: Meetings, by: str
) -> bool:
    """All of them or none; what is refused stands at its field."""
    with transaction.atomic():
        for pair in pairs:
            try:
                with edits.saving(pair.stream, Part.RULES, by, met.seen):
                    streams.change(pair.stream, **pair.cleaned_data)
            except Refused as refused:
                pair.refuse(refused)
        try:
            with edits.saving(integration, Part.FREQUENCY, by, met.seen):
                lifecycle.set_frequency(integration, frequency.cleaned_data["frequency"])
        except Refused as refused:
            frequency.refuse(refused)
        if any(form.errors for form in (frequency, *pairs)):
            transaction.set_rollback(True)
            return False
    return True


def _label(form: Any, table: str, name: str) -> str:
    told = str(form.fields[name].label) if name in form.fields else _("All rules")
    return _("%(table)s: %(title)s") % {"table": table, "title": told} if table else told


def _words(form: Any, name: str, value: Any) -> str:
    """A setting as the form shows it."""
    choices = dict(getattr(form.fields.get(name), "choices", ()))
    values = value if isinstance(value, list) else [value]
    return ", ".join(str(choices.get(one, one)) for one in values if one not in (None, ""))
