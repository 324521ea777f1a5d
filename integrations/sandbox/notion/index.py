"""The rows of one data source in the orders that queries ask for, as sorted lists of plain integers."""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any

from integrations.sandbox.notion.model import SEQ_BITS, SEQ_MASK, Page, plain_text

CREATED, EDITED, UNSORTED = "created_time", "last_edited_time", "unsorted"


def _scattered(page: Page) -> int:
    """Without sorts there is no guaranteed order: a stable one that follows nothing a client could rely on."""
    return (zlib.crc32(page.id.encode()) >> 4) << SEQ_BITS | page.seq


def _text(page: Page, prop: str) -> str:
    return plain_text(page.values.get(prop)).lower()


class SourceIndex:
    """Rows that are not in the trash. Keys are (minute << SEQ_BITS) | seq: within a minute, order tells nothing."""

    def __init__(self) -> None:
        self.pages: dict[int, Page] = {}
        self.orders: dict[str, list[int]] = {CREATED: [], EDITED: [], UNSORTED: []}
        self._texts: dict[str, dict[str, set[int]]] = {}  # property id -> lower-case text -> rows
        self.change = 0  # rises with every change, so that cached query results can tell they are old

    def __len__(self) -> int:
        return len(self.pages)

    def fill(self, pages: Iterable[Page]) -> None:
        """Add many at once: sorts once instead of inserting one by one."""
        for page in pages:
            self.pages[page.seq] = page
        self.orders = {
            CREATED: sorted(page.created_key() for page in self.pages.values()),
            EDITED: sorted(page.edited_key() for page in self.pages.values()),
            UNSORTED: sorted(_scattered(page) for page in self.pages.values()),
        }
        self._texts.clear()
        self.change += 1

    def add(self, page: Page) -> None:
        if page.seq in self.pages:
            return
        self.pages[page.seq] = page
        for name, key in self._keys(page).items():
            insort(self.orders[name], key)
        for prop, rows in self._texts.items():
            rows.setdefault(_text(page, prop), set()).add(page.seq)
        self.change += 1

    def remove(self, page: Page) -> None:
        if self.pages.pop(page.seq, None) is None:
            return
        for name, key in self._keys(page).items():
            self._take_out(name, key)
        for prop, rows in self._texts.items():
            rows.get(_text(page, prop), set()).discard(page.seq)
        self.change += 1

    def rows_with(self, prop: str, text: str) -> set[int]:
        """Rows whose text in a property is this one, whatever the case. Looking up a key must not read 100,000 rows."""
        if prop not in self._texts:
            rows: dict[str, set[int]] = {}
            for page in self.pages.values():
                rows.setdefault(_text(page, prop), set()).add(page.seq)
            self._texts[prop] = rows
        return self._texts[prop].get(text.lower(), set())

    def text_changed(self, page: Page, prop: str, before: Any) -> None:
        rows = self._texts.get(prop)
        if rows is not None and page.seq in self.pages:
            rows.get(plain_text(before).lower(), set()).discard(page.seq)
            rows.setdefault(_text(page, prop), set()).add(page.seq)

    def forget_texts(self) -> None:
        self._texts.clear()

    def move_edited(self, page: Page, old_key: int) -> None:
        self.change += 1
        if page.seq in self.pages and old_key != page.edited_key():
            self._take_out(EDITED, old_key)
            insort(self.orders[EDITED], page.edited_key())

    def page_of(self, key: int) -> Page:
        return self.pages[key & SEQ_MASK]

    def key_of(self, order: str, seq: int) -> int:
        return self._keys(self.pages[seq])[order]

    def _take_out(self, name: str, key: int) -> None:
        order = self.orders[name]
        position = bisect_left(order, key)
        if position < len(order) and order[position] == key:
            del order[position]

    @staticmethod
    def _keys(page: Page) -> dict[str, int]:
        return {CREATED: page.created_key(), EDITED: page.edited_key(), UNSORTED: _scattered(page)}
