"""Two people saved the same part of a setup: what one left, beside what the other is about to save."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from integrations.models import IntegrationInstance
from integrations.services import edits
from integrations.services.edits import Meeting


def carried(request: HttpRequest, integration: IntegrationInstance) -> int:
    """For the hidden field of a form: on a first look the newest edit, after that what the page was drawn from."""
    posted = edits.number(request.POST.get("seen"))
    return edits.seen(integration) if posted is None else posted


def posted(request: HttpRequest) -> int | None:
    return edits.number(request.POST.get("seen"))


def shown(request: HttpRequest, met: Meeting, rows: Iterable[dict[str, str]], form: str) -> dict[str, Any]:
    """For integrations/_meanwhile.html. rows: of `row`; form: the id of the one that saves."""
    newest = met.edits[0]
    return {
        "who": edits.who(newest),
        "is_me": newest.by == str(request.user),  # in another window
        "at": newest.at,
        "rows": list(rows),
        "form": form,
    }


def rows(met: Meeting, label: Callable[[str], str], words: Callable[[str, Any], str]) -> list[dict[str, str]]:
    """One per setting that both changed."""
    return [
        {
            "label": label(name),
            "before": words(name, met.before.get(name)),
            "theirs": words(name, met.theirs.get(name)),
            "mine": words(name, met.mine.get(name)),
        }
        for name in met.clashes
    ]


def kept(met: Meeting, label: Callable[[str], str]) -> str:
    """Told after saving what did not clash; "" where there is nothing to tell."""
    if not met.kept:
        return ""
    return _("What %(who)s changed meanwhile is kept: %(what)s.") % {
        "who": edits.who(met.edits[0]),
        "what": ", ".join(dict.fromkeys(label(name) for name in met.kept)),
    }
