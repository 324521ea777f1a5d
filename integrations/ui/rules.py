"""The rules of one table as a form: direction, keys, who wins, deletions, the brake, and which records take part.

As in the mapper, the form's state travels in its own fields, so that an edit (a key moved up, a condition added) is drawn
without being saved, with and without JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from crm import registry
from integrations.models import Deletions, Direction, Drift, FieldMapping, Matching, Part, Policy, Stream
from integrations.services import edits
from integrations.services import filters as changing
from integrations.services import rules as services
from integrations.services.connect import Refused
from integrations.services.streams import NUMBERS
from integrations.sync.mapping import type_words
from integrations.sync.match import KEYABLE
from integrations.ui import words
from integrations.ui.conditions import Conditions, Row
from integrations.ui.tools import tool

CHOICES = ("direction", "policy", "first_policy", "matching", "deletions", "on_drift")


@dataclass
class Rules:
    """One stream's rules while a person edits them. numbers: as typed; fields: {local field: (policy, is critical)}."""

    stream: Stream
    chosen: dict[str, str]
    numbers: dict[str, str]
    keys: list[str]
    fields: dict[str, tuple[str, bool]]
    conditions: Conditions
    errors: dict[str, str] = field(default_factory=dict)
    moved: tuple[str, str] = ("", "")  # the key that was just moved, and whereto: it keeps the focus

    def __post_init__(self) -> None:
        self.entity = registry.entity(self.stream.entity)
        self.mappings = list(self.stream.mappings.all())
        self.tool = tool(self.stream.integration.provider)

    @classmethod
    def of(cls, stream: Stream) -> Rules:
        """As they are saved."""
        entity = registry.entity(stream.entity)
        return cls(
            stream,
            {name: getattr(stream, name) for name in CHOICES},
            {name: str(getattr(stream, name)) for name in NUMBERS},
            list(stream.match_fields),
            {one.local: (one.policy, _is_critical(one, entity)) for one in stream.mappings.all()},
            Conditions.of(stream),
        )

    @classmethod
    def drafted(cls, stream: Stream, data: Mapping[str, Any]) -> Rules:
        """As somebody left them, unsaved: what `draft` answered."""
        rows = {side: [Row(*row) for row in rows] for side, rows in data["conditions"].items()}
        single = {name: (policy, critical) for name, (policy, critical) in data["fields"].items()}
        conditions = Conditions(stream, rows)
        saved = {name: getattr(stream, name) for name in CHOICES}  # a choice may be younger than the draft
        return cls(stream, saved | data["chosen"], data["numbers"], data["keys"], single, conditions)

    def draft(self) -> dict[str, Any]:
        return {
            "chosen": self.chosen,
            "numbers": self.numbers,
            "keys": self.keys,
            "fields": {name: list(one) for name, one in self.fields.items()},
            "conditions": {
                side: [[row.field, row.op, row.values] for row in rows] for side, rows in self.conditions.rows.items()
            },
        }

    @classmethod
    def posted(cls, stream: Stream, data: QueryDict) -> Rules:
        """As they stand in the form."""
        return cls(
            stream,
            {name: data.get(name, getattr(stream, name)) for name in CHOICES},
            {name: data.get(name, str(getattr(stream, name))).strip() for name in NUMBERS},
            list(dict.fromkeys(data.getlist("key"))),
            {
                one.local: (data.get(f"policy:{one.local}", one.policy), f"critical:{one.local}" in data)
                for one in stream.mappings.all()
            },
            Conditions.posted(stream, data),
        )

    # --- edits ----------------------------------------------------------------------------------------------------

    def do(self, what: str) -> None:
        """key-up:<field>, key-down:<field>, key-remove:<field>, key-add (of the form's add_key), or one of the conditions'."""
        verb, _colon, target = what.partition(":")
        if verb == "key-add":
            self.keys += [target] if target and target not in self.keys else []
        elif verb == "key-remove":
            self.keys = [key for key in self.keys if key != target]
        elif verb in ("key-up", "key-down") and target in self.keys:
            at = self.keys.index(target)
            to = min(max(at + (1 if verb == "key-down" else -1), 0), len(self.keys) - 1)
            self.keys.insert(to, self.keys.pop(at))
            self.moved = (target, verb.removeprefix("key-"))
        else:
            self.conditions.do(verb, target)

    def is_whole(self) -> bool:
        """Whether it can be saved at all; the reasons stand in `errors` and at the conditions."""
        self._numbers()
        self.conditions.wanted()
        if self.chosen["matching"] != Matching.CREATE_ONLY and not self.keys:
            self.errors["keys"] = _("Choose at least one field, or pair nothing.")
        return not self.errors and not self.conditions.has_errors

    def settings(self) -> dict[str, Any]:
        """As services/edits.py compares rules. Of an alert that is as the entity says, it stays so."""
        single = {}
        for one in self.mappings:
            policy, alert = self.fields.get(one.local, (one.policy, _is_critical(one, self.entity)))
            critical = one.critical if alert == _is_critical(one, self.entity) else alert
            single[f"field:{one.local}"] = {"policy": policy, "critical": critical}
        return (
            dict(self.chosen)
            | {"match_fields": self.keys, "filters": self.conditions.wanted()}
            | self._numbers()
            | single
        )

    def save(self, settings: Mapping[str, Any], by: str, seen: int | None) -> bool:
        """Everything or nothing. settings: as above. The reason of a refusal stands in `errors`."""
        own = {name: settings[name] for name in (*CHOICES, "match_fields", *NUMBERS)}
        fields = {
            name.removeprefix("field:"): {"policy": value["policy"], "critical": value["critical"]}
            for name, value in settings.items()
            if name.startswith("field:")
        }
        try:
            with edits.saving(self.stream, Part.RULES, by, seen):
                services.change(self.stream, own, self._changed(fields))
                if settings["filters"] != (self.stream.filters or {}):
                    changing.change(self.stream, settings["filters"])
        except Refused as refused:
            self.errors[refused.field if refused.field in (*NUMBERS, "filters") else "form"] = str(refused)
            return False
        return True

    def _changed(self, fields: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Only what differs from the present."""
        now = {one.local: {"policy": one.policy, "critical": one.critical} for one in self.stream.mappings.all()}
        return {
            name: {key: value for key, value in wanted.items() if value != now[name][key]}
            for name, wanted in fields.items()
            if name in now and wanted != now[name]
        }

    def _numbers(self) -> dict[str, int]:
        found = {}
        for name, text in self.numbers.items():
            least, most = NUMBERS[name]
            if text.isdecimal() and len(text) < 6 and least <= int(text) <= most:
                found[name] = int(text)
            else:
                self.errors[name] = _("A whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
        return found

    # --- beside somebody else ---------------------------------------------------------------------------------------

    def name_of(self, setting: str) -> str:
        if setting.startswith("field:"):
            return self._label(setting.removeprefix("field:"))
        return {
            "direction": _("Direction"),
            "policy": _("When both sides changed the same field"),
            "first_policy": _("When they meet for the first time and differ"),
            "matching": _("When records exist on both sides already"),
            "match_fields": _("They belong together when they share"),
            "deletions": _("When a record is deleted on one side"),
            "on_drift": _("When a mapped field is gone"),
            "brake_deletes": _("Delete at most"),
            "brake_overwrites": _("Overwrite at most"),
            "settle_seconds": _("While somebody is typing, wait"),
            "filters": _("Which records take part?"),
        }[setting]

    def words(self, setting: str, value: Any) -> str:
        choices: dict[str, Mapping[str, Any]] = {
            "direction": words.directions(self.tool.name),
            "policy": words.policies(self.tool.name),
            "first_policy": words.first_policies(self.tool.name),
            "matching": dict(Matching.choices),
            "deletions": dict(Deletions.choices),
            "on_drift": dict(Drift.choices),
        }
        if setting in choices:
            return str(choices[setting].get(value, value)) if value is not None else ""
        if setting == "match_fields":
            return ", ".join(self._label(name) for name in value or ())
        if setting == "filters":
            return " ".join(part["sentence"] for part in Conditions.given(self.stream, value or {}).context())
        if setting.startswith("field:"):
            rule = (
                choices["policy"].get(value["policy"], value["policy"])
                if value and value["policy"]
                else _("As the table")
            )
            return ", ".join([rule, _("Always tell me")]) if value and value["critical"] else rule
        return str(value)

    # --- what the page shows ----------------------------------------------------------------------------------------

    def context(self) -> dict[str, Any]:
        """For integrations/_table_rules.html."""
        policies = list(words.policies(self.tool.name).items())
        return {
            "stream": self.stream,
            "tool": self.tool,
            "entity": self.entity,
            "directions": self._cards("direction", list(words.directions(self.tool.name).items()), self._directions()),
            "matchings": self._cards("matching", Matching.choices, self._matchings()),
            "policies": self._cards("policy", policies, self._policies()),
            "deletions": self._cards("deletions", Deletions.choices, self._deletions(), self._impossible()),
            "drifts": self._cards("on_drift", Drift.choices, self._drifts()),
            "pairs_nothing": self.chosen["matching"] == Matching.CREATE_ONLY,
            "keys": [{"name": name, "label": self._label(name)} for name in self.keys],
            "free_keys": self._free_keys(),
            "fields": [self._field(one) for one in self.mappings],
            "rule_choices": policies,
            "first": self.chosen["first_policy"],
            "first_choices": list(words.first_policies(self.tool.name).items()),
            "numbers": self.numbers,
            "errors": self.errors,
            "moved_key": self.moved[0],
            "moved": self.moved[1],
            "filters": self.conditions.context(),
        }

    def _cards(
        self,
        name: str,
        choices: Sequence[tuple[Any, Any]],
        words: dict[str, str],
        impossible: dict[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        why = impossible or {}
        return [
            {
                "value": value,
                "label": label,
                "checked": value == self.chosen[name],
                "words": words.get(value, ""),
                "why_not": why.get(value, ""),
            }
            for value, label in choices
        ]

    def _directions(self) -> dict[str, str]:
        place = {"tool": self.tool.name}
        return {
            Direction.BOTH: _("A change on either side reaches the other."),
            Direction.IMPORT: _("What is in %(tool)s shows here and is read-only here. Nothing is written there.")
            % place,
            Direction.EXPORT: _("What is here shows in %(tool)s. Changes made there are not taken over.") % place,
        }

    def _matchings(self) -> dict[str, str]:
        return {
            Matching.MATCH_OR_CREATE: _(
                "Records that share a key become pairs. The others are created on the other side."
            ),
            Matching.CREATE_ONLY: _("Every record is copied to the other side, even if it is there already."),
            Matching.MATCH_ONLY: _("Records without a partner stay where they are; you can pair them by hand."),
        }

    def _policies(self) -> dict[str, str]:
        place = {"tool": self.tool.name}
        return {
            Policy.NEWEST: _("The value that was written last, by the clocks of both sides."),
            Policy.LOCAL: _("The value here, whatever %(tool)s says.") % place,
            Policy.REMOTE: _("The value in %(tool)s, whatever stands here.") % place,
            Policy.ASK: _("Both values wait in the inbox, and nothing is overwritten until then."),
            Policy.FILL: _("An empty side takes the other's value; what is written already stays, on both sides."),
        }

    def _deletions(self) -> dict[str, str]:
        return {
            Deletions.IGNORE: _("The other record stays. When the deleted one comes back, the two are a pair again."),
            Deletions.UNLINK: _("Both go their own ways from then on; the record is not made again."),
            Deletions.ARCHIVE: _("It goes to the other side's bin and can be brought back from there."),
            Deletions.DELETE: _("Gone on both sides, without a way back."),
        }

    def _drifts(self) -> dict[str, str]:
        return {
            Drift.ASK: _("The other fields go on. The connection needs you until you map another field, or none."),
            Drift.APPLY: _("The other fields go on. When the field comes back, it is kept in step again."),
            Drift.STOP: _("Nothing of the table is kept in step until you have looked at the mapping."),
        }

    def _impossible(self) -> dict[str, str]:
        """Why a way to carry deletions is not offered."""
        return services.impossible_deletions(self.stream)

    def _free_keys(self) -> list[dict[str, str]]:
        """Mapped fields that could tell which records belong together and are not chosen yet: the likely ones first."""
        mapped = {one.local for one in self.mappings}
        names = dict.fromkeys([*self.entity.keys, *(name for name in self.entity.fields if name in mapped)])
        return [
            {"name": name, "label": self._label(name)}
            for name in names
            if name in mapped and name not in self.keys and name in self.entity.fields
            and self.entity.fields[name].type in KEYABLE
        ]  # fmt: skip

    def _field(self, one: FieldMapping) -> dict[str, Any]:
        policy, critical = self.fields.get(one.local, (one.policy, False))
        described = self.entity.fields.get(one.local)
        direction = one.direction if self.stream.direction == Direction.BOTH else self.stream.direction
        return {
            "name": one.local,
            "label": self._label(one.local),
            "there": one.remote_name,
            "type": type_words(described.type) if described else "",
            "policy": policy,
            "critical": critical,
            "one_way": "" if direction == Direction.BOTH else self._one_way(direction),
        }

    def _one_way(self, direction: str) -> str:
        if direction == Direction.IMPORT:
            return _("%(tool)s decides: it only comes in") % {"tool": self.tool.name}
        return pgettext("a field that is only sent", "Here decides: it only goes out")

    def _label(self, name: str) -> str:
        described = self.entity.fields.get(name)
        return described.label if described else name


def _is_critical(one: FieldMapping, entity: registry.Entity) -> bool:
    described = entity.fields.get(one.local)
    return bool(described and described.critical) if one.critical is None else one.critical
