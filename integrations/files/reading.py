"""Rows out of a CSV or XLSX file, whoever wrote it: encodings, delimiters, sheets, typed cells; and what is refused.

Every cell comes out as text: numbers as "12.5", days as "2026-09-15", moments as "2026-09-15T14:30:00" on the clock of whoever
wrote them, yes and no as "true" and "false". Beside it stands its kind, "" where it is plain text. A row is (its number as a
spreadsheet counts, its cells); rows without any content are passed over.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO

from django.utils import formats
from django.utils.translation import gettext as _

import values
from integrations.files.sheet import unescaped
from integrations.files.workbook import Damaged, TooLarge, Workbook
from integrations.services.connect import Refused
from values import Type

MAX_ROWS = 200_000
MAX_COLUMNS = 200
#: Characters of one row, and of all cells together: a sheet can say the same long text a million times.
MAX_ROW = 8 * 1024 * 1024
MAX_TEXT = 300 * 1024 * 1024
DELIMITERS = (",", ";", "\t", "|")
SAMPLED = 500
csv.field_size_limit(4 * 1024 * 1024)

Cell = tuple[str, str]  # (text, kind: "", "number", "date", "datetime" or "boolean")
Row = tuple[int, list[Cell]]
KINDS = {"number": Type.DECIMAL, "date": Type.DATE, "datetime": Type.DATETIME, "boolean": Type.BOOLEAN}
EMPTY: Cell = ("", "")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read. header: number of the row with the names of the columns."""

    kind: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    header: int = 1

    def stored(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "kind"}

    @classmethod
    def of(cls, kind: str, stored: dict[str, Any]) -> Layout:
        return cls(kind, **(stored | {"sheets": tuple(stored.get("sheets", ()))}))


def look(file: BinaryIO, name: str) -> Layout:
    """What kind of file it is and how it seems to be written. Raises Refused."""
    start = file.read(8)
    file.seek(0)
    if start.startswith(b"PK\x03\x04"):
        sheets = _sheets(file)
        return _with_header(file, Layout("xlsx", sheet=sheets[0], sheets=tuple(sheets)))
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise _no(
            _(
                "This is an old or a protected Excel file. Save it as “Excel workbook (.xlsx)” without a password, or as CSV."
            )
        )
    if start.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b")):
        raise _no(_("This is no table. Choose a CSV or XLSX file."))
    if not start:
        raise _no(_("“%(name)s” is empty.") % {"name": name})
    encoding = _encoding(file)
    return _with_header(file, Layout("csv", encoding, _delimiter(file, encoding)))


def rows(file: BinaryIO, layout: Layout) -> Iterator[Row]:
    """All rows that hold something. Raises Refused where the file cannot be read or holds too much."""
    found = _xlsx(file, layout) if layout.kind == "xlsx" else _csv(file, layout)
    kept = held = 0
    for number, cells in found:
        while cells and not cells[-1][0]:
            cells.pop()
        if not cells:
            continue
        kept += 1
        if kept > MAX_ROWS + 1:
            raise _no(
                _("The file has more than %(n)s rows. Split it into several.")
                % {"n": formats.number_format(MAX_ROWS, force_grouping=True)}
            )
        if len(cells) > MAX_COLUMNS:
            raise _no(_("Row %(row)s has more than %(n)s columns.") % {"row": number, "n": MAX_COLUMNS})
        held += sum(len(text) for text, _kind in cells)
        if held > MAX_TEXT:
            raise _no(_("The file holds too much text. Split it into several."))
        yield number, cells


