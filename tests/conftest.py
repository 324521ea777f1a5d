"""What every test may ask for.

=================  =====================================================================================
tenant             a tenant with an owner; the connection is on it; everything is rolled back afterwards
other_tenant       a second one, for proving that nothing crosses over
live_tenant        a tenant of its own, committed, for tests with several connections, threads or processes; dropped
member             member("viewer") -> User: somebody with that role in `tenant` (or in `live_tenant`)
tenant_client      a browser signed in as the owner, on the tenant's host
sign_in            sign_in(user, tenant=None) -> such a browser for anybody; without a tenant on the public host
live_site          the site in a thread, for browsers and for clients over real HTTP; use with live_tenant
sandbox            the providers' sandbox, whole session; `sandbox_notion` is it, reset, with the settings pointing to it
=================  =====================================================================================

Tests that ask for none of these touch no database and start no PostgreSQL.
"""

from __future__ import annotations

import copy
import gc
import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests import database

database.prepare()

if TYPE_CHECKING:
    from django.db.models import Model

    from tenants.models import Tenant, User
    from tests.clients import HostClient

_numbers = itertools.count(1)
OFFICIAL = ("hubspot", "notion")  # providers with an OpenAPI document; tests/sandbox/spec.py judges by it
WITH_DATABASE = {"db", "tenant", "live_tenant", "_django_db_helper"}


