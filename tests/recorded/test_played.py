"""What adapters make of recorded answers, without any server; `make record PROVIDER=…` records them anew."""

from __future__ import annotations

import pytest
import yaml
from vcr.errors import CannotOverwriteExistingCassetteException

from integrations.adapters import errors
from integrations.adapters.registry import adapter_class
from integrations.transport.addresses import GuardedBackend
from tests.contract.harness_notion import Harness
from tests.recorded.__main__ import record
from tests.recorded.session import RENAMED, TITLE
from tests.recorded.tape import CASSETTES, EMAIL, connect, played, scrub, tape, told

RECORDED = sorted(path.stem for path in CASSETTES.glob("*.yaml"))


@pytest.fixture(scope="module", params=RECORDED)
def slug(request):
    return request.param


@pytest.fixture(scope="module")
def now(slug):
    """(what the adapter makes of it now, the cassette)."""
    return played(slug)


def test_adapter_makes_of_it_what_it_made_before(slug, now):
    made, cassette = now
    assert made == told(slug)
    assert cassette.all_played


def test_account_and_collection_are_named(now):
    made, _cassette = now
    assert made["account"]["id"] and made["account"]["name"]
    assert made["table"] in [one["id"] for one in made["collections"]]
    assert made["schema"]["collection"]["id"] == made["table"]
    assert made["schema"]["title"] in [field["id"] for field in made["schema"]["fields"]]


def test_records_are_read_whole_and_alike(now):
    made, _cassette = now
    listed = {record["id"]: record for page in made["listed"] for record in page}
    assert made["whole"] and listed
    assert all(listed[record["id"]]["values"] == record["values"] for record in made["fetched"])
    assert not [record["unfit"] for record in listed.values() if record["unfit"]]


def test_record_is_made_renamed_and_put_away(slug, now):
    made, _cassette = now
    can, title = adapter_class(slug).manifest.can, made["schema"]["title"]
    assert made["created"]["values"][title] == TITLE
    assert made["updated"]["values"][title] == RENAMED and made["updated"]["id"] == made["created"]["id"]
    assert made["deleted"]["deleted"] and made["deleted"]["id"] == made["created"]["id"]
    if can.create_once in ("marker", "upsert"):
        assert made["created"]["marker"] == made["marker"]


def test_nothing_private_is_on_the_cassette(slug):
    text = (CASSETTES / f"{slug}.yaml").read_text() + (CASSETTES / f"{slug}.json").read_text()
    assert "authorization" not in text.lower() and "Bearer" not in text
    assert "127.0.0.1" not in text
    assert not [found for found in EMAIL.findall(text) if not found.endswith(".example")]
    home = adapter_class(slug).manifest.base_url
    assert all(one["request"]["uri"].startswith(home) for one in yaml.safe_load(text.split("\n{")[0])["interactions"])


def test_nothing_else_is_answered(slug):
    with tape(CASSETTES / f"{slug}.yaml", slug):
        adapter = connect(slug, dict.fromkeys(told(slug)["credentials"], "nobody's"))
        assert isinstance(adapter.transport._inner._pool._network_backend, GuardedBackend), "as in a run"
        with pytest.raises(CannotOverwriteExistingCassetteException):
            adapter.transport.client.get("/nowhere")
        adapter.close()


def test_what_may_be_somebodys_is_taken_out():
    body = b'{"a": "Ada@Acme.com", "b": "ada@acme.example", "c": "https://s3/x.png?X-Amz-Signature=1f", "t": "ntn_1"}'
    clean = scrub(body, ["ntn_1"]).decode()
    assert "Acme" not in clean and "X-Amz" not in clean and "ntn_1" not in clean
    assert "ada@acme.example" in clean and scrub(b"ada@acme.com") == scrub(b"ADA@acme.com")


# --- recording --------------------------------------------------------------------------------------------------------


@pytest.fixture
def notion():
    """What the real provider is to a recording: an address, and a credential of the environment."""
    harness = Harness()
    harness.reset()
    yield harness
    harness.stop()


def test_it_is_recorded_where_the_credential_belongs(notion, tmp_path):
    token = notion.credentials["token"]
    there = {"RECORD_TOKEN_NOTION": token, "RECORD_URL_NOTION": notion.url, "RECORD_TABLE_NOTION": "Contacts"}
    assert record("notion", there, tmp_path) == notion.url
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notion.json", "notion.yaml"]
    assert not [path for path in tmp_path.iterdir() if token in path.read_text() or notion.url in path.read_text()]
    made, cassette = played("notion", tmp_path)
    assert made["created"]["marker"] == made["marker"] and cassette.all_played
    assert not [title for title in notion.titles() if "Raccord" in title], "what was made is put away"


def test_what_stands_is_kept_when_it_goes_wrong(notion, tmp_path):
    (tmp_path / "notion.yaml").write_text("as it was")
    for wrong in ({"RECORD_TOKEN_NOTION": "ntn_wrong"}, {"RECORD_TABLE_NOTION": "No such table"}):
        there = {"RECORD_TOKEN_NOTION": notion.credentials["token"], "RECORD_URL_NOTION": notion.url} | wrong
        with pytest.raises((errors.AuthenticationFailed, LookupError)):
            record("notion", there, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["as it was"]
