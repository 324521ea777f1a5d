"""A provider as people see it: its name, its tile, what it allows."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache

from django.utils.translation import gettext as _

from integrations.adapters.base import Manifest
from integrations.adapters.registry import adapters

#: Hues of the design system's monogram tiles, in degrees.
TONES = {"red": 5, "orange": 28, "yellow": 50, "green": 130, "teal": 180, "blue": 215, "violet": 270, "pink": 330}


@dataclass(frozen=True, slots=True)
class Tool:
    slug: str
    title: str
    tone: str
    manifest: Manifest | None

    @property
    def name(self) -> str:
        """Our own tool has a name in every language; the others' are theirs."""
        return _(self.title)

    @property
    def letters(self) -> str:
        return self.name[:1]


@cache
def tool(slug: str) -> Tool:
    """Also for a provider whose adapter is gone: its connections are still there."""
    cls = adapters().get(slug)
    if cls is None:
        return Tool(slug, slug.replace("_", " ").title(), "", None)
    return Tool(slug, cls.manifest.name, tone(cls.manifest.tone), cls.manifest)


def tone(colour: str) -> str:
    """The tile nearest to a manifest's colour ("#37352f"); "" (grey) for one without much hue."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, _lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if saturation < 0.2:
        return ""
    return min(TONES, key=lambda name: min(abs(hue * 360 - TONES[name]), 360 - abs(hue * 360 - TONES[name])))
