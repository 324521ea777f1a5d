"""Who belongs to a tenant: sign-up, invitations, roles. The tenant's people (`crm.people`) are kept in step."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django_tenants.utils import tenant_context

from crm import people
from tenants import lifecycle
from tenants.models import Invitation, Membership, Role, Tenant, User

INVITATION_DAYS = 7
SALT = "tenants.invitation"


class Refused(Exception):
    """Not allowed, with words for a person."""


def found(name: str, slug: str, owner: User) -> Tenant:
    """A new organisation with its first owner. Raises ValidationError for a bad or taken slug."""
    with transaction.atomic():
        tenant = lifecycle.create_tenant(name, slug, owner, language=get_language() or settings.LANGUAGE_CODE)
        _keep(tenant, owner)
    return tenant


def invite(by: Membership, email: str, role: str) -> Invitation:
    """Write down the invitation and send the mail. Inviting again sends a new link. Raises Refused."""
    email, tenant = email.strip().lower(), by.tenant
    _may_grant(by, role)
    if Membership.objects.filter(tenant=tenant, user__email=email).exists():
        raise Refused(_("%(email)s is on the team already.") % {"email": email})
    row, _new = Invitation.objects.update_or_create(
        tenant=tenant, email=email, defaults={"role": role, "invited_by": by.user}
    )
    transaction.on_commit(lambda: _send(row))
    return row


def link(invitation: Invitation) -> str:
    path = reverse("account:join", args=[signing.dumps(invitation.pk, salt=SALT)], urlconf=settings.ROOT_URLCONF)
    return f"{invitation.tenant.url}{path}"


def invitation(tenant: Tenant, token: str) -> Invitation | None:
    """The invitation that a link stands for, or None when it is too old, taken back or of another tenant."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=INVITATION_DAYS * 24 * 3600)
    except signing.BadSignature:
        return None
    return Invitation.objects.select_related("tenant", "invited_by").filter(pk=pk, tenant=tenant).first()


def join(asked: Invitation, user: User) -> Membership:
    """The invited person comes in; the link is used up."""
    with transaction.atomic():
        membership, _new = Membership.objects.get_or_create(
            tenant=asked.tenant, user=user, defaults={"role": asked.role}
        )
        asked.delete()
        _keep(asked.tenant, user)
    return membership


def change_role(by: Membership, membership_id: int, role: str) -> Membership:
    """Raises Refused, and Membership.DoesNotExist for somebody of another tenant."""
    with transaction.atomic():
        member = _locked(by.tenant, membership_id)
        _may_grant(by, role)
        _may_grant(by, member.role)
        if member.role == Role.OWNER != role:
            _keep_an_owner(by.tenant)
        member.role = role
        member.save(update_fields=["role"])
    return member


def remove(by: Membership, membership_id: int) -> Membership:
    """Take somebody off the team; everybody may leave. Raises Refused and Membership.DoesNotExist."""
    with transaction.atomic():
        member = _locked(by.tenant, membership_id)
        if member.pk != by.pk:
            _may_manage(by)
            _may_grant(by, member.role)
        if member.role == Role.OWNER:
            _keep_an_owner(by.tenant)
        left(member)
        Membership.objects.filter(pk=member.pk).delete()
    return member


def came(membership: Membership) -> None:
    """Somebody became a member by another way than an invitation."""
    _keep(membership.tenant, membership.user)


def left(membership: Membership) -> None:
    with tenant_context(membership.tenant):
        people.release(membership.user_id)


def rename(user: User) -> None:
    """The person's new name, wherever they are a member."""
    for membership in user.memberships.select_related("tenant"):
        _keep(membership.tenant, user)


def _keep(tenant: Tenant, user: User) -> None:
    with tenant_context(tenant):
        people.keep(user.email, user.name or user.email, user.pk)


def _locked(tenant: Tenant, membership_id: int) -> Membership:
    """The membership, with all owners of the tenant held: of two who leave at once, the second one sees it."""
    held = Membership.objects.select_for_update(of=("self",)).filter(tenant=tenant).order_by("pk")
    return next((m for m in held.select_related("user") if m.pk == membership_id), None) or _unknown()


def _unknown() -> Membership:
    raise Membership.DoesNotExist


def _may_manage(by: Membership) -> None:
    if not by.may(Role.ADMIN):
        raise Refused(_("An owner or admin can do this."))


def _may_grant(by: Membership, role: str) -> None:
    _may_manage(by)
    if role == Role.OWNER and not by.may(Role.OWNER):
        raise Refused(_("Only an owner can make or change an owner."))


def _keep_an_owner(tenant: Tenant) -> None:
    if Membership.objects.filter(tenant=tenant, role=Role.OWNER).count() < 2:
        raise Refused(_("This is the last owner. Make somebody else an owner first."))


def _send(asked: Invitation) -> None:
    """In the language of whoever reads it: their own, else the tenant's."""
    theirs = User.objects.filter(email=asked.email).values_list("language", flat=True).first()
    context = {"invitation": asked, "link": link(asked), "days": INVITATION_DAYS}
    with translation.override(theirs or asked.tenant.language):
        subject = _("%(name)s invites you to %(tenant)s on Raccord") % {
            "name": asked.invited_by or asked.tenant.name,
            "tenant": asked.tenant.name,
        }
        send_mail(subject, render_to_string("account/invitation.txt", context), None, [asked.email])
