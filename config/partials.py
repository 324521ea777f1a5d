"""Template tags `include`, as Django's, but what stands alone is drawn once for a page, and `icon`.

`{% include "ui/_icon.html" with name="check" only %}` sees nothing but its values and the request: with the same values it is
the same text again. A long page has hundreds of these: icons, sides, badges, times. The language and the time zone are those
of the page; a template that changed them halfway (`language`, `timezone`) would have to be known here, and none does.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.template.base import Parser, Template, Token
from django.template.context import Context
from django.template.loader_tags import IncludeNode, do_include
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

#: Values that are alike if they are equal and of one type. Of others nothing is known: they are drawn each time.
PLAIN = frozenset((str, SafeString, int, bool, float, type(None), datetime))
#: What is kept of a page while it is drawn: the parts that were needed, and their texts.
PARTS, DRAWN = "config.partials.parts", "config.partials"
HIDDEN = mark_safe(' aria-hidden="true"')


class Include(IncludeNode):
    def render(self, context: Context) -> SafeString:
        if not self.isolated_context:
            return super().render(context)
        part, values = self.template.resolve(context), {}
        key: list[Any] = [part]
        for name, value in self.extra_context.items():
            found = value.resolve(context)
            if isinstance(found, Promise):  # a text in quotes that is translated
                found = str(found)
            kind = type(found)
            if kind not in PLAIN:
                return super().render(context)
            key += (name, kind, found)
            values[name] = found
        kept: Any = context.render_context.dicts[0]  # of this page, for all its parts
        drawn: dict[Any, SafeString] = kept.setdefault(DRAWN, {})
        place = (context.autoescape, context.use_l10n, context.use_tz, *key)
        if place not in drawn:
            parts: dict[str, Template] = kept.setdefault(PARTS, {})
            if part not in parts:
                parts[part] = context.template.engine.get_template(part)  # type: ignore[union-attr]
            drawn[place] = parts[part].render(context.new(values))
        return drawn[place]


@register.tag("include")
def include(parser: Parser, token: Token) -> Include:
    node = do_include(parser, token)
    return Include(node.template, extra_context=node.extra_context, isolated_context=node.isolated_context)


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    return _icon(name, size, str(label))


@lru_cache(maxsize=1024, typed=True)  # what is safe and what is not may read alike
def _icon(name: str, size: str, label: str) -> SafeString:
    """A page has dozens of them, and they are the same ones everywhere."""
    role = format_html(' role="img" aria-label="{}"', label) if label else HIDDEN
    said = f" {size}" if size else ""
    return format_html('<svg class="icon{}"{}><use href="{}#{}"></use></svg>', said, role, static("icons.svg"), name)
