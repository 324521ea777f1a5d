"""POST /api/cron/integrations: what beat does, for installations that have a cron job instead."""

from __future__ import annotations

import orjson
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.crypto import constant_time_compare

from integrations.api.problems import Problem
from integrations.scheduling import dispatch, inline

#: No new slice begins after this long; the one that is at work ends by itself (SLICE_SECONDS).
INLINE_SECONDS = 20


def run_due(request: HttpRequest) -> HttpResponse:
    """{"woken": n}; with ?inline=1, where no worker listens, {"woken": 0, "ran": n}."""
    if not settings.CRON_TOKEN:
        raise Http404
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {settings.CRON_TOKEN}"):
        raise Problem("unauthorized", headers={"WWW-Authenticate": 'Bearer realm="cron"'})
    if request.GET.get("inline", "") in ("1", "true"):
        told = {"woken": 0, "ran": inline.run_due(INLINE_SECONDS)}
    else:
        told = {"woken": dispatch.dispatch()}
    return HttpResponse(orjson.dumps(told), content_type="application/json")
