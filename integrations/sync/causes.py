"""What the reasons of one cause have in common: the words of a refusal without the values that stand in them.

“+33 1” is not a phone number, and “n/a” is not a phone number, are one cause: a person mends them by one deed.
"""

from __future__ import annotations

import hashlib
import re

#: Where the code says all, its reason only names the record.
PLAIN = frozenset({"ambiguous", "not_found", "ping_pong", "second_copy", "unsure_create", "vanished"})
DOTS = "…"
VALUES = re.compile(
    r"“[^”]*”|«[^»]*»|\"[^\"]*\"|`[^`]*`|(?<!\w)'[^']*'(?!\w)"  # quoted
    r"|https?://\S+|(?<![^\s@,;:()])[^\s@,;:()]+@[^\s@,;:()]+\.\w+"  # addresses, looked for where a word begins
    r"|\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b"  # ids
    r"|\+?\d[\d.,:\-/]*",
    re.IGNORECASE,
)


#: What is said beyond that tells no causes apart; looking through it could take minutes.
LOOKED_AT = 1000


def pattern(reason: str) -> str:
    """The reason with dots in place of each value: "… is not a phone number"."""
    return " ".join(VALUES.sub(DOTS, reason[:LOOKED_AT]).split())


def key(code: str, reason: str) -> str:
    """The same for all reasons of one cause; what a group of set-aside records is known by, beside its code and field."""
    if code in PLAIN or not reason:
        return ""
    return hashlib.sha256(pattern(reason).casefold().encode()).hexdigest()[:16]
