"""Steps, suggestions and round trips through the API."""

from __future__ import annotations

import pytest


@pytest.fixture
def stream(wired):
    return f"streams/{wired['stream']}"


def field(api, stream, name):
    return next(one["remote"] for one in api.get(f"{stream}/mappings").json()["items"] if one["remote_name"] == name)


def test_every_transform_is_told(api):
    found = {one["name"]: one for one in api.get("transforms").json()["items"]}
    assert found["part"]["directions"] == ["import"] and "only flows in" in found["part"]["why_one_way"]
    assert [one["name"] for one in found["round"]["settings"]] == ["places", "half"]


def test_steps_are_stored_without_their_defaults(api, stream):
    name = field(api, stream, "Name")
    steps = [{"name": "trim", "inside": True}, {"name": "case", "to": "lower"}]
    wanted = {"remote": name, "local": "name", "options": {"transforms": steps}}
    saved = api.put(f"{stream}/mappings", {"mappings": [wanted]}).json()["items"][0]
    assert saved["options"] == {"transforms": [{"name": "trim", "inside": True}, {"name": "case"}]}


@pytest.mark.parametrize(
    ("steps", "local", "direction", "reason"),
    [
        ([{"name": "round"}], "name", "both", "“Round” cannot follow text."),
        ([{"name": "number"}], "birthday", "both", "After these steps it is a number; “Birthday” holds a date."),
        ([{"name": "part"}], "name", "both", "It only flows in."),
        ([{"name": "part"}, {"name": "constant_out", "value": "x"}], "name", "import", "opposite directions"),
    ],
)
def test_steps_that_cannot_be_are_refused_and_nothing_changes(api, stream, steps, local, direction, reason):
    before = api.get(f"{stream}/mappings").json()
    wanted = {
        "remote": field(api, stream, "Name"),
        "local": local,
        "direction": direction,
        "options": {"transforms": steps},
    }
    refused = api.put(f"{stream}/mappings", {"mappings": [wanted]})
    assert refused.status_code == 422 and reason in refused.json()["detail"]
    assert api.get(f"{stream}/mappings").json() == before


def test_pairs_that_need_a_step_name_it(api, stream):
    tags = field(api, stream, "Tags")
    pair = next(
        one
        for one in api.get(f"{stream}/mappings/possible").json()["items"]
        if (one["remote"], one["local"]) == (field(api, stream, "Email"), "score")
    )
    assert (pair["directions"], pair["options"]) == ([], {})  # an address is no number
    found = {(one["remote"], one["local"]): one for one in api.get(f"{stream}/mappings/possible").json()["items"]}
    assert found[tags, "tags"]["options"] == {}
    assert found[field(api, stream, "Notes"), "score"]["options"] == {"transforms": [{"name": "number"}]}


def test_preview_tells_what_would_not_survive_on_either_side(api, stream):
    api.post("records/contact", {"values": {"name": "  ADA  "}})
    steps = {"transforms": [{"name": "case"}, {"name": "trim"}]}
    wanted = {"remote": field(api, stream, "Name"), "local": "name", "direction": "both", "options": steps}
    losses = api.post(f"{stream}/preview", {"mappings": [wanted]}).json()["losses"]
    ours = next(one for one in losses if one["side"] == "here")
    assert (ours["before"], ours["between"], ours["after"]) == ("  ADA  ", "ada", "ada")
    theirs = next(one for one in losses if one["side"] == "there")
    assert theirs["after"] == theirs["between"] == theirs["before"].lower() != theirs["before"]
    one_way = api.post(f"{stream}/preview", {"mappings": [wanted | {"direction": "import"}]}).json()
    assert one_way["losses"] == []
