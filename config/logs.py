"""Log records know their tenant."""

import logging

from django.db import connection


class TenantFilter(logging.Filter):
    """Adds `tenant`: the schema that the current thread works in."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.tenant = getattr(connection, "schema_name", None) or "-"
        return True
