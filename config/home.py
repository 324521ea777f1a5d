"""The first page of a tenant: is everything in step, does anything need me, what happened?"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crm import happened
from integrations.ui import home as connections
from tenants.access import require_role


@require_role("viewer")
def home(request: HttpRequest) -> HttpResponse:
    context = connections.overview() | {"entries": happened.today()}
    return render(request, "home.html", context)
