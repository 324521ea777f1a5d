"""Template tag and filter of times: `moment` ("3 minutes ago", as raccord.js goes on to say it while the page is open; the exact
time on hover) and `is_to_come`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

from babel.dates import format_timedelta
from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

register = template.Library()

#: Seconds of each unit, the same in static/js/raccord.js: a text that changed its width after loading would make the page jump.
STEPS = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60)


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """For machines in the page's time zone as well: 2026-09-15T14:05:00+02:00."""
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        local.isoformat(),
        _of_minute(local),
        relative_to(at, timezone.now()),
    )


def exact(at: datetime) -> str:
    """In the page's language and time zone, to the minute."""
    return _of_minute(timezone.localtime(at))


def _of_minute(local: datetime) -> str:
    return _exact(local.replace(second=0, microsecond=0, tzinfo=None), get_language() or "en")


@lru_cache(maxsize=4096)
def _exact(minute: datetime, language: str) -> str:
    return date_format(minute, "DATETIME_FORMAT")


def day(on: date) -> str:
    """In the page's language."""
    return _day(on, get_language() or "en")


@lru_cache(maxsize=4096)
def _day(on: date, language: str) -> str:
    return date_format(on, "DATE_FORMAT")


def relative_to(at: datetime, now: datetime) -> str:
    """In the page's language, in the largest unit that fits, cut and not rounded; "just now" within a minute."""
    seconds = int((at - now).total_seconds())
    for step in STEPS:
        if abs(seconds) >= step:
            return _words(int(seconds / step) * step, (get_language() or "en").split("-")[0])
    return gettext("just now")


@lru_cache(maxsize=4096)
def _words(seconds: int, language: str) -> str:
    return format_timedelta(timedelta(seconds=seconds), threshold=1, add_direction=True, locale=language)


@register.filter
def is_to_come(at: datetime) -> bool:
    """Not for what is due within the minute: "the next run just now" says nothing."""
    return (at - timezone.now()).total_seconds() >= STEPS[-1]
