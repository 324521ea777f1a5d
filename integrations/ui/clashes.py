"""Conflicts as HTML, as cards and as rows of a table: forty to a page, for which a template takes several times as long.
The words that stand in each of them are asked for once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template.defaultfilters import truncatechars
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from config.partials import icon
from config.times import moment

NOTHING = mark_safe("")
SIDE = '<span class="side {}">{}</span>'
CARD = (
    '<article class="clash"><header class="clash-head">{}'
    '<h3><a class="quiet-link" href="{}">{}</a> <span class="muted">· {}</span></h3>{}'
    '<span class="small muted clash-from">{} · {}</span></header>'
    '<div class="clash-sides">{}'
    '<div class="clash-before"><span class="small muted">{}</span><span>{}</span></div>{}</div>{}</article>'
)
SELECT = '<label class="clash-select"><input type="checkbox" name="ids" value="{}" data-select aria-label="{}"></label>'
CHOICE = (
    '<button class="clash-value {}" name="winner" value="{}" formaction="{}" aria-keyshortcuts="{}">{}'
    '<span class="clash-keep">{}{}</span></button>'
)
TOLD = '<div class="clash-value {}{}">{}{}</div>'
VALUE = '{}<strong>{}</strong><span class="small muted">{}{}{}</span>'
FOOT = '<footer class="clash-foot"><span class="small muted">{}</span>{}{}</footer>'
SEEN = '<button class="button small" formaction="{}" aria-keyshortcuts="e">{}{}</button>'
SWAP = '<button class="button small quiet" formaction="{}" aria-keyshortcuts="s">{}{}</button>'
ROW = (
    '<tr><td class="title"><a href="{}">{}</a></td><td class="muted wide">{}</td>{}{}'
    '<td class="small muted settled-by"><span>{}</span><span>{}</span></td>{}</tr>'
)
CELL = '<td class="side-value wide{}"><span class="conflict-side">{}</span>{}{}</td>'
ACTIONS = '<td class="actions">{}</td>'
SWAP_ROW = (
    '<button class="button small quiet" formaction="{}" aria-keyshortcuts="s" aria-label="{}" title="{}">{}{}</button>'
)
LONG = 60  # letters of a value in a row


class Drawing:
    """Draws what `waiting` says of a conflict. They stand in a form with the CSRF token; the buttons say where to."""

    def __init__(self, may_write: bool) -> None:
        self.may_write = may_write
        self.here = format_html(SIDE, "here", _("Here"))
        self.empty = format_html('<span class="nothing">{}</span>', _("empty"))
        self.critical = format_html(
            '<span class="badge trouble">{}{}</span>', icon("circle-alert"), _("Critical field")
        )
        self.won = format_html('<span class="clash-keep">{}{}</span>', icon("check", "small"), _("won"))
        self.won_icon = icon("check", "small", _("won"))
        self.choose, self.before = _("Choose %(title)s, %(field)s"), _("Before")
        self.swap, self.swap_of = _("Swap"), _("Swap %(field)s of %(title)s")
        self.swap_help = _("Let the other value win on both sides")

    def card(self, one: Mapping[str, Any], is_settled: bool = False) -> SafeString:
        """Its two values as two buttons; is_settled: a rule has chosen one of them."""
        may_choose = self.may_write and not is_settled
        there = format_html(SIDE, "there", one["tool"])
        return format_html(
            CARD,
            format_html(SELECT, one["id"], self.choose % one) if may_choose else NOTHING,
            one["url"],
            one["title"],
            one["field"],
            self.critical if one["critical"] else NOTHING,
            one["integration"],
            moment(one["at"]),
            self._side(one, "here", "local", "h", self.here, may_choose),
            self.before,
            one["before"] or self.empty,
            self._side(one, "there", "remote", "t", there, may_choose),
            self._foot(one) if is_settled else NOTHING,
        )

    def row(self, one: Mapping[str, Any]) -> SafeString:
        """Of a table of those that were settled."""
        there, swap = format_html(SIDE, "there", one["tool"]), NOTHING
        if self.may_write:
            button = self._swap(one) if one["other"] else NOTHING
            swap = format_html(ACTIONS, button)
        return format_html(
            ROW,
            one["url"],
            one["title"],
            one["field"],
            self._cell(one, "here", "local", self.here),
            self._cell(one, "there", "remote", there),
            one["by"],
            moment(one["at"]),
            swap,
        )

    def _side(
        self, one: Mapping[str, Any], side: str, winner: str, key: str, name: SafeString, may_choose: bool
    ) -> SafeString:
        held = one[side]
        at = moment(held["at"]) if held["at"] else NOTHING
        value = format_html(VALUE, name, held["value"] or self.empty, held["by"], ", " if at else NOTHING, at)
        if may_choose:
            return format_html(
                CHOICE, side, winner, one["resolve_url"], key, value, icon("check", "small"), held["keep"]
            )
        is_won = one["winner"] == winner
        return format_html(TOLD, side, " won" if is_won else NOTHING, value, self.won if is_won else NOTHING)

    def _foot(self, one: Mapping[str, Any]) -> SafeString:
        by = _("Settled: %(by)s") % one if one["by"] else _("Settled")
        if not self.may_write:
            return format_html(FOOT, by, NOTHING, NOTHING)
        seen = format_html(SEEN, one["seen_url"], icon("check"), _("I have seen it"))
        swap = format_html(SWAP, one["swap_url"], icon("undo-2"), self.swap) if one["other"] else NOTHING
        return format_html(FOOT, by, seen, swap)

    def _cell(self, one: Mapping[str, Any], side: str, winner: str, name: SafeString) -> SafeString:
        value, is_won = one[side]["value"], one["winner"] == winner
        short = truncatechars(value, LONG) if len(value) > LONG else value
        classes = f" won {side}" if is_won else NOTHING
        return format_html(CELL, classes, name, short or self.empty, self.won_icon if is_won else NOTHING)

    def _swap(self, one: Mapping[str, Any]) -> SafeString:
        return format_html(SWAP_ROW, one["swap_url"], self.swap_of % one, self.swap_help, icon("undo-2"), self.swap)
