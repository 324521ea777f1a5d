"""What a column of the practice tool can hold: each canonical type, so that every kind of mapping can be tried."""

from __future__ import annotations

import re
from typing import Any

from values import Type, Unfit, Value, canonical

MOST = {Type.TEXT: 1000, Type.LONG_TEXT: 20_000}
STRICT_PHONE = re.compile(r"\+[0-9][0-9 ]{5,}")


class Unacceptable(ValueError):
    """A value that its column refuses. `field`: the column's id; the text says why, in the tool's own words."""

    def __init__(self, text: str, field: str) -> None:
        super().__init__(text)
        self.field = field


def checked(field: dict[str, Any], value: Any, strict_phones: bool = False, new_options: bool = False) -> Value:
    """The value as the column keeps it. Raises Unacceptable."""
    kind, ident, name = Type(field["type"]), field["id"], field["name"]
    try:
        kept = canonical(kind, value)
    except Unfit as error:
        raise Unacceptable(str(error), ident) from error
    if kind is Type.BOOLEAN:
        return bool(kept)
    if kept is None:
        if field.get("required"):
            raise Unacceptable(f"“{name}” may not be empty.", ident)
        return None
    if kind in MOST and len(kept) > MOST[kind]:
        raise Unacceptable(f"“{name}” holds at most {MOST[kind]} characters.", ident)
    if kind is Type.EMAIL and not re.fullmatch(r"[^@\s]+@[^@\s]+", kept):
        raise Unacceptable(f"“{kept}” is not an e-mail address.", ident)
    if kind is Type.PHONE and strict_phones and not STRICT_PHONE.fullmatch(kept):
        raise Unacceptable(f"“{kept}” is not an international phone number such as +33 1 23 45 67 89.", ident)
    if kind in (Type.SELECT, Type.MULTI_SELECT) and not new_options:
        wanted = kept if isinstance(kept, list) else [kept]
        if missing := [one for one in wanted if one not in field.get("options", [])]:
            raise Unacceptable(f"“{name}” has no option “{missing[0]}”.", ident)
    if kind in (Type.PERSON, Type.RELATION) and not field.get("many") and isinstance(kept, list) and len(kept) > 1:
        raise Unacceptable(f"“{name}” holds one.", ident)
    return kept


def options_of(value: Value) -> list[str]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]
