"""Records go out, and what went out comes in again without changing anything."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crm import feed, records, registry
from crm.fields import new_id
from crm.models import Change, Company, Contact, CustomField, Deal, Person, SelectOption, Task
from integrations.files import cells, exports, imports, keeping
from integrations.files.models import Export
from integrations.services import sheet
from integrations.services.connect import Refused
from tests.integrations.files.conftest import ADA


def take(tenant, entity="contact", columns=(), format="csv", query="", **options):
    described = records.describe(entity)
    job = exports.create(described, columns, format, options, ADA, query=query)
    return b"".join(exports.stream(job, tenant))


def table(data, **how):
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), **how))


def test_chosen_columns_in_their_order_of_what_the_filter_leaves(tenant):
    Contact.objects.create(name="Ada", email="ada@x.example", status="Lead")
    Contact.objects.create(name="Bo", status="Customer")
    data = take(tenant, columns=["status", "name"], query="status=Lead")
    assert table(data) == [["Status", "Name"], ["Lead", "Ada"]]
    assert data.startswith(b"\xef\xbb\xbf")
    plain = take(tenant, columns=["name", "status"], query="q=bo", bom=False, delimiter="semicolon")
    assert plain == b"Name;Status\r\nBo;Customer\r\n"


def test_the_log_says_who_took_what(tenant):
    Contact.objects.create(name="Ada")
    take(tenant)
    line = Export.objects.get()
    assert (line.by, line.rows, line.state, line.entity) == ("Ada", 1, "sent", "contact")


def test_what_is_no_field_is_refused(tenant):
    with pytest.raises(Refused, match="no field"):
        take(tenant, columns=["password"])


def test_cells_that_a_spreadsheet_would_compute_are_made_harmless(tenant):
    odd = ["=1+1", "+39 055", "-x", "@sum", "'=1", "\tx", "plain"]
    for text in odd:
        Contact.objects.create(name=text)
    rows = table(take(tenant, columns=["name"]))[1:]
    assert [row[0] for row in rows] == ["'=1+1", "'+39 055", "'-x", "'@sum", "''=1", "'\tx", "plain"]
    assert [cells.restored(row[0]) for row in rows] == odd


def test_a_sheet_holds_numbers_days_and_moments_as_such(tenant):
    company = Company.objects.create(name="Acme")
    Deal.objects.create(
        name="=Big", amount=Decimal("12.5"), amount_currency="EUR", close_date="2026-12-24", company=company
    )
    data = take(tenant, "deal", ["name", "amount", "amount.currency", "close_date", "company", "created_at"], "xlsx")
    head, row = openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows()
    assert [c.value for c in head] == ["Name", "Amount", "Amount: currency", "Close date", "Company", "Created"]
    assert row[0].value == "=Big" and row[0].data_type == "s"
    assert row[1].value == 12.5
    assert row[2].value == "EUR"
    assert row[3].value.date().isoformat() == "2026-12-24"
    assert row[4].value == "Acme"
    assert row[5].is_date and row[5].value.utcoffset() is None


def test_memory_stays_flat_because_rows_come_part_by_part(tenant):
    count = 3 * exports.PART + 1
    company = Company.objects.create(name="Acme")
    Contact.objects.bulk_create(Contact(name=f"P{n}", company=company) for n in range(count))
    with CaptureQueriesContext(connection) as asked:
        rows = table(take(tenant, columns=["name", "company"]))
    assert len(rows) == 1 + count and rows[-1] == [f"P{count - 1}", "Acme"]
    assert sum('FROM "crm_company"' in query["sql"] for query in asked) == 4, "the names of what each part points to"


def test_a_large_one_is_written_by_a_worker_and_removed_after_a_while(tenant, work):
    from django.core.files.storage import storages

    Contact.objects.create(name="Ada")
    job = exports.create(records.describe("contact"), ["name"], "csv", {}, ADA)
    exports.in_background(job)
    work()
    job.refresh_from_db()
    assert (job.state, job.rows) == ("ready", 1)
    with storages["files"].open(job.stored) as file:
        assert table(file.read()) == [["Name"], ["Ada"]]
    Export.objects.update(ended_at=timezone.now() - keeping.EXPORTS * 2)
    keeping.forget()
    assert not storages["files"].exists(job.stored)
    assert Export.objects.get().state == "removed"


# --- round trips ------------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
ODD = st.sampled_from(
    ["=1+1", "'=x", "a;b", 'say "hi"', " a ", "1,5", "-3", "2026-01-02", "true", "\r\n", "_x0041_", "x\ny", "Straße"]
)
TITLE = (TEXT | ODD).filter(bool)
NAMES = st.lists(TEXT.filter(bool) | ODD, max_size=3)
MOMENTS = st.datetimes(timezones=st.just(dt.UTC)).map(lambda m: m.isoformat())
NUMBERS = st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False).map(str)


@st.composite
def deals(draw):
    return {
        "name": draw(TITLE),
        "amount": draw(
            st.none() | st.fixed_dictionaries({"amount": NUMBERS, "currency": st.sampled_from(["EUR", "JPY", None])})
        ),
        "stage": draw(st.none() | st.sampled_from(["Won", "Lost", "a;b", "=x"])),
        "close_date": draw(st.none() | st.dates().map(lambda d: d.isoformat())),
        "company": draw(st.none() | st.integers(0, 3)),
        "contacts": draw(st.lists(st.integers(0, 3), max_size=3)),
        "owner": draw(st.none() | st.sampled_from(["zoe@x.example", "al@x.example"])),
        "notes": draw(st.none() | TEXT | ODD),
        "custom.when": draw(st.none() | MOMENTS),
        "custom.tags": draw(NAMES),
        "custom.ok": draw(st.none() | st.booleans()),
        "custom.rate": draw(st.none() | NUMBERS),
        "custom.mail": draw(st.none() | st.sampled_from(["a@b", "+x@y.example"])),
    }


@pytest.fixture
def odd_world(tenant):
    """Two companies of one name, people who share theirs, options that look like formulas."""
    for name, kind in (
        ("when", "datetime"),
        ("tags", "multi_select"),
        ("ok", "boolean"),
        ("rate", "decimal"),
        ("mail", "email"),
    ):
        CustomField.objects.create(entity="deal", name=name, label=name.title(), type=kind)
    SelectOption.objects.bulk_create(SelectOption(entity="deal", field="stage", name=n) for n in ("a;b", "=x"))
    Person.objects.bulk_create(Person(name="Same", email=e) for e in ("zoe@x.example", "al@x.example"))
    companies = [str(Company.objects.create(name=n).pk) for n in ("Acme", "Acme", "=1; 2", "")]
    contacts = [str(Contact.objects.create(name=n).pk) for n in ("Ada", "Ada", 'A"; B', "-x")]
    return companies, [*contacts[:3], str(new_id())]  # the last one is gone


@pytest.mark.parametrize("format", ["csv", "xlsx"])
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(deals(), min_size=1, max_size=5))
def test_what_was_exported_changes_nothing_when_it_comes_in_again(odd_world, tenant, format, drawn):
    from integrations.files import columns, planning

    Deal.objects.all().delete()
    companies, contacts = odd_world
    entity, people, rows = records.describe("deal"), registry.People(), []
    for values in drawn:
        row = registry.blank_row(entity, new_id(), timezone.now())
        given_ = values | {
            "company": None if values["company"] is None else [companies[values["company"]]],
            "contacts": [contacts[n] for n in values["contacts"]],
        }
        for name, value in given_.items():
            described = entity.fields[name]
            registry.write(row, described, registry.checker(described)(value), people)
        rows.append(row)
    with feed.acting(ADA):
        records.insert_rows(entity, rows)
    data = take(tenant, "deal", format=format)
    job = imports.create("deal", SimpleUploadedFile(f"x.{format}", data), ADA, tenant)
    assert {"id", "name", "amount", "amount.currency", "company", "contacts", "custom.tags"} <= imports.mapped(job)
    imports.match_by(job, "both", ["id"], empty="clear")
    job.refresh_from_db()
    counts, _options = planning.plan(job, tenant, lambda: None, lambda *_: None)
    told = [(line.action, line.changes, line.reason) for line in job.lines.all() if line.action != "same"]
    assert (dict(counts), told) == ({"same": len(rows)}, [])
    assert columns.around(tenant).currency == tenant.currency


def test_tasks_and_contacts_come_in_again_by_their_keys_alone(tenant, carry_out):
    company = Company.objects.create(name="Straße & Co", website="https://x.example")
    Contact.objects.create(
        name="Ada", email="ada@x.example", company=company, phone="+39 1", tags=["b", "a"]
    ) if hasattr(Contact, "tags") else Contact.objects.create(
        name="Ada", email="ada@x.example", company=company, phone="+39 1"
    )
    Task.objects.create(title="Call", done=True, due_at="2026-03-29T01:30:00Z")
    before = Change.objects.count()
    chosen = {"contact": ["name", "email", "company", "phone"], "task": ["title", "done", "due_at"], "company": []}
    for entity, columns in chosen.items():
        data = take(tenant, entity, columns)
        job = carry_out(imports.create(entity, SimpleUploadedFile("x.csv", data), ADA, tenant))
        assert job.counts == {"same": 1}, list(job.lines.values())
    assert Change.objects.count() == before


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.lists(st.text('a;" \n', min_size=1, max_size=6).filter(lambda t: t == t.strip())))
def test_names_in_one_cell_are_parted_as_they_were_joined(names):
    assert cells.parted(cells.joined(names)) == names


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.text("'=+-@\ta;,\"\n") | ODD)
def test_harmless_cells_are_restored(text):
    assert cells.restored(cells.neutral(text)) == text


TRICKY = st.lists(st.text("=+@ab;,|\t\n'\" ", max_size=8), min_size=1, max_size=3)


@pytest.mark.parametrize("harmless", [cells.neutral, sheet.harmless])
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.lists(TRICKY, min_size=1, max_size=3), st.sampled_from(",;\t"))
@example([["x", 'a;"=1+1;']], ",")
@example([["x", "first\n=1+1;"]], ",")
def test_no_cell_is_a_formula_whichever_separator_it_is_read_by(harmless, rows, delimiter):
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([[harmless(cell) for cell in row] for row in rows])
    for other in ",;|\t":
        for row in csv.reader(io.StringIO(written.getvalue(), newline=""), delimiter=other):
            assert not [cell for cell in row if cell[:1] in ("=", "+", "@")], (other, row)