def pytest_configure(config: pytest.Config) -> None:
    import hypothesis
    from django.conf import settings

    # the same examples each time: what holds for one change holds for the next; and no clock decides
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile(
        "raccord", deadline=None, derandomize=True, database=None, suppress_health_check=slow
    )
    hypothesis.settings.load_profile("raccord")

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast; tests only
    settings.WHITENOISE_AUTOREFRESH = (
        True  # looks for a file when it is asked for; otherwise for all, in each new client
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where an official description is not at hand, nobody shall believe that it was asked."""
    for name in OFFICIAL:
        if not (specs := database.ROOT.parent / "shared" / "specs" / f"{name}.json").exists():
            terminalreporter.write_line(f"{name}: {specs} is not there, nothing was checked against it", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def _built_in_texts() -> None:
    """No test pays the query for the staff's texts of failures, which is asked once a minute; those about them ask anew."""
    from integrations.catalog import texts

    texts._kept = (float("inf"), {})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """The processes that run side by side read the settings when each has a folder of its own, and not before."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


#: The data layer, the workers, and what the engine asks of a server: these, and single tests that are marked so, run once more
#: on PostgreSQL, Redis and RabbitMQ (`pytest -m servers`). What the engine decides, and what pages and words make of the rows,
#: is the same there.
ON_SERVERS = tuple(
    str(database.ROOT / "tests" / part)
    for part in (
        "config/test_fixtures.py",
        "crm/test_bulk_actions.py",
        "crm/test_custom_fields.py",
        "crm/test_feed.py",
        "crm/test_listing.py",
        "crm/test_listing_indexes.py",
        "crm/test_records.py",
        "crm/test_selection.py",
        "integrations/oauth/test_renewing.py",
        "integrations/scheduling",
        "integrations/services/test_endings.py",
        "integrations/services/test_incidents.py",
        "integrations/services/test_one_account.py",
        "integrations/services/test_provenance.py",
        "integrations/services/test_retention.py",
        "integrations/sync/test_approve.py",
        "integrations/sync/test_plan.py",
        "integrations/sync/test_trouble.py",
        "integrations/sync/test_turns.py",
        "integrations/sync/test_two_way.py",
        "integrations/sync/test_worker_killed.py",
        "tenants/test_sign_in.py",
        "tenants/test_sign_up.py",
        "tenants/test_tokens.py",
        "transport/test_limiter.py",
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if str(item.path).startswith(ON_SERVERS):
            item.add_marker("servers")
        marker = item.get_closest_marker("django_db")
        asked = {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
        if asked or (marker and marker.kwargs.get("transaction")):
            # their clean-up is TRUNCATE, which the records' tables refuse on purpose
            raise pytest.UsageError(f"{item.nodeid}: use live_tenant (and live_site) for tests that commit")


def pytest_collection_finish() -> None:
    gc.freeze()  # what is loaded by now stays: no need to look through it again and again


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        database.create()
    yield
    with django_db_blocker.unblock():
        database.destroy()


@pytest.fixture(autouse=True)
def _fresh_cache(request: pytest.FixtureRequest) -> None:
    """Throttles, breakers and cached look-ups of one test are no business of the next."""
    if WITH_DATABASE & set(request.fixturenames):
        from django.core.cache import cache

        cache.clear()
        request.getfixturevalue("django_db_setup")
        from integrations.services.adapters import limiter

        limiter().store.reset()


# --- rolled back ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _standing(django_db_setup: None, django_db_blocker: Any) -> dict[str, Tenant]:
    """Two tenants for the whole session: tests work in them inside a transaction that is rolled back."""
    with django_db_blocker.unblock():
        made = {slug: _make_tenant(slug, name) for slug, name in (("acme", "Acme Studio"), ("other", "Other Works"))}
        _to_public()
    return made


@pytest.fixture
def tenant(_standing: dict[str, Tenant], db: None) -> Iterator[Tenant]:
    """`tenant.owner` is a User. The change feed shows nothing here before a commit: see live_tenant."""
    from django.db import connection

    made = _as_made(_standing["acme"])
    connection.set_tenant(made)
    yield made
    _to_public()


@pytest.fixture
def other_tenant(_standing: dict[str, Tenant], db: None) -> Tenant:
    """Not connected to: `with tenant_context(other_tenant):`."""
    return _as_made(_standing["other"])


def _as_made(standing: Tenant) -> Tenant:
    """What a test sets on it goes with the test, as what it saved does."""
    made = copy.copy(standing)
    made.owner = copy.copy(standing.owner)
    return made


# --- committed --------------------------------------------------------------------------------------------------------


@pytest.fixture
def live_tenant(django_db_setup: None, django_db_blocker: Any) -> Iterator[Tenant]:
    """A tenant that other connections and processes see. Deleted at the end, with its people and its public rows;
    the catalog is then as it was before."""
    from django.db import connection
    from django.db.models import TextField
    from django.db.models.functions import Cast

    from integrations.catalog.models import Provider
    from tests import spare

    with django_db_blocker.unblock():
        before = _public_rows()
        providers = list(Provider.objects.all())
        made = _make_tenant(f"live-{next(_numbers)}", "Live Works", spare.make_tenant)
        connection.set_tenant(made)
        try:
            yield made
        finally:
            connection.close()  # whatever state the test left it in
            _to_public()
            spare.delete_tenant(made)
            for model, rows in _public_rows().items():
                if added := rows - before[model]:
                    model.objects.alias(key=Cast("pk", TextField())).filter(key__in=added).delete()
            for provider in providers:  # as staff had set it before
                provider.save(force_update=True)


def _public_rows() -> dict[type[Model], set[str]]:
    """The keys of every row that all tenants share: what a committed test adds to them goes with it."""
    from django.apps import apps
    from django.conf import settings
    from django.db import connection

    shared = {apps.get_app_config(app.rpartition(".")[2]) for app in settings.SHARED_APPS}
    models = {model._meta.label: model for app in shared for model in app.get_models() if model._meta.managed}
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{label}', {model._meta.pk.column}::text FROM {model._meta.db_table}"
                for label, model in sorted(models.items())
            )
        )
        found: dict[type[Model], set[str]] = {model: set() for _, model in sorted(models.items())}
        for label, key in cursor.fetchall():
            found[models[label]].add(key)
    return found


@pytest.fixture
def live_environment(live_tenant: Tenant) -> dict[str, str]:
    """The environment for a child process (a worker, a command) that shall work on the database of this test."""
    import os

    return {**os.environ, "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def live_site(live_tenant: Tenant) -> Iterator[str]:
    """Serves the site on a free port; answers "http://<slug>.localhost:<port>" of live_tenant."""
    from tests.clients import serve

    with serve() as port:
        yield f"http://{live_tenant.slug}.localhost:{port}"


# --- people and browsers ----------------------------------------------------------------------------------------------


@pytest.fixture
def member(request: pytest.FixtureRequest) -> Callable[..., User]:
    from tenants.models import Membership, User

    name = "live_tenant" if "live_tenant" in request.fixturenames else "tenant"
    home = request.getfixturevalue(name)

    def make(role: str = "member", tenant: Tenant | None = home, email: str = "") -> User:
        """tenant=None: somebody who belongs nowhere."""
        user = User.objects.create_user(email or f"{role}-{next(_numbers)}@people.example", name=role.title())
        if tenant:
            Membership.objects.create(user=user, tenant=tenant, role=role)
        return user

    return make


@pytest.fixture
def sign_in() -> Callable[..., HostClient]:
    from tests.clients import HostClient

    def make(user: User | None, tenant: Tenant | None = None) -> HostClient:
        client = HostClient(tenant)
        if user:
            client.force_login(user)
        return client

    return make


@pytest.fixture
def tenant_client(tenant: Tenant, sign_in: Callable[..., HostClient]) -> HostClient:
    return sign_in(tenant.owner, tenant)  # type: ignore[attr-defined]


# --- the providers' side ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Any]:
    from integrations.sandbox.server import SandboxServer

    server = SandboxServer()
    yield server
    server.stop()


@pytest.fixture
def sandbox_notion(sandbox: Any, settings: Any) -> Any:
    """The Notion sandbox's control, empty, without faults; Raccord's Notion adapter talks to it."""
    control = sandbox.control.of("notion")
    control.reset()
    settings.PROVIDER_BASE_URLS = {"notion": sandbox.url("notion")}
    return control


def _make_tenant(slug: str, name: str, make: Callable[..., Tenant] | None = None) -> Tenant:
    from tenants import lifecycle
    from tenants.models import User

    owner = User.objects.create_user(f"owner@{slug}.example", name=f"Olga {slug.title()}")
    tenant = (make or lifecycle.create_tenant)(name, slug, owner)
    tenant.owner = owner  # type: ignore[attr-defined]
    return tenant


def _to_public() -> None:
    from django.db import connection

    connection.set_schema_to_public()
