"""A call with an `Idempotency-Key` is carried out once; repeated, it gets the first answer again.

What the call does and its answer are one transaction: after a crash either both are there or neither, so a repeated call
never does the work twice. An advisory lock, which ends with that transaction, shows that the same call is still at work.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from integrations import secrets
from integrations.api.callers import SAFE, Caller
from integrations.api.models import Answer
from integrations.api.problems import Problem

KEPT = dt.timedelta(hours=24)
MAX_KEY = 255
HEADERS = ("Content-Type", "ETag", "Location", "Retry-After")
#: Answers that say "not now" or "we do not know": the next call with this key is a first call again.
NOT_KEPT = {401, 403, 429}


def once(request: HttpRequest, caller: Caller, work: Callable[[], HttpResponse]) -> HttpResponse:
    """Raises Problem: in_progress, idempotency_key_reused, idempotency_key_invalid."""
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method in SAFE:
        return work()
    if not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise Problem("idempotency_key_invalid", _("A key has 1 to 255 printable characters."))
    with transaction.atomic():
        if not _alone(caller, key):
            raise Problem("in_progress", _("Wait a little, then ask again with the same key."))
        known = Answer.objects.filter(caller=caller.key, key=key, at__gt=timezone.now() - KEPT).first()
        if known:
            return _again(request, known)
        with transaction.atomic():
            response = work()
            if response.status_code >= 400:  # an error leaves nothing behind, whatever broke off in the middle
                transaction.set_rollback(True)
        if response.status_code < 500 and response.status_code not in NOT_KEPT:
            _keep(request, caller, key, response)
        return response


def _alone(caller: Caller, key: str) -> bool:
    """The tenant's schema is part of the lock's name: two tenants never meet."""
    with connection.cursor() as cursor:
        name = f"api {connection.schema_name} {caller.key} {key}"
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


def _again(request: HttpRequest, known: Answer) -> HttpResponse:
    if not constant_time_compare(known.fingerprint, _fingerprint(request)):
        raise Problem("idempotency_key_reused", _("Use a new key for a new request."))
    body = secrets.unseal(b64decode(known.body), _bound_to(known.caller, known.key))
    response = HttpResponse(body, status=known.status, headers=known.headers)
    response["Idempotency-Replayed"] = "true"
    return response


def _keep(request: HttpRequest, caller: Caller, key: str, response: HttpResponse) -> None:
    Answer.objects.filter(at__lte=timezone.now() - KEPT).delete()
    Answer.objects.create(
        caller=caller.key,
        key=key,
        fingerprint=_fingerprint(request),
        status=response.status_code,
        headers={name: response[name] for name in HEADERS if name in response},
        # sealed, because it may hold what is shown only once, such as the secret of a webhook
        body=b64encode(secrets.seal(response.content.decode(), _bound_to(caller.key, key))).decode(),
    )


def _bound_to(caller: str, key: str) -> str:
    return f"{connection.schema_name}/{Answer._meta.db_table}/body/{caller}/{key}"


def _fingerprint(request: HttpRequest) -> str:
    # keyed, because a body may hold credentials
    asked = f"{request.method} {request.get_full_path()} {request.headers.get('If-Match', '')}\n".encode() + _sent(
        request
    )
    return salted_hmac("integrations.api.idempotency", asked, algorithm="sha256").hexdigest()


def _sent(request: HttpRequest) -> bytes:
    """The body; of an upload, which is not kept in memory, the digests of its files."""
    if request.content_type != "multipart/form-data":
        return request.body
    found = hashlib.sha256(request.POST.urlencode().encode())
    files: dict[str, Any] = dict(request.FILES.items())
    for name in sorted(files):
        found.update(name.encode())
        for part in files[name].chunks():
            found.update(part)
        files[name].seek(0)
    return found.digest()
