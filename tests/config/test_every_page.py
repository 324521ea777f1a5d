"""Every page of a tenant's host, from the URL conf: it opens, and it costs the same queries with ten times the data."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from django.db import connection
from django_tenants.utils import tenant_context

from tests import every_page
from tests.clients import HostClient
from tests.full_tenant import Sizes, fill

FEW, MANY = (
    Sizes(*[number] * len(fields(Sizes))) for number in (300, 900)
)  # more than a page of each, filtered or not
#: What these find is a page in the one and less in the other.
RARE = "q=7e3"


@pytest.fixture
def tools(sandbox: Any, settings: Any) -> Iterator[None]:
    for slug in ("notion", "hubspot"):
        control = sandbox.control.of(slug)
        control.reset()
        control.seed("crm", contacts=12, companies=4, deals=3, tasks=2)
    settings.PROVIDER_BASE_URLS = {slug: sandbox.url(slug) for slug in ("notion", "hubspot")}
    logging.disable(logging.WARNING)  # of those that take no GET
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
def test_every_page_opens_and_costs_the_same_queries_with_more_data(
    tenant: Any, other_tenant: Any, tools: None
) -> None:
    few = costs(tenant, FEW)
    with tenant_context(other_tenant):
        many = costs(other_tenant, MANY)
    assert few.keys() == many.keys()
    statuses = {place: status for place, (status, _queries) in many.items() if status not in (200, 302, 303, 405)}
    assert not statuses
    grown = {place: (few[place][1], queries) for place, (_status, queries) in many.items() if queries != few[place][1]}
    assert not grown


def costs(tenant: Any, sizes: Sizes) -> dict[tuple[str, int], tuple[int, int]]:
    """{(name, number among the addresses): (status, queries)}; what a first look keeps for later is there."""
    full = fill(tenant, tenant.owner, sizes)
    client = HostClient(tenant)
    client.force_login(tenant.owner)
    addresses = [one for one in every_page.addresses(full) if RARE not in one.url]
    for one in addresses:
        client.get(one.url)
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for number, one in enumerate(addresses):
        asked: list[str] = []

        def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any, asked: list[str] = asked) -> Any:
            asked.append(sql)
            return execute(sql, parameters, many, context)

        with connection.execute_wrapper(note):
            status = client.get(one.url).status_code
        found[one.name, number] = (status, len(asked))
    return found


def test_what_is_left_out_has_its_reason_and_is_still_there() -> None:
    names = {name for name, _parameters in every_page.routes()}
    areas = {name.partition(":")[0] for name in names}
    assert set(every_page.LEFT_OUT) <= names | areas
    assert set(every_page.ALSO) <= names
