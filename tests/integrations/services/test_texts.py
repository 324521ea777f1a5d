"""The staff's own words for failures: told in their language, filled in safely, and forgotten when they are taken back."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from integrations.catalog import texts
from integrations.catalog.models import FailureText
from integrations.services import failures

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _read_anew():
    kept = texts._kept
    texts.forget()
    yield
    texts._kept = kept


@pytest.fixture
def staff(tenant, sign_in):
    from tenants.models import User

    return sign_in(User.objects.create_user("staff@raccord.example", name="Sam", is_staff=True, is_superuser=True))


def write(**words):
    row = FailureText(**({"code": "unavailable", "language": "en"} | words))
    row.full_clean()
    row.save()
    return row


def test_own_words_stand_for_the_built_in_ones_part_by_part():
    built_in = failures.tell("unavailable", tool="Notion")
    row = write(title="%(tool)s has a bad day")
    told = failures.tell("unavailable", tool="Notion")
    assert told.title == "Notion has a bad day" and told.happened == built_in.happened
    with translation.override("fr"):
        assert failures.tell("unavailable", tool="Notion").title != told.title
    row.delete()
    assert failures.tell("unavailable", tool="Notion") == built_in


def test_nothing_is_evaluated():
    write(todo="100 % of %(tool)s, {{ request.user }} {tool} {tool.__class__} %s")
    told = failures.tell("unavailable", tool="Notion")
    assert told.todo == "100 % of Notion, {{ request.user }} {tool} {tool.__class__} %s"


@pytest.mark.parametrize("words", ["%(tol)s is down", "%(password)s", "%(tool.name)s %(x)d"])
def test_places_that_do_not_exist_are_refused(words):
    with pytest.raises(ValidationError):
        write(title=words)


def test_empty_text_is_refused():
    with pytest.raises(ValidationError):
        write(title=" ")


def test_texts_are_read_once_and_not_with_every_word(django_assert_num_queries):
    write(title="Down")
    failures.tell("unavailable", tool="Notion")
    with django_assert_num_queries(0):
        for code in failures.FAILURES:
            failures.tell(code, tool="Notion")


def test_staff_write_them_in_the_admin(staff):
    page = staff.get("/admin/catalog/failuretext/add/")
    assert page.status_code == 200 and "HubSpot" not in page.content.decode()
    words = {"code": "unavailable", "language": "it", "title": "%(tool)s riposa", "happened": "", "todo": ""}
    assert staff.post("/admin/catalog/failuretext/add/", words).status_code == 302
    with translation.override("it"):
        assert failures.tell("unavailable", tool="Notion").title == "Notion riposa"
    wrong = staff.post("/admin/catalog/failuretext/add/", words | {"title": "%(secret)s", "language": "fr"})
    assert wrong.status_code == 200 and FailureText.objects.count() == 1
    assert staff.get("/admin/catalog/failuretext/").status_code == 200
