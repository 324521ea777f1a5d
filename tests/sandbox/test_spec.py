from __future__ import annotations

import copy
import json

import pytest

from tests.sandbox import spec

needs_document = pytest.mark.skipif(not spec.AVAILABLE, reason=spec.header())


@needs_document
def test_wrong_answers_are_noticed():
    with pytest.raises(spec.SpecError):
        spec.check_response("GET", "/v1/users/me", 200, {"object": "user", "id": "x"})
    with pytest.raises(spec.SpecError):
        spec.check_response("GET", "/v1/users/me", 404, {"object": "error", "status": 404, "code": "nonsense"})


@needs_document
def test_wrong_requests_are_noticed():
    parent = {"type": "data_source_id", "data_source_id": "a" * 32}
    spec.check_request("POST", "/v1/pages", {"parent": parent, "properties": {"Score": {"number": 1}}})
    for body in ({"parent": parent, "colour": 1}, {"parent": parent, "properties": {"Score": {"number": "1"}}}):
        with pytest.raises(spec.SpecError):
            spec.check_request("POST", "/v1/pages", body)


@needs_document
def test_unknown_paths_are_noticed():
    with pytest.raises(spec.SpecError):
        spec.check_response("GET", "/v1/nowhere", 200, {})


def spoilt(body):
    """The body with one thing wrong, or merely other, at a time."""

    def places(node, path=()):
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            yield (*path, key)
            yield from places(node[key], (*path, key))

    for path in places(body):
        for new in ("nonsense", None, 7, True, [], {}, ...):
            other = copy.deepcopy(body)
            node = other
            for key in path[:-1]:
                node = node[key]
            if new is ...:
                del node[path[-1]]
            else:
                node[path[-1]] = new
            yield other


@needs_document
def test_the_quick_judge_says_what_jsonschema_says(raw, crm):
    source = crm["Contacts"]
    row = raw.post(f"data_sources/{source}/query", json={"page_size": 1}).json()
    names = ("Name", "Stage", "Birthday")  # each kind costs jsonschema a second
    row["results"][0]["properties"] = {name: row["results"][0]["properties"][name] for name in names}
    where = ["paths", "/v1/data_sources/{data_source_id}/query", "post", "responses", "200"]
    where += ["content", "application/json", "schema"]
    fits, validator = spec._fits("response", *where), spec._validator("response", *where)
    told = [(fits(one), validator.is_valid(one), json.dumps(one)) for one in spoilt(row)]
    assert not [one for quick, slow, one in told if quick != slow]
    assert len({slow for _quick, slow, _one in told}) == 2
    assert fits(row)
