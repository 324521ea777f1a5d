"""Saved views, columns, and how a person left a list: kept, shared by whom may, told when changed."""

import pytest

from crm import saved_views
from crm.models import Contact, ListMemory, Person, SavedView
from crm.records import describe
from crm.saved_views import Keeper
from tests.clients import HostClient

LIST = "/records/contact/"
ACTION = "actions/0198c5a0-0000-7000-8000-000000000000/"


@pytest.fixture
def contacts(tenant):
    grace = Person.objects.create(name="Grace", email="grace@x.example")
    return Contact.objects.bulk_create(
        Contact(name=name, status=status, owner=grace if status else None, email=f"{name}@x.example".lower())
        for name, status in (("Ada", "Lead"), ("Bea", "Former"), ("Cleo", "Lead"), ("Dora", ""))
    )


def make(client, name="Leads", query="status=Lead&sort=-name", columns="name,status", **more):
    answer = client.post(f"{LIST}views/new/", {"name": name, "query": query, "columns": columns, **more})
    assert answer.status_code == 303, answer.content
    return SavedView.objects.get(name=name)


def shown(client, address=LIST):
    page = client.get(address)
    assert page.status_code == 200
    return page.context, [row["title"] for row in page.context["rows"]], [c["label"] for c in page.context["columns"]]


def test_a_view_keeps_search_filters_sort_and_columns(contacts, tenant_client):
    view = make(tenant_client, query="q=ad&status=Lead&sort=-name&after=xyz&nonsense=1&view=9")
    assert view.query == "q=ad&status=Lead&sort=-name" and view.columns == ["name", "status"]
    _context, titles, columns = shown(tenant_client, f"{LIST}?view={view.pk}")
    assert titles == ["Ada"] and columns == ["Name", "Status"]
    assert SavedView.objects.get().made_by == "Olga Acme"


def test_changed_is_told_and_saved_or_reset(contacts, tenant_client):
    view = make(tenant_client)
    context, titles, _columns = shown(tenant_client, f"{LIST}?view={view.pk}")
    assert titles == ["Cleo", "Ada"] and not context["arranged"].is_changed
    context, titles, _columns = shown(tenant_client, f"{LIST}?view={view.pk}&status=Former&columns=name,email")
    assert titles == ["Bea"] and context["arranged"].is_changed
    sent = {"query": context["arranged"].query, "columns": context["columns_text"]}
    assert tenant_client.post(f"{LIST}views/{view.pk}/save/", sent).status_code == 303
    context, titles, columns = shown(tenant_client, f"{LIST}?view={view.pk}")
    assert titles == ["Bea"] and columns == ["Name", "E-mail"] and not context["arranged"].is_changed


def test_every_link_of_a_changed_view_leads_back_into_it(contacts, tenant_client):
    view = make(tenant_client, columns="")
    context, titles, _columns = shown(tenant_client, f"{LIST}?view={view.pk}")
    status = next(chip for chip in context["filters"] if chip["label"] == "Status")
    context, titles, _columns = shown(tenant_client, status["clear_url"])
    assert titles == ["Dora", "Cleo", "Bea", "Ada"] and context["arranged"].view == view, "sorted as the view is"
    context, titles, _columns = shown(tenant_client, context["columns"][0]["sort_url"])
    assert titles == ["Ada", "Bea", "Cleo", "Dora"] and context["arranged"].view == view
    assert context["arranged"].is_changed


def test_the_list_opens_as_it_was_left_on_any_device(contacts, tenant, tenant_client, sign_in):
    shown(tenant_client, f"{LIST}?sort=-name&columns=name,email")
    other = sign_in(tenant.owner, tenant)
    assert shown(other)[1:] == (["Dora", "Cleo", "Bea", "Ada"], ["Name", "E-mail"])
    view = make(other)
    shown(other, f"{LIST}?view={view.pk}")
    assert shown(tenant_client)[0]["arranged"].view == view
    assert shown(tenant_client, f"{LIST}?view=all")[1] == ["Dora", "Cleo", "Bea", "Ada"]
    assert shown(tenant_client)[0]["arranged"].view is None
    tenant_client.post(f"{LIST}views/{view.pk}/first/")
    assert shown(tenant_client, f"{LIST}?view=all") and shown(tenant_client)[0]["arranged"].view == view
    tenant_client.post(f"{LIST}views/{view.pk}/first/")
    assert ListMemory.objects.get(user_id=tenant.owner.pk).first is None


