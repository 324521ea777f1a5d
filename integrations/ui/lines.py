"""Records that a run or a plan touched, as HTML: fifty to a page with a diff each, for which a template takes several times
as long. The words that stand in each of them are asked for once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.partials import icon

NOTHING = mark_safe("")
CHANGED = {side: mark_safe(f" changed {side}") for side in ("here", "there")}  # noqa: S308 - our own words
LEFT_OUT = mark_safe(' class="line-left-out"')
SIDE = '<span class="side {}">{}</span>'
MUTED = '<span class="small muted">{}</span>'
#: One record with its changes, which open, or by itself.
OPENING = (
    '<li class="record-line"><details{}>'
    '<summary><span class="line-title"><strong>{}</strong>{}</span><span class="line-what">{}</span>'
    '<span class="small muted line-count">{}</span>{}</summary>'
    '<div class="line-body">{}{}{}</div></details></li>'
)
FLAT = (
    '<li class="record-line"><div class="line-flat{}">'
    '<span class="line-title">{}{}{}</span><span class="line-what">{}</span>{}</div></li>'
)
LINK = '<a class="button small quiet" href="{}">{}{}</a>'
UNDO = '<a class="button small quiet" href="{0}" hx-get="{0}" hx-target="#dialog-content">{1}{2}</a>'
SMALL_UNDO = (
    '<a class="diff-undo{0}" href="{1}" hx-get="{1}" hx-target="#dialog-content" aria-label="{2}" title="{3}">{4}</a>'
)
DIFF = (
    '<ul class="diff"><li class="diff-head" aria-hidden="true"><span></span><span>{}</span><span>{}</span></li>{}</ul>'
)
CHANGE = (
    '<li><span class="diff-field">{}{}</span><span class="diff-cell{}">{}{}</span><span class="diff-cell{}">{}{}</span>'
    "{}</li>"
)
SET_BACK = '<dl class="record-changes">{}</dl>'
FIELD = '<div><dt>{}</dt><dd class="{}">{}</dd></div>'
OLD = '<del class="old"><span class="visually-hidden">{} </span>{}</del>{}'
NEW = '{}<ins class="new">{}</ins>'


class Drawing:
    """Draws the lines of one page. tool: the name of the tool there."""

    def __init__(self, tool: str) -> None:
        self.here, self.there = format_html(SIDE, "here", _("Here")), format_html(SIDE, "there", tool)
        self.empty = format_html('<span class="nothing">{}</span>', _("empty"))
        self.left_out = format_html(' <span class="badge">{}</span>', _("left out"))
        self.was, self.open = _("was"), _("Open the record")
        self.undo, self.undo_field = _("Undo for this record"), _("Undo %(field)s")

    def line(self, line: Mapping[str, Any]) -> SafeString:
        """line: {title, url, what, side, reason, left_out, undo_url, changes}; the last four need not be there."""
        badge = self.left_out if line.get("left_out") else NOTHING
        what = format_html(SIDE, line["side"], line["what"]) if line["side"] else format_html(MUTED, line["what"])
        if not line["changes"]:
            return self._flat(line, badge, what)
        count = len(line["changes"])
        return format_html(
            OPENING,
            LEFT_OUT if badge else NOTHING,
            line["title"],
            badge,
            what,
            ngettext("%(n)s field", "%(n)s fields", count) % {"n": count},
            icon("chevron-down", "small"),
            format_html('<p class="small muted">{}</p>', line["reason"]) if line["reason"] else NOTHING,
            self.diff(line["changes"]),
            self._ways(line),
        )

    def set_back(self, line: Mapping[str, Any]) -> SafeString:
        """The same in few words, for what an undo would do. line: {title, what, side, changes}."""
        what = format_html(SIDE, line["side"], line["what"])
        changes = ((one["field"], one["side"], self._moved(one)) for one in line["changes"])
        listed = format_html(SET_BACK, format_html_join("", FIELD, changes)) if line["changes"] else NOTHING
        return format_html("<li><strong>{}</strong> {}{}</li>", line["title"], what, listed)

    def diff(self, changes: Iterable[Mapping[str, Any]]) -> SafeString:
        """Old to new stands in the column of the side where it happens.

        changes: {field, side: "here" or "there", old, new, other (the value on the side that stays)}, and where they apply fresh
        (there was no record before), reason, undo_url (opens in the dialog), both (two values clash, old here and new there).
        """
        return format_html(DIFF, self.here, self.there, format_html_join("", CHANGE, map(self._change, changes)))

    def _change(self, one: Mapping[str, Any]) -> tuple[str, ...]:
        undo = NOTHING
        if url := one.get("undo_url"):
            words = self.undo_field % {"field": one["field"]}
            undo = format_html(SMALL_UNDO, NOTHING, url, words, words, icon("undo-2", "small"))
        reason = format_html('<span class="diff-reason">{}</span>', one["reason"]) if one.get("reason") else NOTHING
        if one.get("both"):
            here, there = self._value(one.get("old")), self._value(one.get("new"))
            sides = (CHANGED["here"], self.here, here, CHANGED["there"], self.there, there)
        elif one["side"] == "here":
            sides = (CHANGED["here"], self.here, self._moved(one), NOTHING, self.there, one["other"])
        else:
            sides = (NOTHING, self.here, one["other"], CHANGED["there"], self.there, self._moved(one))
        return one["field"], undo, *sides, reason

    def _moved(self, one: Mapping[str, Any]) -> SafeString:
        old = NOTHING
        if not one.get("fresh"):
            old = format_html(OLD, self.was, self._value(one.get("old")), icon("arrow-right"))
        return format_html(NEW, old, self._value(one["new"]))

    def _value(self, text: str | None) -> str:
        return text or self.empty

    def _ways(self, line: Mapping[str, Any]) -> SafeString:
        """To the record, and to take back what was done to it."""
        url, undo_url = line["url"], line.get("undo_url")
        opening = format_html(LINK, url, icon("arrow-right"), self.open) if url else NOTHING
        undo = format_html(UNDO, undo_url, icon("undo-2"), self.undo) if undo_url else NOTHING
        return format_html('<div class="row">{}{}</div>', opening, undo) if url or undo_url else NOTHING

    def _flat(self, line: Mapping[str, Any], badge: str, what: str) -> SafeString:
        title, undo = format_html("<strong>{}</strong>", line["title"]), NOTHING
        if line["url"]:
            title = format_html('<a class="row-link" href="{}">{}</a>', line["url"], line["title"])
        if url := line.get("undo_url"):
            words = _("Undo for %(title)s") % {"title": line["title"]}
            undo = format_html(SMALL_UNDO, " line-undo", url, words, self.undo, icon("undo-2", "small"))
        reason = line["reason"] and format_html('<span class="small muted line-reason">{}</span>', line["reason"])
        return format_html(FLAT, " line-left-out" if badge else NOTHING, title, badge, reason, what, undo)
