"""What a role may do in views. The rule stands on the view; who is refused learns who can change it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.models import Membership, Role

View = Callable[..., HttpResponse]

#: What somebody of this role may do, as the end of "Your role does not let you …".
DOES = {
    Role.VIEWER: gettext_lazy("see this"),
    Role.MEMBER: gettext_lazy("change records"),
    Role.ADMIN: gettext_lazy("change settings and connections"),
    Role.OWNER: gettext_lazy("change owners"),
}


#: What each role may, as people read it where they choose one; each may what those before it may.
MAY = {
    Role.VIEWER: gettext_lazy("sees everything, changes nothing"),
    Role.MEMBER: gettext_lazy("also changes records, starts syncs and decides conflicts"),
    Role.ADMIN: gettext_lazy("also connects tools and changes the team and the settings"),
    Role.OWNER: gettext_lazy("also makes and removes owners"),
}


def require_role(role: str, what: Any = "") -> Callable[[View], View]:
    """Only for members with at least this role; others get a 403 that names who can grant it."""

    def wrap(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            membership = getattr(request, "membership", None)
            if membership is None:
                raise Http404("not a member")
            if not membership.may(role):
                return refuse(request, role, what)
            return view(request, *args, **kwargs)

        checked.required_role = role  # type: ignore[attr-defined]
        return checked

    return wrap


def refuse(request: HttpRequest, role: str, what: Any = "") -> HttpResponse:
    """The 403 page; for a request of htmx one sentence, which the page shows as a message."""
    context = {"what": what or DOES[Role(role)], "role": Role(role).label, "people": who_can_grant(request)}
    if request.headers.get("HX-Request"):
        words = _("Your role does not let you %(what)s. %(people)s can change it.") % {
            "what": context["what"],
            "people": ", ".join(context["people"]),
        }
        return HttpResponse(words, status=403, content_type="text/plain; charset=utf-8")
    return render(request, "account/no_access.html", context, status=403)


def who_can_grant(request: HttpRequest) -> list[str]:
    holders = Membership.objects.filter(tenant=request.tenant, role__in=[Role.OWNER, Role.ADMIN])
    return [str(m.user) for m in holders.select_related("user").order_by("-role", "user__name")[:3]]
