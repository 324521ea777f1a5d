"""What the adapter makes of answers that Airtable's documents and the SDK's tests give as examples (exchanges.json): without a
sandbox of ours in between, whose answers are only what we believe."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.adapters import errors
from integrations.adapters.airtable import AirtableAdapter
from integrations.adapters.base import Change
from integrations.adapters.values import Type
from integrations.transport.http import Transport

EXCHANGES: dict[str, Any] = json.loads((Path(__file__).parent / "exchanges.json").read_text())
BASE = EXCHANGES["list_bases"]["response"]["bases"][0]["id"]
TABLE = f"{BASE}/tbltp8DGLhqbUmjK1"
URL = "https://foo.com/receive-ping"


def answer(request: httpx.Request) -> httpx.Response:
    """As in the first example of this method and path; what no example answers is an error."""
    for example in (one for name, one in EXCHANGES.items() if name != "_about"):
        path = re.sub(r"\{\w+\}", "[^/]+", example["path"])
        if example["method"] == request.method and re.fullmatch(path, request.url.path):
            if example.get("body"):
                assert json.loads(request.content).keys() <= example["body"].keys()
            return httpx.Response(200, json=example["response"])
    raise AssertionError(f"no example of {request.method} {request.url.path}")


@pytest.fixture
def airtable():
    transport = Transport(base_url="https://api.airtable.com", bucket="airtable-examples", waits=())
    transport._inner = httpx.MockTransport(answer)
    yield AirtableAdapter({"token": "pat.1"}, transport)
    transport.close()


def test_account(airtable):
    account = airtable.check()
    assert (account.id, account.name, account.may) == ("usrL2PNC5o3H4lBEi", "foo@bar.com", ("user.email:read",))


def test_tables_of_all_bases(airtable):
    found = {one.id: one for one in airtable.collections()}
    assert (found[TABLE].name, found[TABLE].path) == ("Apartments", ("Apartment Hunting",))
    assert [place.name for place in airtable.places()] == ["Apartment Hunting"], "where we may make tables"


def test_fields(airtable):
    schema = airtable.describe(TABLE)
    assert schema.title == "fld1VnoyuotSTyxW1"
    told = {field.name: (field.type, field.many, field.read_only) for field in schema.fields}
    assert told["Name"] == (Type.TEXT, False, False)
    assert told["Pictures"][0] is Type.FILE
    district = schema.field("fldumZe00w09RYTW6")
    assert (district.type, district.many, district.target) == (Type.RELATION, False, f"{BASE}/tblK6MZHez0ZvBChZ")


def test_deleted_records(airtable):
    changes = [Change("delete", id=ident) for ident in ("rec560UJdUtocSouk", "rec3lbPRG4aVqkeOQ")]
    results = list(airtable.push(TABLE, changes))
    assert [(one.record.id, one.record.deleted) for one in results] == [(change.id, True) for change in changes]


def test_webhook_is_made_and_prolonged(airtable):
    made = airtable.subscribe(TABLE, URL)
    assert (made.id, made.secret) == ("ach00000000000001", "c3VwZXIgZHVwZXIgc2VjcmV0")
    assert made.expires_at == dt.datetime(2023, 1, 30, tzinfo=dt.UTC)
    assert airtable.renew(TABLE, made).expires_at == dt.datetime(2023, 1, 30, tzinfo=dt.UTC)


def test_webhook_that_is_not_listed_is_gone(airtable):
    made = airtable.subscribe(TABLE, URL)
    with pytest.raises(errors.NotFound):
        airtable.renew(TABLE, type(made)("ach99999999999999", made.secret))
