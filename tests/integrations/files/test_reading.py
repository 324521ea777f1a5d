"""Files as people and programs write them, and those that are refused."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile

import openpyxl
import pytest

from integrations.files import reading, sheet
from integrations.files import workbook as workbooks
from integrations.services.connect import Refused

TABLE = "Name,Città,Betrag\nÅsa,Zürich,5\nBo,Forlì,6\n"


def read(data, name="x.csv"):
    file = io.BytesIO(data)
    layout = reading.look(file, name)
    return layout, [[text for text, _kind in cells] for _number, cells in reading.rows(file, layout)]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_found(encoding, found):
    layout, rows = read(TABLE.encode(encoding))
    assert layout.encoding == found
    assert rows[1] == ["Åsa", "Zürich", "5"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_also_beside_others_in_texts(delimiter):
    kept = io.StringIO()
    csv.writer(kept, delimiter=delimiter).writerows(
        [["A", "B", "C"], ["1,5", "x; y", "a|b"], ["2,5\nlow", 'say "hi"', "t\tt"]]
    )
    layout, rows = read(kept.getvalue().encode())
    assert layout.delimiter == delimiter
    assert rows[2] == ["2,5\nlow", 'say "hi"', "t\tt"]


def test_what_excel_says_of_the_separator_is_heard():
    layout, rows = read(b"sep=;\r\nName;City\r\nAda;Rome\r\n")
    assert (layout.delimiter, layout.header, rows[0]) == (";", 2, ["Name", "City"])


def test_a_title_above_the_table_is_no_header_and_empty_rows_are_passed_over():
    layout, rows = read(b"Contacts 2026\n\nName,City,Age\n,,\nAda,Rome,30\n")
    assert layout.header == 3
    assert [
        number
        for number, _cells in reading.below(io.BytesIO(b"Contacts 2026\n\nName,City,Age\n,,\nAda,Rome,30\n"), layout)
    ] == [5]


def test_columns_have_names_each_its_own():
    data = io.BytesIO(b"Name,,Name\nAda,x,Rossi\n")
    layout = reading.look(data, "x")
    assert [c["name"] for c in reading.columns(data, layout)] == ["Name", "Column B", "Name (C)"]


def workbook(fill):
    book = openpyxl.Workbook()
    fill(book)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def test_a_workbook_is_read_sheet_by_sheet_with_its_types():
    def fill(book):
        page = book.active
        page.title = "Notes"
        page.append(["nothing"])
        other = book.create_sheet("People")
        other.append(["Name", "Born", "Seen", "Age", "Ok", "Sum"])
        other.append(["Ada", dt.date(1990, 5, 1), dt.datetime(2026, 1, 2, 3, 4, 5), 30, True, 0.1 + 0.2])  # noqa: DTZ001
        other.append([None, None, None, None, None, None])
        other.append(["Bo", dt.date(1991, 5, 1), dt.datetime(2026, 1, 2), 31.5, False, "#N/A"])  # noqa: DTZ001
        other.merge_cells("A5:C5")
        other["A5"] = "merged"
        book.create_sheet("Hidden").sheet_state = "hidden"

    data = io.BytesIO(workbook(fill))
    layout = reading.look(data, "x.xlsx")
    assert layout.sheets == ("Notes", "People")
    chosen = reading.Layout.of("xlsx", layout.stored() | {"sheet": "People"})
    assert [c["type"] for c in reading.columns(data, chosen)][:5] == ["text", "date", "datetime", "decimal", "boolean"]
    assert list(reading.below(data, chosen)) == [
        (2, ["Ada", "1990-05-01", "2026-01-02T03:04:05", "30", "true", "0.3"]),
        (4, ["Bo", "1991-05-01", "2026-01-02", "31.5", "false"]),
        (5, ["merged"]),
    ]


def test_formulas_give_the_value_that_was_last_computed():
    def fill(book):
        book.active.append(["A", "B"])
        book.active.append([1, "=A2*2"])

    data = workbook(fill)
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(kept, "w") as other:
        for part in book.namelist():
            text = book.read(part)
            if part.endswith("sheet1.xml"):
                text = text.replace(b"<f>A2*2</f><v></v>", b"<f>A2*2</f><v>2</v>").replace(
                    b"<f>A2*2</f><v />", b"<f>A2*2</f><v>2</v>"
                )
            other.writestr(part, text)
    assert read(kept.getvalue(), "x.xlsx")[1][1] == ["1", "2"]


def bomb():
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as book:
        with book.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(6):
                part.write(b" " * 2**20)
    return kept.getvalue()


def with_entity():
    """A workbook whose sheet declares an entity, as in "a billion laughs"."""
    data = workbook(lambda book: book.active.append(["A"]))
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(kept, "w") as other:
        for part in book.namelist():
            text = book.read(part)
            if part == "xl/workbook.xml":
                text = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + text[text.find(b"<workbook") :]
            other.writestr(part, text)
    return kept.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "no rows"),
        (b"Name,City\n", "nothing below"),
        (b"%PDF-1.7 x", "no table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old or a protected"),
        (b"PK\x03\x04 not a zip", "damaged"),
        (b'Name,City\nAda,"Rome\n' + b"x,y\n" * 1_200_000, "quotation mark"),
        (b",".join(b"c%d" % n for n in range(300)) + b"\n1\n", "more than 200 columns"),
    ],
)
def test_what_is_no_table_is_refused_in_words(data, words):
    file = io.BytesIO(data)
    with pytest.raises(Refused, match=words):
        layout = reading.look(file, "x.csv")
        reading.columns(file, layout)
        list(reading.rows(file, layout))


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 5 * 2**20)
    with pytest.raises(Refused, match="too large once it is unpacked"):
        reading.look(io.BytesIO(bomb()), "x.xlsx")


def test_entities_in_a_workbook_are_not_expanded():
    with pytest.raises(Refused, match="damaged"):
        reading.look(io.BytesIO(with_entity()), "x.xlsx")


def test_too_many_rows_are_refused():
    with pytest.raises(Refused, match="more than 200,000 rows"):
        read(b"Name\n" + b"a\n" * (reading.MAX_ROWS + 1))


def test_texts_with_odd_characters_survive_a_sheet():
    odd = ["=1+1", "_x0041_", "a\rb\x01c", "\ufffe!", "  x ", "tab\there", "<&>\"'", "x\ny"]
    data = b"".join(sheet.workbook("A/B", ["T"], [[text] for text in odd]))
    assert [cells[0] for cells in read(data, "x.xlsx")[1]] == ["T", *odd]


def changed(part, change, fill=lambda book: book.active.append(["Name"])):
    """A workbook with one of its parts written anew."""
    data, kept = workbook(fill), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as other:
        for name in book.namelist():
            text = book.read(name)
            other.writestr(name, change(text) if name.endswith(part) else text)
    return kept.getvalue()


def sheet_data(rows):
    return lambda text: text[: text.index(b"<sheetData>")] + b"<sheetData>" + rows + b"</sheetData></worksheet>"


TEXTS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def shared(texts, rows=b'<row><c t="s"><v>0</v></c></row>'):
    """As Excel writes texts: each once, in a part of their own."""
    data, kept = changed("sheet1.xml", sheet_data(rows)), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as other:
        for name in book.namelist():
            text = book.read(name)
            if name == "[Content_Types].xml":
                more = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TEXTS}"/></Types>'
                text = text.replace(b"</Types>", more.encode())
            other.writestr(name, text)
        other.writestr("xl/sharedStrings.xml", texts)
    return kept.getvalue()


def test_shared_texts_are_read_in_their_parts():
    texts = b'<sst xmlns="%s"><si><t>Name</t></si><si><r><t>Ad</t></r><r><t>a</t></r></si><si><t>_x005F_x0041_</t></si></sst>'
    rows = b'<row><c t="s"><v>0</v></c></row><row><c t="s"><v>1</v></c><c t="s"><v>2</v></c></row>'
    assert read(shared(texts % MAIN, rows), "x.xlsx")[1] == [["Name"], ["Ada", "_x0041_"]]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (b'<sst xmlns="%s"><si><t>' % MAIN + b"x" * 9_000_000 + b"</t></si></sst>", "too large"),
        (b'<!DOCTYPE x [<!ENTITY a "ha">]><sst xmlns="%s"><si><t>&a;</t></si></sst>' % MAIN, "damaged"),
    ],
)
def test_shared_texts_that_would_fill_the_memory_are_refused(texts, words):
    with pytest.raises(Refused, match=words):
        read(shared(texts), "x.xlsx")


CELL = b'<c t="inlineStr"><is><t>x</t></is></c>'


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("sheet1.xml", sheet_data(b"<row>" + b"<c/>" * 2_500_000 + b"</row>"), "too large"),
        (
            "sheet1.xml",
            sheet_data(b"<row>" + CELL + b"</row>" + b'<row r="900000000">' + CELL + b"</row>"),
            "too large",
        ),
        ("sheet1.xml", sheet_data(b'<row><c r="ZZZZ1" t="n"><v>1</v></c></row>'), "damaged|columns"),
        (
            "styles.xml",
            lambda text: text.replace(b"</styleSheet>", b"<a/>" * 2_500_000 + b"</styleSheet>"),
            "too large",
        ),
        ("workbook.xml", lambda text: text.replace(b"</workbook>", b"<a/>" * 2_500_000 + b"</workbook>"), "too large"),
        ("sheet1.xml", lambda text: b'<!DOCTYPE x [<!ENTITY a "ha">]>' + text, "damaged"),
    ],
    ids=[
        "endless row",
        "row far away",
        "column far away",
        "styles",
        "workbook",
        "entity",
    ],
)
def test_a_workbook_that_would_fill_the_memory_is_refused(part, change, words):
    """Each is a few kilobytes as a file."""
    data = changed(part, change)
    assert len(data) < 100_000
    with pytest.raises(Refused, match=words):
        read(data, "x.xlsx")


def test_a_text_that_stands_in_a_million_cells_is_counted_each_time(monkeypatch):
    monkeypatch.setattr(reading, "MAX_TEXT", 1_000_000)
    data = workbook(lambda book: [book.active.append(["x" * 30_000]) for _ in range(50)])
    assert len(data) < 20_000
    with pytest.raises(Refused, match="too much text"):
        read(data, "x.xlsx")


def test_a_row_of_millions_of_cells_is_refused_before_it_is_a_list():
    for data in (b"a,b\n" + b"," * 9_000_000, b"a,b\n" + b',,"\n"' * 2_500_000):
        with pytest.raises(Refused, match="cannot be read"):
            list(reading.rows(io.BytesIO(data), reading.Layout("csv", "utf-8", ",")))


@pytest.mark.parametrize("data", [b"\xff\xfea", b"\xff\xfeN\x00\x00\xd8a\x00", b"\xef\xbb\xbfName\n\xff\n"])
def test_what_its_mark_promises_and_does_not_hold_is_refused_in_words(data):
    with pytest.raises(Refused, match="not written in"):
        read(data)


def test_half_a_letter_in_a_workbook_stays_as_it_is_written():
    data = changed("sheet1.xml", sheet_data(b"<row>" + CELL.replace(b"x<", b"a_xD83D_b_x0041_<") + b"</row>"))
    assert read(data, "x.xlsx")[1] == [["a_xD83D_bA"]]


def test_a_sheet_with_gaps_and_many_shared_texts_keeps_its_places():
    def fill(book):
        book.active["A1"], book.active["C1"] = "Name", "Città"
        book.active["C4"], book.active["B9"] = "Forlì", 7

    _layout, rows = read(workbook(fill), "x.xlsx")
    assert rows == [["Name", "", "Città"], ["", "", "Forlì"], ["", "7"]]
