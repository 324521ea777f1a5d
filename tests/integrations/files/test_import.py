"""A file comes in: matched, planned, written once, told in the feed, taken back."""

from __future__ import annotations

import pytest
from django_tenants.utils import tenant_context

from crm import feed, records
from crm.models import Change, Company, Contact, CustomField, Deal, Person, SelectOption
from integrations.files import imports, pages
from integrations.files.models import Import, ImportRow
from integrations.scheduling import jobs
from integrations.scheduling.models import Job
from integrations.services.connect import Refused
from tests.integrations.files.conftest import ADA
from tests.kept import WHY, keep

PEOPLE = "Name,E-mail,Phone\nAda Rossi,ada@rossi.example,+39 055 1\nBo Berg,bo@berg.example,\n"


def lines(job):
    return {line.number: line for line in job.lines.all()}


def test_new_records_come_in_and_the_feed_names_the_file(bring, carry_out):
    job = carry_out(bring(PEOPLE))
    assert job.state == Import.State.DONE
    assert job.counts == {"created": 2, "created_done": 2}
    ada = Contact.objects.get(email="ada@rossi.example")
    assert (ada.name, ada.phone) == ("Ada Rossi", "+39 055 1")
    change = Change.objects.get(record_id=ada.pk)
    assert change.actor["label"] == "Ada"
    from crm import happened

    assert happened.history("contact", ada.pk)[0]["origin_words"] == "Import contacts.csv, Ada"
    assert job.stored == ""  # the file is gone


def test_a_row_that_matches_changes_its_record_and_only_what_differs(bring, carry_out):
    known = records.create("contact", {"name": "Ada", "email": "ADA@rossi.example", "phone": "1"}, feed.SYSTEM)
    job = carry_out(bring(PEOPLE))
    assert job.counts["updated"] == 1 and job.counts["created"] == 1
    line = lines(job)[2]
    assert str(line.record_id) == known.id
    assert line.changes == {"name": ["Ada", "Ada Rossi"], "phone": ["1", "+39 055 1"]}
    assert records.get("contact", known.id).values["phone"] == "+39 055 1"


def test_nothing_is_written_before_somebody_approves(bring, work):
    job = imports.preview(bring(PEOPLE))
    assert job.state == Import.State.PLANNING
    work()
    job.refresh_from_db()
    assert job.state == Import.State.READY
    assert (Contact.objects.count(), Person.objects.filter(user_id=None).count()) == (0, 0)
    with pytest.raises(Refused):
        imports.undo(job, ADA)


def test_the_same_file_twice_changes_nothing_and_is_told(bring, carry_out):
    first = carry_out(bring(PEOPLE))
    again = bring(PEOPLE)
    assert imports.before(again) == first
    assert carry_out(again).counts == {"same": 2}
    with pytest.raises(Refused, match="Nothing would change"):
        imports.approve(again, ADA, may_add=True, version=again.version)


def test_several_that_match_are_listed_and_left(bring, carry_out):
    for name in ("Ada One", "Ada Two"):
        records.create("contact", {"name": name, "email": "ada@rossi.example"}, feed.SYSTEM)
    job = carry_out(bring(PEOPLE))
    assert job.counts["ambiguous"] == 1
    assert "Ada One, Ada Two" in lines(job)[2].reason
    assert Contact.objects.count() == 3


def test_two_rows_about_one_record_are_told_apart(bring, carry_out):
    job = carry_out(bring("Name,E-mail\nAda,ada@x.example\nAda R,ADA@x.example\n"))
    assert job.counts == {"created": 1, "refused": 1, "created_done": 1}
    assert lines(job)[3].reason == "Row 2 is about the same record."


@pytest.mark.parametrize(
    ("how", "expected"),
    [("create", {"created": 2}), ("match", {"updated": 1, "refused": 1}), ("both", {"updated": 1, "created": 1})],
)
def test_the_three_ways_to_match(bring, work, how, expected):
    records.create("contact", {"name": "Ada", "email": "ada@rossi.example"}, feed.SYSTEM)
    job = imports.match_by(bring(PEOPLE), how, ["email"])
    imports.preview(job)
    work()
    job.refresh_from_db()
    assert job.counts == expected


