"""Records by API: made, read, found, changed by whoever has seen the present version, deleted, many at once."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import feed, records
from crm.models import Change, Contact, CustomField


def make(name, **values):
    return records.create("contact", {"name": name} | values, feed.SYSTEM)


def names(api, query):
    return [one["title"] for one in api.all(f"records/contact?{query}")]


# --- one --------------------------------------------------------------------------------------------------------------


def test_from_making_to_deleting(tenant, api):
    made = api.post("records/contact", {"values": {"name": "Ada", "tags": ["b", "a"], "score": 12.50}})
    home = made["Location"]
    assert made.status_code == 201
    assert made.json()["values"]["tags"] == ["a", "b"]
    assert made.json()["values"]["score"] == "12.5"
    assert api.get(home).json() == made.json()
    assert made["ETag"] == f'"{made.json()["version"]}"'
    changed = api.patch(home, {"values": {"email": "ada@rossi.example", "tags": None}}).json()
    assert changed["values"]["email"] == "ada@rossi.example"
    assert changed["values"]["tags"] is None
    assert changed["version"] != made.json()["version"]
    assert api.delete(home).status_code == 204
    assert api.get(home).status_code == 404
    assert api.delete(home).status_code == 404
    history = api.get(f"{home}/history").json()["items"]
    assert [one["operation"] for one in history] == ["delete", "update", "insert"]
    assert history[1]["changes"] == {"email": [None, "ada@rossi.example"], "tags": [["a", "b"], None]}
    assert history[1]["actor"] == {"kind": "api", "id": history[1]["actor"]["id"], "label": "admin script"}


def test_entities_tell_the_fields_also_the_tenants_own(tenant, api):
    CustomField.objects.create(entity="contact", name="shoe", label="Shoe size", type="decimal")
    assert [one["name"] for one in api.all("entities")] == ["contact", "company", "deal", "task"]
    fields = {one["name"]: one for one in api.get("entities/contact").json()["fields"]}
    assert fields["custom.shoe"]["type"] == "decimal"
    assert fields["updated_at"]["read_only"] and fields["email"]["critical"]
    made = api.post("records/contact", {"values": {"name": "Ada", "custom.shoe": "39.5"}}).json()
    assert made["values"]["custom.shoe"] == "39.5"
    assert names(api, "custom.shoe=39.50") == ["Ada"]
    assert names(api, "custom.shoe=") == []


# --- at the version one has seen --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["body", "header", "weak"])
def test_who_has_not_seen_the_last_change_is_refused(tenant, api, how):
    made = api.post("records/contact", {"values": {"name": "Ada"}})
    home, seen = made["Location"], made.json()["version"]

    def change(name, version):
        if how == "body":
            return api.patch(home, {"values": {"name": name}, "version": version})
        tag = f'W/"{version}"' if how == "weak" else f'"{version}"'
        return api.patch(home, {"values": {"name": name}}, If_Match=tag)

    assert change("Ada Rossi", seen).status_code == 200
    late = change("Ada Bianchi", seen)
    assert (late.status_code, late.json()["code"]) == (409, "moved")
    assert change("Ada Bianchi", late.json()["version"]).status_code == 200


def test_deleting_looks_at_the_version_too(tenant, api):
    made = api.post("records/contact", {"values": {"name": "Ada"}})
    api.patch(made["Location"], {"values": {"name": "Ada Rossi"}})
    late = api.delete(made["Location"], If_Match=made["ETag"])
    assert (late.status_code, late.json()["code"]) == (409, "moved")
    assert api.delete(made["Location"], If_Match="*").status_code == 204


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(tenant):
    company = records.create("company", {"name": "Rossi SpA"}, feed.SYSTEM)
    make("Ada Rossi", email="Ada@Rossi.example", status="Lead", score=10, tags=["VIP"], company=[company.id])
    make("Bea Bianchi", email="bea@bianchi.example", status="Customer", score=20, birthday="1990-05-01")
    make("Carl", status="Lead", score=30, newsletter=True, owner="grace@acme.example", birthday="2001-01-31")
    return company


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Ada Rossi", "Bea Bianchi", "Carl"]),
        ("search=rossi", ["Ada Rossi"]),
        ("search=rossi%20ada", ["Ada Rossi"]),
        ("email=ada@rossi.EXAMPLE", ["Ada Rossi"]),
        ("email=", ["Carl"]),
        ("status=Lead", ["Ada Rossi", "Carl"]),
        ("status=lead&newsletter=true", ["Carl"]),
        ("newsletter=false", ["Ada Rossi", "Bea Bianchi"]),
        ("tags=VIP", ["Ada Rossi"]),
        ("tags=", ["Bea Bianchi", "Carl"]),
        ("owner=Grace@acme.example", ["Carl"]),
        ("owner=", ["Ada Rossi", "Bea Bianchi"]),
        ("company=", ["Bea Bianchi", "Carl"]),
        ("score.gte=20", ["Bea Bianchi", "Carl"]),
        ("score.gt=10&score.lt=30", ["Bea Bianchi"]),
        ("score=10.0", ["Ada Rossi"]),
        ("birthday.lt=2000-01-01", ["Bea Bianchi"]),
        ("birthday=2001-01-31", ["Carl"]),
        ("updated_at.gt=2000-01-01T00:00:00Z", ["Ada Rossi", "Bea Bianchi", "Carl"]),
        ("name.contains=BI", ["Bea Bianchi"]),
        ("name.contains=a r", ["Ada Rossi"]),
        ("name.contains=", ["Ada Rossi", "Bea Bianchi", "Carl"]),
        ("updated_at.lt=2000-01-01T00:00:00%2B02:00", []),
        ("sort=-name", ["Carl", "Bea Bianchi", "Ada Rossi"]),
        ("sort=email", ["Ada Rossi", "Bea Bianchi", "Carl"]),
        ("sort=-updated_at", ["Carl", "Bea Bianchi", "Ada Rossi"]),
    ],
)
def test_finding(people, api, query, found):
    assert names(api, query) == found
    assert names(api, f"{query}&limit=1") == found, "the same, page by page"


def test_finding_by_relation_and_id(people, api):
    assert names(api, f"company={people.id}") == ["Ada Rossi"]
    ada = api.all("records/contact?email=ada@rossi.example")[0]
    assert names(api, f"id={ada['id']}") == ["Ada Rossi"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("nickname=A", "unknown_field"),
        ("name.gt=A", "unknown_field"),
        ("sort=nickname", "unknown_field"),
        ("sort=notes", "unknown_field"),
        ("score=many", "invalid"),
        ("birthday=soon", "invalid"),
        ("newsletter=perhaps", "invalid"),
        ("company=5", "invalid"),
        ("id=5", "invalid"),
        ("custom.none=1", "unknown_field"),
    ],
)
def test_filters_that_mean_nothing_are_refused(people, api, query, code):
    answer = api.get(f"records/contact?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_walk_sees_each_record_once_also_while_names_change(people, api):
    page = api.get("records/contact?limit=1").json()
    api.patch(f"records/contact/{page['items'][0]['id']}", {"values": {"name": "Zoe"}})
    rest = api.all(f"records/contact?limit=1&after={page['next']}")
    assert [one["title"] for one in rest] == ["Bea Bianchi", "Carl"]


def test_a_page_costs_the_same_however_many_records(tenant, api):
    for number in range(30):
        make(f"Person {number:02}")
    costs = []
    for limit in (5, 25):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            api.get(f"records/contact?limit={limit}")
        costs.append(len(seen))
    assert costs[0] == costs[1] < 20


def test_history_page_by_page(tenant, api):
    made = api.post("records/contact", {"values": {"name": "Ada"}})
    for number in range(5):
        api.patch(made["Location"], {"values": {"name": f"Ada {number}"}})
    items = []
    after = ""
    while after is not None:
        page = api.get(f"{made['Location']}/history?limit=2&after={after}").json()
        items, after = items + page["items"], page["next"]
    assert [one["operation"] for one in items] == ["update"] * 5 + ["insert"]


# --- many -------------------------------------------------------------------------------------------------------------


def test_many_at_once_each_with_its_result(tenant, api):
    old, gone = make("Old"), make("Gone")
    moved = make("Moved")
    records.update("contact", moved.id, {"name": "Moved on"}, feed.SYSTEM)
    items = [
        {"action": "create", "values": {"name": "New", "email": "new@x.example"}},
        {"action": "create", "values": {"email": "nobody"}},
        {"action": "update", "id": old.id, "values": {"status": "Lead"}, "version": old.version},
        {"action": "update", "id": old.id, "values": {"phone": "1"}},
        {"action": "update", "id": moved.id, "values": {"name": "x"}, "version": moved.version},
        {"action": "delete", "id": gone.id},
        {"action": "update", "id": gone.id, "values": {"name": "x"}},
        {"action": "update", "id": "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10", "values": {"name": "x"}},
    ]
    outcomes = api.post("records/contact/bulk", {"items": items}).json()["items"]
    assert [one["status"] for one in outcomes] == [201, 422, 200, 200, 409, 204, 404, 404]
    assert {error["field"] for error in outcomes[1]["problem"]["errors"]} == {"name", "email"}
    assert outcomes[3]["record"]["values"]["status"] == "Lead"
    assert outcomes[3]["record"]["values"]["phone"] == "1"
    assert outcomes[4]["problem"]["code"] == "moved"
    assert sorted(Contact.objects.values_list("name", flat=True)) == ["Moved on", "New", "Old"]
    assert {c["kind"] for c in Change.objects.order_by("-id").values_list("actor", flat=True)[:3]} == {"api"}


def test_many_cost_few_queries(tenant, api):
    items = [
        {"action": "create", "values": {"name": f"P{number}", "email": f"p{number}@x.example"}} for number in range(500)
    ]
    with CaptureQueriesContext(connection) as seen:
        outcomes = api.post("records/contact/bulk", {"items": items}).json()["items"]
    assert {one["status"] for one in outcomes} == {201}
    assert len(seen) < 30
    assert Contact.objects.count() == 500


def test_too_many_at_once(tenant, api):
    items = [{"action": "create", "values": {"name": "x"}}] * 501
    assert api.post("records/contact/bulk", {"items": items}).status_code == 422
    assert api.post("records/contact/bulk", {"items": []}).status_code == 422


# --- what waits for a person ------------------------------------------------------------------------------------------


def test_conflicts_and_set_aside(tenant, api, wired):
    from django.utils import timezone

    from integrations.models import Conflict, RecordLink, SetAside

    ada = make("Ada", phone="+33 1")
    RecordLink.objects.create(stream_id=wired["stream"], remote_id="r1", record_id=ada.id, state="linked")
    conflict = Conflict.objects.create(
        stream_id=wired["stream"], record_id=ada.id, remote_id="r1", title="Ada", field="phone", local="+33 1",
        remote="+33 2", remote_raw="+33 2", policy="ask", state="open", at=timezone.now(),
    )  # fmt: skip
    SetAside.objects.create(stream_id=wired["stream"], side="there", remote_id="r2", code="unfit", reason="Too long")
    assert [one["reason"] for one in api.all(f"set-aside?integration={wired['integration']}")] == ["Too long"]
    home = f"conflicts/{conflict.pk}"
    assert [one["id"] for one in api.all("conflicts?state=open")] == [str(conflict.pk)]
    assert api.get(home).json()["winner"] == ""
    assert api.post(f"{home}/resolve", {"winner": "both"}).status_code == 422
    settled = api.post(f"{home}/resolve", {"winner": "remote"}).json()
    assert (settled["state"], settled["winner"], settled["settled_by"]) == ("settled", "remote", "admin script")
    assert api.get(f"records/contact/{ada.id}").json()["values"]["phone"] == "+33 2"
    assert api.all("conflicts?state=open") == []


def test_conflicts_are_swapped_seen_and_settled_together(tenant, api, wired):
    from django.utils import timezone

    from integrations.models import Conflict, RecordLink

    ada = make("Ada", phone="+33 1", email="ada@acme.example")
    RecordLink.objects.create(stream_id=wired["stream"], remote_id="r1", record_id=ada.id, state="linked")
    facts = {"stream_id": wired["stream"], "record_id": ada.id, "remote_id": "r1", "title": "Ada", "at": timezone.now()}
    settled = Conflict.objects.create(
        **facts, field="phone", local="+33 1", remote="+33 2", policy="local", winner="local", critical=True
    )
    waits = Conflict.objects.create(
        **facts, field="email", local="ada@acme.example", remote="a@acme.example", policy="ask", state="open"
    )
    assert [one["id"] for one in api.all("conflicts?unseen=true")] == [str(settled.pk)]
    assert [one["id"] for one in api.all("conflicts?critical=false")] == [str(waits.pk)]
    assert api.post(f"conflicts/{waits.pk}/acknowledge").json()["code"] == "still_open"
    assert api.post(f"conflicts/{settled.pk}/acknowledge").json()["seen_at"]
    assert api.all("conflicts?unseen=true") == []
    assert api.post(f"conflicts/{settled.pk}/swap").json()["winner"] == "remote"
    assert api.get(f"records/contact/{ada.id}").json()["values"]["phone"] == "+33 2"
    many = api.post("conflicts/resolve", {"conflicts": [str(waits.pk), str(ada.id)], "winner": "remote"}).json()
    assert [one["id"] for one in many["settled"]] == [str(waits.pk)] and many["refused"] == []
    again = api.post("conflicts/resolve", {"conflicts": [str(waits.pk)], "winner": "both"})
    assert again.status_code == 422


def test_create_without_an_answer_is_sent_again_by_whoever_has_looked(tenant, api, caller, other_tenant, wired):
    from integrations.models import LinkState, RecordLink, SetAside

    pk = Contact.objects.create(name="Ada").pk
    link = RecordLink.objects.create(stream_id=wired["stream"], record_id=pk, state=LinkState.NEW, unsure=True)
    one = SetAside.objects.create(
        stream_id=wired["stream"], side="here", code="unsure_create", record_id=pk, reason="no answer"
    )
    assert api.post("set-aside/retry").json() == {"number": 0}  # not together with everything else
    assert caller("owner", other_tenant).post(f"set-aside/{one.pk}/retry").status_code == 404
    assert caller("viewer").post(f"set-aside/{one.pk}/retry").status_code == 403
    assert api.post(f"set-aside/{one.pk}/retry").json() == {"number": 1}
    link.refresh_from_db()
    assert link.dirty and not SetAside.objects.exists()


def test_what_is_set_aside_is_tried_again(tenant, api, caller, other_tenant, wired):
    from django.utils import timezone

    from integrations.models import SetAside

    facts = {"stream_id": wired["stream"], "side": "there", "code": "unfit", "retry_at": timezone.now()}
    one, same, other = (
        SetAside.objects.create(**facts, remote_id=pk, field=field, reason=f"{field} is too long")
        for pk, field in (("r1", "email"), ("r2", "email"), ("r3", "phone"))
    )
    waits = lambda: set(SetAside.objects.exclude(retry_at=None))  # noqa: E731
    assert caller("owner", other_tenant).post(f"set-aside/{one.pk}/retry").status_code == 404
    assert caller("owner", other_tenant).post("set-aside/retry").json() == {"number": 0}
    assert waits() == {one, same, other}
    assert api.post(f"set-aside/{one.pk}/retry").json() == {"number": 1}
    assert waits() == {same, other}
    assert api.post(f"set-aside/{one.pk}/retry", {"group": True}).json() == {"number": 2}
    assert api.post("set-aside/retry", {"stream": wired["stream"], "field": "phone"}).json() == {"number": 1}
    assert waits() == set()
    assert api.post("set-aside/retry", {"fields": "phone"}).status_code == 422


def test_the_brakes_shares_are_set(api, wired):
    home = f"streams/{wired['stream']}"
    assert api.get(home).json()["brake_overwrites"] == 75
    changed = api.patch(home, {"brake_deletes": 5, "brake_overwrites": 100}).json()
    assert (changed["brake_deletes"], changed["brake_overwrites"]) == (5, 100)
    for wrong in (0, 101, "many"):
        assert api.patch(home, {"brake_deletes": wrong}).status_code == 422
    assert api.patch(home, {"deletions": "delete"}).json()["code"] == "cannot_erase"
    assert api.patch(home, {"deletions": "unlink", "policy": "fill", "first_policy": "remote"}).status_code == 200
    assert api.get(home).json()["first_policy"] == "remote"
    assert api.patch(home, {"first_policy": "fill"}).status_code == 422


def test_where_each_value_comes_from(api):
    ada = make("Ada", phone="+33 1")
    api.patch(f"records/contact/{ada.id}", {"values": {"phone": "+33 2"}})
    found = {one["field"]: one for one in api.all(f"records/contact/{ada.id}/provenance")}
    assert (found["phone"]["value"], found["phone"]["rule"], found["phone"]["kind"]) == ("+33 2", "edited", "api")
    assert [one["value"] for one in found["phone"]["earlier"]] == ["+33 1"]
    assert (found["name"]["value"], found["name"]["rule"]) == ("Ada", "created")
    assert api.get(f"records/company/{ada.id}/provenance").status_code == 404


def test_a_mapping_takes_its_own_rule_and_whether_it_is_critical(api, wired):
    home = f"streams/{wired['stream']}/mappings"
    kept = [{name: one[name] for name in ("remote", "local", "direction")} for one in api.all(home)]
    kept[0] |= {"policy": "fill", "critical": True}
    answer = api.put(home, {"mappings": kept})
    assert [(one["policy"], one["critical"]) for one in answer.json()["items"][:2]] == [("fill", True), ("", None)]
    assert api.put(home, {"mappings": [kept[0] | {"policy": "loudest"}]}).status_code == 422


def test_what_no_database_keeps_is_dropped_from_names_as_from_texts(api):
    made = api.post("records/contact", {"values": {"name": "A\u0000da", "tags": ["V\u0000IP", "\u0000"]}})
    assert made.status_code == 201
    assert (made.json()["values"]["name"], made.json()["values"]["tags"]) == ("Ada", ["VIP"])
