from __future__ import annotations

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
