"""Calls to whoever asked to be told that a table changed: signed, and only ever to this installation itself."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from celery import shared_task
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from practice import world
from practice.models import Event, Hook, Table

log = logging.getLogger(__name__)

SECONDS = 10


def subscribe(table: Table, url: str) -> Hook:
    """One per address; asked again, it is the same one."""
    found = Hook.objects.filter(table=table, url=url).first()
    if found is None:
        found = Hook(table=table, url=url)
        found.secret = secrets.token_urlsafe(32)
        found.save()
    return found


def tell(table: Table) -> None:
    """Once the change is committed, whoever wants to know hears that there was one. Not what: that is read."""
    for hook in table.hooks.all():
        event = {"id": secrets.token_hex(8), "table": table.slug, "at": timezone.now().isoformat()}
        transaction.on_commit(partial(_send_later, connection.schema_name, hook.pk, event), robust=True)


def _send_later(schema: str, hook: UUID, event: dict[str, Any]) -> None:
    deliver.apply_async(args=[schema, str(hook), event], retry=False)


@shared_task(acks_late=True, ignore_result=True)
def deliver(schema: str, hook_id: str, event: dict[str, Any]) -> int:
    """By HTTP, as any tool would. What does not arrive is not repeated: Raccord also looks by itself."""
    with schema_context(schema):
        hook = Hook.objects.select_related("table__workspace").filter(pk=hook_id).first()
        if hook is None:
            return 0
        body = json.dumps(event).encode()
        stamp = str(int(time.time()))
        headers = {"X-Practice-Time": stamp, "X-Practice-Signature": sign(hook.secret.open(), stamp, body)}
        try:
            status = httpx.post(address(hook), content=body, headers=headers, timeout=SECONDS).status_code
        except httpx.HTTPError as error:
            log.info("a call for %s did not arrive: %s", hook.table, type(error).__name__)
            status = 0
        world.note(hook.table.workspace, Event.Kind.CALLED, table=hook.table.name, status=status)
        if status == 410:  # it is over there
            hook.delete()
        return status


def address(hook: Hook) -> str:
    """Where we reach ourselves, and the path that was asked for: whatever host somebody names, nobody else is called."""
    own = urlsplit(settings.PROVIDER_BASE_URLS["practice"])
    return f"{own.scheme}://{own.netloc}{urlsplit(hook.url).path}"


def sign(secret: str, stamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
