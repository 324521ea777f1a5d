"""Two callers of the same setup: `If-Match` keeps one from overwriting what the other has set since."""

from __future__ import annotations


def test_what_was_set_meanwhile_is_not_overwritten(api, caller, wired):
    stream, other = f"streams/{wired['stream']}", caller("admin")
    seen = api.get(stream)["ETag"]
    changed = other.patch(stream, {"policy": "ask"}, If_Match=seen)
    assert changed.status_code == 200 and changed["ETag"] != seen

    refused = api.patch(stream, {"policy": "local"}, If_Match=seen)
    assert (refused.status_code, refused.json()["code"]) == (412, "edited_meanwhile")
    assert [(one["part"], bool(one["by"])) for one in refused.json()["edits"]] == [("rules", True)]
    assert api.get(stream).json()["policy"] == "ask"

    mappings = api.get(f"{stream}/mappings").json()
    mappings = {
        "mappings": [{name: one[name] for name in ("remote", "local", "direction")} for one in mappings["items"]]
    }
    kept = api.put(
        f"{stream}/mappings", {"mappings": mappings["mappings"][:2]}, If_Match=seen
    )  # nobody has set that since
    assert kept.status_code == 200
    refused = other.put(f"{stream}/mappings", mappings, If_Match=seen)
    assert refused.status_code == 412
    assert len(api.get(f"{stream}/mappings").json()["items"]) == 2
    assert other.put(f"{stream}/mappings", mappings).status_code == 200  # without it, whatever stands there


def test_frequency_name_and_credentials(api, caller, wired):
    home, other = f"integrations/{wired['integration']}", caller("admin")
    seen = api.get(home)["ETag"]
    assert other.patch(home, {"frequency": "daily", "name": "Shared wiki"}, If_Match=seen).status_code == 200
    refused = api.patch(home, {"name": "Team", "frequency": "weekly"}, If_Match=seen)
    assert refused.status_code == 412
    assert {name: api.get(home).json()[name] for name in ("name", "frequency")} == {
        "name": "Shared wiki",
        "frequency": "daily",
    }
    assert other.post(f"{home}/credentials", {"token": "ntn_sandbox_demo"}, If_Match=seen).status_code == 200
    assert api.post(f"{home}/credentials", {"token": "ntn_sandbox_demo"}, If_Match=seen).status_code == 412

    told = api.all(f"{home}/edits")
    assert [one["part"] for one in told][:3] == ["account", "frequency", "name"]
    assert told[1]["before"] == {"frequency": "5min"} and told[1]["after"] == {"frequency": "daily"}
    assert "tables" in [one["part"] for one in told]


def test_a_condition_that_is_none_is_refused_and_not_passed_over(api, wired):
    stream = f"streams/{wired['stream']}"
    for given in ("yesterday", '"1", "2"', '"-1"'):
        answer = api.patch(stream, {"policy": "ask"}, If_Match=given)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), given
    assert api.patch(stream, {"policy": "ask"}, If_Match="*").status_code == 200
