"""Who can sign in to the demo. All of them have the password DEMO_PASSWORD, which is made on each machine."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from crm import people
from tenants import lifecycle
from tenants.models import Membership, Role, Tenant, User

SLUG = "acme"


@dataclass(frozen=True, slots=True)
class Cast:
    name: str
    email: str


#: They are people of the sandbox's workspaces too, so owners and assignees meet by e-mail.
OWNER = Cast("Ada Lovelace", "ada@acme.example")
MEMBER = Cast("Grace Hopper", "grace@acme.example")
STAFF = Cast("Staff", "staff@raccord.example")


def ensure_tenant() -> Tenant:
    """The demo tenant with its people; what is there already stays as it is."""
    owner, member = _user(OWNER), _user(MEMBER)
    _user(STAFF, is_staff=True, is_superuser=True)
    tenant = Tenant.objects.filter(slug=SLUG).first() or lifecycle.create_tenant("Acme Studio", SLUG, owner)
    for user, role in ((owner, Role.OWNER), (member, Role.MEMBER)):
        Membership.objects.get_or_create(user=user, tenant=tenant, defaults={"role": role})
    return tenant


def ensure_persons() -> None:
    """Inside the tenant: its members can be assigned."""
    for user in User.objects.filter(email__in=[OWNER.email, MEMBER.email]):
        people.keep(user.email, user.name, user.pk)


def _user(person: Cast, **flags: bool) -> User:
    found = User.objects.filter(email=person.email).first()
    return found or User.objects.create_user(person.email, settings.DEMO_PASSWORD, name=person.name, **flags)
