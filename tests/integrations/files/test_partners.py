"""Records that rows point to and that are not here yet: made once, shown before, taken back after."""

from __future__ import annotations

import pytest

from crm import feed, records
from crm.models import Change, Company, Contact, Deal
from integrations.files import applying, imports, pages, partners
from integrations.files.models import ImportPartner
from integrations.scheduling import jobs
from integrations.services.connect import Refused
from tests.integrations.files.conftest import ADA

PEOPLE = "Name,Company\nAda,Acme\nBo,ACME \nCy,Known\nDi,Berg\nEd,\n"


def choose(job, tenant, name="company", **options):
    wanted = [one | {"options": options} if one["field"] == name else one for one in job.mapping]
    return imports.map_columns(job, wanted, tenant, may_add=False)


@pytest.fixture
def planned(bring, work, tenant):
    def make(text=PEOPLE, entity="contact", field="company"):
        job = imports.preview(choose(bring(text, entity), tenant, field, creates=True))
        work()
        job.refresh_from_db()
        return job

    return make


@pytest.fixture
def carried_out(planned, work):
    def make(*what):
        job = planned(*what)
        imports.approve(job, ADA, may_add=False, version=job.version)
        work()
        job.refresh_from_db()
        return job

    return make


def companies():
    return sorted(Company.objects.values_list("name", flat=True))


def test_the_preview_shows_what_would_be_made_and_writes_nothing(planned):
    Company.objects.create(name="Known")
    job = planned()
    assert job.counts == {"created": 5, "related": 2} and job.rows == 5
    assert companies() == ["Known"]
    context = pages.of(job, {})
    assert [(one["count"], one["names"]) for one in context["related"]] == [(2, ["Acme", "Berg"])]
    ada = next(one for one in context["lines"] if one["title"] == "Ada")
    assert "Acme" in [change["new"] for change in ada["changes"]]


def test_each_is_made_once_linked_and_told_in_the_feed(carried_out):
    known = Company.objects.create(name="Known")
    job = carried_out()
    assert companies() == ["Acme", "Berg", "Known"]
    acme = Company.objects.get(name="Acme")
    found = dict(Contact.objects.values_list("name", "company"))
    assert found == {
        "Ada": acme.pk, "Bo": acme.pk, "Cy": known.pk, "Di": Company.objects.get(name="Berg").pk, "Ed": None,
    }  # fmt: skip
    assert job.counts["related_done"] == 2
    assert Change.objects.get(record_id=acme.pk).origin == job.origin


def test_a_row_that_is_refused_makes_nobody(planned):
    job = planned("Name,E-mail,Company\nAda,ada at x,Acme\nBo,bo@x.example,\n")
    assert job.counts == {"created": 1, "refused": 1}
    assert not ImportPartner.objects.exists()


def test_what_looks_like_an_id_or_an_address_is_no_name(planned):
    job = planned("Name,Company\nAda,01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10\nBo,x@acme.example\nCy," + "x" * 301 + "\n")
    assert job.counts == {"refused": 3}


def test_several_in_one_cell(carried_out):
    Contact.objects.create(name="Ann")
    carried_out('Name,Contacts\nBig deal,Ann; Ben\nSmall deal,"ben; ""Cy; Di"""\n', "deal", "contacts")
    assert set(Contact.objects.values_list("name", flat=True)) == {"Ann", "Ben", "Cy; Di"}
    assert len(Deal.objects.get(name="Big deal").contacts) == 2


def test_one_that_came_meanwhile_leaves_the_rows_that_would_double_it(planned, work):
    job = planned()
    Company.objects.create(name="acme")
    imports.approve(job, ADA, may_add=False, version=job.version)
    work()
    job.refresh_from_db()
    assert companies() == ["Berg", "Known", "acme"]
    assert job.counts["left"] == 2 and Contact.objects.count() == 3
    assert "“Acme” came since the preview." in {line.reason for line in job.lines.all()}


def test_two_imports_at_once_make_each_once(planned, work):
    first, second = planned(), planned("Name,Company\nZoe,Acme\n")
    for job in (first, second):
        imports.approve(job, ADA, may_add=False, version=job.version)
    work()
    assert companies() == ["Acme", "Berg", "Known"]
    second.refresh_from_db()
    assert second.counts["left"] == 1


def test_a_worker_that_dies_between_parts_makes_each_once(planned, work, monkeypatch):
    monkeypatch.setattr(applying, "PART", 1)
    job = planned()
    imports.approve(job, ADA, may_add=False, version=job.version)

    class Dies(jobs.Turn):
        held = 0

        def hold(self):
            self.held += 1
            if self.held == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        applying.apply(job.pk, Dies(job.pk, 0, 1e12))
    assert companies() == ["Acme"]
    work()
    assert companies() == ["Acme", "Berg", "Known"] and Contact.objects.count() == 5


def test_taking_the_import_back_takes_them_back_unless_somebody_needs_them(carried_out, work):
    job = carried_out(PEOPLE + "Fe,Calm\nGo,Dear\n")
    Contact.objects.create(name="Other", company=Company.objects.get(name="Berg"))
    calm = Company.objects.get(name="Calm")
    records.update("company", str(calm.pk), {"city": "Rome"}, feed.SYSTEM)
    imports.undo(job, ADA)
    work()
    job.refresh_from_db()
    assert job.state == "undone"
    assert companies() == ["Berg", "Calm"] and list(Contact.objects.values_list("name", flat=True)) == ["Other"]
    assert (job.counts["related_undone"], job.counts["related_kept"]) == (3, 2)


def test_what_needs_more_than_a_name_and_the_kind_itself_are_not_made(bring, tenant):
    job = bring("Name,Owner\nAda,ada@x.example\n")
    with pytest.raises(Refused, match="by their name alone"):
        choose(job, tenant, "owner", creates=True)
    with pytest.raises(Refused, match="Either"):
        choose(bring(PEOPLE), tenant, creates=True, lenient=True)


def test_the_choice_stands_in_the_form(bring, tenant_client):
    from tests.integrations.files.test_pages import form_of, url

    job = bring(PEOPLE)
    page = tenant_client.get(url("columns", job.pk))
    assert 'name="creates" value="c1"' in page.content.decode()
    assert tenant_client.post(url("columns", job.pk), form_of(page) | {"creates": ["c1"]}).status_code == 303
    job.refresh_from_db()
    assert job.mapping[1]["options"] == {"creates": True}
    assert partners.targets(job) == set()