def test_what_does_not_fit_is_refused_with_its_row_and_reason(bring, carry_out):
    text = "Name;E-mail;Owner;Company;Status\n"
    text += "Ada;ada at rossi;;;\nBo;bo@x.example;Nobody Known;;\nCy;cy@x.example;;Nowhere Ltd;\n"
    text += ";d@x.example;;;\nEd;e@x.example;;;Lead\n"
    job = carry_out(bring(text))
    reasons = {n: line.reason for n, line in lines(job).items() if line.action == "refused"}
    assert reasons == {
        2: "E-mail: “ada at rossi” is not an e-mail address.",
        3: "Owner: nobody here is called “Nobody Known”: write the e-mail address.",
        4: "Company: there is no record called “Nowhere Ltd”.",
        5: "Name must not be empty.",
    }
    assert Contact.objects.count() == 1
    told = "".join(imports.left_rows(job))
    assert told.splitlines()[1] == "Ada,ada at rossi,,,,2,E-mail: “ada at rossi” is not an e-mail address."


def test_relations_people_selects_and_custom_fields(bring, carry_out, tenant):
    Company.objects.create(name="Acme")
    contacts = [Contact.objects.create(name=n, email=f"{n}@x.example") for n in ("ann", "ben")]
    CustomField.objects.create(
        entity="deal", name="region", label="Region", type="multi_select", options=["North", "South"]
    )
    CustomField.objects.create(entity="deal", name="hot", label="Hot", type="boolean")
    text = "Name,Amount,Stage,Company,Contacts,Owner,Region,Hot,Close date\n"
    text += 'Big,"€ 1,200.50",won,acme,ann; ben@x.example,zoe@x.example,south;North,oui,24/12/2026\n'
    job = carry_out(bring(text, entity="deal"))
    assert {one["field"] for one in job.mapping} >= {"amount", "company", "contacts", "custom.region", "custom.hot"}
    assert job.counts == {"created": 1, "created_done": 1}, lines(job)[2].reason
    deal = Deal.objects.get()
    assert (str(deal.amount), deal.amount_currency, deal.stage) == ("1200.5000", "EUR", "Won")
    assert deal.company.name == "Acme" and deal.owner.email == "zoe@x.example"
    assert deal.contacts == sorted(c.pk for c in contacts)
    assert deal.custom == {"region": ["North", "South"], "hot": True}
    assert deal.close_date.isoformat() == "2026-12-24"


def test_options_are_made_only_when_asked_and_by_who_may(bring, carry_out, work, tenant):
    text = "Name,Status\nAda,Dreamer\n"
    job = bring(text)
    status = next(one for one in job.mapping if one["field"] == "status")
    assert carry_out(job).counts == {"refused": 1}
    wanted = [one | {"options": {"adds": True}} if one == status else one for one in job.mapping]
    with pytest.raises(Refused, match="owners and admins"):
        imports.map_columns(job, wanted, tenant, may_add=False)
    job = imports.map_columns(job, wanted, tenant, may_add=True)
    imports.preview(job)
    work()
    job.refresh_from_db()
    assert job.new_options == {"status": ["Dreamer"]}
    assert not SelectOption.objects.filter(name="Dreamer").exists()
    with pytest.raises(Refused, match="owner or admin"):
        imports.approve(job, ADA, may_add=False, version=job.version)
    imports.approve(job, ADA, may_add=True, version=job.version)
    work()
    assert Contact.objects.get().status == "Dreamer"
    assert SelectOption.objects.filter(name="Dreamer").exists()


def test_records_that_a_tool_keeps_are_refused(bring, carry_out):
    known = records.create("contact", {"name": "Ada", "email": "ada@rossi.example"}, feed.SYSTEM)
    keep(known.id)
    job = carry_out(bring(PEOPLE))
    assert lines(job)[2].reason == WHY
    assert records.get("contact", known.id).title == "Ada"


