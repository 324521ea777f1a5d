"""The list of a person's notices, their preferences, and the way out of the mails."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from integrations.notifications import listing, preferences, unsubscribing, words
from integrations.notifications.forms import WishesForm
from integrations.notifications.models import Delivery
from integrations.ui.pages import back_to, see_other, two_bodies
from tenants.access import require_role
from tenants.account.views import preference_tabs
from tenants.middleware import for_everybody, person


@require_role("viewer")
@two_bodies
def notices(request: HttpRequest) -> HttpResponse:
    unread = request.GET.get("show") == "unread"
    listed = listing.page(person(request).pk, request.membership.role, request.GET.get("before", ""), unread)
    context = {"days": listed.days, "next": listed.next, "unread_only": unread, "is_rest": "before" in request.GET}
    return render(request, "notifications/list.html", context)


@require_role("viewer")
@require_POST
def read(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark one as read; with `unread`, as unread again; with `open`, go where its button leads."""
    try:
        one = listing.read(person(request).pk, pk, is_read="unread" not in request.POST)
    except Delivery.DoesNotExist as error:
        raise Http404("not theirs") from error
    if "open" in request.POST:
        return see_other(words.say(one.notice, request.membership.role).path)
    return see_other(back_to(request, reverse("notifications:list")))


@require_role("viewer")
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    number = listing.read_all(person(request).pk)
    if number:
        said = ngettext("%(n)s notice is marked as read.", "%(n)s notices are marked as read.", number)
        messages.success(request, said % {"n": number})
    return see_other(reverse("notifications:list"))


@require_role("viewer")
def choose(request: HttpRequest) -> HttpResponse:
    """How this person wants to be told, here."""
    me = request.membership
    form = WishesForm(request.POST or None, wishes=preferences.of(me), role=me.role)
    if form.is_valid():
        preferences.keep(me, form.wishes())
        messages.success(request, _("Your preferences are saved."))
        return see_other(reverse("notifications:preferences"))
    context = {"form": form, "email": person(request).email, "tabs": preference_tabs("notifications:preferences")}
    return render(request, "notifications/preferences.html", context, status=422 if form.errors else 200)


@for_everybody
@csrf_exempt  # the signed link is what is trusted: mail programs post without a cookie (RFC 8058)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Only a POST changes anything: mail programs open every link to look at it."""
    user_id = unsubscribing.person(request.tenant, token)
    if user_id is None:
        return render(request, "account/join_void.html", {"mail": True}, status=404)
    if request.method == "POST":
        preferences.no_mail(user_id)
    context = {"done": request.method == "POST", "organisation": request.tenant.name}
    response = render(request, "notifications/unsubscribe.html", context)
    response["Referrer-Policy"] = "no-referrer"  # the address holds the token
    return response
