"""The organisation, its team and its API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from tenants import team, tokens
from tenants.access import require_role
from tenants.account.views import see_other
from tenants.middleware import person
from tenants.models import ApiToken, Membership, Role, Tenant
from tenants.settings.forms import InviteForm, OrganisationForm, TokenForm

PEOPLE = gettext_lazy("change the team")


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The parts of Settings that this member may see."""
    parts = [("settings:home", _("Organisation")), ("settings:members", _("Team"))]
    if request.membership.may(Role.ADMIN):
        parts += [("settings:custom_fields", _("Fields")), ("settings:tokens", _("API tokens"))]
    here = request.resolver_match.view_name if request.resolver_match else ""
    return [{"label": label, "url": reverse(name), "active": here.startswith(name)} for name, label in parts]


def page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    form = context.get("form")
    status = 422 if form is not None and form.errors else 200
    return render(request, f"settings/{name}.html", context | {"tabs": tabs(request)}, status=status)


@require_role("viewer")
def home(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _save_organisation(request)
    return page(request, "home", {"form": OrganisationForm(instance=request.tenant)})


@require_role("admin", gettext_lazy("change the organisation"))
def _save_organisation(request: HttpRequest) -> HttpResponse:
    tenant = Tenant.objects.get(pk=request.tenant.pk)
    form = OrganisationForm(request.POST, instance=tenant)
    if not form.is_valid():
        return page(request, "home", {"form": form})
    tenant.save(update_fields=list(form.cleaned_data))
    messages.success(request, _("Saved."))
    return see_other(reverse("settings:home"))


@require_role("viewer")
def members(request: HttpRequest, form: InviteForm | None = None) -> HttpResponse:
    team_ = Membership.objects.filter(tenant=request.tenant).select_related("user").order_by("user__name")
    context = {
        "form": form or InviteForm(),
        "members": [_shown(request.membership, member) for member in team_],
        "invitations": request.tenant.invitations.select_related("invited_by"),
    }
    return page(request, "members", context)


def _shown(by: Membership, member: Membership) -> dict[str, Any]:
    above = member.role == Role.OWNER and not by.may(Role.OWNER)
    roles = [choice for choice in Role.choices if choice[0] != Role.OWNER or by.may(Role.OWNER)]
    return {
        "member": member,
        "is_you": member.pk == by.pk,
        "dialog": f"remove-{member.pk}",
        "may_change": by.may(Role.ADMIN) and not above,
        "roles": roles,
    }


@require_role("admin", PEOPLE)
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if form.is_valid():
        try:
            asked = team.invite(request.membership, **form.cleaned_data)
        except team.Refused as error:
            form.add_error("email", str(error))
        else:
            messages.success(request, _("An invitation is on its way to %(email)s.") % {"email": asked.email})
            return see_other(reverse("settings:members"))
    return members(request, form)


@require_role("admin", PEOPLE)
@require_POST
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    gone, _counts = request.tenant.invitations.filter(pk=pk).delete()
    if not gone:
        raise Http404
    messages.success(request, _("The invitation is taken back; its link no longer works."))
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
        messages.success(request, _("%(name)s is no longer on the team.") % {"name": member.user})
    return see_other(reverse("settings:members"))


@require_role("admin", gettext_lazy("see API tokens"))
@never_cache
def token_list(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST or None)
    plain = ""
    if form.is_valid():
        asked = form.cleaned_data
        _row, plain = tokens.create_token(request.tenant, asked["name"], asked["role"], person(request))
        form = TokenForm()
    living = ApiToken.objects.filter(tenant=request.tenant, revoked_at=None).select_related("created_by")
    return page(request, "tokens", {"form": form, "tokens": living.order_by("-created_at"), "plain": plain})


@require_role("admin", gettext_lazy("revoke API tokens"))
@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    if not tokens.revoke(request.tenant, pk):
        raise Http404
    messages.success(request, _("The token is revoked. Whatever used it is refused from now on."))
    return see_other(reverse("settings:tokens"))