def test_what_moved_since_the_preview_is_left(bring, work):
    known = records.create("contact", {"name": "Ada", "email": "ada@rossi.example"}, feed.SYSTEM)
    job = imports.preview(bring(PEOPLE))
    work()
    records.update("contact", known.id, {"name": "Ada L."}, feed.SYSTEM)
    records.create("contact", {"name": "Bo came", "email": "BO@berg.example"}, feed.SYSTEM)
    job.refresh_from_db()
    imports.approve(job, ADA, may_add=True, version=job.version)
    work()
    job.refresh_from_db()
    assert job.counts["left"] == 2 and Contact.objects.count() == 2
    assert lines(job)[2].reason == "Name was changed since the preview."
    assert lines(job)[3].reason == "A record that matches came since the preview."


def test_an_import_is_taken_back_where_nobody_touched_it_since(bring, carry_out, work):
    known = records.create("contact", {"name": "Ada", "email": "ada@rossi.example", "phone": "1"}, feed.SYSTEM)
    job = carry_out(bring(PEOPLE + "Cy,cy@x.example,5\n"))
    touched = Contact.objects.get(email="cy@x.example")
    records.update("contact", touched.pk, {"phone": "6"}, feed.Actor("user", "9", "Zoe"))
    imports.undo(job, ADA)
    work()
    job.refresh_from_db()
    assert job.state == Import.State.UNDONE
    assert (job.counts["undone"], job.counts["kept"]) == (2, 1)
    assert records.get("contact", known.id).values["phone"] == "1"
    assert set(Contact.objects.values_list("name", flat=True)) == {"Ada", "Cy"}
    assert lines(job)[4].reason == "Changed since by Zoe."
    assert pages.sentence(job) == "2 rows were taken back; 1 was kept as it is now."


def test_an_undo_that_kept_nothing_says_nothing_of_it(bring, carry_out, work):
    job = carry_out(bring(PEOPLE))
    imports.undo(job, ADA)
    work()
    job.refresh_from_db()
    assert pages.sentence(job) == f"{job.counts['undone']} rows were taken back."


def test_a_worker_that_dies_between_parts_repeats_nothing(bring, work, monkeypatch):
    from integrations.files import applying

    monkeypatch.setattr(applying, "PART", 3)
    rows = "".join(f"P{n},p{n}@x.example\n" for n in range(10))
    job = imports.preview(bring("Name,E-mail\n" + rows))
    work()
    job.refresh_from_db()
    imports.approve(job, ADA, may_add=True, version=job.version)

    class Dies(jobs.Turn):
        held = 0

        def hold(self):
            self.held += 1
            if self.held == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        applying.apply(job.pk, Dies(job.pk, 0, 1e12))
    job.refresh_from_db()
    assert (Contact.objects.count(), job.position) == (6, 7)
    work()
    job.refresh_from_db()
    assert (Contact.objects.count(), job.counts["created_done"], job.state) == (10, 10, "done")
    assert Change.objects.filter(operation="insert").count() == 10
    assert not Job.objects.exists()


def test_a_turn_that_is_over_goes_on_in_the_next(bring, work, settings, monkeypatch):
    from integrations.files import applying

    monkeypatch.setattr(applying, "PART", 2)
    job = imports.preview(bring("Name\n" + "".join(f"P{n}\n" for n in range(7))))
    work()
    job.refresh_from_db()
    settings.SLICE_SECONDS = 0
    imports.approve(job, ADA, may_add=True, version=job.version)
    work()
    job.refresh_from_db()
    assert (job.state, Contact.objects.count()) == ("done", 7)


def test_a_worker_that_lost_its_claim_writes_nothing(bring, work):
    job = imports.preview(bring(PEOPLE))
    work()
    job.refresh_from_db()
    imports.approve(job, ADA, may_add=True, version=job.version)
    from integrations.files import applying

    with pytest.raises(jobs.Lost):
        applying.apply(job.pk, jobs.Turn(job.pk, 99, 1e12))
    assert Contact.objects.count() == 0


def test_two_people_do_not_overwrite_each_other_silently(bring, tenant):
    job = bring(PEOPLE)
    seen = job.version
    imports.match_by(job, "create", [], version=seen)
    with pytest.raises(Refused, match="Somebody else"):
        imports.match_by(job, "both", ["email"], version=seen)