def test_shared_and_own_views(contacts, tenant, tenant_client, member, sign_in):
    mine, ours = make(tenant_client, "Mine"), make(tenant_client, "Ours", is_shared="on")
    viewer, colleague = (sign_in(member(role), tenant) for role in ("viewer", "member"))
    assert [tab["label"] for tab in shown(viewer)[0]["tabs"]] == ["All", "Ours"]
    context, titles, _columns = shown(viewer, f"{LIST}?view={mine.pk}")
    assert context["arranged"].is_lost and len(titles) == 4
    for client in (viewer, colleague):
        assert client.get(f"{LIST}views/{mine.pk}/").status_code == 404
        client.post(f"{LIST}views/{ours.pk}/", {"name": "Theirs", "is_shared": "on"})
        client.post(f"{LIST}views/{ours.pk}/save/", {"query": ""})
        assert client.post(f"{LIST}views/{ours.pk}/delete/").status_code == 403
    assert SavedView.objects.get(pk=ours.pk).name == "Ours" and SavedView.objects.get(pk=ours.pk).query
    make(viewer, "Viewed", is_shared="on")
    assert not SavedView.objects.get(name="Viewed").is_shared, "a viewer keeps views to herself"
    admin = sign_in(member("admin"), tenant)
    assert admin.post(f"{LIST}views/{ours.pk}/delete/").status_code == 303
    assert not SavedView.objects.filter(pk=ours.pk).exists()


def test_me_is_whoever_looks(contacts, tenant, tenant_client, member, sign_in):
    view = make(tenant_client, "Of mine", "owner=-me", is_shared="on")
    assert shown(tenant_client, f"{LIST}?view={view.pk}")[1] == []
    somebody = member("member")
    Person.objects.filter(email="grace@x.example").update(user_id=somebody.pk)
    context, titles, _columns = shown(sign_in(somebody, tenant), f"{LIST}?view={view.pk}")
    assert (
        titles == ["Ada", "Bea", "Cleo"] and f"owner={Person.objects.get(user_id=somebody.pk).pk}" in context["match"]
    )


def test_columns_are_chosen_and_moved_without_javascript(contacts, tenant_client):
    sent = {"column": ["name", "status", "email"], "order": ["name", "status", "email", "phone"], "back": LIST}
    moved = tenant_client.post(f"{LIST}columns/", sent | {"up": "email"})
    assert [c["name"] for c in moved.context["choices"]][:4] == ["name", "email", "status", "phone"]
    done = tenant_client.post(f"{LIST}columns/", sent)
    assert done.status_code == 303 and shown(tenant_client, done["Location"])[2] == ["Name", "Status", "E-mail"]
    assert shown(tenant_client)[2] == ["Name", "Status", "E-mail"], "remembered"
    for evil in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert tenant_client.post(f"{LIST}columns/", sent | {"back": evil})["Location"].startswith(LIST)
        assert tenant_client.get(f"{LIST}columns/", {"back": evil}).context["back"] == LIST


@pytest.mark.parametrize("path", ["views/new/", "views/1/", "views/1/delete/", "columns/", ACTION])
def test_nobody_else_gets_in(path, tenant, other_tenant, tenant_client, sign_in):
    stranger = HostClient(tenant)
    stranger.force_login(other_tenant.owner)
    assert stranger.get(LIST + path).status_code in (302, 404)
    assert tenant_client.get(f"/records/nonsense/{path}").status_code == 404


def test_names_are_checked_and_views_counted(tenant):
    entity, keeper = describe("contact"), Keeper(1, "Ada", True, True)
    for name in ("", " \x00 ", "x" * 61):
        with pytest.raises(saved_views.Invalid):
            saved_views.make(entity, keeper, name, "")
    for number in range(saved_views.MOST):
        saved_views.make(entity, keeper, f"View {number}", "")
    with pytest.raises(saved_views.Invalid):
        saved_views.make(entity, keeper, "One more", "")
