"""What the rules in the form would do, shown beside it before anything is saved."""

from __future__ import annotations

import pytest

from crm import feed, records
from integrations.models import Direction, Matching, RecordLink
from integrations.services import cost, discovery, matching, samples
from integrations.sync.fields import schema_of
from integrations.ui.effects import duration
from tests.integrations.ui.conftest import form_of, url
from tests.integrations.ui.test_wizard import rules_of

HTMX = {"HX-Request": "true"}


@pytest.fixture
def rules(tenant_client, paired):
    """The address of the third step, which is open."""
    made, stream = paired["integration"], paired["stream"]
    page = url("mapping", made.pk, stream.pk)
    tenant_client.post(page, form_of(tenant_client.get(page)))
    return url("setup", made.pk, "settings")


def people_there(stream):
    """(e-mail address, name) of the records in the tool."""
    email = next(one.id for one in schema_of(stream).fields if one.name == "Email")
    title = stream.schema["title"]
    return [(one.values[email], one.values[title]) for one in samples.known(stream.integration, stream.collection)]


def test_which_records_meet_is_told_with_the_ambiguous_ones(tenant_client, paired, rules):
    stream = paired["stream"]
    (first, name), (second, _name), *_rest = people_there(stream)
    records.create("contact", {"name": name, "email": first.upper()}, feed.SYSTEM)
    for twin in ("Twin one", "Twin two"):
        records.create("contact", {"name": twin, "email": second}, feed.SYSTEM)
    answer = tenant_client.post(f"{rules}?part=effects", rules_of(stream), headers=HTMX)
    page = answer.content.decode()
    assert "Of all 12 records in Notion" in page
    for line in ("<strong>1</strong> <span>finds its partner here", "<strong>1</strong> <span>shares its key with several",
                 "<strong>10</strong> <span>have no partner here and are created"):  # fmt: skip
        assert line in page
    assert "Twin one" in page and "Twin two" in page
    by_name = tenant_client.post(f"{rules}?part=effects", rules_of(stream, match_fields=["name"]), headers=HTMX)
    assert "Twin one" not in by_name.content.decode()
    stream.refresh_from_db()
    assert stream.match_fields == ["email"]  # nothing was saved
    nothing = tenant_client.post(f"{rules}?part=effects", rules_of(stream, matching="create_only"), headers=HTMX)
    assert "Which records meet" not in nothing.content.decode()


def test_the_first_import_and_the_calls_a_day_follow_the_form(tenant_client, paired, rules):
    stream = paired["stream"]
    for number in range(3):
        records.create("contact", {"name": f"Person {number}"}, feed.SYSTEM)
    both = tenant_client.post(f"{rules}?part=effects", rules_of(stream), headers=HTMX).content.decode()
    assert "12 records to read in Notion" in both and "at most 3 records from here to write there" in both
    assert "About 48 calls a day" in both
    only_in = rules_of(stream, direction="import") | {"frequency": "daily"}
    answer = tenant_client.post(f"{rules}?part=effects", only_in, headers=HTMX).content.decode()
    assert "to write there" not in answer and "About 2 calls a day" in answer


def test_a_table_whose_records_have_met_forecasts_nothing(tenant_client, paired, rules):
    stream = paired["stream"]
    contact = records.create("contact", {"name": "Ada"}, feed.SYSTEM)
    RecordLink.objects.create(stream=stream, remote_id="r1", record_id=contact.id)
    answer = tenant_client.post(f"{rules}?part=effects", rules_of(stream), headers=HTMX).content.decode()
    assert "created here" not in answer and "The first sync" not in answer and "About 48 calls a day" in answer


def test_without_a_script_the_page_asks_the_tool_only_when_it_is_told_to(tenant_client, paired, rules, notion):
    stream = paired["stream"]
    samples.forget(stream)
    page = tenant_client.get(rules)
    assert not page.context["effects"]["is_known"] and 'href="?now=1"' in page.content.decode()
    assert "Of all 12 records" in tenant_client.get(f"{rules}?now=1").content.decode()


def test_what_is_not_counted_is_not_guessed(paired):
    made, stream = paired["integration"], paired["stream"]
    samples.keep_size(made, stream.collection, samples.Size(100, is_exact=False))
    found = cost.first(made)
    assert (found.records, found.is_exact) == (100, False) and found.pace > 40
    samples.keep_size(made, stream.collection, samples.Size(0))
    stream.direction = Direction.IMPORT
    assert cost.first(made, [stream]).sent == 0
    assert discovery.size(made, stream.collection) == samples.Size(0)


def test_nothing_to_pair_is_no_forecast(paired):
    assert matching.forecast(paired["stream"], [], Matching.MATCH_OR_CREATE) is None
    assert matching.forecast(paired["stream"], ["email"], Matching.CREATE_ONLY) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a few seconds"), (50, "less than a minute"), (100, "about 2 minutes"), (7300, "about 2 hours")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
