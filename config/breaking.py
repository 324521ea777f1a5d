"""Template filter `breakable`: an address, of mail or of the web, may be broken at its signs rather than inside a word."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

#: A line may end before these, or after a slash; it does where the address is too long for it.
PLACES = re.compile(r"(?<=[^./@_?&=:-])(?=[.@_?&=])|(?<=/)(?=[^/])")


@register.filter
def breakable(text: Any) -> SafeString:
    """`<wbr>` is no character: what is copied is the address."""
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in PLACES.split(str(text))))
