"""The inbox by keyboard: j and k go from row to row, one key does what its button does, and leads back to the next row."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect


@pytest.fixture
def clashes(live_tenant, notion):
    """Three open conflicts, the newest first."""
    from crm.models import Contact
    from integrations.models import Conflict, RecordLink
    from tests.integrations.sync.test_two_way import connected

    stream = connected(live_tenant, ("Contacts", "contact"), policy="ask").streams.get()
    made = []
    for number in range(3):
        contact = Contact.objects.create(name=f"Contact {number}", phone="+33 1")
        RecordLink.objects.create(stream=stream, remote_id=f"r{number}", record_id=contact.pk)
        made.append(
            Conflict.objects.create(
                stream=stream, record_id=contact.pk, remote_id=f"r{number}", title=contact.name, field="phone",
                local="+33 1", remote="+39 2", policy="ask", state="open", at=timezone.now(),
            )
        )  # fmt: skip
    return made[::-1]


def test_conflicts_are_settled_without_a_mouse(site, signed_in, clashes):
    page = signed_in()
    page.goto(f"{site.home}/inbox/")
    titles = page.locator("#conflicts .clash h3 a")
    expect(titles).to_have_count(3)
    page.keyboard.press("t")  # no row has the focus: nothing is done
    page.keyboard.press("j")
    expect(titles.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-count]")).to_have_text("1")
    page.keyboard.press("t")
    expect(titles).to_have_count(2)
    expect(titles.nth(1)).to_be_focused()  # the one that took its place
    page.keyboard.press("k")
    page.keyboard.press("h")
    expect(titles).to_have_count(1)
    winners = []
    for one in clashes:
        one.refresh_from_db()
        winners.append((one.state, one.winner))
    assert winners == [("settled", "local"), ("settled", "remote"), ("open", "")]
