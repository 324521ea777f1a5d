"""The tenant's people, kept in step with its members. Called inside the tenant's schema."""

from __future__ import annotations

from crm.models import Person


def keep(email: str, name: str, user_id: int) -> Person:
    """The person with this e-mail is this user from now on; made where there is none."""
    Person.objects.filter(user_id=user_id).exclude(email=email.lower()).update(user_id=None)
    person, _ = Person.objects.update_or_create(email=email.lower(), defaults={"name": name, "user_id": user_id})
    return person


def release(user_id: int) -> None:
    """No member any more. The person stays: records point to them."""
    Person.objects.filter(user_id=user_id).update(user_id=None)
