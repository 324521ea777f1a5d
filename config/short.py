"""Template filter `truncatechars`, as Django's; but a text that is short enough is not taken apart to find that out."""

from __future__ import annotations

from django import template
from django.template.defaultfilters import stringfilter
from django.utils.text import Truncator

register = template.Library()


def short(text: str, most: int) -> str:
    return text if len(text) <= most else Truncator(text).chars(most)


register.filter("truncatechars", stringfilter(short), is_safe=True)
