"""A run that lives, in words: how much, how fast, and how long yet, each only where it is known."""

from __future__ import annotations

import math
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import SyncLog
from integrations.services import progress
from integrations.ui import words


def live_progress(run: SyncLog) -> dict[str, Any]:
    """For _progress.html: the sentence, and the numbers of its bar."""
    found = progress.of(run)
    is_sending = found.phase == "sending"
    facts = {"n": _number(found.done), "of": _number(found.total or 0)}
    if found.total is not None:
        said = _("%(n)s of %(of)s sent") if is_sending else _("%(n)s of about %(of)s read")
    else:
        said = _("%(n)s sent") if is_sending else _("%(n)s read so far")
    return {
        "phase": words.phase(found.phase),
        "amount": said % facts,
        "rate": _("%(n)s a second") % {"n": _number(round(found.rate))} if found.rate >= 1 else "",
        "left": _left(found.left),
        "done": found.done,
        "all": found.total or 0,
    }


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return _("less than a minute left")
    minutes = math.ceil(seconds / 60)
    if minutes < 90:
        return ngettext("about %(n)s minute left", "about %(n)s minutes left", minutes) % {"n": minutes}
    hours = round(minutes / 60)
    return ngettext("about %(n)s hour left", "about %(n)s hours left", hours) % {"n": hours}


def _number(number: int) -> str:
    return formats.number_format(number, force_grouping=True)
