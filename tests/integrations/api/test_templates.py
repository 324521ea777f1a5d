"""Tables from a template, by the API."""

from __future__ import annotations


def test_a_template_is_made_and_paired(wired, api):
    home = f"integrations/{wired['integration']}"
    offered = {one["slug"]: one for one in api.get(f"{home}/templates").json()["items"]}
    assert [one["entity"] for one in offered["pipeline"]["tables"]] == ["company", "contact", "deal", "task"]
    place = api.get(f"{home}/places").json()["items"][0]["id"]
    made = api.post(f"{home}/templates/tasks", {"place": place})
    assert made.status_code == 201, made.content
    assert [one["entity"] for one in made.json()["items"]] == ["task"]
    mapped = api.get(f"streams/{made.json()['items'][0]['id']}/mappings").json()["items"]
    assert {one["local"] for one in mapped} == set(offered["tasks"]["tables"][0]["fields"])


def test_an_unknown_template_is_refused(wired, api):
    answer = api.post(f"integrations/{wired['integration']}/templates/moon", {"place": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_template")
