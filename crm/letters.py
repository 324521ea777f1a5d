"""What counts as the same letter where a person looks for words: capital or small, with an accent or without, a ligature.

`folded` is for a text that is written once and searched often: the database keeps it in one form. `pattern` is for all
other texts: folding long ones for each search would take twenty times as long as asking a regular expression.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from django.db.models import Case, Func, TextField, Value, When
from django.db.models.functions import Length, Lower, Replace
from django.db.models.lookups import Exact

#: Accents that stand behind their letter, and the points of Hebrew and Arabic; as Python and PostgreSQL both read it.
MARKS = r"[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670]"
#: What Unicode does not take apart, in small letters.
SAME = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ς": "σ", "’": "'"}
DOTLESS = "ı", "i"
#: Where letters have variants: Latin, Greek, Cyrillic, Hebrew, Arabic, signs that are letters, ligatures, full width.
VARIED = ((0xA0, 0x250), (0x370, 0x700), (0x1E00, 0x2000), (0x2010, 0x2190), (0xFB00, 0xFB50), (0xFF10, 0xFF5B))
LONGEST = 100  # letters of a pattern; a regular expression has limits of its own


def folded(text: Any) -> Any:
    """An expression for the text in one form. Immutable, so that a column can be generated with it.

    Most texts are plain ASCII, which shows in their length and needs nothing but small letters. Each step maps letter by
    letter, so what held a word before it holds the word after it.
    """
    bare: Any = Func(text, function="normalize", template="%(function)s(%(expressions)s, NFKD)")
    bare = Func(bare, Value(MARKS), Value(""), Value("g"), function="regexp_replace", output_field=TextField())
    bare = Lower(bare)
    for letter, plain in SAME.items():
        bare = Replace(bare, Value(letter), Value(plain), output_field=TextField())
    is_plain = Exact(Func(text, function="octet_length"), Length(text))
    found = Case(When(is_plain, then=Lower(text)), default=bare, output_field=TextField())
    return Replace(found, *map(Value, DOTLESS), output_field=TextField())  # which a Turkish database makes of I


def plain(text: str) -> str:
    """The same in Python."""
    bare = re.sub(MARKS, "", unicodedata.normalize("NFKD", text)).lower()
    for letter, same in (*SAME.items(), DOTLESS):
        bare = bare.replace(letter, same)
    return re.sub(MARKS, "", bare)  # Python makes two of the Turkish İ


@cache
def _variants() -> dict[str, str]:
    """{one or two plain letters: the letters that count as them}."""
    found: dict[str, str] = {}
    for first, end in VARIED:
        for letter in map(chr, range(first, end)):
            base = plain(letter)
            if base != letter and len(base) < 3 and _is_letter(base):
                found[base] = found.get(base, "") + letter
    return found


def pattern(text: str) -> str:
    """A regular expression of PostgreSQL, for use without regard to case; empty for a text of nothing but marks."""
    letters = [letter for letter in text if not re.fullmatch(MARKS, letter)]
    parts, at = [], 0
    while at < len(letters):
        pair = plain("".join(letters[at : at + 2]))
        if len(letters[at : at + 2]) == len(pair) == 2 and pair in _variants():
            parts.append(f"(?:{_one(letters[at])}{_one(letters[at + 1])}|[{_variants()[pair]}])")
            at += 2
        else:
            parts.append(_one(letters[at]))
            at += 1
    return "".join(parts)


def _one(letter: str) -> str:
    base = plain(letter)
    if len(base) == 1 and _is_letter(base):
        alike = f"[{base}{letter}{_variants().get(base, '')}]"
    elif base.isalnum():  # several, as of a ligature
        alike = f"(?:{_literal(letter)}|{''.join(map(_one, base))})"
    else:
        alike = _literal(letter)
    return f"{alike}{MARKS}*"


def _is_letter(base: str) -> bool:
    return base.isalnum() or base == "'"


def _literal(letter: str) -> str:
    return letter if letter.isalnum() else f"\\U{ord(letter):08x}"
