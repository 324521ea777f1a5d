"""The rows of an XLSX workbook, in memory that stays flat whatever the file says of itself.

openpyxl reads what describes a workbook (small, or refused), and one row at a time. Its own workbook would look through every
sheet when it is opened, and keep each element of a sheet that it has passed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from defusedxml.ElementTree import iterparse

#: What a file may hold once it is unpacked; its shared texts, which are kept in memory; a part that is parsed as a whole; and one
#: row or text.
MAX_UNPACKED = 600 * 1024 * 1024
MAX_TEXTS = 100 * 1024 * 1024
MAX_WHOLE = 8 * 1024 * 1024
MAX_PIECE = 8 * 1024 * 1024
MAX_PARTS = 5000
MAX_ROWS = 1_048_576
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TEXT, VALUE = f"{MAIN}t", f"{MAIN}v"
WORKSHEET = "/worksheet"  # how its kind of relationship ends


class TooLarge(Exception):
    """It would fill the memory."""


class Damaged(Exception):
    """It is none, or broken."""


class Workbook:
    def __init__(self, file: BinaryIO) -> None:
        """Raises TooLarge, Damaged."""
        file.seek(0)
        try:
            self.archive = _Bounded(file)
            parts = self.archive.infolist()
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            raise Damaged from error
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise TooLarge
        self._look(file)

    def _look(self, file: BinaryIO) -> None:
        from openpyxl.reader.excel import ExcelReader  # here, because few processes ever read a workbook
        from openpyxl.styles.stylesheet import apply_stylesheet

        try:
            reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
            reader.archive = self.archive
            reader.read_manifest()
            reader.read_workbook()
            apply_stylesheet(self.archive, reader.wb)
            found = [(sheet, rel) for sheet, rel in reader.parser.find_sheets() if rel.Type.endswith(WORKSHEET)]
        except TooLarge:
            raise
        except Exception as error:  # openpyxl lets through whatever its parser met
            raise Damaged from error
        self.book, self.package = reader.wb, reader.package
        self.visible = [sheet.name for sheet, _rel in found if sheet.state == "visible"]
        self.parts = {sheet.name: rel.target for sheet, rel in found}

    def rows(self, sheet: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """(its number, its cells as openpyxl tells them: "column", "value", "data_type"). Raises TooLarge, Damaged."""
        try:
            yield from self._rows(sheet)
        except (TooLarge, GeneratorExit):
            raise
        except Exception as error:  # damaged in the middle
            raise Damaged from error

    def _rows(self, sheet: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser

        book, texts = self.book, self._texts()
        with self.archive.open(self.parts[sheet]) as part:
            source = _Watched(part)
            parser = WorkSheetParser(
                source, texts, data_only=True, epoch=book.epoch,
                date_formats=book._date_formats, timedelta_formats=book._timedelta_formats,
            )  # fmt: skip
            for element, forget in _elements(source, ROW_TAG, DATA_TAG):
                for cell in element:
                    _plain(cell)
                number, cells = parser.parse_row(element)
                if number > MAX_ROWS:
                    raise TooLarge
                forget()
                parser.row_dimensions.clear()
                yield number, cells

    def _texts(self) -> list[str]:
        from openpyxl.cell.text import Text
        from openpyxl.xml.constants import SHARED_STRINGS

        described = self.package.find(SHARED_STRINGS)
        if described is None:
            return []
        name = described.PartName[1:]
        if self.archive.getinfo(name).file_size > MAX_TEXTS:
            raise TooLarge
        found = []
        with self.archive.open(name) as part:
            for element, forget in _elements(_Watched(part), f"{MAIN}si"):
                is_plain = len(element) == 1 and element[0].tag == TEXT
                found.append(element[0].text or "" if is_plain else Text.from_tree(element).content)
                forget()
        return found


def _plain(cell: Any) -> None:
    """A text that stands in its cell without any formatting is read as the result of a formula is: ten times as fast."""
    if cell.get("t") == "inlineStr" and len(cell) == 1 and len(cell[0]) == 1 and cell[0][0].tag == TEXT:
        text = cell[0][0]
        text.tag = VALUE
        cell[:] = [text]
        cell.set("t", "str")


class _Bounded(zipfile.ZipFile):
    """`read` gives a part as a whole, for a tree of it: not of any size. What is large is opened, and read piece by piece."""

    def read(self, name: Any, pwd: bytes | None = None) -> bytes:
        if self.getinfo(name if isinstance(name, str) else name.filename).file_size > MAX_WHOLE:
            raise TooLarge
        return super().read(name, pwd)


class _Watched:
    """A part that is parsed piece by piece; one piece is a tree in memory, so it may not go on for ever."""

    def __init__(self, part: Any) -> None:
        self.part, self.held = part, 0

    def read(self, size: int = -1) -> bytes:
        found: bytes = self.part.read(size)
        self.held += len(found)
        if self.held > MAX_PIECE:
            raise TooLarge
        return found


def _elements(source: _Watched, wanted: str, end: str = "") -> Iterator[tuple[Any, Callable[[], None]]]:
    """Each such element, and how to forget it with everything before it; up to the end of the element `end`."""
    parents: list[Any] = []
    for event, element in iterparse(source, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            parents.append(element)
            continue
        parents.pop()
        if element.tag == end:
            return
        if element.tag == wanted:
            yield element, parents[-1].clear if parents else element.clear
            source.held = 0
    with suppress(AttributeError):
        source.part.close()
