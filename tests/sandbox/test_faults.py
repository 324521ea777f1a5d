from __future__ import annotations

import time

import httpx
import pytest
from notion_client import APIResponseError, Client, RequestTimeoutError
from notion_client.errors import UnknownHTTPResponseError

from integrations.sandbox.client import ControlError
from integrations.sandbox.server import SandboxServer
from tests.sandbox.conftest import connect, parent, title


@pytest.fixture
def create(notion, crm):
    def call(name: str) -> dict:
        return notion.pages.create(parent=parent(crm["Tasks"]), properties={"Task": title(name)})

    return call


def count(control, name: str) -> int:
    return len(control.rows("Tasks", search=name))


@pytest.mark.parametrize(
    ("fault", "raised", "effect"),
    [
        ({"fault": "rate_limited", "retry_after": 3}, APIResponseError, 0),
        ({"fault": "status", "status": 500}, APIResponseError, 0),
        ({"fault": "status_after", "status": 504}, APIResponseError, 1),
        ({"fault": "saved"}, APIResponseError, 1),
        ({"fault": "status", "status": 502}, UnknownHTTPResponseError, 0),
        ({"fault": "status", "status": 529}, UnknownHTTPResponseError, 0),
        ({"fault": "html"}, UnknownHTTPResponseError, 0),
        ({"fault": "html_ok"}, ValueError, 0),
        ({"fault": "drop_before"}, httpx.RemoteProtocolError, 0),
        ({"fault": "drop_after"}, httpx.RemoteProtocolError, 1),
        ({"fault": "truncated"}, httpx.RemoteProtocolError, 1),
        ({"fault": "timeout_before", "seconds": 0.2}, httpx.RemoteProtocolError, 0),
        ({"fault": "timeout_after", "seconds": 0.2}, httpx.RemoteProtocolError, 1),
    ],
)
def test_each_fault_does_what_it_says_once(control, create, fault, raised, effect):
    control.fail(method="POST", path="^/v1/pages$", **fault)
    with pytest.raises(raised):
        create("Broken")
    assert count(control, "Broken") == effect
    create("Whole")
    assert count(control, "Whole") == 1


def test_rate_limited_answer_is_notions_own(control, create):
    control.fail(fault="rate_limited", retry_after=3)
    with pytest.raises(APIResponseError) as caught:
        create("x")
    assert caught.value.headers["Retry-After"] == "3"
    assert caught.value.additional_data["rate_limit_reason"] == "public_api_request_rate_limit"


def test_saved_answer_names_the_new_page(control, create, notion):
    control.fail(fault="saved")
    with pytest.raises(APIResponseError) as caught:
        create("Saved")
    assert caught.value.status == 503
    page = notion.pages.retrieve(caught.value.additional_data["committed_resource_id"])
    assert page["id"] == control.rows("Tasks", search="Saved")[0]["id"]


def test_a_slow_answer_times_out_at_the_client(control, sandbox, crm):
    control.fail(fault="timeout_after", seconds=1.5)
    client = Client(auth="ntn_sandbox_demo", base_url=sandbox.url("notion"), timeout_ms=300, retry=False)
    with pytest.raises(RequestTimeoutError):
        client.pages.create(parent=parent(crm["Tasks"]), properties={"Task": title("Slow")})
    assert count(control, "Slow") == 1


def test_a_delayed_effect_comes_after_the_answer_was_lost(control, create):
    control.fail(fault="delayed_effect", seconds=1.5)
    with pytest.raises(httpx.RemoteProtocolError):
        create("Later")
    assert count(control, "Later") == 0
    until = time.monotonic() + 30
    while not count(control, "Later") and time.monotonic() < until:
        time.sleep(0.05)
    assert count(control, "Later") == 1


def test_results_come_twice_or_in_another_order(control, notion, crm):
    right = [row["id"] for row in notion.data_sources.query(crm["Contacts"])["results"]]
    control.fail(fault="duplicated", path="query$")
    twice = [row["id"] for row in notion.data_sources.query(crm["Contacts"])["results"]]
    assert len(twice) > len(right) and set(twice) == set(right)
    control.fail(fault="reordered", path="query$")
    mixed = [row["id"] for row in notion.data_sources.query(crm["Contacts"])["results"]]
    assert mixed != right and sorted(mixed) == sorted(right)


def test_rules_choose_by_body_count_and_start(control, create):
    control.fail(fault="status", status=500, body="Second", times=2, after=1)
    create("First")
    create("Second")
    for _ in range(2):
        with pytest.raises(APIResponseError):
            create("Second")
    create("Second")
    assert control.faults()[0] | {"seen": 3, "fired": 2, "spent": True} == control.faults()[0]
    control.clear_faults()
    assert control.faults() == []


def test_chance_repeats_with_its_seed(control, notion):
    def run() -> list[bool]:
        control.clear_faults()
        control.fail(fault="status", status=500, times=None, probability=0.5, seed=42)
        return [_fails(notion) for _ in range(12)]

    first = run()
    assert first == run() and set(first) == {True, False}


def _fails(notion) -> bool:
    try:
        notion.users.me()
    except APIResponseError:
        return True
    return False


def test_nonsense_rules_are_refused(control):
    for rule in ({"fault": "nonsense"}, {"fault": "status", "colour": 1}):
        with pytest.raises(ControlError):
            control.fail(**rule)


def test_the_log_counts_requests_and_faults(control, notion, create):
    control.clear_log()
    page = create("x")
    notion.pages.retrieve(page["id"])
    control.fail(fault="drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        notion.users.me()
    log = control.log()
    # a request of an earlier test, which nobody waited for, may still come in
    assert log["total"] >= 3 and log["by_status"]["200"] >= 2 and log["by_status"]["0"] >= 1
    assert log["by_route"].items() >= {"GET /v1/pages/{id}": 1, "GET /v1/users/me": 1}.items()
    assert log["by_route"]["POST /v1/pages"] >= 1
    assert log["entries"][-1]["fault"] == "drop_before"


def test_the_rate_limit_counts_per_token(control, sandbox, notion):
    control.limit(2)
    notion.users.me()
    notion.users.me()
    with pytest.raises(APIResponseError) as caught:
        notion.users.me()
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60
    assert connect(sandbox, "ntn_sandbox_other").users.me()
    control.limit(None)
    assert notion.users.me()


def test_a_second_start_remembers_everything(tmp_path):
    with SandboxServer(["notion"], data=tmp_path) as first:
        source = first.control.seed("crm", contacts=5)["Contacts"]["data_source_id"]
        notion = connect(first)
        made = notion.pages.create(parent=parent(source), properties={"Name": title("Kept")})
        trashed = first.control.rows("Contacts")[-1]
        first.control.trash_row(trashed["id"])
        before = notion.data_sources.query(source)["results"]
    with SandboxServer(["notion"], data=tmp_path) as second:
        notion = connect(second)
        assert notion.data_sources.query(source)["results"] == before
        assert notion.pages.retrieve(trashed["id"])["in_trash"]
        again = notion.pages.create(parent=parent(source), properties={"Name": title("Next")})
        number = made["properties"]["ID"]["unique_id"]["number"]
        assert again["properties"]["ID"]["unique_id"]["number"] == number + 1


def test_reset_empties_the_data(control, notion, crm):
    control.reset()
    assert control.tables() == []
    assert notion.users.me()["name"] == "Raccord demo"
