"""Records set aside, by cause: one group for one cause, its page, and buttons that really do what they say."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_tenants.utils import tenant_context

from crm.models import Contact
from integrations.models import FieldMapping, Part, SetAside
from integrations.services import edits, problems
from integrations.services.connect import Refused
from integrations.sync import tables
from integrations.sync.tally import Problem

pytestmark = pytest.mark.usefixtures("notion")


def inbox(name, *args):
    return reverse(f"inbox:{name}", args=args, urlconf="config.urls_tenant")


@pytest.fixture
def aside(paired):
    """aside(3, field="phone", …): so many contacts set aside, each with its own value in the reason."""

    def make(number, side="here", code="invalid_record", field="phone", reason="“{}” is not a phone number"):
        for at in range(number):
            contact = Contact.objects.create(name=f"Contact {Contact.objects.count()}")
            problem = Problem(side, code, reason.format(at), str(contact.pk), f"r{contact.pk}", contact.name, field)
            tables.set_aside(paired["stream"], [problem])
        return problems.cause_of(SetAside.objects.latest("pk"))

    return make


def found(paired):
    return problems.of([paired["stream"]])


def test_one_cause_is_one_group_whatever_the_values(tenant_client, paired, aside):
    aside(37)
    aside(2, field="email", reason="“{}” is not an e-mail address")
    assert [(one.cause.field, one.count, one.reason) for one in found(paired)] == [
        ("phone", 37, "… is not a phone number"), ("email", 2, "… is not an e-mail address"),
    ]  # fmt: skip
    html = tenant_client.get("/inbox/").content.decode()
    assert "37 contacts: Phone is not accepted by Notion" in html and "and 34 more" in html
    assert "For example: “" in html and "… is not a phone number" not in html
    detail = reverse("connections:detail", args=[paired["integration"].pk], urlconf="config.urls_tenant")
    paired["integration"].setup_step = "done"
    paired["integration"].save()
    assert "37 contacts: Phone is not accepted by Notion" in tenant_client.get(detail).content.decode()


def test_page_of_a_cause_says_what_happened_and_lists_all(tenant_client, aside):
    from integrations.ui import problems as shown

    cause = aside(shown.ROWS + 2)
    page = tenant_client.get(shown.url(cause).replace("/inbox/", "/inbox/", 1))
    html = page.content.decode()
    for words in ("What it means", "What to do", "Try all again", "Let Phone only flow in", "Stop keeping Phone in step",
                  "Open the first record", "#local-", "<svg"):  # fmt: skip
        assert words in html, words
    assert len(page.context["rows"]) == shown.ROWS
    more = tenant_client.get(page.context["more_url"], headers={"HX-Request": "true"})
    assert more.content.decode().count("health-row") == 2


def test_queries_do_not_grow_with_what_is_set_aside(tenant_client, aside):
    def queries(address):
        with CaptureQueriesContext(connection) as asked:
            assert tenant_client.get(address).status_code == 200
        return len(asked)

    from integrations.ui import problems as shown

    address = shown.url(aside(2))
    queries("/inbox/")  # the first page of the day also notes that somebody was here
    before = queries("/inbox/"), queries(address)
    aside(5)
    aside(5, side="there", code="unfit", field="email", reason="“{}” is not an e-mail address")
    aside(2, code="vanished", field="")
    assert (queries("/inbox/"), queries(address)) == before


def mend(client, cause, way):
    from integrations.ui import problems as shown

    return client.post(inbox("act"), shown._parts(cause) | {"way": way})


def test_all_of_a_cause_are_tried_again(tenant_client, aside):
    cause, other = aside(3), aside(1, field="email")
    assert SetAside.objects.filter(retry_at=None).count() == 0
    assert mend(tenant_client, cause, "retry").status_code == 303
    assert set(SetAside.objects.filter(retry_at=None).values_list("pk", flat=True)) == set(
        cause.records.values_list("pk", flat=True)
    )
    assert other.records.get().retry_at is not None


def test_field_only_flows_in_and_nobody_waits_any_more(tenant_client, paired, aside):
    cause = aside(3)
    assert FieldMapping.objects.get(local="phone").direction == "both"
    mend(tenant_client, cause, "one_way")
    assert FieldMapping.objects.get(local="phone").direction == "import"
    assert not cause.records.exists()
    with pytest.raises(SetAside.DoesNotExist):
        problems.act(cause, "one_way")


def test_field_that_cannot_come_in_only_flows_out(paired, aside):
    cause = aside(2, side="there", code="unfit")
    problems.act(cause, "one_way")
    assert FieldMapping.objects.get(local="phone").direction == "export"


def test_field_is_no_longer_kept_in_step(tenant_client, paired, aside):
    cause = aside(1)
    others = set(FieldMapping.objects.exclude(local="phone").values_list("local", flat=True))
    mend(tenant_client, cause, "stop_field")
    assert set(FieldMapping.objects.values_list("local", flat=True)) == others


def test_mending_a_cause_is_an_edit_that_nobody_overwrites_unknowing(tenant_client, tenant, paired, aside):
    stream, cause = paired["stream"], aside(1)
    seen = edits.seen(stream.integration)  # on the mapping page that somebody else has open
    mend(tenant_client, cause, "stop_field")
    [edit] = edits.since(stream, Part.MAPPING, seen)
    assert edit.by == str(tenant.owner)
    assert {one["local"] for one in edit.before.values()} - {one["local"] for one in edit.after.values()} == {"phone"}
    with pytest.raises(edits.Stale), edits.saving(stream, Part.MAPPING, "Bo", seen):
        pass


def test_missing_options_are_offered_where_there_are_options(paired, aside):
    assert "add_options" not in problems.ways(problems.one(aside(1)))
    cause = aside(1, field="status", reason="“Status” has no option “{}” there")
    if not FieldMapping.objects.filter(local="status").exists():
        pytest.skip("the sandbox maps no status")
    remote = FieldMapping.objects.get(local="status")
    stream = problems.one(cause).stream
    kind = next(field for field in stream.schema["fields"] if field["id"] == remote.remote)
    assert ("add_options" in problems.ways(problems.one(cause))) == bool(kind["creates_options"])
    if kind["creates_options"]:
        problems.act(cause, "add_options")
        assert FieldMapping.objects.get(local="status").options["options_there"] == "add"


def test_what_does_not_apply_is_refused(aside):
    with pytest.raises(Refused):
        problems.act(aside(1, code="ambiguous", field="email"), "retry")
    with pytest.raises(Refused):
        problems.act(aside(1), "drop the table")


def test_member_tries_again_but_does_not_change_the_mapping(sign_in, member, tenant, aside):
    cause, somebody = aside(1), sign_in(member("member"), tenant)
    assert mend(somebody, cause, "retry").status_code == 303
    for way in ("one_way", "stop_field", "add_options", "nonsense"):
        assert mend(somebody, cause, way).status_code == 403, way
    viewer = sign_in(member("viewer"), tenant)
    assert mend(viewer, cause, "retry").status_code == 403
    from integrations.ui import problems as shown

    assert 'name="way"' not in viewer.get(shown.url(cause)).content.decode()


def test_cause_of_another_tenant_is_not_found(tenant_client, other_tenant, notion):
    from integrations.services import setup
    from integrations.ui import problems as shown
    from tests.integrations.ui.conftest import TOKEN, pair

    with tenant_context(other_tenant):
        stream = pair(setup.create("notion", "Theirs", {"token": TOKEN}), "Contacts", "contact")
        tables.set_aside(stream, [Problem("here", "unfit", "x", None, "r1", "Theirs", "phone")])
        cause = problems.cause_of(SetAside.objects.get())
    assert tenant_client.get(shown.url(cause)).status_code == 404
    assert mend(tenant_client, cause, "retry").status_code == 404
    for address in ("/inbox/problem/", "/inbox/problem/?stream=nonsense"):
        assert tenant_client.get(address).status_code == 404


def test_cause_that_is_over_is_good_news(tenant_client, aside):
    from integrations.ui import problems as shown

    cause = aside(1)
    SetAside.objects.all().delete()
    page = tenant_client.get(shown.url(cause), follow=True)
    assert page.status_code == 200 and "Nothing waits for this any more." in page.content.decode()


def test_reasons_are_text_and_never_code(tenant_client, aside):
    aside(1, reason="<script>alert(1)</script> {{{{ request }}}} %(tool)s {}")
    html = tenant_client.get("/inbox/").content.decode()
    assert "<script>alert" not in html and "{{ request }}" in html


def test_api_lists_causes_and_mends_them(tenant_client, sign_in, member, tenant, paired, aside):
    aside(3)
    [cause] = tenant_client.get("/api/v1/causes").json()
    assert (cause["field"], cause["count"], cause["ways"]) == ("phone", 3, ["retry", "one_way", "stop_field"])
    about = {name: cause[name] for name in ("stream", "side", "code", "field", "key")}

    def post(client, **more):
        return client.post("/api/v1/causes/mend", about | more, content_type="application/json")

    somebody = sign_in(member("member"), tenant)
    assert post(somebody, way="one_way").status_code == 403
    assert post(somebody, way="retry").json() == {"number": 3}
    assert post(tenant_client, way="add_options").json()["code"] == "does_not_apply"
    assert post(tenant_client, way="one_way").json() == {"number": 3}
    assert tenant_client.get("/api/v1/causes").json() == [] and post(tenant_client, way="retry").status_code == 404


def test_api_tells_of_incidents(tenant_client, paired):
    from django.utils import timezone

    from integrations.catalog.models import Incident

    assert tenant_client.get("/api/v1/incidents").json() == []
    for provider in ("notion", "hubspot"):  # the tenant has no HubSpot
        Incident.objects.create(provider=provider, kind="unavailable", began_at=timezone.now(), seen_at=timezone.now())
    assert [one["provider"] for one in tenant_client.get("/api/v1/incidents").json()] == ["notion"]
