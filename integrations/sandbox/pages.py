"""The hand-edit pages: the tool as a person sees it, plain HTML over `hand.Hand`. Works for every provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from integrations.sandbox import page_html as html
from integrations.sandbox.hand import Field, HandError, Row, Table
from integrations.sandbox.provider import Room

ROWS_PER_PAGE = 50
COLUMNS = 7
OFFERED_FAULTS = {
    "status": "answer 503",
    "rate_limited": "answer 429 (slow down)",
    "drop_after": "do it, but lose the answer",
    "drop_before": "close the connection, do nothing",
    "timeout_after": "do it, but answer too late",
    "truncated": "break off in the middle of the answer",
    "html": "answer with a proxy's error page",
}
Form = dict[str, list[str]]


def index(rooms: list[Room]) -> str:
    items = "".join(
        f'<tr><td><a href="/{room.provider.slug}/">{escape(room.provider.name)}</a></td>'
        f"<td>{len(room.world.hand.tables())} tables</td><td><code>/{room.provider.slug}</code></td></tr>"
        for room in rooms
    )
    body = f'<h1>Providers</h1><div class="sheet"><table><tbody>{items}</tbody></table></div>'
    return html.frame("Sandbox", "", "Sandbox", body).replace('href="//"', 'href="/"')


def app(room: Room) -> Starlette:
    views = Views(room)
    return Starlette(
        routes=[
            Route("/", views.guarded(views.home)),
            Route("/tables/{table}", views.guarded(views.table)),
            Route("/tables/{table}/new", views.guarded(views.new_row), methods=["GET", "POST"]),
            Route("/tables/{table}/fields/{act}", views.guarded(views.change_field), methods=["POST"]),
            Route("/rows/{row}", views.guarded(views.row), methods=["GET", "POST"]),
            Route("/rows/{row}/{act}", views.guarded(views.act_on_row), methods=["POST"]),
            Route("/faults", views.guarded(views.faults), methods=["POST"]),
        ]
    )


class Views:
    def __init__(self, room: Room) -> None:
        self.room = room
        self.base = f"/{room.provider.slug}"

    @property
    def hand(self) -> Any:
        return self.room.world.hand

    def guarded(self, view: Callable[[Request, Form], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Read the form, keep what was done, and show a refusal as a page instead of an error."""

        async def call(request: Request) -> Response:
            form = parse_qs((await request.body()).decode(), keep_blank_values=True)
            try:
                answer = view(request, form)
            except (HandError, ValueError, KeyError) as error:
                back = '<p><a href="javascript:history.back()">Back</a></p>'
                answer = self._page("Not done", back, note=str(error), is_bad=True, status=400)
            self.room.store.commit()
            return answer

        return call

    def _page(self, title: str, body: str, note: str = "", is_bad: bool = False, status: int = 200) -> HTMLResponse:
        tool = self.room.provider.name
        return HTMLResponse(html.frame(tool, self.room.provider.slug, f"{title} – {tool}", body, note, is_bad), status)

    def _go(self, path: str, note: str = "") -> Response:
        return RedirectResponse(self.base + path + (f"?note={quote(note)}" if note else ""), status_code=303)

    # Home

    def home(self, request: Request, _: Form) -> Response:
        tables = "".join(self._table_line(table) for table in self.hand.tables())
        empty = '<tr><td class="soft">No tables yet: seed some through the control API.</td></tr>'
        body = f'<h1>Tables</h1><div class="sheet"><table><tbody>{tables or empty}</tbody></table></div>'
        body += self._connect_panel() + self._faults_panel() + self._log_panel()
        return self._page("Tables", body, request.query_params.get("note", ""))

    def _table_line(self, table: Table) -> str:
        marks = ("in the trash " if table.is_trashed else "") + ("" if table.is_shared else "not shared")
        link = f'<a href="{self.base}/tables/{table.id}">{escape(table.name)}</a>'
        ident = f"<code>{table.container or table.id}</code>"
        return f'<tr><td>{link}</td><td>{table.rows} rows</td><td>{ident}</td><td class="soft">{marks}</td></tr>'

    def _connect_panel(self) -> str:
        lines = [
            f"<tr><td>{escape(label)}</td><td><code>{escape(value)}</code></td></tr>"
            for label, value in self.room.world.welcome()
        ]
        return f'<h2>To connect</h2><div class="sheet"><table><tbody>{"".join(lines)}</tbody></table></div>'

    def _faults_panel(self) -> str:
        choices = "".join(f'<option value="{key}">{text}</option>' for key, text in OFFERED_FAULTS.items())
        armed = [each for each in self.room.faults.describe() if not each["spent"]]
        waiting = "".join(
            f"<p>Waiting: <b>{OFFERED_FAULTS.get(each['fault'], each['fault'])}</b>, "
            f"{each['fired']} of {each['times'] or 'all'} done</p>"
            for each in armed
        )
        clear = html.button(f"{self.base}/faults", "Clear", clear="1") if armed else ""
        return (
            f'<h2>Make something go wrong</h2><div class="sheet pad">{waiting}<div class="bar">'
            f'<form method="post" action="{self.base}/faults">For the next '
            f'<input name="times" type="number" min="1" value="5" aria-label="How many" style="width:5rem"> calls '
            f'<select name="kind" aria-label="What">{choices}</select>'
            f'<select name="method" aria-label="Which calls"><option value="">all calls</option>'
            f'<option value="POST">POST only</option><option value="PATCH">PATCH only</option></select>'
            f'<button class="main">Arm</button></form>{clear}</div></div>'
        )

    def _log_panel(self) -> str:
        log = self.room.log
        lines = "".join(
            f"<tr><td>{each.method}</td><td>{escape(each.path)}</td><td>{each.status or 'no answer'}</td>"
            f'<td class="soft">{each.seconds * 1000:.1f} ms</td><td class="soft">{each.fault or ""}</td></tr>'
            for each in list(log.entries)[-8:][::-1]
        )
        quiet = '<tr><td class="soft">Nothing yet.</td></tr>'
        return (
            f'<h2>Requests <span class="soft">{log.total}</span></h2>'
            f'<div class="sheet"><table><tbody>{lines or quiet}</tbody></table></div>'
        )

    def faults(self, _: Request, form: Form) -> Response:
        if "clear" in form:
            self.room.faults.clear()
            return self._go("/", "All faults cleared.")
        rule = {"fault": form["kind"][0], "times": int(form["times"][0]), "method": form["method"][0] or None}
        self.room.faults.add([rule | {"seconds": 30 if form["kind"][0] == "timeout_after" else 1}])
        return self._go("/", "Armed.")

    # One table

    def table(self, request: Request, _: Form) -> Response:
        table = self.hand.table(request.path_params["table"])
        query = request.query_params
        page, search, in_trash = max(0, int(query.get("page", 0))), query.get("q", ""), query.get("trash") == "1"
        total, rows = self.hand.rows(table.id, page * ROWS_PER_PAGE, ROWS_PER_PAGE, search, in_trash)
        fields = [field for field in table.fields if not field.is_title][:COLUMNS]
        title = next(field.name for field in table.fields if field.is_title)
        heads = "".join(f"<th>{escape(name)}</th>" for name in [title, *(field.name for field in fields)])
        lines = "".join(self._row_line(row, fields) for row in rows)
        body = (
            f"<h1>{escape(table.name)}</h1>{self._table_bar(table, search, in_trash)}"
            f'<div class="sheet"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'
            f"{self._pager(total, page, search, in_trash)}{self._fields_panel(table)}"
        )
        return self._page(table.name, body, query.get("note", ""))

    def _table_bar(self, table: Table, search: str, in_trash: bool) -> str:
        here = f"{self.base}/tables/{table.id}"
        other = f'<a href="{here}">Back to the rows</a>' if in_trash else f'<a href="{here}?trash=1">Trash</a>'
        return (
            f'<div class="bar"><form action="{here}"><input type="search" name="q" placeholder="Search" '
            f'aria-label="Search" value="{escape(search, quote=True)}"><button>Search</button></form>'
            f'<span class="grow"></span>{other}<a href="{here}/new"><button class="main">New</button></a></div>'
        )

    def _row_line(self, row: Row, fields: list[Field]) -> str:
        link = f'<a href="{self.base}/rows/{row.id}">{escape(row.title) or "Untitled"}</a>'
        cells = "".join(f"<td>{html.cell(row.values.get(field.name), self.hand, field)}</td>" for field in fields)
        return f"<tr><td>{link}</td>{cells}</tr>"

    def _pager(self, total: int, page: int, search: str, in_trash: bool) -> str:
        kept = f"&q={quote(search)}" + ("&trash=1" if in_trash else "")
        before = f'<a href="?page={page - 1}{kept}">Earlier</a>' if page else ""
        after = f'<a href="?page={page + 1}{kept}">Later</a>' if (page + 1) * ROWS_PER_PAGE < total else ""
        return f'<p class="bar soft">{total} rows <span class="grow"></span>{before} {after}</p>'

    def _fields_panel(self, table: Table) -> str:
        here = f"{self.base}/tables/{table.id}/fields"
        choices = "".join(f"<option>{escape(field.name)}</option>" for field in table.fields)
        return (
            f'<h2>Properties</h2><div class="sheet pad"><form class="bar" method="post" action="{here}/rename">Rename '
            f'<select name="name" aria-label="Property">{choices}</select> to '
            f'<input name="new_name" required aria-label="New name"><button>Rename</button></form>'
            f'<form class="bar" method="post" action="{here}/add">Add '
            f'<input name="name" required aria-label="Name"> of type '
            f'<input name="type" required value="rich_text" aria-label="Type"><button>Add</button></form>'
            f'<form class="bar" method="post" action="{here}/remove">Remove '
            f'<select name="name" aria-label="Property">{choices}</select>'
            f'<button class="bad">Remove</button></form></div>'
        )

    def change_field(self, request: Request, form: Form) -> Response:
        table, name = request.path_params["table"], form["name"][0]
        match request.path_params["act"]:
            case "rename":
                self.hand.rename_field(table, name, form["new_name"][0])
            case "add":
                self.hand.add_field(table, name, form["type"][0])
            case "remove":
                self.hand.remove_field(table, name)
        return self._go(f"/tables/{table}", "Properties changed.")

    # One row

    def new_row(self, request: Request, form: Form) -> Response:
        table = self.hand.table(request.path_params["table"])
        if request.method == "POST":
            row = self.hand.create_row(table.id, _changed(table.fields, {}, form))
            return self._go(f"/rows/{row.id}", "Created.")
        here = f"{self.base}/tables/{table.id}/new"
        return self._page("New", f"<h1>New in {escape(table.name)}</h1>{self._form(here, table.fields, {}, 'Create')}")

    def row(self, request: Request, form: Form) -> Response:
        row = self.hand.row(request.path_params["row"])
        table = self.hand.table(self.hand.table_of(row.id))
        if request.method == "POST":
            changed = _changed(table.fields, row.values, form)
            if changed:
                self.hand.edit_row(row.id, changed)
            return self._go(f"/rows/{row.id}", "Saved." if changed else "Nothing was changed.")
        here = f"{self.base}/rows/{row.id}"
        act = html.button(f"{here}/trash", "Move to trash", "bad")
        if row.is_trashed:
            act = html.button(f"{here}/restore", "Restore") + html.button(f"{here}/delete", "Delete for good", "bad")
        back = f'<a href="{self.base}/tables/{table.id}">{escape(table.name)}</a>'
        body = (
            f"<p>{back}</p><h1>{escape(row.title) or 'Untitled'}</h1>"
            f'<div class="bar"><span class="soft">Edited {row.edited}</span><span class="grow"></span>{act}</div>'
            + self._form(here, table.fields, row.values, "Save")
        )
        return self._page(row.title or "Untitled", body, request.query_params.get("note", ""))

    def _form(self, action: str, fields: list[Field], values: dict[str, Any], label: str) -> str:
        lines = "".join(
            f"<dt>{escape(field.name)}</dt><dd>{html.widget(field, values.get(field.name), self.hand)}</dd>"
            for field in fields
        )
        save = f'<p><button class="main">{label}</button></p>'
        return f'<form method="post" action="{action}" class="sheet pad"><dl>{lines}</dl>{save}</form>'

    def act_on_row(self, request: Request, _: Form) -> Response:
        ident = request.path_params["row"]
        table = self.hand.table_of(ident)
        match request.path_params["act"]:
            case "trash":
                self.hand.trash_row(ident)
            case "restore":
                self.hand.restore_row(ident)
            case "delete":
                self.hand.delete_row(ident)
                return self._go(f"/tables/{table}", "Deleted for good.")
        return self._go(f"/rows/{ident}", "Done.")


def _changed(fields: list[Field], values: dict[str, Any], form: Form) -> dict[str, Any]:
    """Only what a person has changed: an untouched field must not count as an edit."""
    found: dict[str, Any] = {}
    for field in fields:
        if field.kind == "read_only":
            continue
        sent, before = form.get(field.name, []), html.form_text(values.get(field.name), field)
        if field.kind == "multi_select":
            if ",".join(sorted(sent)) != before:
                found[field.name] = sent
            continue
        text = (sent[0] if sent else "").replace("\r\n", "\n")
        if text != before.replace("\r\n", "\n"):
            found[field.name] = text == "on" if field.kind == "boolean" else text or None
    return found
