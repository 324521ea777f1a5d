"""Taking secrets out of whatever may be shown: messages, log lines, kept failures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "***"

#: Header names whose values are never shown.
PRIVATE_HEADERS = re.compile(r"authorization|cookie|token|secret|signature|api-?key|password", re.IGNORECASE)

#: A query or form parameter, or a JSON member, that holds a secret by the end of its name.
_NAMED = re.compile(
    r"(?i)((?:token|secret|signature|password|credential|api_?key)(?:=|\"\s*:\s*\")"
    r"|[?&](?:key|sig|code|assertion)=)([^&\s\"'<>]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")


class Redactor:
    """Knows the secrets of one credential. Very short ones are left: hiding "1" would hide everything."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: list[str] = []
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        forms = {form for secret in secrets if secret and len(secret) >= 6 for form in (secret, quote(secret, safe=""))}
        self._known = sorted({*self._known, *forms}, key=len, reverse=True)  # a longer one may contain a shorter one

    def __call__(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        text = _BEARER.sub(lambda match: f"{match[1]} {HIDDEN}", text)
        return _NAMED.sub(lambda match: match[1] + HIDDEN, text)

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        return {name: HIDDEN if PRIVATE_HEADERS.search(name) else self(value) for name, value in headers}
