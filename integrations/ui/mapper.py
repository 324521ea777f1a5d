"""The mapping of one stream as a form: a row per remote field, what it may be paired with, and real values beside it.

The form's state travels in its own fields (remote, local, direction, row, was: one of each per row, and the steps as in
`transforms`), so that an edit can be drawn without being saved, with and without JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import registry
from integrations.adapters import errors
from integrations.adapters.base import Field as RemoteField
from integrations.adapters.base import Record
from integrations.adapters.registry import adapter_class
from integrations.models import FieldMapping, Stream
from integrations.services import edits, samples, streams
from integrations.services import preview as previewing
from integrations.services.connect import Refused
from integrations.services.roundtrip import ReadsBack
from integrations.services.suggestions import seen
from integrations.sync import mapping
from integrations.sync.fields import schema_of
from integrations.sync.mapping import type_words
from integrations.sync.transforms import TRANSFORMS, cleaned, wanted_steps
from integrations.sync.transforms.base import Mismatch
from integrations.ui import drift, preview_table, status, transforms, words
from integrations.ui.field_lists import FieldLists
from integrations.ui.shown import Shown
from integrations.ui.tools import tool
from values import Type

#: The order in which the button in the middle turns.
TURNS = ("both", "import", "export")


@dataclass(slots=True)
class Choice:
    """One pair as it stands in the form; local "" is a field that is not synced. options: as in FieldMapping."""

    remote: str
    local: str = ""
    direction: str = "both"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Mapper:
    """One stream's mapping while a person edits it."""

    stream: Stream
    choices: list[Choice]
    entity: registry.Entity
    error: str = ""
    said: str = ""  # what an edit did, for those who do not see it
    noted: bool = False  # what was done shows in no row: those who see are told, too
    focus: str = ""  # id of the control that takes the focus, where the one that was pressed is gone
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.schema = schema_of(self.stream)
        self.remotes = {one.id: one for one in self.schema.fields}
        self._complete()

    @classmethod
    def of(cls, stream: Stream) -> Mapper:
        """As it is saved."""
        prefetch_related_objects([stream], "mappings")
        _see_what_went(stream)
        saved = [Choice(one.remote, one.local, one.direction, one.options) for one in stream.mappings.all()]
        mapper = cls(stream, saved, registry.entity(stream.entity))
        if (
            stream.problem_code == errors.SchemaChanged.code
        ):  # the engine keeps the fields as they were; show what is there
            mapper.try_refresh()
        return mapper

    @classmethod
    def drafted(cls, stream: Stream, data: list[list[Any]]) -> Mapper:
        """As somebody left it, unsaved: what `draft` answered."""
        prefetch_related_objects([stream], "mappings")
        _see_what_went(stream)
        return cls(stream, [Choice(*one) for one in data], registry.entity(stream.entity))

    @classmethod
    def posted(cls, stream: Stream, data: QueryDict) -> Mapper:
        """As it stands in the form."""
        _see_what_went(stream)
        lists = (data.getlist(name) for name in ("remote", "local", "direction"))
        choices = [Choice(*one) for one in zip(*lists, strict=False)]
        saved = {(one.remote, one.local): one.options for one in stream.mappings.all()}
        for one in choices:
            one.options = saved.get((one.remote, one.local), {})
        mapper = cls(stream, choices, registry.entity(stream.entity))
        for row, was, one in zip(data.getlist("row"), data.getlist("was"), choices, strict=False):
            mapper._take_steps(one, was, transforms.posted(data, row))
            mapper._take_adds(one, one.remote in data.getlist("adds"))
        mapper._complete()
        return mapper

    def _take_steps(self, one: Choice, was: str, steps: list[dict[str, Any]]) -> None:
        """As in the form; a field that was just chosen gets the steps that its values call for."""
        described, remote = self.entity.fields.get(one.local), self.remotes.get(one.remote)
        if one.local == was:
            one.options = {name: value for name, value in one.options.items() if name not in ("values", "transforms")}
            one.options |= {"transforms": steps} if steps else {}
        elif described and remote and not one.options:
            one.options = streams.steps_for(self.stream, remote, described)

    def _take_adds(self, one: Choice, asked: bool) -> None:
        one.options = {name: value for name, value in one.options.items() if name != "options_there"}
        if asked and one.local:
            one.options["options_there"] = "add"

    # --- edits ----------------------------------------------------------------------------------------------------

    def do(self, what: str) -> None:
        """turn:<remote>, in, remove, map; drop:<step>:<remote>, up, down; create:<local>; suggest, news, refresh.

        Raises Refused.
        """
        verb, _colon, target = what.partition(":")
        by_row: dict[str, Callable[[str], None]] = {
            "turn": self._turn, "in": self._only_in, "remove": self._remove, "map": self._map, "drop": self._drop,
            "up": partial(self._move, -1), "down": partial(self._move, 1), "create": self._create,
        }  # fmt: skip
        edit = by_row.get(verb)
        if edit:
            edit(target)
        elif verb == "suggest":
            self._suggest()
        elif verb == "news":
            self._map_news()
        elif verb == "refresh":
            streams.refresh_schema(self.stream)
            self._described_anew()
            self.said = _("The fields were read again.")
        self.noted = verb in ("suggest", "news", "refresh")

    def try_refresh(self) -> None:
        try:
            self.do("refresh")
        except Refused as refused:
            self.error = str(refused)

    def wanted(self) -> list[dict[str, Any]]:
        """For `streams.set_mappings`; what is saved with a pair and not shown here (its rule) stays."""
        kept = {(one.remote, one.local): one for one in self.stream.mappings.all()}
        return [
            {"remote": one.remote, "local": one.local, "direction": one.direction, "options": one.options}
            | _unseen(kept.get((one.remote, one.local)))
            for one in self.choices
            if one.local
        ]

    # --- beside somebody else ---------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """As services/edits.py compares mappings."""
        return {one.remote: self._settings(one) for one in self.choices if one.local}

    def draft(self) -> list[list[Any]]:
        return [[one.remote, one.local, one.direction, one.options] for one in self.choices if one.local]

    def _settings(self, one: Choice) -> dict[str, Any]:
        described, options = self.entity.fields.get(one.local), one.options
        if described:
            with suppress(Mismatch):  # what cannot be is told when it is saved
                options = cleaned(options, self.remotes[one.remote].type, described.type)
        return edits.mapped(one.local, one.direction, options)

    def take(self, merged: Mapping[str, Any]) -> None:
        """Pairs as `settings` has them."""
        for one in self.choices:
            taken = merged.get(one.remote) or {"local": "", "direction": one.direction, "options": {}}
            one.local, one.direction, one.options = taken["local"], taken["direction"], taken["options"]

    def name_of(self, remote: str) -> str:
        return self.remotes[remote].name if remote in self.remotes else remote

    def words(self, remote: str, setting: Mapping[str, Any] | None) -> str:
        """One pair in a few words."""
        if not setting:
            return _("Not kept in step")
        described = self.entity.fields.get(setting["local"])
        steps = [TRANSFORMS[step["name"]].label for step in wanted_steps(setting["options"])]
        way = words.direction(setting["direction"], tool(self.stream.integration.provider).name)
        return " · ".join(str(part) for part in (described.label if described else setting["local"], way, *steps))

    # --- single edits -----------------------------------------------------------------------------------------------

    def _turn(self, remote: str) -> None:
        for one in self.choices:
            if one.remote == remote:
                ways = [way for way in TURNS if way in self._fit(one).directions] or [one.direction]
                one.direction = ways[(ways.index(one.direction) + 1) % len(ways)] if one.direction in ways else ways[0]
                self._tell(remote)

    def _only_in(self, remote: str) -> None:
        for one in self.choices:
            if one.remote == remote and "import" in self._fit(one).directions:
                one.direction = "import"
                self._tell(remote)

    def _remove(self, remote: str) -> None:
        paired = [one.remote for one in self.choices if one.local]
        for one in self.choices:
            if one.remote == remote:
                one.local, one.options = "", {}
        if remote in paired:  # on to the row that takes its place
            rest = paired[paired.index(remote) + 1 :] or paired[: paired.index(remote)][-1:]
            self.focus = f"local-{rest[0] if rest else remote}"
        self._tell(remote)

    def _map(self, remote: str) -> None:
        """As Raccord would: a field that is new there."""
        found = next(iter(streams.suggested(self.stream, only=remote)), None)
        taken = {one.local for one in self.choices if one.local}
        for one in self.choices:
            if one.remote == remote and not one.local and found and found.local not in taken:
                one.local, one.direction, one.options = found.local, found.direction, found.options
        self.focus = f"local-{remote}"
        self._tell(remote)

    def _tell(self, remote: str) -> None:
        one = next((choice for choice in self.choices if choice.remote == remote), None)
        setting = self._settings(one) if one and one.local else None
        self.said = f"{self.name_of(remote)}: {self.words(remote, setting)}"

    def _drop(self, target: str) -> None:
        """Take one step away."""
        self._rearrange(target, lambda steps, at: steps[:at] + steps[at + 1 :])
        number, _colon, remote = target.partition(":")
        for row, one in enumerate(self.choices):
            if one.remote == remote:
                left = len(wanted_steps(one.options))
                self.focus = f"drop-{row}-{min(int(number), left - 1)}" if left and number.isdecimal() else f"add-{row}"

    def _move(self, by: int, target: str) -> None:
        """Let one step come earlier (-1) or later (1)."""

        def moved(steps: list[dict[str, Any]], at: int) -> list[dict[str, Any]]:
            rest = steps[:at] + steps[at + 1 :]
            to = min(max(at + by, 0), len(rest))
            ends = {0: "down", len(rest): "up"}  # where there is one button only
            self.focus = f"{ends.get(to, 'up' if by < 0 else 'down')}-{{row}}-{to}"
            return [*rest[:to], steps[at], *rest[to:]]

        self._rearrange(target, moved)
        remote = target.partition(":")[2]
        row = next((row for row, one in enumerate(self.choices) if one.remote == remote), 0)
        self.focus = self.focus.format(row=row)

    def _rearrange(self, target: str, change: Callable[[list[dict[str, Any]], int], list[dict[str, Any]]]) -> None:
        """target: "<number of the step>:<remote>"."""
        number, _colon, remote = target.partition(":")
        for one in self.choices:
            steps = wanted_steps(one.options)
            if one.remote == remote and number.isdecimal() and int(number) < len(steps):
                kept = change(steps, int(number))
                one.options = {
                    name: value for name, value in one.options.items() if name not in ("values", "transforms")
                }
                one.options |= {"transforms": kept} if kept else {}
        self._complete()
        self._tell(remote)

    def _create(self, local: str) -> None:
        described = self.entity.fields.get(local)
        if described is None:
            raise Refused(_("There is no field “%(name)s” here.") % {"name": local}, "local", "no_field")
        before = set(self.remotes)
        streams.create_remote_field(self.stream, described.label, described.type, described.options)
        self._described_anew()
        made = next((pk for pk, one in self.remotes.items() if pk not in before and one.name == described.label), None)
        for one in self.choices:
            if one.remote == made:
                one.local, one.direction = local, (self._fit(one, local).directions or ("both",))[0]
                self.focus = f"local-{one.remote}"
                self._tell(one.remote)

    def _suggest(self) -> None:
        before = self._number()
        taken = {one.local for one in self.choices if one.local}
        by_remote = {one.remote: one for one in self.choices}
        for found in streams.suggested(self.stream):
            one = by_remote.get(found.remote)
            if one and not one.local and found.local not in taken:
                one.local, one.direction, one.options = found.local, found.direction, found.options
        self._tell_number(self._number() - before)

    def _map_news(self) -> None:
        """As Raccord would: all fields that are new there."""
        before = self._number()
        for one in drift.news(self.stream):
            if one["can_map"]:
                self._map(one["field"])
        self._tell_number(self._number() - before)

    def _number(self) -> int:
        return sum(bool(one.local) for one in self.choices)

    def _tell_number(self, number: int) -> None:
        if not number:
            self.said = _("Raccord has nothing more to suggest: choose the field here for each by hand.")
            return
        self.said = ngettext("%(n)s field is mapped.", "%(n)s fields are mapped.", number) % {"n": number}

    def _described_anew(self) -> None:
        previewing.forget(self.stream)
        self.schema = schema_of(self.stream)
        self.remotes = {one.id: one for one in self.schema.fields}
        self._complete()

    def _complete(self) -> None:
        """One choice per remote field; a direction that the pair does not allow becomes one that it does."""
        self.gone = [one for one in self.choices if one.remote not in self.remotes]
        self.choices = [one for one in self.choices if one.remote in self.remotes]
        known = {one.remote for one in self.choices}
        self.choices += [Choice(remote) for remote in self.remotes if remote not in known]
        for one in self.choices:
            allowed = self._fit(one).directions
            if one.local and allowed and one.direction not in allowed:
                one.direction = allowed[0]

    def _fit(self, one: Choice, local: str = "") -> mapping.Fit:
        described = self.entity.fields.get(local or one.local)
        options = {} if local else one.options
        return mapping.fit(self.remotes[one.remote], described, options) if described else mapping.Fit()

    # --- what the page shows ----------------------------------------------------------------------------------------

    def context(self) -> dict[str, Any]:
        """For integrations/_mapper.html."""
        reads_back = streams.reading_back(self.stream.integration)
        looked, problem = self._previewed(reads_back)
        self.reasons = {(s.remote, s.local): s.reason for s in streams.suggested(self.stream, reads_back=reads_back)}
        shown = self._shown(looked)
        examples, losses = self._samples(looked.rows, shown), self._losses(looked.losses, shown)
        paired = {one.local for one in self.choices}
        names = _("Not kept in step"), _("Cannot be paired with it"), _("paired with another field")
        lists = FieldLists(self.entity.fields.values(), paired, *names)
        rows = [self._row(number, one, examples, losses, lists) for number, one in enumerate(self.choices)]
        mapped = [row for row in rows if row["local"]]
        self._tell_lonely(mapped)
        lossy = sum(bool(row["losses"]) for row in mapped)
        return {
            "stream": self.stream,
            "error": self.error,
            "said": self.said,
            "noted": self.noted,
            "focus": self.focus,
            "gone": [self._gone_name(one) for one in self.gone],
            "rows": mapped,
            "unmapped": [row for row in rows if not row["local"]],
            "creatable": self._creatable(),
            "preview": preview_table.table(self.stream.entity, self._columns(), looked.rows, shown),
            "preview_problem": problem,
            "lossy": lossy,
            "focus_unmapped": any(f"local-{one.remote}" == self.focus and not one.local for one in self.choices),
            "counts": {"mapped": len(mapped), "all": len(self.choices)},
        }

    def _row(
        self, number: int, one: Choice, examples: dict[str, Any], losses: dict[str, Any], lists: FieldLists
    ) -> dict[str, Any]:
        remote, allowed = self.remotes[one.remote], self._fit(one)
        described = self.entity.fields.get(one.local)
        return {
            "id": remote.id,
            "number": number,
            "there": remote.name,
            "there_type": type_words(remote.type),
            "note": _(remote.note) if remote.read_only and remote.note else "",
            "read_only": remote.read_only,
            "is_link": bool(described and described.type is Type.RELATION),
            "local": one.local,
            "here": described.label if described else one.local,
            "here_type": type_words(described.type) if described else "",
            "direction": {"import": "in", "export": "out"}.get(one.direction, "both"),
            "way": one.direction,
            "locked": bool(one.local) and len(allowed.directions) < 2,
            "reason": allowed.reason if one.local else "",
            "impossible": bool(one.local) and not allowed.possible,
            "suggested": self.reasons.get((one.remote, one.local), ""),
            "options": lists.drawn(one.local, partial(self._refuses, remote)),
            "sample": examples.get(one.local) if one.local else None,
            "losses": losses.get(one.local) if one.direction == "both" else None,
            "may_flow_in": "import" in allowed.directions,
            "may_add": remote.creates_options and "export" in self._ways(one, allowed),
            "adds": one.options.get("options_there") == "add",
            "steps": transforms.drawn(number, one.options, remote, described, seen(remote, self._records))
            if described
            else None,
        }

    def _tell_lonely(self, rows: list[dict[str, Any]]) -> None:
        """Of links to a kind of record that has no table in this connection: they would wait for good."""
        targets = {row["local"]: self.entity.fields[row["local"]].target for row in rows if row["is_link"]}
        if not targets:
            return
        paired = set(self.stream.integration.streams.values_list("entity", flat=True))
        known = tool(self.stream.integration.provider).name
        for row in rows:
            if (target := targets.get(row["local"])) and target not in paired:
                facts = {"tool": known, "records": status.plural(target)}
                row["lonely"] = _("These links wait until a table of %(tool)s is paired with %(records)s.") % facts

    def _ways(self, one: Choice, allowed: mapping.Fit) -> Sequence[str]:
        return allowed.directions if one.direction == "both" else (one.direction,)

    def _refuses(self, remote: RemoteField, local: registry.Field) -> str:
        """Why they cannot be paired, "" where they can."""
        fit = mapping.fit(remote, local)
        return "" if fit.possible or mapping.bridge(remote, local) else fit.reason

    def _creatable(self) -> list[dict[str, str]]:
        """Fields here that have no partner and could be made there."""
        if not adapter_class(self.stream.integration.provider).manifest.can.create_fields:
            return []
        paired = {one.local for one in self.choices}
        names = {remote.name.casefold() for remote in self.remotes.values()}
        return [
            {"name": local.name, "label": local.label, "type": type_words(local.type)}
            for local in self.entity.fields.values()
            if local.name not in paired
            and not local.read_only
            and local.type not in (Type.RELATION, Type.JSON)
            and local.label.casefold() not in names
        ]

    def _previewed(self, reads_back: ReadsBack) -> tuple[previewing.Preview, str]:
        try:
            return previewing.preview(self.stream, self.entity, self.wanted(), reads_back), ""
        except Refused as refused:
            return previewing.Preview([], []), str(refused)

    @cached_property
    def _records(self) -> list[Record]:
        return samples.known(self.stream.integration, self.stream.collection) or []

    def _columns(self) -> dict[str, RemoteField]:
        """{local field: its partner} of what the preview shows."""
        return {one.local: self.remotes[one.remote] for one in self.choices if one.local and self._fit(one).possible}

    def _shown(self, looked: previewing.Preview) -> Shown:
        """Whatever is shown of our form, so that titles of related records are asked once."""
        held = [{c.local: c.here for c in row.cells if not c.waits and not c.problem} for row in looked.rows]
        for one in looked.losses:
            held += [
                {one.local: value} for value in ((one.before, one.after) if one.side == "here" else (one.between,))
            ]
        return Shown({self.stream.entity: held})

    def _samples(self, rows: list[previewing.Row], shown: Shown) -> dict[str, dict[str, Any]]:
        """{local field: there -> here -> back} of the first record that has a value, those that lose something first."""
        found: dict[str, previewing.Cell] = {}
        flows_in = {one.local for one in self.choices if one.direction != "export"}
        for row in rows:
            for cell in row.cells:
                if cell.there in (None, "", []) or cell.waits or cell.problem or cell.local not in flows_in:
                    continue
                if cell.local not in found or (found[cell.local].survives and not cell.survives):
                    found[cell.local] = cell
        remote_of = {one.local: self.remotes[one.remote] for one in self.choices if one.local}
        return {
            name: {
                "there": shown.remote_text(self.stream.entity, remote_of[name], cell.there),
                "here": shown.text(self.stream.entity, name, cell.here),
                "back": shown.remote_text(self.stream.entity, remote_of[name], cell.back),
                "survives": cell.survives,
            }
            for name, cell in found.items()
        }

    def _losses(self, losses: list[previewing.Loss], shown: Shown) -> dict[str, dict[str, Any]]:
        """{local field: the first value of either side that would not survive, and how many there are}."""
        entity = self.stream.entity
        remote_of = {one.local: self.remotes[one.remote] for one in self.choices if one.local}

        def here(local: str, value: Any) -> str:
            return shown.text(entity, local, value)

        def there(local: str, value: Any) -> str:
            return shown.remote_text(entity, remote_of[local], value)

        found: dict[str, dict[str, Any]] = {}
        for one in losses:
            kept = found.setdefault(one.local, {"count": 0, "examples": {}})
            kept["count"] += 1
            home, abroad = (here, there) if one.side == "here" else (there, here)
            kept["examples"].setdefault(
                one.side,
                {
                    "side": one.side,
                    "before": home(one.local, one.before),
                    "between": abroad(one.local, one.between),
                    "after": home(one.local, one.after),
                    "problem": one.problem,
                },
            )
        return found

    def _gone_name(self, one: Choice) -> str:
        saved = next((m.remote_name for m in self.stream.mappings.all() if m.remote == one.remote), "")
        return saved or one.remote


def _unseen(old: FieldMapping | None) -> dict[str, Any]:
    """What a saved pair has beside what the mapper shows."""
    return {"policy": old.policy, "critical": old.critical} if old else {}


def _see_what_went(stream: Stream) -> None:
    """Of a field that is gone the engine keeps what it was, to know it again: a person sees what is there now."""
    if any(one.gone for one in stream.mappings.all()):
        with suppress(Refused):
            stream.schema = asdict(streams.describe(stream.integration, stream.collection))