def test_empty_cells_change_nothing_unless_asked(bring, carry_out, tenant):
    known = records.create("contact", {"name": "Bo", "email": "bo@berg.example", "phone": "5"}, feed.SYSTEM)
    carry_out(bring(PEOPLE))
    assert records.get("contact", known.id).values["phone"] == "5"
    job = imports.match_by(bring(PEOPLE), "both", ["email"], empty="clear")
    carry_out(job)
    assert records.get("contact", known.id).values["phone"] is None


def test_an_impossible_pair_is_refused_with_the_reason(bring, tenant):
    job = bring("Name,Words,Created\nA,soon,1\nB,later,2\nC,never,3\n", entity="deal")
    for name, words in (("amount", "no cell that is an amount of money"), ("created_at", "kept by Raccord")):
        with pytest.raises(Refused, match=words):
            imports.map_columns(job, [{"column": "c0", "field": "name"}, {"column": "c1", "field": name}], tenant, True)
    with pytest.raises(Refused, match="cannot both be"):
        imports.map_columns(job, [{"column": "c0", "field": "name"}, {"column": "c1", "field": "name"}], tenant, True)


def test_an_import_belongs_to_its_tenant(bring, other_tenant):
    job = bring(PEOPLE)
    with tenant_context(other_tenant):
        assert not Import.objects.filter(pk=job.pk).exists()


def test_what_is_discarded_leaves_neither_file_nor_rows(bring, work):
    from django.core.files.storage import storages

    job = imports.preview(bring(PEOPLE))
    work()
    job.refresh_from_db()
    stored = job.stored
    assert storages["files"].exists(stored)
    imports.discard(job)
    assert not storages["files"].exists(stored)
    assert not ImportRow.objects.exists()


def test_a_missing_partner_leaves_the_field_alone_where_that_is_asked(bring, carry_out, tenant):
    acme = Company.objects.create(name="Acme")
    known = records.create("contact", {"name": "Ada", "company": [str(acme.pk)]}, feed.SYSTEM)
    job = bring("Name,Company\nAda,Nowhere\nBo,Nowhere\n")
    wanted = [one | {"options": {"lenient": True}} if one["field"] == "company" else one for one in job.mapping]
    job = carry_out(imports.map_columns(job, wanted, tenant, may_add=False))
    assert job.counts == {"same": 1, "created": 1, "created_done": 1}
    assert records.get("contact", known.id).values["company"] == [str(acme.pk)]


def test_a_field_that_holds_something_else_by_now_is_never_written_as_it_was(bring, work, tenant):
    size = CustomField.objects.create(entity="contact", name="size", label="Size", type="text")
    known = records.create("contact", {"name": "Ada", "custom.size": "tall"}, feed.SYSTEM)
    job = imports.preview(bring("Name,Size\nAda,12\nBo,short\n"))
    work()
    job.refresh_from_db()
    size.type = "decimal"
    size.save()
    imports.approve(job, ADA, may_add=False, version=job.version)
    work()
    told = lines(job)
    assert [told[n].outcome for n in (2, 3)] == ["done", "left"] and "is not a number" in told[3].reason
    assert not Contact.objects.filter(name="Bo").exists()
    job.refresh_from_db()
    imports.undo(job, ADA)
    work()
    told = lines(job)
    assert told[2].outcome == "kept" and "is not a number" in told[2].reason
    assert records.get("contact", known.id).values["custom.size"] == "12"


def test_what_only_looks_like_an_id_is_a_name(bring, work):
    odd = "01993f0a5b-1c7d-029e-473c-2b1a0f9e8d"  # Python takes it for an id, PostgreSQL does not
    job = imports.preview(bring(f"Name,Company\nAda,{odd}\n"))
    work()
    assert "no record called" in lines(job)[2].reason


def test_what_is_approved_is_the_preview_that_was_read(bring, work):
    job = imports.preview(bring("Name,E-mail\nAda,ada@x.example\n"))
    work()
    read = Import.objects.get(pk=job.pk)
    other = imports.preview(imports.match_by(Import.objects.get(pk=job.pk), "create", []))
    work()
    with pytest.raises(Refused) as refused:
        imports.approve(read, ADA, may_add=True, version=read.version)
    assert refused.value.code == "moved_import"
    other.refresh_from_db()
    assert (other.state, Contact.objects.count()) == ("ready", 0)
    imports.approve(other, ADA, may_add=True, version=other.version)
