"""The pages of records: forms made from the registry, what others changed meanwhile, read-only records, deleting."""

import datetime as dt
import re

import pytest

from crm import custom_fields, records
from crm.feed import SYSTEM, Actor
from crm.fields import new_id
from crm.models import Change, Company, Contact, Deal, Person, Task
from integrations.models import RecordLink
from tests.kept import WHY, keep

GRACE = Actor("user", "9", "Grace")


def inputs(form):
    """{the registry's name: the input's name}"""
    return {own: name for name, own in form.names.items()}


def edit(client, item, **values):
    """What a browser sends back for the form with these fields changed; None unticks or empties."""
    path = f"/records/{item.entity}/{item.id}/edit/"
    page = client.get(path)
    form = page.context["form"]
    sent = {"version": form["version"].value(), **shown(page)}
    for own, value in values.items():
        sent[inputs(form)[own]] = value
    return path, {name: value for name, value in sent.items() if value is not None}


def shown(page):
    """The values in the page's inputs, as a browser would send them."""
    html = page.content.decode()
    sent = {}
    for tag in re.findall(r"<input[^>]*name=\"f_[^>]*>", html):
        at = dict(re.findall(r'(\w[\w-]*)="([^"]*)"', tag))
        if at.get("type") in ("checkbox", "radio"):
            if " checked" in tag:
                sent.setdefault(at["name"], []).append(at.get("value", "on"))
        elif at.get("form") != "none":
            sent[at["name"]] = at.get("value", "")
    for name, body in re.findall(r"<select name=\"(f_\w+)\"[^>]*>(.*?)</select>", html, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        sent[name] = chosen.group(1) if chosen else ""
    for name, body in re.findall(r"<textarea name=\"(f_\w+)\"[^>]*>\n?(.*?)</textarea>", html, re.S):
        sent[name] = body
    return sent


@pytest.fixture
def full(tenant):
    """A contact that holds something in every field, also what the form does not show whole."""
    company = records.create("company", {"name": "Nord"}, SYSTEM)
    custom_fields.add("contact", "Tier", "select", ["Gold", "Silver"])
    custom_fields.add("contact", "Colours", "multi_select", ["red", "blue"])
    custom_fields.add("contact", "Buddy", "person")
    return records.create(
        "contact",
        {
            "name": "Ada",
            "email": "ada@x.example",
            "company": [company.id],
            "tags": ["a", "b"],
            "owner": "ann@x.example",
            "birthday": "1815-12-10",
            "last_contacted_at": "2026-03-04T05:06:07.89Z",
            "newsletter": True,
            "score": "1.5",
            "website": "https://x.example",
            "notes": "one\n\ntwo ",
            "status": "Lead",
            "custom.tier": "Gold",
            "custom.colours": ["blue"],
            "custom.buddy": "ann@x.example",
        },
        SYSTEM,
    )


def test_saving_an_untouched_form_changes_nothing(full, tenant_client):
    path, sent = edit(tenant_client, full)
    before = Change.objects.count()
    assert tenant_client.post(path, sent).status_code == 303
    assert records.get("contact", full.id) == full and Change.objects.count() == before


@pytest.mark.parametrize("language", ["fr", "it"])
def test_an_untouched_form_changes_nothing_in_any_language(language, full, tenant, tenant_client):
    tenant_client.post("/language/", {"language": language})
    path, sent = edit(tenant_client, full)
    tenant_client.post(path, sent)
    assert records.get("contact", full.id) == full
    path, sent = edit(tenant_client, full, score="2,25")
    tenant_client.post(path, sent)
    assert records.get("contact", full.id).values["score"] == "2.25"


def test_each_type_is_edited(full, tenant_client):
    other = records.create("company", {"name": "Sud"}, SYSTEM)
    changes = {
        "name": "Ada L.",
        "company": other.id,
        "tags": ["b"],
        "owner": "",
        "birthday": "1815-12-11",
        "last_contacted_at": "2026-07-01T10:00",
        "newsletter": None,
        "score": "",
        "notes": "three",
        "status": "Former",
        "custom.tier": "",
        "custom.colours": ["red", "blue"],
    }
    path, sent = edit(tenant_client, full, **changes)
    sent[next(name for name in sent if name.endswith("_new"))] = "c, d"
    assert tenant_client.post(path, sent).status_code == 303
    values = records.get("contact", full.id).values
    assert values["tags"] == ["b", "c", "d"] and values["company"] == [other.id] and values["owner"] is None
    assert values["last_contacted_at"] == "2026-07-01T08:00:00Z", "10:00 in Paris"
    assert values["newsletter"] is False and values["score"] is None and values["custom.tier"] is None
    assert values["custom.colours"] == ["blue", "red"] and values["custom.buddy"] == "ann@x.example"
    assert Change.objects.order_by("-id").first().actor["label"].startswith("Olga")


def test_a_deal_has_an_amount_with_a_currency(tenant, tenant_client):
    page = tenant_client.get("/records/deal/new/")
    names = inputs(page.context["form"])
    sent = {names["name"]: "Big", f"{names['amount']}_amount": "1200.50", f"{names['amount']}_currency": "CHF"}
    made = tenant_client.post("/records/deal/new/", sent)
    item = records.get("deal", made["Location"].split("/")[3])
    assert item.values["amount"] == {"amount": "1200.5", "currency": "CHF"}
    assert "1,200.50" in tenant_client.get(made["Location"]).content.decode()
    path, sent = edit(tenant_client, item)
    tenant_client.post(path, sent)
    assert records.get("deal", item.id) == item


def test_errors_stand_at_their_fields(tenant, tenant_client):
    names = inputs(tenant_client.get("/records/contact/new/").context["form"])
    sent = {names["name"]: "", names["email"]: "no", names["score"]: "much", names["birthday"]: "soon"}
    answer = tenant_client.post("/records/contact/new/", sent)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {names[own] for own in ("name", "email", "score", "birthday")}
    assert not Contact.objects.exists()


def test_a_value_that_a_tool_brought_in_does_not_block_the_others(tenant, tenant_client):
    Contact.objects.create(name="Ada", email="ada at home")
    item = records.get("contact", Contact.objects.get().pk)
    path, sent = edit(tenant_client, item, phone="1")
    assert tenant_client.post(path, sent).status_code == 303
    assert records.get("contact", item.id).values["email"] == "ada at home"


def test_what_somebody_changed_meanwhile_is_told_and_not_overwritten(full, tenant_client):
    path, sent = edit(tenant_client, full, name="Mine", status="Active")
    records.update("contact", full.id, {"name": "Theirs", "phone": "123"}, GRACE)
    answer = tenant_client.post(path, sent)
    page = answer.content.decode()
    assert answer.status_code == 409 and "Grace changed this record" in page
    assert "Theirs" in page and "Mine" in page and "123" in page
    assert records.get("contact", full.id).values["name"] == "Theirs", "nothing was saved"
    again = {"version": answer.context["form"]["version"].value(), **shown(answer)}
    assert again[inputs(answer.context["form"])["phone"]] == "123", "theirs where I wrote nothing"
    assert tenant_client.post(path, again).status_code == 303
    values = records.get("contact", full.id).values
    assert (values["name"], values["status"], values["phone"]) == ("Mine", "Active", "123")


@pytest.fixture
def kept(tenant):
    item = records.create("contact", {"name": "Kept"}, SYSTEM)
    keep(item.id)
    return item


def test_a_read_only_record_has_a_reason_and_no_form(kept, tenant_client):
    detail = tenant_client.get(f"/records/contact/{kept.id}/").content.decode()
    assert WHY in detail and f"{kept.id}/edit/" not in detail
    form = tenant_client.get(f"/records/contact/{kept.id}/edit/")
    assert WHY in form.content.decode() and not shown(form)
    assert tenant_client.post(f"/records/contact/{kept.id}/edit/", {"f_1": "X"}).status_code == 403


def test_a_read_only_record_stays(kept, tenant_client):
    answer = tenant_client.post("/records/contact/delete/", {"ids": [kept.id], "confirm": "1"})
    assert answer.status_code == 409 and Contact.objects.exists()


def test_deleting_asks_first(tenant, tenant_client):
    made = [records.create("contact", {"name": name}, SYSTEM) for name in ("Ada", "Bea", "Cleo")]
    ids = [item.id for item in made[:2]]
    asked = tenant_client.post("/records/contact/delete/", {"ids": [*ids, "nonsense"]})
    assert asked.status_code == 200 and "Delete 2 contacts?" in asked.content.decode() and Contact.objects.count() == 3
    assert tenant_client.post("/records/contact/delete/", {"ids": ids, "confirm": "1"}).status_code == 303
    assert [c.name for c in Contact.objects.all()] == ["Cleo"]
    page = tenant_client.get(f"/records/contact/{ids[0]}/history/")
    assert page.status_code == 200 and "deleted record" in page.content.decode(), "the history stays"
    assert tenant_client.get(f"/records/contact/{ids[0]}/").status_code == 404


def test_the_list_answers_htmx_with_the_table_only(tenant, tenant_client):
    records.create("contact", {"name": "Ada"}, SYSTEM)
    whole, part = (tenant_client.get("/records/contact/", headers=h) for h in ({}, {"HX-Request": "true"}))
    assert "<html" in whole.content.decode() and "HX-Request" in whole["Vary"]
    assert "<html" not in part.content.decode() and "Ada" in part.content.decode()


def test_a_viewer_sees_no_buttons_that_write(tenant, member, sign_in):
    item = records.create("contact", {"name": "Ada"}, SYSTEM)
    browser = sign_in(member("viewer"), tenant)
    for page in ("/records/contact/", f"/records/contact/{item.id}/"):
        html = browser.get(page).content.decode()
        assert "Ada" in html
        assert "/new/" not in html and "/edit/" not in html and "/delete/" not in html


def test_the_picker_finds_and_keeps_what_is_chosen(tenant, tenant_client):
    nord, sud = (Company.objects.create(name=name) for name in ("Nord", "Sud"))
    html = tenant_client.get(f"/records/company/pick/?as=f_5&f_5={sud.pk}&many=0&q=nor").content.decode()
    assert re.search(rf'value="{sud.pk}" checked', html) and f'value="{nord.pk}"><span>Nord' in html


def test_the_picker_works_without_javascript(tenant, tenant_client):
    Company.objects.create(name="Nord")
    names = inputs(tenant_client.get("/records/contact/new/").context["form"])
    sent = {names["name"]: "Ada", "_find": names["company"], f"{names['company']}_q": "nor"}
    page = tenant_client.post("/records/contact/new/", sent)
    assert page.status_code == 200 and "Nord" in page.content.decode() and 'value="Ada"' in page.content.decode()
    assert not Contact.objects.exists()


def test_a_hostile_name_is_only_a_name(tenant, tenant_client):
    item = records.create("contact", {"name": "<script>x</script>", "website": "javascript:alert(1)"}, SYSTEM)
    for page in ("/records/contact/", f"/records/contact/{item.id}/", f"/records/contact/{item.id}/history/", "/"):
        html = tenant_client.get(page).content.decode()
        assert "&lt;script&gt;x" in html, page
        assert "<script>x" not in html and 'href="javascript' not in html


def test_panels_marks_and_origins_come_from_others(tenant, tenant_client):
    stream = keep()
    come = Actor("run", str(new_id()), "Notion", f"stream:{stream.pk}")
    item = records.create("contact", {"name": "Ada", "email": "ada@x.example"}, come)
    url = f"/records/contact/{item.id}/"
    html = tenant_client.get(url).content.decode()
    for words in ("Notion · Contacts", "Where does Name come from?", "Where does E-mail come from?"):
        assert words in html
    assert "Only here." in html
    RecordLink.objects.create(stream=stream, remote_id="r", record_id=item.id, state="linked")
    html = tenant_client.get(url).content.decode()
    assert "Pause this record" in html and "Only here." not in html


def test_home_tells_what_happened_today(tenant, tenant_client):
    ada = Actor("user", "1", "Ada")
    for name in ("One", "Two"):
        records.create("task", {"title": name}, ada)
    records.update("task", Task.objects.first().pk, {"done": True}, GRACE)
    html = tenant_client.get("/").content.decode()
    assert "Grace changed" in html and "Ada added 2 tasks" in html


def test_fields_are_added_changed_and_removed(tenant, tenant_client):
    added = tenant_client.post(
        "/settings/fields/deal/add/", {"label": "Tier", "type": "select", "options": "Gold\nGold\n\nTin"}
    )
    assert added.status_code == 303
    field = tenant_client.get("/settings/fields/").context["groups"][2]["fields"][0]["field"]
    assert field.options == ["Gold", "Tin"]
    assert tenant_client.post("/settings/fields/deal/add/", {"label": "X", "type": "select"}).status_code == 422
    tenant_client.post(f"/settings/fields/{field.pk}/", {"label": "Level", "options": "Gold"})
    assert "Level" in tenant_client.get("/records/deal/new/").content.decode()
    tenant_client.post(f"/settings/fields/{field.pk}/remove/", follow=True)
    assert "Level" not in tenant_client.get("/records/deal/new/").content.decode()


def test_people_of_the_tenant_can_be_chosen(tenant, tenant_client):
    Person.objects.create(name="Only A. Person", email="only@x.example")
    assert "Only A. Person" in tenant_client.get("/records/task/new/").content.decode()


def test_a_list_draws_each_kind_of_value(tenant_client):
    """The usual ones at once, as crm/_value.html draws them elsewhere; a part of its own costs ten times the value."""
    at = dt.datetime(2026, 1, 1, 9, 30, tzinfo=dt.UTC)
    deal = Deal.objects.create(name="Big <one>", amount=1200, amount_currency="EUR", stage="Won")
    ann = Person.objects.create(name="Ann & Co", email="ann@x.example")
    Task.objects.create(title="Call", due_at=at, priority="High", assignee=ann, deal=deal)
    page = tenant_client.get("/records/task/")
    html = page.content.decode()
    for drawn in (
        '<td data-label="Done"><span class="faint">No</span></td>',
        '<td data-label="Due"><time datetime="2026-01-01T',
        "data-relative>",
        '<td data-label="Priority"><span class="badge outline">High</span></td>',
        '<td class="minor" data-label="Deal"><a class="quiet-link" href="/records/deal/',
        '<td class="minor" data-label="Assignee"><span class="clip">Ann &amp; Co</span></td>',
        ">Big &lt;one&gt;</a></td>",
    ):
        assert drawn in html, drawn
    assert "crm/_value.html" not in [template.name for template in page.templates]
    Task.objects.update(done=True, due_at=None)
    page = tenant_client.get("/records/task/")
    assert "crm/_value.html" not in [template.name for template in page.templates]
    html = page.content.decode()
    assert '<td data-label="Due"></td>' in html and '<td data-label="Done"><span class="yes">' in html
    deals = tenant_client.get("/records/deal/").content.decode()
    assert '<td class="number" data-label="Amount"><span class="numbers">1,200\xa0€</span></td>' in deals
