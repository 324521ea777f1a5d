"""One record: a value edited where it stands, its history undone, what points to it, and the way back from a deletion."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from crm import custom_fields, records, registry
from crm.feed import SYSTEM, Actor
from crm.models import Change, Company, Contact, CustomField, Deal, Person, SelectOption
from crm.views import LONG
from tests.between import meanwhile
from tests.clients import HostClient
from tests.kept import keep

GRACE = Actor("user", "9", "Grace")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ada(tenant):
    return records.create("contact", {"name": "Ada", "phone": "1", "status": "Lead"}, SYSTEM)


def field(client, item, name, **sent):
    """Opens a field as htmx does, and sends it with these values; answers the page or the answer."""
    url = f"/records/{item.entity}/{item.id}/fields/{name}/"
    opened = client.get(url, headers=HTMX)
    if not sent:
        return opened
    form = opened.context["form"]
    own = next(iter(form.names))
    return client.post(url, {"version": form["version"].value(), own: sent["value"]}, headers=HTMX)


def test_a_value_is_edited_where_it_stands(ada, tenant_client):
    opened = field(tenant_client, ada, "phone")
    assert 'value="1"' in opened.content.decode() and "<html" not in opened.content.decode()
    saved = field(tenant_client, ada, "phone", value="+33 6")
    assert saved.status_code == 200 and "+33 6" in saved.content.decode() and saved["HX-Trigger"] == "record-changed"
    assert records.get("contact", ada.id).values["phone"] == "+33 6"
    again = tenant_client.get(f"/records/contact/{ada.id}/", headers=HTMX).content.decode()  # what the trigger asks for
    assert 'id="record-last" hx-swap-oob="true"' in again and "Last changed by" in again
    assert "HX-Trigger" not in field(tenant_client, ada, "phone", value="+33 6"), "nothing was written"
    assert field(tenant_client, ada, "email", value="nonsense").status_code == 422
    assert 'id="record-title"' in field(tenant_client, ada, "name", value="Ada L.").content.decode()
    assert tenant_client.get(f"/records/contact/{ada.id}/fields/phone/")["Location"].endswith("/edit/"), "without htmx"
    assert field(tenant_client, ada, "nonsense").status_code == 404


def test_another_field_changed_meanwhile_is_no_matter_the_same_one_is_told(ada, tenant_client):
    url = f"/records/contact/{ada.id}/fields/phone/"
    form = tenant_client.get(url, headers=HTMX).context["form"]
    own, version = next(iter(form.names)), form["version"].value()
    records.update("contact", ada.id, {"status": "Active"}, GRACE)
    assert tenant_client.post(url, {"version": version, own: "2"}, headers=HTMX).status_code == 200
    assert records.get("contact", ada.id).values["status"] == "Active"
    version = tenant_client.get(url, headers=HTMX).context["form"]["version"].value()
    records.update("contact", ada.id, {"phone": "3"}, GRACE)
    told = tenant_client.post(url, {"version": version, own: "4"}, headers=HTMX)
    assert told.status_code == 409 and "Grace changed it to “3” meanwhile" in told.content.decode()
    assert records.get("contact", ada.id).values["phone"] == "3"
    again = {"version": told.context["form"]["version"].value(), own: "4"}
    assert tenant_client.post(url, again, headers=HTMX).status_code == 200
    assert records.get("contact", ada.id).values["phone"] == "4"


def test_who_may_not_write_edits_nothing(ada, tenant, tenant_client, other_tenant, member, sign_in):
    viewer = sign_in(member("viewer"), tenant)
    page = viewer.get(f"/records/contact/{ada.id}/").content.decode()
    assert "data-edit" not in page and "bring-back" not in page
    change = Change.objects.get()
    for client, status in ((viewer, 403), (HostClient(tenant), 302)):
        assert (
            client.post(f"/records/contact/{ada.id}/history/{change.pk}/undo/", {"field": "phone"}).status_code
            == status
        )
        assert client.post(f"/records/contact/{ada.id}/bring-back/").status_code == status
        assert client.post("/records/contact/change/", {"all": "1"}).status_code == status
    assert field(viewer, ada, "phone").status_code == 403
    keep(ada.id)
    assert field(tenant_client, ada, "phone").status_code == 403
    stranger = sign_in(other_tenant.owner, other_tenant)
    assert stranger.get(f"/records/contact/{ada.id}/fields/phone/", headers=HTMX).status_code == 404


def test_one_change_is_undone_while_its_value_still_stands(ada, tenant_client):
    records.update("contact", ada.id, {"phone": "2", "status": "Active"}, GRACE)
    change = Change.objects.order_by("-id").first()
    url = f"/records/contact/{ada.id}/history/{change.pk}/undo/"
    assert url in tenant_client.get(f"/records/contact/{ada.id}/").content.decode()
    assert tenant_client.post(url, {"field": "phone"}).status_code == 303
    values = records.get("contact", ada.id).values
    assert (values["phone"], values["status"]) == ("1", "Active"), "this field only"
    records.update("contact", ada.id, {"status": "Former"}, GRACE)
    told = tenant_client.post(url, {"field": "status"}, follow=True).content.decode()
    assert "It was changed since." in told and records.get("contact", ada.id).values["status"] == "Former"
    other = records.create("contact", {"name": "Bea"}, SYSTEM)
    assert (
        tenant_client.post(f"/records/contact/{other.id}/history/{change.pk}/undo/", {"field": "phone"}).status_code
        == 404
    )


def test_the_history_by_field_by_origin_and_page_by_page(ada, tenant_client):
    origin = f"stream:{keep().pk}"
    for phone in range(LONG):
        records.update("contact", ada.id, {"phone": f"+{phone}"}, GRACE)
    records.update("contact", ada.id, {"email": "a@x.example"}, Actor("run", "1", "Notion", origin))
    url = f"/records/contact/{ada.id}/history/"
    page = tenant_client.get(url)
    assert len(page.context["history"]) == LONG and page.context["more_url"]
    more = tenant_client.get(page.context["more_url"], headers=HTMX)
    assert "<html" not in more.content.decode() and len(more.context["history"]) == 2
    found = tenant_client.get(f"{url}?field=email").context["history"]
    assert [change["actor"]["label"] for change in found] == ["Notion"]
    assert "Notion · Contacts" in page.content.decode()
    assert [c["actor"]["label"] for c in tenant_client.get(f"{url}?origin={origin}").context["history"]] == ["Notion"]
    assert len(tenant_client.get(f"{url}?origin=&field=phone").context["history"]) == LONG
    assert tenant_client.get(f"{url}?field=birthday").status_code == 200


def test_a_deleted_record_says_who_did_it_and_comes_back(ada, tenant_client):
    deal = records.create("deal", {"name": "Big", "contacts": [ada.id]}, SYSTEM)
    records.delete("contact", [ada.id], GRACE)
    page = tenant_client.get(f"/records/contact/{ada.id}/")
    assert page.status_code == 404 and "Grace deleted it" in page.content.decode() and "Ada" in page.content.decode()
    assert tenant_client.post(f"/records/contact/{ada.id}/bring-back/").status_code == 303
    again = records.get("contact", ada.id)
    assert again.values["phone"] == "1" and records.get("deal", deal.id).values["contacts"] == [ada.id]
    assert tenant_client.post(f"/records/contact/{ada.id}/bring-back/").status_code == 303, "a second time does nothing"
    assert tenant_client.get("/records/contact/01993f0a-71b2-7c44-8a90-5d3e8b6f1c02/").status_code == 404
    assert Contact.objects.count() == 1


def test_what_points_to_a_record_is_shown_with_the_way_to_all(tenant, tenant_client, django_assert_max_num_queries):
    nord = Company.objects.create(name="Nord")
    Contact.objects.bulk_create(Contact(name=f"C{i}", company=nord) for i in range(7))
    Deal.objects.create(name="Big", company=nord)
    with django_assert_max_num_queries(29) as few:
        page = tenant_client.get(f"/records/company/{nord.pk}/")
    count = len(few)
    parts = {part["label"]: part for part in page.context["related"]}
    assert parts["Contacts"]["count"] == 7 and len(parts["Contacts"]["rows"]) == 5 and parts["Deals"]["count"] == 1
    form = tenant_client.get(parts["Deals"]["add_url"]).content.decode()
    assert f'value="{nord.pk}" checked' in form, "a deal added from here is of this company"
    every = tenant_client.get(parts["Contacts"]["url"])
    assert len(every.context["rows"]) == 7 and "Nord" in every.content.decode(), "the chip names the company"
    Contact.objects.bulk_create(Contact(name=f"D{i}", company=nord) for i in range(300))
    with django_assert_max_num_queries(count):
        tenant_client.get(f"/records/company/{nord.pk}/")


def test_steps_follow_the_list_it_was_opened_from(tenant, tenant_client):
    made = {
        name: records.create("contact", {"name": name, "status": s}, SYSTEM)
        for name, s in zip("abcd", ["Lead", "", "Lead", "Lead"], strict=True)
    }
    rows = tenant_client.get("/records/contact/?status=Lead&sort=-name").context["rows"]
    assert [row["title"] for row in rows] == ["d", "c", "a"]
    page = tenant_client.get(rows[1]["url"])
    assert "status=Lead" in page.context["back_url"]

    def step(name, to, query="status%3DLead%26sort%3D-name"):
        there = tenant_client.get(f"/records/contact/{made[name].id}/step/?list={query}&to={to}")["Location"]
        return next(n for n, item in made.items() if item.id in there)

    assert (step("c", "next"), step("c", "previous"), step("a", "next"), step("d", "previous")) == ("a", "d", "a", "d")
    assert (step("b", "next", ""), step("b", "previous", "")) == ("c", "a")
    assert step("b", "next") == "b", "it is not in that list any more"


def test_a_change_between_look_and_write_is_not_overwritten(ada, tenant_client):
    with meanwhile("SAVEPOINT", lambda: records.update("contact", ada.id, {"phone": "2"}, GRACE)):
        answer = field(tenant_client, ada, "phone", value="+33 6")
    assert (answer.status_code, records.get("contact", ada.id).values["phone"]) == (409, "2")


def test_nothing_is_before_a_new_record(ada, tenant_client):
    made = Change.objects.get(record_id=ada.id)
    for name in ("phone", "name", "status"):
        tenant_client.post(f"/records/contact/{ada.id}/history/{made.pk}/undo/", {"field": name})
    assert records.get("contact", ada.id).version == ada.version


@pytest.mark.parametrize("page", ["", "edit/", "history/"])
def test_fields_options_and_people_are_asked_once_for_a_page(ada, tenant_client, page):
    with CaptureQueriesContext(connection) as asked:
        assert tenant_client.get(f"/records/contact/{ada.id}/{page}").status_code == 200
    for small in (CustomField, SelectOption, Person):
        wanted = f'FROM "{small._meta.db_table}"'
        assert sum(wanted in query["sql"] for query in asked) == 1, small


@pytest.mark.parametrize("page", ["", "edit/", "history/"])
def test_the_numbers_of_the_frame_are_asked_once_for_a_page(ada, tenant_client, page):
    with CaptureQueriesContext(connection) as asked:
        assert tenant_client.get(f"/records/contact/{ada.id}/{page}").status_code == 200
    assert sum("AS waiting" in query["sql"] for query in asked) == 1


def test_what_a_page_read_is_forgotten_with_it(ada, tenant_client):
    url = f"/records/contact/{ada.id}/"
    assert "Shoe size" not in tenant_client.get(url).content.decode()
    added = custom_fields.add("contact", "Shoe size", "decimal")
    assert "Shoe size" in tenant_client.get(url).content.decode()
    custom_fields.remove(added, SYSTEM)
    assert "Shoe size" not in tenant_client.get(url).content.decode()
    assert registry._read.get() is None


def test_what_is_read_once_is_read_in_each_tenant(tenant, other_tenant):
    custom_fields.add("contact", "Shoe size", "decimal")
    Person.objects.create(email="grace@x.example", name="Grace")
    with registry.reading_once():
        assert "custom.shoe_size" in registry.entity("contact").fields and "grace@x.example" in registry.People().ids
        with tenant_context(other_tenant):
            assert "custom.shoe_size" not in registry.entity("contact").fields
            assert "grace@x.example" not in registry.People().ids
        registry.People().id("new@x.example")
        assert "new@x.example" not in registry.People().ids, "what one makes of the rows is its own"