def columns(file: BinaryIO, layout: Layout) -> list[dict[str, Any]]:
    """The columns with their names, types and some of their values: [{"id", "name", "type", "seen"}]. Raises Refused."""
    sample = list(islice(_below(rows(file, layout), layout.header), SAMPLED + 1))
    if not sample or sample[0][0] != layout.header:
        raise _no(_("Row %(row)s is empty: there are no names of columns.") % {"row": layout.header})
    head, body = sample[0][1], sample[1:]
    if not body:
        raise _no(_("There is nothing below the names of the columns."))
    width = max(len(cells) for _number, cells in sample[:1] + body)
    width = max((at + 1 for at in range(width) if any(_at(cells, at)[0] for _n, cells in sample)), default=0)
    found, taken = [], set()
    for at in range(width):
        name = " ".join(_at(head, at)[0].split())[:200] or _("Column %(letter)s") % {"letter": letter(at)}
        if name in taken:
            name = f"{name} ({letter(at)})"
        taken.add(name)
        held = [cell for _number, cells in body if (cell := _at(cells, at))[0]]
        found.append(
            {"id": f"c{at}", "name": name, "type": str(_type(held)), "seen": [text[:300] for text, _kind in held[:50]]}
        )
    return found


def letter(at: int) -> str:
    """How a spreadsheet calls a column: 0 is A, 26 is AA."""
    return (letter(at // 26 - 1) if at >= 26 else "") + chr(65 + at % 26)


def below(file: BinaryIO, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """The rows under the names of the columns, as texts."""
    for number, cells in islice(_below(rows(file, layout), layout.header), 1, None):
        yield number, [text for text, _kind in cells]


def _below(found: Iterable[Row], header: int) -> Iterator[Row]:
    return (row for row in found if row[0] >= header)


def _at(cells: list[Cell], at: int) -> Cell:
    return cells[at] if at < len(cells) else EMPTY


def _type(held: list[Cell]) -> Type:
    """Typed where all cells agree; a column of days and moments is one of moments."""
    kinds = {kind for _text, kind in held}
    if kinds == {"date", "datetime"}:
        return Type.DATETIME
    return KINDS.get(kinds.pop(), Type.TEXT) if len(kinds) == 1 else Type.TEXT


def _with_header(file: BinaryIO, layout: Layout) -> Layout:
    """The names of the columns are in the first row that is about as full as the fullest: titles above a table are not."""
    first = list(islice(rows(file, layout), 20))
    if not first:
        raise _no(_("The file holds no rows."))
    filled = {number: sum(bool(text) for text, _kind in cells) for number, cells in first}
    most = max(filled.values())
    header = next(number for number, count in filled.items() if count >= most * 0.6)
    return Layout(**{name: getattr(layout, name) for name in Layout.__slots__} | {"header": header})


def _no(words: str) -> Refused:
    return Refused(words, "file", "unreadable_file")


# --- CSV ----------------------------------------------------------------------------------------------------------------

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1")


def _encoding(file: BinaryIO) -> str:
    """By its mark; else UTF-8 where all of it is; else UTF-16 where every other byte is empty; else that of Windows."""
    start = file.read(4096)
    for mark, name in BOMS:
        if start.startswith(mark):
            return name
    if start.count(0) > len(start) // 4:
        return "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"
    file.seek(0)
    for name in ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(name)()
        try:
            while part := file.read(1 << 20):
                decoder.decode(part)
            decoder.decode(b"", final=True)
            return name
        except UnicodeDecodeError:
            continue
        finally:
            file.seek(0)
    return "latin-1"


def _text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    file.seek(0)
    return io.TextIOWrapper(_Kept(file), encoding=encoding, errors="strict", newline="")  # type: ignore[arg-type]


class _Kept(io.RawIOBase):
    """The file for a wrapper that would close it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.file.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _delimiter(file: BinaryIO, encoding: str) -> str:
    """The one by which most rows have the same number of columns, the more columns the better."""
    try:
        start = _text(file, encoding).read(100_000)
    except UnicodeError as error:
        raise _not_in(encoding) from error
    if start[:4].lower() == "sep=" and start[4:5] in DELIMITERS:
        return start[4]
    best, delimiter = 0.0, ","
    for one in DELIMITERS:
        try:
            widths = [
                len(cells) for cells in islice(csv.reader(io.StringIO(start, newline=""), delimiter=one), 50) if cells
            ]
        except csv.Error:
            continue
        if not widths:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        score = (widths.count(usual) / len(widths)) * min(usual - 1, 20)
        if score > best:
            best, delimiter = score, one
    return delimiter


def _not_in(encoding: str) -> Refused:
    return _no(_("The file is not written in %(encoding)s. Choose another encoding.") % {"encoding": encoding})


class _Lines:
    """The lines of a file. One row, of however many lines, may not fill the memory: `held` is for the reader to set back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text, self.held = text, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self.text)
        self.held += len(line)
        if self.held > MAX_ROW:
            raise csv.Error("too much in one row")
        return line


def _csv(file: BinaryIO, layout: Layout) -> Iterator[Row]:
    number = 0
    try:
        lines = _Lines(_text(file, layout.encoding))
        for number, cells in enumerate(csv.reader(lines, delimiter=layout.delimiter), 1):
            lines.held = 0
            if number == 1 and cells and cells[0][:4].lower() == "sep=" and len(cells) <= 2:
                continue  # Excel's own hint
            yield number, [(cell.replace("\x00", ""), "") if cell.strip() else EMPTY for cell in cells]
    except UnicodeError as error:
        raise _not_in(layout.encoding) from error
    except csv.Error as error:
        raise _no(
            _("Row %(row)s cannot be read: a quotation mark is probably never closed.") % {"row": number + 1}
        ) from error


# --- XLSX ---------------------------------------------------------------------------------------------------------------


def _sheets(file: BinaryIO) -> list[str]:
    names = _opened(file).visible
    if not names:
        raise _no(_("The workbook has no sheet that can be seen."))
    return names


def _opened(file: BinaryIO) -> Workbook:
    try:
        return Workbook(file)
    except TooLarge as error:
        raise _too_large() from error
    except Damaged as error:
        raise _no(_("This is no Excel workbook, or a damaged one.")) from error


def _xlsx(file: BinaryIO, layout: Layout) -> Iterator[Row]:
    book = _opened(file)
    if layout.sheet not in book.parts:
        raise _no(_("The workbook has no sheet “%(sheet)s”.") % {"sheet": layout.sheet})
    try:
        for number, cells in book.rows(layout.sheet):
            yield number, _placed(cells)
    except TooLarge as error:
        raise _too_large() from error
    except Damaged as error:
        raise _no(_("The sheet “%(sheet)s” is damaged.") % {"sheet": layout.sheet}) from error


def _too_large() -> Refused:
    return _no(_("The file would be too large once it is unpacked. Save the sheet that matters as CSV."))


def _placed(cells: list[dict[str, Any]]) -> list[Cell]:
    """Empty ones are left out of a sheet. Beyond the last column that is read one is enough to tell that there are too many."""
    row: list[Cell] = []
    for cell in cells:
        at = min(cell["column"], MAX_COLUMNS + 1)
        row += [EMPTY] * (at - len(row))
        if (read := _cell(cell["value"], cell["data_type"])) != EMPTY:
            row[at - 1] = read
    return row


def _cell(value: Any, kind: str) -> Cell:
    if value is None or kind == "e":  # empty, or a formula that failed
        return EMPTY
    return as_cell(unescaped(value) if isinstance(value, str) else value)


def as_cell(value: Any) -> Cell:
    """A typed value as text and kind; also how an export knows what of its own would be read again."""
    if isinstance(value, str):
        return (value.replace("\x00", ""), "") if value.strip() else EMPTY
    if isinstance(value, bool):
        return ("true" if value else "false"), "boolean"
    if isinstance(value, int | float | Decimal):
        number = (
            Decimal(format(value, ".15g")) if isinstance(value, float) else value
        )  # as many digits as a sheet keeps
        return values.decimal(number), "number"
    if isinstance(value, dt.datetime):
        value = to_milliseconds(value)
        if value.time() == dt.time():
            return value.date().isoformat(), "date"
        return value.isoformat(), "datetime"
    if isinstance(value, dt.date):
        return value.isoformat(), "date"
    return str(value), ""


def to_milliseconds(value: dt.datetime) -> dt.datetime:
    """A sheet keeps times as a number of days, exact to about that."""
    value = value.replace(tzinfo=None)
    over = value.microsecond % 1000
    try:
        return value - dt.timedelta(microseconds=over) + dt.timedelta(milliseconds=over >= 500)
    except OverflowError:
        return value
