"""Rows and values of a list as HTML: a page has hundreds of cells, and a template takes several times as long for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.template.defaultfilters import linebreaksbr
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.partials import icon
from config.times import moment
from crm.present import Shown

SELECT = (
    '<td class="select"><label><input type="checkbox" name="ids" value="{}" data-select aria-label="{}"></label></td>'
)
TITLE = '<td class="title"><a href="{}">{}</a></td>'
LINK = '<a class="quiet-link" href="{}">{}</a>'
WEB = '<a class="quiet-link" href="{}" rel="noreferrer noopener" target="_blank">{}</a>'
WORDS = {
    "text": '<span class="clip">{}</span>',
    "person": '<span class="clip">{}</span>',
    "number": '<span class="numbers">{}</span>',
    "badge": '<span class="badge outline">{}</span>',
    "no": '<span class="faint">{}</span>',
}


def row(title: str, url: str, cells: Iterable[tuple[str, Shown]], select: tuple[str, str] | None = None) -> SafeString:
    """cells: the attributes of each, as HTML, and its value; select: the record's id and what its box is called."""
    pattern, values = (SELECT + TITLE, [*select, url, title]) if select else (TITLE, [url, title])
    for attributes, shown in cells:
        inner, some = _parts(shown)
        pattern += f"<td{{}}>{inner}</td>"
        values += (attributes, *some)
    return format_html(f"<tr>{pattern}</tr>", *values)


def drawn(shown: Shown) -> SafeString:
    """Short, as crm/_value.html draws it at length; nothing where there is no value."""
    pattern, values = _parts(shown)
    return format_html(pattern, *values) if pattern else SafeString()


def _parts(shown: Shown) -> tuple[str, tuple[Any, ...]]:
    """What `format_html` takes: a whole row is formatted at once."""
    if pattern := WORDS.get(shown.kind):
        return pattern, (shown.text,)
    match shown.kind:
        case "link":
            return LINK, (shown.url, shown.text)
        case "web":
            return WEB, (shown.url, shown.text)
        case "records" if len(shown.parts) == 1:
            return LINK, shown.parts[0][::-1]
        case "records":
            return "{}", (format_html_join(", ", LINK, (part[::-1] for part in shown.parts)),)
        case "badges":
            tags = format_html_join("", '<span class="badge">{}</span>', (part[:1] for part in shown.parts))
            return '<span class="row tight">{}</span>', (tags,)
        case "time" if shown.at:
            return "{}", (moment(shown.at),)
        case "yes":
            return '<span class="yes">{}{}</span>', (icon("check", "small"), shown.text)
        case "paragraphs":
            return '<div class="paragraphs">{}</div>', (linebreaksbr(shown.text),)
    return "", ()
