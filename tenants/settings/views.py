"""The organisation, its team and its API tokens."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from crm.registry import ENTITIES
from tenants import lifecycle, team, tokens
from tenants.access import MAY, require_role, who_can_grant
from tenants.account.views import see_other
from tenants.hosts import public_url
from tenants.middleware import person
from tenants.models import ApiToken, Invitation, Membership, Role, Tenant
from tenants.settings.forms import DeleteForm, InviteForm, OrganisationForm, TokenForm

PEOPLE = gettext_lazy("change the team")
#: Which pages stand under which tab, by how their names begin; all others under the first one.
BELONGS = {
    "settings:members": ("settings:member", "settings:invite"),
    "settings:custom_fields": ("settings:custom_field",),
    "settings:tokens": ("settings:token",),
    "settings:webhooks": ("settings:webhook",),
}
SHOWN = 100  # people on a page; the others are found by searching
SEARCH_FROM = 10


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The parts of Settings that this member may see."""
    parts = [("settings:home", _("Organisation")), ("settings:members", _("Team"))]
    if request.membership.may(Role.ADMIN):
        parts += [("settings:custom_fields", _("Fields")), ("settings:tokens", _("API tokens"))]
        parts += [("settings:webhooks", _("Webhooks"))]
    here = request.resolver_match.view_name if request.resolver_match else ""
    active = next((name for name, begins in BELONGS.items() if here.startswith(begins)), "settings:home")
    return [{"label": label, "url": reverse(name), "active": name == active} for name, label in parts]


def page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    form = context.get("form")
    status = 422 if form is not None and form.errors else 200
    return render(request, f"settings/{name}.html", context | {"tabs": tabs(request)}, status=status)


@require_role("viewer")
def home(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _save_organisation(request)
    return page(request, "home", _home(request, OrganisationForm(instance=request.tenant)))


def _home(request: HttpRequest, form: OrganisationForm) -> dict[str, Any]:
    me: Membership = request.membership
    return {"form": form, "me": me, "may_delete": me.may(Role.OWNER), "people": who_can_grant(request)}


@require_role("admin", gettext_lazy("change the organisation"))
def _save_organisation(request: HttpRequest) -> HttpResponse:
    tenant = Tenant.objects.get(pk=request.tenant.pk)
    form = OrganisationForm(request.POST, instance=tenant)
    if not form.is_valid():
        return page(request, "home", _home(request, form))
    tenant.changed_by, tenant.changed_at = str(person(request)), timezone.now()
    tenant.save(update_fields=[*form.cleaned_data, "changed_by", "changed_at"])
    messages.success(request, _("Saved."))
    return see_other(reverse("settings:home"))


@require_role("owner", gettext_lazy("delete the organisation"))
def delete(request: HttpRequest) -> HttpResponse:
    """Everything, after its address was typed. Webhooks that tools send end by themselves once nobody answers."""
    form = DeleteForm(request.POST or None, expected=request.tenant.slug)
    if form.is_valid():
        lifecycle.delete_tenant(Tenant.objects.get(pk=request.tenant.pk))
        return see_other(_your_organisations())
    number = sum(entity.model._default_manager.count() for entity in ENTITIES.values())
    return page(request, "delete", {"form": form, "number": number})


def _your_organisations() -> str:
    return f"{public_url()}{reverse('account:choose_tenant', urlconf=settings.PUBLIC_SCHEMA_URLCONF)}"


@require_role("viewer")
def members(request: HttpRequest) -> HttpResponse:
    everybody = Membership.objects.filter(tenant=request.tenant)
    wanted = request.GET.get("q", "").strip()
    found = (
        everybody.filter(Q(user__name__icontains=wanted) | Q(user__email__icontains=wanted)) if wanted else everybody
    )
    number = everybody.count()
    shown = list(found.select_related("user").order_by("user__name", "user__email")[: SHOWN + 1])
    invitations = request.tenant.invitations.select_related("invited_by").order_by("-sent_at")
    context = {
        "members": [_shown(request.membership, member) for member in shown[:SHOWN]],
        "more": len(shown) > SHOWN,
        "number": number,
        "query": wanted,
        "search": number > SEARCH_FROM,
        "invitations": [_asked(one) for one in invitations[:SHOWN]],
        "roles": [(Role(role).label, MAY[Role(role)]) for role in reversed(Role.values)],
        "may_hand_over": request.membership.may(Role.OWNER),
        "people": who_can_grant(request),
    }
    return page(request, "members", context)


def _shown(by: Membership, member: Membership) -> dict[str, Any]:
    above = member.role == Role.OWNER and not by.may(Role.OWNER)
    return {
        "member": member,
        "is_you": member.pk == by.pk,
        "dialog": f"remove-{member.pk}",
        "may_change": by.may(Role.ADMIN) and not above,
        "may_inherit": by.may(Role.OWNER) and member.pk != by.pk and member.role != Role.OWNER,
        "roles": _roles(by),
    }


def _roles(by: Membership) -> list[tuple[str, Any]]:
    """Those that this member may give."""
    return [choice for choice in Role.choices if choice[0] != Role.OWNER or by.may(Role.OWNER)]


def _asked(invitation: Invitation) -> dict[str, Any]:
    ends = team.ends_at(invitation)
    return {"invitation": invitation, "ends_at": ends, "is_over": ends <= timezone.now()}


@require_role("admin", PEOPLE)
def invite(request: HttpRequest) -> HttpResponse:
    roles = [role for role, _label in reversed(_roles(request.membership))]
    form = InviteForm(request.POST or None, roles=roles)
    if form.is_valid():
        try:
            invited, known = team.invite_many(request.membership, **form.cleaned_data)
        except team.Refused as error:
            form.add_error("role", str(error))
        else:
            _tell_invited(request, invited, known)
            return see_other(reverse("settings:members"))
    return page(request, "invite", {"form": form, "days": team.INVITATION_DAYS})


def _tell_invited(request: HttpRequest, invited: list[Invitation], known: list[str]) -> None:
    if len(invited) == 1:
        messages.success(request, _("An invitation is on its way to %(email)s.") % {"email": invited[0].email})
    elif invited:
        words = ngettext("%(n)s invitation is on its way.", "%(n)s invitations are on their way.", len(invited))
        messages.success(request, words % {"n": len(invited)})
    if known:
        words = ngettext("%(emails)s is on the team already.", "On the team already: %(emails)s.", len(known))
        messages.info(request, words % {"emails": ", ".join(known)})


@require_role("admin", PEOPLE)
@require_POST
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        asked = team.send_again(request.membership, pk)
    except Invitation.DoesNotExist as error:
        raise Http404 from error
    except team.Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("A new invitation is on its way to %(email)s.") % {"email": asked.email})
    return see_other(reverse("settings:members"))


