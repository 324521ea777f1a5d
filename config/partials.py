"""Template tag `include`, as Django's; but what stands alone is drawn once for a page.

`{% include "ui/_icon.html" with name="check" only %}` sees nothing but its values and the request: with the same values it is
the same text again. A long page has hundreds of these: icons, sides, badges, times. The language and the time zone are those
of the page; a template that changed them halfway (`language`, `timezone`) would have to be known here, and none does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.template.base import Parser, Token
from django.template.context import Context
from django.template.loader_tags import IncludeNode, do_include
from django.utils.functional import Promise
from django.utils.safestring import SafeString

register = template.Library()

#: Values that are alike if they are equal and of one type. Of others nothing is known: they are drawn each time.
PLAIN = frozenset((str, SafeString, int, bool, float, type(None), datetime))
DRAWN = "config.partials"


class Include(IncludeNode):
    def render(self, context: Context) -> SafeString:
        if not self.isolated_context:
            return super().render(context)
        key: list[Any] = [self.template.resolve(context)]
        for name, value in self.extra_context.items():
            found = value.resolve(context)
            if isinstance(found, Promise):  # a text in quotes that is translated
                found = str(found)
            kind = type(found)
            if kind not in PLAIN:
                return super().render(context)
            key += (name, kind, found)
        kept: Any = context.render_context.dicts[0]  # of this page, for all its parts
        drawn: dict[Any, SafeString] = kept.setdefault(DRAWN, {})
        place = (context.autoescape, context.use_l10n, context.use_tz, *key)
        if place not in drawn:
            drawn[place] = super().render(context)
        return drawn[place]


@register.tag("include")
def include(parser: Parser, token: Token) -> Include:
    node = do_include(parser, token)
    return Include(node.template, extra_context=node.extra_context, isolated_context=node.isolated_context)
