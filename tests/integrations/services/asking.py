"""A process that reads a table of an integration again and again, as an import does, until a given moment.

It says "ready", and is told the rest on its standard input: schema, integration, table, until when.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing

import django


def main() -> None:
    django.setup()
    from django_tenants.utils import tenant_context

    from integrations.models import IntegrationInstance
    from integrations.scheduling.models import Priority
    from integrations.services.adapters import open_adapter
    from tenants.models import Tenant

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    schema, integration, table, until = sys.stdin.readline().split()
    with tenant_context(Tenant.objects.get(schema_name=schema)):
        mine = IntegrationInstance.objects.get(pk=integration)
        with closing(open_adapter(mine, lambda _is_write: None, Priority.BACKFILL)) as adapter:
            while time.time() < float(until):
                for _page in adapter.read(table, None):
                    pass


if __name__ == "__main__":
    main()