@require_role("admin", PEOPLE)
@require_POST
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    gone, _counts = request.tenant.invitations.filter(pk=pk).delete()
    if not gone:
        raise Http404
    messages.success(request, _("The invitation is taken back; its link no longer works."))
    return see_other(reverse("settings:members"))


@require_role("owner", gettext_lazy("hand the organisation over"))
@require_POST
def hand_over(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        heir = team.hand_over(request.membership, pk)
    except Membership.DoesNotExist as error:
        raise Http404 from error
    except team.Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(name)s is the owner now, and you are an admin.") % {"name": heir.user})
    return see_other(reverse("settings:members"))


@require_role("admin", PEOPLE)
@require_POST
def change_role(request: HttpRequest, pk: int) -> HttpResponse:
    role = request.POST.get("role", "")
    if role not in Role.values:
        raise Http404
    try:
        member = team.change_role(request.membership, pk, role)
    except Membership.DoesNotExist as error:
        raise Http404 from error
    except team.Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("%(name)s is now %(role)s.") % {"name": member.user, "role": member.get_role_display()}
        )
    return see_other(reverse("settings:members"))


@require_role("viewer")
@require_POST
def remove_member(request: HttpRequest, pk: int) -> HttpResponse:
    if pk != request.membership.pk and not request.membership.may(Role.ADMIN):
        return require_role("admin", PEOPLE)(remove_member)(request, pk)
    try:
        member = team.remove(request.membership, pk)
    except Membership.DoesNotExist as error:
        raise Http404 from error
    except team.Refused as error:
        messages.error(request, str(error))
    else:
        if pk == request.membership.pk:
            return see_other(_your_organisations())
        messages.success(request, _("%(name)s is no longer on the team.") % {"name": member.user})
    return see_other(reverse("settings:members"))


@require_role("admin", gettext_lazy("see API tokens"))
@never_cache
def token_list(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST or None)
    plain = ""
    if form.is_valid():
        asked = form.cleaned_data
        _row, plain = tokens.create_token(
            request.tenant, asked["name"], by=person(request), scopes=asked["scopes"], days=asked["days"]
        )
        form = TokenForm()
    living = ApiToken.objects.filter(tenant=request.tenant, revoked_at=None).select_related("created_by")
    rows = [_token(row) for row in living.order_by("-created_at")]
    return page(request, "tokens", {"form": form, "tokens": rows, "plain": plain})


def _token(row: ApiToken) -> dict[str, Any]:
    may = [tokens.SCOPES[name].words for name in row.scopes if name in tokens.SCOPES]
    return {
        "token": row,
        "may": may or [_("Everything that the role “%(role)s” may") % {"role": row.get_role_display()}],
        "is_over": bool(row.expires_at and row.expires_at <= timezone.now()),
    }


@require_role("admin", gettext_lazy("revoke API tokens"))
@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    if not tokens.revoke(request.tenant, pk):
        raise Http404
    messages.success(request, _("The token is revoked. Whatever used it is refused from now on."))
    return see_other(reverse("settings:tokens"))
