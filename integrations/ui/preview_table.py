"""The first records as they would look here, beside a mapping: cells by the hundred, drawn without a template for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from config.partials import icon
from config.short import short
from integrations.adapters.base import Field as RemoteField
from integrations.services.preview import Cell, Row
from integrations.ui.shown import Shown

HELD = "<td>{}{}</td>"
WAS = '<span class="preview-was">{}</span>'
WAITS = '<td><span class="muted" title="{}">{}, {}</span></td>'
MISFIT = '<td class="misfit"><span class="misfit-value">{}</span><span class="misfit-why">{}{}</span></td>'
NOTHING = SafeString('<span class="faint">–</span>')


def table(entity: str, remote_of: Mapping[str, RemoteField], rows: Iterable[Row], shown: Shown) -> dict[str, Any]:
    """For integrations/_preview.html. remote_of: {local field: its partner} of each column. Counts what does not fit."""
    waiting = _("Paired once those records are here, too"), _("to be paired")
    cells = [
        [
            _cell(cell, shown.remote_text(entity, remote_of[cell.local], cell.there), entity, shown, waiting)
            for cell in row.cells
        ]
        for row in rows
    ]
    return {
        "columns": [{"here": shown.label(entity, local), "there": remote.name} for local, remote in remote_of.items()],
        "rows": cells,
        "body": SafeString("".join(f"<tr>{''.join(cell['html'] for cell in row)}</tr>" for row in cells)),
        "problems": sum(bool(cell["problem"]) for row in cells for cell in row),
    }


def _cell(cell: Cell, there: str, entity: str, shown: Shown, waiting: tuple[str, str]) -> dict[str, Any]:
    here = shown.text(entity, cell.local, cell.here) if not cell.waits else ""
    if cell.problem:
        why = icon("triangle-alert", "small")
        html = format_html(MISFIT, short(there, 40), why, cell.problem)
    elif cell.waits:
        html = format_html(WAITS, waiting[0], there, waiting[1])
    else:
        was = format_html(WAS, short(there, 40)) if here and here != there else ""
        html = format_html(HELD, short(here, 60) or NOTHING, was)
    return {"here": here, "there": there, "problem": cell.problem, "html": html}
