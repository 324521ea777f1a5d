"""Every kind of error: its status, its stable code, and nothing that it should not tell."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import pytest
from django.conf import settings as project

from crm import feed, records
from integrations.adapters import errors as adapter_errors
from integrations.api import problems
from integrations.api.problems import CODES
from integrations.models import IntegrationInstance
from tests.integrations.api.conftest import Api


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_no_such_address(tenant, api):
    for path in ("/api/v1/nothing", "/api/", "/api/v2/records", "/api/v1/integrations/", "records/unicorn"):
        assert code(api.get(path)) == (404, "not_found"), path


def test_wrong_method(tenant, api):
    answer = api.delete("integrations")
    assert code(answer) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST"


@pytest.mark.parametrize(
    "body", ["{", "[1,", "", "\xff", '{"values": NaN}', '{"values": {"name": "\\ud800"}}', "[" * 2000]
)
def test_malformed_json(tenant, api, body):
    answer = api.post("records/contact", body.encode("latin-1"))
    assert code(answer) == ((422, "invalid") if body == "" else (400, "malformed"))


def test_a_body_of_another_form(tenant, api):
    for body in ([], "text", 5, None):
        assert code(api.call("post", "records/contact", _json(body))) == (422, "invalid")


def _json(value):
    import json

    return json.dumps(value)


def test_too_large(tenant, api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert code(api.post("records/contact", {"values": {"notes": "x" * 2000}})) == (413, "too_large")


def test_validation_names_the_fields_and_repeats_no_value(tenant, api):
    answer = api.post("integrations", {"provider": 5, "nmae": "Wiki"})
    assert code(answer) == (422, "invalid")
    assert {error["field"] for error in answer.json()["errors"]} == {"provider", "nmae"}
    home = api.post("integrations", {"provider": "notion"})["Location"]
    answer = api.post(f"{home}/credentials", {"token": ["ntn_sandbox_demo"]})
    assert code(answer) == (422, "invalid")
    answer = api.post(f"{home}/credentials", {"token": "ntn_sandbox_demo" * 1000})
    assert code(answer) == (422, "invalid")
    answer = api.post(f"{home}/credentials", {})
    assert code(answer) == (422, "missing")


def test_query_is_checked(tenant, api):
    for query in ("limit=0", "limit=201", "limit=many", "integration=5", "state=odd"):
        answer = api.get(f"runs?{query}")
        assert code(answer) == (422, "invalid"), query
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMl0", "eyJhIjoxfQ", "é", "WyJhIiwgImIiXQ"])
def test_wrong_cursors(tenant, api, cursor):
    for path in ("runs", "integrations", "conflicts", "set-aside", "records/contact", "records/contact?sort=name"):
        answer = api.get(f"{path}{'&' if '?' in path else '?'}after={cursor}")
        assert answer.status_code in (200, 422), path
        if answer.status_code == 422:
            assert answer.json()["code"] == "invalid_cursor"


def test_records_say_which_field_does_not_fit(tenant, api):
    answer = api.post("records/contact", {"values": {"email": "ada at rossi", "nickname": "A", "id": "1"}})
    assert code(answer) == (422, "invalid")
    assert {error["field"] for error in answer.json()["errors"]} == {"name", "email", "nickname", "id"}


@pytest.mark.parametrize("value", [{"a": 1}, [1], True, 12, "x" * 301])
def test_odd_values_never_break(tenant, api, value):
    for field in ("name", "email", "company", "owner", "tags", "birthday", "score", "newsletter", "status", "notes"):
        answer = api.post("records/contact", {"values": {"name": "Ada", field: value}})
        assert answer.status_code in (201, 422), (field, value, answer.content)


def test_what_no_field_takes(tenant, api):
    assert api.post("records/contact", {"values": {"name": "Ada\x00"}}).status_code in (201, 422)
    assert code(api.post("integrations", {"provider": "notion", "name": "Wi\x00ki"})) == (422, "invalid")
    assert api.get("records/contact?search=%00").status_code in (200, 422)
    assert code(api.get("records/contact?name=%00")) == (422, "invalid")


def test_integrations_say_what_is_wrong(tenant, api):
    assert code(api.post("integrations", {"provider": "fax"})) == (422, "no_provider")
    home = api.post("integrations", {"provider": "notion", "name": "Wiki"})["Location"]
    assert code(api.post("integrations", {"provider": "notion", "name": "Wiki"})) == (409, "name_taken")
    assert code(api.patch(home, {"name": " "})) == (422, "invalid_name")
    assert code(api.patch(home, {"frequency": "often"})) == (422, "invalid")
    assert code(api.post(f"{home}/activate")) == (409, "not_ready")
    assert code(api.post(f"{home}/resume")) == (409, "not_ready")
    assert code(api.post(f"{home}/sync")) == (409, "not_active")


def test_streams_say_what_is_wrong(tenant, api, wired):
    home = f"integrations/{wired['integration']}/streams"
    assert code(api.post(home, {"collection": wired["collection"], "entity": "unicorn"})) == (422, "no_entity")
    assert code(api.post(home, {"collection": "gone", "entity": "task"})) == (404, "not_found")
    stream = f"streams/{wired['stream']}"
    assert code(api.patch(stream, {"match_fields": ["shoe"]})) == (422, "no_field")
    title = next(m for m in api.get(f"{stream}/mappings").json()["items"] if m["local"] == "name")
    pair = {"remote": title["remote"], "local": "name"}
    for wanted, expected in (
        ([pair | {"remote": "gone"}], (422, "no_field")),
        ([pair | {"local": "gone"}], (422, "no_field")),
        ([pair | {"local": "birthday"}], (422, "types_do_not_fit")),
        ([pair, pair | {"local": "job_title"}], (422, "mapped_twice")),
        ([pair | {"direction": "sideways"}], (422, "invalid")),
    ):
        assert code(api.put(f"{stream}/mappings", {"mappings": wanted})) == expected


def test_a_provider_that_is_switched_off(tenant, api, wired):
    from integrations.catalog.models import Provider

    Provider.objects.update(is_active=False)
    assert code(api.get(f"integrations/{wired['integration']}/collections")) == (409, "provider_off")
    assert api.get("providers").json()["items"] == []


def test_what_nobody_foresaw_tells_its_number_only(tenant, api, wired, caplog):
    broken = IntegrationInstance.objects.get(pk=wired["integration"])
    broken.credentials = {"nothing": "that the adapter asks for"}  # a row that cannot be, past all checks
    broken.save(update_fields=["credentials"])
    with caplog.at_level(logging.ERROR):
        answer = api.get(f"integrations/{wired['integration']}/collections", X_Request_Id="my-own-number-7")
    assert code(answer) == (500, "unexpected")
    assert answer.json()["request_id"] == answer["X-Request-Id"] == "my-own-number-7"
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "request_id"}
    assert "my-own-number-7" in caplog.text
    assert "Traceback" not in answer.content.decode()


def test_a_made_up_request_id_is_not_repeated(tenant, api):
    answer = api.get("entities", X_Request_Id="<script>")
    assert answer["X-Request-Id"] != "<script>"


def test_every_adapter_error_has_a_code():
    kinds = [
        k for k in vars(adapter_errors).values() if isinstance(k, type) and issubclass(k, adapter_errors.AdapterError)
    ]
    for kind in kinds:
        error = kind("why") if kind is not adapter_errors.RateLimited else kind("why", 12)
        problem = problems.of(error)
        assert CODES[problem.code][0] in (404, 409, 422, 502, 503), kind
        assert problem.detail
        if kind is adapter_errors.RateLimited:
            assert problem.headers["Retry-After"] == "12"


def test_every_refusal_of_the_services_has_a_code():
    found = set()
    for path in (Path(project.BASE_DIR) / "integrations" / "services").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
                given = [*node.args[2:3], *(k.value for k in node.keywords if k.arg == "code")]
                found |= {one.value for one in given if isinstance(one, ast.Constant)}
    assert "not_ready" in found
    assert found <= set(CODES)


def test_records_kept_by_a_tool_are_read_only(tenant, api, wired):
    from integrations.models import RecordLink

    api.patch(f"streams/{wired['stream']}", {"direction": "import"})
    kept = records.create("contact", {"name": "Ada"}, feed.SYSTEM)
    RecordLink.objects.create(stream_id=wired["stream"], remote_id="r1", record_id=kept.id, state="linked")
    home = f"records/contact/{kept.id}"
    for answer in (api.patch(home, {"values": {"name": "Eva"}}), api.delete(home)):
        assert code(answer) == (409, "read_only")
        assert "Wiki" in answer.json()["detail"]
    items = [{"action": "update", "id": kept.id, "values": {"name": "Eva"}}, {"action": "delete", "id": kept.id}]
    outcomes = api.post("records/contact/bulk", {"items": items}).json()["items"]
    assert [one["problem"]["code"] for one in outcomes] == ["read_only", "read_only"]
    assert api.get(home).json()["title"] == "Ada"


def test_words_follow_the_language_and_codes_do_not(tenant, api):
    answer = api.get("records/unicorn", Accept_Language="fr")
    assert answer["Content-Language"] == "fr"
    assert answer.json()["code"] == "not_found"


def test_answers_are_not_kept_by_caches(tenant, api):
    assert api.get("entities")["Cache-Control"] == "no-store"
    assert Api(tenant, "").get("entities")["Cache-Control"] == "no-store"
