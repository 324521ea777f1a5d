"""Sizes, cost and matching, asked for before anything is saved."""

from __future__ import annotations

from urllib.parse import quote

from integrations.models import Stream


def test_size_cost_and_who_would_meet(api, wired):
    home, collection = f"integrations/{wired['integration']}", quote(wired["collection"], safe="")
    size = api.get(f"{home}/collections/{collection}/size").json()
    assert size["is_exact"] and size["records"] > 0
    cost = api.get(f"{home}/cost").json()
    assert {one["frequency"] for one in cost["frequencies"]} >= {"manual", "5min", "weekly"}
    assert (cost["first"]["records"], cost["first"]["is_exact"]) == (size["records"], True)

    before = Stream.objects.values().get(pk=wired["stream"])
    told = api.get(f"streams/{wired['stream']}/forecast?match_fields=email").json()
    assert told["looked_at"] == size["records"] and told["is_whole"]
    assert told["paired"] + told["ambiguous"] + told["alone"] + told["keyless"] == told["looked_at"]
    assert api.get(f"streams/{wired['stream']}/forecast?match_fields=nonsense").json()["paired"] == 0
    assert Stream.objects.values().get(pk=wired["stream"]) == before


def test_a_collection_that_is_not_there_is_told(api, wired):
    answer = api.get(f"integrations/{wired['integration']}/collections/nowhere/size")
    assert answer.status_code >= 400 and answer.json()["code"] in ("not_found", "refused")
