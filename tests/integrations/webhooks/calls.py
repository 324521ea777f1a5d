"""What Notion sends, made by hand."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from typing import Any

SECRET = "secret_of_the_tests"
WORKSPACE = "workspace-1"


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def event(ident: str = "event-1", collection: str = "table-1", **more: Any) -> bytes:
    """A row changed, as Notion tells it."""
    parent = {"type": "database", "id": "db", "data_source_id": collection}
    told = {
        "id": ident,
        "timestamp": dt.datetime.now(dt.UTC).isoformat(),
        "workspace_id": WORKSPACE,
        "type": "page.properties_updated",
        "entity": {"id": "row", "type": "page"},
        "data": {"parent": parent},
    }
    return json.dumps(told | more).encode()
