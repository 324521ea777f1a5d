"""For every code of trouble: the list and the page say it in words, with a button whose page opens."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.utils import timezone

from integrations.models import IntegrationInstance, Status, Stream, SyncLog
from integrations.scheduling.models import Due
from integrations.services import failures
from integrations.services.failures import FAILURES, Button, Effect
from tests.integrations.ui.conftest import url

pytestmark = pytest.mark.usefixtures("notion")
STOPPING = [code for code, failure in FAILURES.items() if failure.effect in (Effect.STOP, Effect.STOP_STREAM)]
PASSING = [code for code, failure in FAILURES.items() if failure.effect == Effect.RETRY]
OF_A_TABLE = ["not_found", "schema_changed", "field_gone"]


@pytest.fixture
def stands(tenant_client, paired):
    """stands(status=…, …): the list and the page of the connection with these facts, as text."""
    made = paired["integration"]

    def read(client=tenant_client, **facts):
        IntegrationInstance.objects.filter(pk=made.pk).update(setup_step="done", **facts)
        return [unescape(client.get(page).content.decode()) for page in (url("list"), url("detail", made.pk))]

    return read


def buttons(html, kind):
    """The addresses behind the small buttons of the callouts: links, or forms that are posted."""
    found = "".join(re.findall(r'<div class="callout-actions">.*?</div>', html, re.DOTALL))
    return re.findall(r'<a class="button small[^"]*" href="([^"]+)"' if kind == "link" else r'action="([^"]+)"', found)


def fields_are_filled_in(html):
    assert "%(" not in html and "never_heard_of" not in html


@pytest.mark.parametrize("code", [*STOPPING, "never_heard_of", "internal_error"])
def test_one_that_stands_still_says_why_and_has_its_button(stands, tenant_client, paired, code):
    pages = stands(status=Status.ATTENTION, status_code=code, status_detail="13/14")
    told = failures.tell(code, "13/14", "Notion")
    for html in pages:
        assert told.title in html
        fields_are_filled_in(html)
    links, posts = buttons(pages[1], "link"), buttons(pages[1], "post")
    assert links or posts
    assert all(tenant_client.get(link).status_code == 200 for link in links)
    made = paired["integration"].pk
    assert (url("reconnect", made) in links) == (told.action == Button.RECONNECT or code == "access_denied")
    if told.action not in (Button.RECONNECT, Button.GO_ON):
        assert url("resume", made) in posts
    in_list = re.search(r'<div class="connection-share small"><a class="button small" href="([^"]+)"', pages[0])
    assert tenant_client.get(in_list.group(1)).status_code == 200


@pytest.mark.parametrize("kind", ["access_token", "oauth2"])
def test_missing_access_is_given_there_or_by_signing_in_anew(stands, paired, kind):
    made = paired["integration"].pk
    _list, html = stands(status=Status.ATTENTION, status_code="access_denied", auth_kind=kind)
    reconnect, resume = html.index(f'href="{url("reconnect", made)}">Reconnect'), html.index(url("resume", made))
    assert (reconnect < resume) == (kind == "oauth2")


@pytest.mark.parametrize("code", PASSING)
def test_one_that_is_tried_again_says_why_and_when(stands, paired, code):
    made, now = paired["integration"], timezone.now()
    SyncLog.objects.create(integration=made, state="failed", ended_at=now, error_code=code)
    Due.objects.filter(pk=made.pk).delete()
    Due.objects.create(pk=made.pk, tenant=made_for(), due_at=now + dt.timedelta(days=1))
    for html in stands(status=Status.ACTIVE):
        assert f"{failures.tell(code, tool='Notion').title}. The next try is on" in html
        assert "glyph waiting" in html
        fields_are_filled_in(html)


def made_for():
    from django.db import connection

    return connection.tenant


@pytest.mark.parametrize("code", OF_A_TABLE)
def test_trouble_of_one_table_leads_to_where_it_is_mended(stands, tenant_client, paired, code):
    Stream.objects.update(problem_code=code, problem_detail="“Phone”" if code == "field_gone" else "")
    made, stream = paired["integration"].pk, paired["stream"].pk
    leads = url("tables", made) if code == "not_found" else url("mapping", made, stream)
    for html in stands(status=Status.ACTIVE):
        assert f'href="{leads}"' in html
        fields_are_filled_in(html)
    assert tenant_client.get(leads).status_code == 200
