"""Whether two fields, or two options, are called the same: by their own names, or by what people call them (synonyms.toml)."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from django.utils.translation import gettext as _

from crm import registry

SYNONYMS = Path(__file__).with_name("synonyms.toml")
#: Words that join others, in three languages.
SMALL = set("the a of to on in de du des la le les l d di del della dello dei degli il lo gli et e and n".split())


@cache
def plain(name: str) -> str:
    """A name as it is compared: small letters, no accents, no joining words, singular; dueDate and due_date are "due date"."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    bare = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c)).casefold()
    words = re.findall(r"[^\W_]+", bare.replace("e-mail", "email"))
    return " ".join(_singular(word) for word in words if word not in SMALL) or " ".join(words)


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and len(word) > 3 and word[-2] not in "sui" else word


@cache
def _tables() -> dict[str, dict[str, list]]:
    return tomllib.loads(SYNONYMS.read_text())


@cache
def synonyms(entity: str, field: str) -> frozenset[str]:
    """What else people call this field."""
    tables = _tables()
    found = tables.get(f"{entity}.{field}") or tables.get(field) or {}
    return frozenset(plain(word) for words in found.values() for word in words)


@cache
def _vocabulary(entity: str, field: str) -> frozenset[str]:
    return frozenset(word for one in synonyms(entity, field) for word in one.split())


def alike(theirs: str, local: registry.Field, entity: str) -> tuple[float, str]:
    """(how sure, from 0 to 1; why, in words) that a remote field of this name is this local field."""
    there = plain(theirs)
    own = {plain(local.label), plain(local.name.removeprefix("custom."))}
    if there in own:
        return 1.0, _("same name")
    if set(there.split()).isdisjoint(_vocabulary(entity, local.name).union(*(one.split() for one in own))):
        return 0.0, ""
    known = synonyms(entity, local.name)
    if there in known:
        return 0.9, _("“%(there)s” means the same as “%(here)s”") % {"there": theirs, "here": local.label}
    share = max(_shared(there, one) for one in own | known)
    if share >= 0.5:
        return 0.35 + 0.4 * share, _("similar name")
    return 0.0, ""


def _shared(one: str, other: str) -> float:
    """How many of the words of both are in both."""
    ours, theirs = set(one.split()), set(other.split())
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0


def same_option(name: str, among: Iterable[str]) -> str | None:
    """The option that means the same as `name`, if there is one."""
    among = list(among)
    by_name = {plain(one): one for one in reversed(among)}
    if plain(name) in by_name:
        return by_name[plain(name)]
    for group in _groups():
        if plain(name) in group:
            return next((one for one in among if plain(one) in group), None)
    return None


@cache
def _groups() -> list[frozenset[str]]:
    return [frozenset(plain(word) for word in words) for words in _tables()["options"]["same"]]
