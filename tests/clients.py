"""Browsers for tests: Django's test client on a host of ours, and the site served over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connection
from django.test import Client
from django.test.testcases import LiveServerThread

from tenants.models import Tenant


class HostClient(Client):
    """A browser on the tenant's host (or, without a tenant, on the public one).

    A request leaves the connection on the schema it was for; this client puts back the one the test works in.
    """

    def __init__(self, tenant: Tenant | None = None, **defaults: Any) -> None:
        host = f"{tenant.slug}.{settings.PUBLIC_HOST}" if tenant else settings.PUBLIC_HOST
        super().__init__(headers={"host": host}, **defaults)
        self.tenant = tenant

    def request(self, **request: Any) -> Any:
        before = connection.tenant
        try:
            return super().request(**request)
        finally:
            connection.set_tenant(before)


@contextmanager
def serve() -> Iterator[int]:
    """The site on a free port, in threads with connections of their own. Answers the port."""
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    try:
        yield server.port
    finally:
        server.terminate()
