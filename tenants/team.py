"""Who belongs to a tenant: sign-up, invitations, roles. The tenant's people (`crm.people`) are kept in step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django_tenants.utils import tenant_context

from crm import people
from tenants import lifecycle, mail, tokens
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
    """Write down the invitation and send the mail. Inviting again sends a new link, and the time begins anew. Raises Refused."""
    email, tenant = email.strip().lower(), by.tenant
    _may_grant(by, role)
    if Membership.objects.filter(tenant=tenant, user__email=email).exists():
        raise Refused(_("%(email)s is on the team already.") % {"email": email})
    row, _new = Invitation.objects.update_or_create(
        tenant=tenant, email=email, defaults={"role": role, "invited_by": by.user, "sent_at": timezone.now()}
    )
    transaction.on_commit(lambda: _send(row))
    return row


def invite_many(by: Membership, emails: Iterable[str], role: str) -> tuple[list[Invitation], list[str]]:
    """Who is invited, and the e-mails of those who are on the team already. All or nobody; raises Refused."""
    wanted = list(dict.fromkeys(email.strip().lower() for email in emails))
    members = Membership.objects.filter(tenant=by.tenant, user__email__in=wanted)
    known = set(members.values_list("user__email", flat=True))
    with transaction.atomic():
        return [invite(by, email, role) for email in wanted if email not in known], sorted(known)


def send_again(by: Membership, invitation_id: int) -> Invitation:
    """A new mail with a new link. Raises Refused, and Invitation.DoesNotExist for one of another tenant."""
    asked = Invitation.objects.get(tenant=by.tenant, pk=invitation_id)
    return invite(by, asked.email, asked.role)


def ends_at(invitation: Invitation) -> dt.datetime:
    """When its last link stops working."""
    return invitation.sent_at + dt.timedelta(days=INVITATION_DAYS)


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


def hand_over(by: Membership, membership_id: int) -> Membership:
    """Make somebody else the owner and oneself an admin, both or neither. Raises Refused and Membership.DoesNotExist."""
    if not by.may(Role.OWNER):
        raise Refused(_("Only an owner can hand the organisation over."))
    if membership_id == by.pk:
        raise Refused(_("Choose somebody else."))
    with transaction.atomic():
        heir = _locked(by.tenant, membership_id)
        # who has handed it over already, in another window, has nothing left to hand over
        if not Membership.objects.filter(pk=by.pk, role=Role.OWNER).update(role=Role.ADMIN):
            raise Refused(_("Only an owner can hand the organisation over."))
        heir.role = Role.OWNER
        heir.save(update_fields=["role"])
    return heir


def remove(by: Membership, membership_id: int) -> Membership:
    """Take somebody off the team, with the tokens they made; everybody may leave. Raises Refused and Membership.DoesNotExist."""
    with transaction.atomic():
        member = _locked(by.tenant, membership_id)
        if member.pk != by.pk:
            _may_manage(by)
            _may_grant(by, member.role)
        if member.role == Role.OWNER:
            _keep_an_owner(by.tenant)
        left(member)
        tokens.revoke_of(by.tenant, member.user)
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
        mail.send(asked.email, subject, "account/invitation", context)
