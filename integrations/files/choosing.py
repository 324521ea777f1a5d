"""What a person chooses for an import or an export, while they choose: columns, matching, how the file is read, what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import registry
from crm.registry import Entity, Field
from integrations.files import cells, columns, exports, imports, partners, planning
from integrations.files.models import Import
from integrations.files.reading import ENCODINGS
from integrations.sync.transforms.base import type_words
from integrations.ui import transforms
from integrations.ui.field_lists import FieldLists
from integrations.ui.shown import Shown
from values import Type, Unfit

SHOWN = 3  # cells of a column beside the mapping
ENCODING_WORDS = {
    "utf-8": "UTF-8",
    "utf-8-sig": gettext_lazy("UTF-8 with a mark"),
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "cp1252": "Windows-1252",
    "latin-1": "ISO 8859-1",
}
DELIMITER_WORDS = {
    ",": gettext_lazy("comma"),
    ";": gettext_lazy("semicolon"),
    "\t": gettext_lazy("tab"),
    "|": gettext_lazy("vertical bar"),
}


# --- the columns ------------------------------------------------------------------------------------------------------


class Mapper:
    """The columns of one import while a person says which field each is. Its state travels in the form."""

    def __init__(self, job: Import, tenant: Any, choices: Sequence[Mapping[str, Any]] | None = None) -> None:
        self.job, self.near = job, columns.around(tenant)
        self.entity = registry.entity(job.entity)
        self.fields = columns.fields_of(self.entity)
        self.by_id = {column["id"]: column for column in job.columns}
        self.choices = [dict(one) for one in (job.mapping if choices is None else choices)]

    @classmethod
    def posted(cls, job: Import, tenant: Any, data: QueryDict) -> Mapper:
        saved = {(one["column"], one["field"]): one for one in job.mapping}
        mapper = cls(job, tenant, [])
        rows = zip(*(data.getlist(name) for name in ("column", "local", "row", "was")), strict=False)
        for column, local, row, was in rows:
            if column not in mapper.by_id:
                continue
            kept = saved.get((column, local), {})
            options = mapper._options(column, local, was, transforms.posted(data, row))
            for name in ("adds", "lenient", "creates"):
                if column in data.getlist(name):
                    options[name] = True
            mapper.choices.append(
                {"column": column, "field": local, "options": options, "reason": kept.get("reason", "")}
            )
        return mapper

    def _options(self, column: str, local: str, was: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
        """As in the form; a field that was just chosen gets the steps that its cells call for."""
        if local and local != was and local in self.fields:
            return columns.options_for(self.by_id[column], self.fields[local], self.near)
        return {"transforms": steps} if steps else {}

    def do(self, what: str) -> None:
        """remove:<column>, drop:<step>:<column>, suggest."""
        verb, _colon, target = what.partition(":")
        if verb == "suggest":
            self.choices = [one.stored() for one in columns.suggest(self.job.columns, self.entity, self.near)]
        at, _colon, column = target.partition(":")
        for one in self.choices:
            if verb == "remove" and one["column"] == target:
                one |= {"field": "", "options": {}}
            if verb == "drop" and one["column"] == column:
                kept = [s for n, s in enumerate(one["options"].get("transforms", [])) if str(n) != at]
                one["options"] = one["options"] | {"transforms": kept}

    def context(self, may_add: bool) -> dict[str, Any]:
        self.near.found = self._related()
        paired = {one["field"] for one in self.choices}
        names = _("Left out"), _("Not for this column"), _("another column is that field")
        lists = FieldLists(self.fields.values(), paired, *names)
        rows = [self._row(n, one, may_add, lists) for n, one in enumerate(self.choices)]
        counts = {"mapped": sum(bool(one["field"]) for one in self.choices), "all": len(self.choices)}
        return {"job": self.job, "entity": self.entity, "rows": rows, "counts": counts}

    def _related(self) -> dict[str, dict[str, list[str]]]:
        """The records that the cells shown name."""
        wanted: dict[str, set[str]] = {}
        for one in self.choices:
            local = self.fields.get(one["field"])
            if local and local.type is Type.RELATION:
                for text in self.by_id[one["column"]]["seen"][:SHOWN]:
                    wanted.setdefault(local.target, set()).update(cells.names_in(local, text))
        return {target: planning.find(registry.ENTITIES[target], found) for target, found in wanted.items()}

    def _row(self, at: int, one: Mapping[str, Any], may_add: bool, lists: FieldLists) -> dict[str, Any]:
        column, local = self.by_id[one["column"]], self.fields.get(one["field"])
        fit = columns.fit(column, local, one["options"], self.near) if local else None
        row = {
            "id": column["id"],
            "number": at,
            "there": column["name"],
            "there_type": type_words(Type(column["type"])) if column["type"] != Type.TEXT else "",
            "local": one["field"],
            "here_type": type_words(local.type) if local else "",
            "impossible": bool(fit and not fit.possible),
            "reason": fit.reason if fit else "",
            "suggested": one.get("reason", ""),
            "options": lists.drawn(one["field"], partial(self._refuses, column)),
            "seen": column["seen"][:SHOWN],
            "samples": self._samples(column, local, one["options"]) if local and fit and fit.possible else [],
            "may_add": bool(local and local.options and local.type in (Type.SELECT, Type.MULTI_SELECT)),
            "may_add_here": may_add,
            "adds": bool(one["options"].get("adds")),
            "may_lack": bool(local and local.type in (Type.RELATION, Type.PERSON)),
            "lenient": bool(one["options"].get("lenient")),
            "may_create": bool(local and partners.can_be_made(local, self.entity.name)),
            "creates": bool(one["options"].get("creates")),
        }
        if local and local.name != "id":
            row["steps"] = transforms.drawn(at, one["options"], columns.remote(column), local, column["seen"])
        return row

    def _refuses(self, column: Mapping[str, Any], local: Field) -> str:
        fit = columns.fit(column, local, {}, self.near)
        return "" if fit.possible else fit.reason

    def _samples(self, column: Mapping[str, Any], local: Field, options: Mapping[str, Any]) -> list[dict[str, str]]:
        read, found, values_ = columns.reader(column, local, options), [], []
        for text in column["seen"][:SHOWN]:
            try:
                value = text if local.name == "id" else read(text, self.near)
                found.append((text, value, ""))
                values_.append({local.name: value})
            except Unfit as unfit:
                found.append((text, None, str(unfit)))
        coming: dict[str, dict[str, str]] = {}
        for (target, _key), (pk, name) in self.near.coming.items():
            coming.setdefault(target, {})[pk] = name
        shown = Shown({self.entity.name: values_}, coming)
        name = self.entity.name
        return [
            {
                "there": text,
                "here": "" if problem else shown.text(name, local.name, value) or cells_text(value),
                "problem": problem,
            }
            for text, value, problem in found
        ]


def cells_text(value: Any) -> str:
    return "" if value is None else str(value)


# --- how the file is read ---------------------------------------------------------------------------------------------


def layout(job: Import) -> dict[str, Any]:
    """The form that reads the file another way."""
    held = job.layout
    return {
        "encodings": [(one, ENCODING_WORDS[one], one == held.get("encoding")) for one in ENCODINGS],
        "delimiters": [(one, words, one == held.get("delimiter")) for one, words in DELIMITER_WORDS.items()],
        "sheets": [(one, one == held.get("sheet")) for one in held.get("sheets", [])],
        "header": held.get("header", 1),
        "told": _layout_words(job),
    }


def _layout_words(job: Import) -> str:
    held = job.layout
    if job.kind == "xlsx":
        return _("Sheet “%(sheet)s”, names of the columns in row %(row)s.") % {
            "sheet": held["sheet"],
            "row": held["header"],
        }
    return _("%(encoding)s, cells separated by %(delimiter)s, names of the columns in row %(row)s.") % {
        "encoding": ENCODING_WORDS[held["encoding"]],
        "delimiter": DELIMITER_WORDS[held["delimiter"]],
        "row": held["header"],
    }


# --- the matching -----------------------------------------------------------------------------------------------------


def matching(job: Import) -> dict[str, Any]:
    entity = registry.entity(job.entity)
    fields = columns.fields_of(entity)
    keys = job.matching.get("keys", [])
    known = imports.mapped(job)
    possible = [f for name, f in fields.items() if name in known and planning.may_be_key(f)]
    first = sorted(possible, key=lambda f: (f.name not in ("id", *entity.keys), f.label))
    return {
        "job": job,
        "entity": entity,
        "ways": [
            {"value": value, "label": label, "chosen": value == job.matching.get("how"), "help": HELP[value]}
            for value, label in Import.How.choices
        ],
        "keys": [
            {
                "place": place,
                "options": [(f.name, f.label, len(keys) > place and keys[place] == f.name) for f in first],
            }
            for place in range(min(3, len(first)))
        ],
        "clears": job.matching.get("empty") == "clear",
        "may_match": bool(first),
    }


HELP = {
    "both": gettext_lazy("A row whose record is found changes it; any other row becomes a new record."),
    "create": gettext_lazy("Records that are here already are not looked at: the same person may then be here twice."),
    "match": gettext_lazy("Rows without a record here are listed and left out."),
}


# --- what an export holds ---------------------------------------------------------------------------------------------


class ExportForm:
    """What shall be in the file, while a person chooses: the columns in their order travel in the form."""

    def __init__(self, entity: Entity, data: Mapping[str, Any] | None = None, shown: Iterable[str] = ()) -> None:
        self.entity, self.fields = entity, cells.fields_of(entity)
        every = exports.usual(entity)
        self.order, self.chosen = every, set(shown) or set(every)
        self.format, self.delimiter, self.bom = "csv", "comma", True

    @classmethod
    def posted(cls, entity: Entity, data: QueryDict) -> ExportForm:
        form = cls(entity)
        order = [name for name in dict.fromkeys(data.getlist("order")) if name in form.fields]
        form.order = [*order, *(name for name in form.order if name not in order)]
        form.chosen = set(data.getlist("columns"))
        form.format = data.get("format", "csv")
        form.delimiter = data.get("delimiter", "comma")
        form.bom = "bom" in data
        return form

    def do(self, what: str) -> None:
        """up:<field>, down:<field>, all, none."""
        verb, _colon, name = what.partition(":")
        if verb in ("all", "none"):
            self.chosen = set(self.order) if verb == "all" else set()
        elif name in self.order:
            at = self.order.index(name)
            to = min(max(at + (-1 if verb == "up" else 1), 0), len(self.order) - 1)
            self.order.insert(to, self.order.pop(at))

    @property
    def columns(self) -> list[str]:
        return [name for name in self.order if name in self.chosen]

    @property
    def options(self) -> dict[str, Any]:
        return {"delimiter": self.delimiter, "bom": self.bom}

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "label": self.fields[name].label,
                "type": type_words(self.fields[name].type),
                "chosen": name in self.chosen,
                "first": at == 0,
                "last": at == len(self.order) - 1,
            }
            for at, name in enumerate(self.order)
        ]
