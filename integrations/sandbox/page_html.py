"""The HTML of the hand-edit pages: one frame, and the widgets for each kind of field."""

from __future__ import annotations

from html import escape
from typing import Any

from integrations.sandbox.hand import Field, Hand, HandError

STYLE = """
:root { color-scheme: light dark; --ground: #faf9f7; --sheet: #fff; --ink: #1c1917; --soft: #6b645c; --line: #e4dfd8;
  --accent: #b45309; --on-accent: #fff; --tint: #fef3e2; --bad: #b42318 }
@media (prefers-color-scheme: dark) { :root { --ground: #171411; --sheet: #211d19; --ink: #f3efe9; --soft: #a8a096;
  --line: #39332c; --accent: #f5a524; --on-accent: #1c1305; --tint: #33271366; --bad: #f97066 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
header { display: flex; gap: .75rem; align-items: baseline; padding: .8rem 1.5rem; border-bottom: 1px solid var(--line);
  background: var(--sheet); border-top: 3px solid var(--accent) }
header b { font-weight: 650 } header span { color: var(--soft) }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem }
h1 { font-size: 1.5rem; margin: .2rem 0 1rem } h2 { font-size: 1.05rem; margin: 2rem 0 .6rem }
a { color: var(--accent); text-decoration: none } a:hover { text-decoration: underline }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto }
.pad { padding: 1rem 1.25rem }
table { width: 100%; border-collapse: collapse } th { color: var(--soft); font-weight: 500; text-align: left }
th, td { padding: .5rem .8rem; border-bottom: 1px solid var(--line); white-space: nowrap; max-width: 18rem;
  overflow: hidden; text-overflow: ellipsis }
tr:last-child td { border-bottom: 0 } tbody tr:hover { background: var(--tint) }
input, select, textarea, button { font: inherit; color: inherit; background: var(--sheet);
  border: 1px solid var(--line); border-radius: 7px; padding: .4rem .6rem }
textarea { width: 100%; min-height: 6rem } .wide { width: 100% }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
button { cursor: pointer }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
button.bad { color: var(--bad) }
.bar { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: 0 0 1rem }
.bar form { display: contents }
.grow { flex: 1 } .soft { color: var(--soft) }
code { background: var(--tint); padding: .1rem .35rem; border-radius: 5px }
.chip { display: inline-block; padding: 0 .5rem; border-radius: 99px; background: var(--tint);
  margin-right: .25rem }
dl { display: grid; grid-template-columns: minmax(8rem, 12rem) 1fr; gap: .8rem 1rem; margin: 0; align-items: start }
dt { color: var(--soft); padding-top: .35rem } dd { margin: 0; min-width: 0 } dd label { margin-right: 1rem }
.note { border-left: 3px solid var(--accent); padding: .5rem .8rem; background: var(--tint); margin-bottom: 1rem }
.note.bad { border-color: var(--bad) }
"""


def frame(tool: str, slug: str, title: str, body: str, note: str = "", is_bad: bool = False) -> str:
    told = f'<p class="note{" bad" if is_bad else ""}" role="status">{escape(note)}</p>' if note else ""
    home = f'<b><a href="/{slug}/">{escape(tool)}</a></b><span>sandbox – nothing leaves this computer</span>'
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title>"
        f"<style>{STYLE}</style></head><body><header>{home}</header><main>{told}{body}</main></body></html>"
    )


def button(action: str, label: str, kind: str = "", **hidden: str) -> str:
    inputs = "".join(f'<input type="hidden" name="{k}" value="{escape(v, quote=True)}">' for k, v in hidden.items())
    return f'<form method="post" action="{action}">{inputs}<button class="{kind}">{escape(label)}</button></form>'


def cell(value: Any, hand: Hand, field: Field) -> str:
    if value in (None, "", [], False):
        return ""
    if value is True:
        return "✓"
    if field.kind == "relation":
        return ", ".join(escape(title_of(hand, each)) for each in value)
    if isinstance(value, list):
        return "".join(f'<span class="chip">{escape(str(each))}</span>' for each in value)
    if field.kind == "select":
        return f'<span class="chip">{escape(str(value))}</span>'
    return escape(str(value)[:120])


def title_of(hand: Hand, row: str) -> str:
    try:
        return hand.row(row).title or row
    except HandError:
        return row


def form_text(value: Any, field: Field) -> str:
    """A value as a form sends it back, to tell which fields a person has changed."""
    if value in (None, False):
        return ""
    if value is True:
        return "on"
    if isinstance(value, list):
        return ",".join(sorted(str(each) for each in value)) if field.kind == "multi_select" else ", ".join(value)
    return str(value)


def widget(field: Field, value: Any, hand: Hand) -> str:
    name = escape(field.name, quote=True)
    common = f'name="{name}" aria-label="{name}"'
    text = escape(form_text(value, field), quote=True)
    match field.kind:
        case "read_only":
            return f'<span class="soft">{escape(str(value if value is not None else "–"))}</span>'
        case "long_text":
            return f"<textarea {common}>{escape(str(value or ''))}</textarea>"
        case "boolean":
            return f'<input type="checkbox" {common} {"checked" if value else ""}>'
        case "number":
            return f'<input type="number" step="any" {common} value="{text}">'
        case "select":
            choices = "".join(_option(each, each == value) for each in ["", *field.options])
            return f"<select {common}>{choices}</select>"
        case "multi_select":
            return _boxes(field, value or [])
        case "relation":
            links = ", ".join(f'<a href="../rows/{each}">{escape(title_of(hand, each))}</a>' for each in value or [])
            hint = "names or ids, separated by commas"
            return f'<input class="wide" {common} value="{text}" placeholder="{hint}"><br><small>{links}</small>'
        case "people":
            return f'<input class="wide" {common} value="{text}" placeholder="e-mails, separated by commas">'
        case "date":
            return f'<input {common} value="{text}" placeholder="2026-09-15 or 2026-09-15T09:00Z">'
    return f'<input class="wide" {common} value="{text}">'


def _option(text: str, is_chosen: bool) -> str:
    chosen = " selected" if is_chosen else ""
    return f'<option value="{escape(text, quote=True)}"{chosen}>{escape(text) or "–"}</option>'


def _boxes(field: Field, chosen: list[str]) -> str:
    name = escape(field.name, quote=True)
    boxes = [
        f'<label><input type="checkbox" name="{name}" value="{escape(each, quote=True)}"'
        f"{' checked' if each in chosen else ''}> {escape(each)}</label>"
        for each in field.options
    ]
    return "".join(boxes) or '<span class="soft">no options yet</span>'
