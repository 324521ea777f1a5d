"""Endpoints: the organisation, its team, and the fields it added."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from crm import custom_fields, registry
from crm.models import CustomField
from integrations.api.callers import ADMIN, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.problems import Problem
from integrations.api.schemas.team import (
    AddedField,
    AddedFieldAsk,
    AddedFieldChange,
    Invitation,
    Invite,
    Invited,
    Member,
    Organisation,
    OrganisationChange,
    Removed,
    RoleChange,
    Token,
)
from tenants import models, team, tokens
from tenants.settings.forms import OrganisationForm
from values import Type

router = Router(tags=["Organisation"], auth=VIEWER)

MemberPage = page_of(Member)
InvitationPage = page_of(Invitation)
AddedFieldPage = page_of(AddedField)
TokenPage = page_of(Token)
WITH_OPTIONS = (Type.SELECT, Type.MULTI_SELECT)


@router.get("/organisation", response=Organisation)
def get_organisation(request: HttpRequest) -> Any:
    """Its name and what it starts with."""
    return Organisation.of(models.Tenant.objects.get(pk=request.tenant.pk))


@router.patch("/organisation", auth=ADMIN, response=Organisation)
def change_organisation(request: HttpRequest, body: OrganisationChange) -> Any:
    """What is left out stays."""
    row = models.Tenant.objects.get(pk=request.tenant.pk)
    known = {name: str(getattr(row, name)) for name in OrganisationForm.Meta.fields}
    asked = {name: value for name, value in body.model_dump().items() if value is not None}
    form = OrganisationForm(known | asked, instance=row)
    if not form.is_valid():
        wrong = [{"field": name, "detail": " ".join(map(str, said))} for name, said in form.errors.items()]
        raise Problem("invalid", " ".join(one["detail"] for one in wrong), wrong)
    row.changed_by, row.changed_at = request.auth.label, timezone.now()
    row.save(update_fields=[*asked, "changed_by", "changed_at"])  # what somebody else changes meanwhile stays
    return Organisation.of(row)


@router.get("/members", response=MemberPage)
def list_members(request: HttpRequest, paging: Query[Paging]) -> Any:
    """Who is on the team, as they came."""
    found = models.Membership.objects.filter(tenant=request.tenant).select_related("user")
    rows, following = page(found, ("id",), paging)
    return MemberPage(items=[Member.of(row) for row in rows], next=following)


@router.patch("/members/{int:member_id}", auth=ADMIN, response=Member)
def change_member(request: HttpRequest, member_id: int, body: RoleChange) -> Any:
    """Another role. Owners are made and changed by owners alone, and the last one stays."""
    return Member.of(team.change_role(_by(request), member_id, body.role))


@router.delete("/members/{int:member_id}", auth=ADMIN, response={204: None})
def remove_member(request: HttpRequest, member_id: int) -> Any:
    """Off the team, at once. Records and history keep the name."""
    team.remove(_by(request), member_id)
    return Status(204, None)


@router.get("/invitations", response=InvitationPage)
def list_invitations(request: HttpRequest, paging: Query[Paging]) -> Any:
    """Who was invited and has not come yet."""
    rows, following = page(request.tenant.invitations.select_related("invited_by"), ("id",), paging)
    return InvitationPage(items=[Invitation.of(row) for row in rows], next=following)


@router.post("/invitations", auth=ADMIN, response={201: Invited})
def invite(request: HttpRequest, body: Invite) -> Any:
    """Invite people by mail, all or nobody. Inviting somebody again sends a new link."""
    for email in body.emails:
        _check_email(email)
    invited, known = team.invite_many(_by(request), body.emails, body.role)
    return Status(201, Invited(invited=[Invitation.of(one) for one in invited], known=known))


@router.delete("/invitations/{int:invitation_id}", auth=ADMIN, response={204: None})
def take_back_invitation(request: HttpRequest, invitation_id: int) -> Any:
    """Its link no longer works."""
    gone, _counts = request.tenant.invitations.filter(pk=invitation_id).delete()
    if not gone:
        raise Http404
    return Status(204, None)


@router.get("/tokens", auth=ADMIN, response=TokenPage)
def list_tokens(request: HttpRequest, paging: Query[Paging]) -> Any:
    """The API tokens that are not revoked, the newest first. A person makes them in Settings → API tokens, and sees them once."""
    found = models.ApiToken.objects.filter(tenant=request.tenant, revoked_at=None).select_related("created_by")
    rows, following = page(found, ("-id",), paging)
    return TokenPage(items=[Token.of(row) for row in rows], next=following)


@router.delete("/tokens/{int:token_id}", auth=ADMIN, response={204: None})
def revoke_token(request: HttpRequest, token_id: int) -> Any:
    """End a token at once, also the one that asks."""
    if not tokens.revoke(request.tenant, token_id):
        raise Http404
    return Status(204, None)


@router.get("/entities/{slug:entity}/fields", response=AddedFieldPage)
def list_added_fields(request: HttpRequest, entity: str, paging: Query[Paging]) -> Any:
    """The fields that the organisation added to an entity, in the order of their making; `GET /entities` has all fields."""
    rows, following = page(CustomField.objects.filter(entity=_known(entity)), ("id",), paging)
    return AddedFieldPage(items=[AddedField.of(row) for row in rows], next=following)


@router.post("/entities/{slug:entity}/fields", auth=ADMIN, response={201: AddedField})
def add_field(request: HttpRequest, entity: str, body: AddedFieldAsk) -> Any:
    """A new field, at the end."""
    if body.type not in custom_fields.TYPES:
        raise _about("type", _("There is no such type."))
    return Status(201, AddedField.of(custom_fields.add(_known(entity), body.label, body.type, _options(body))))


@router.patch("/entities/{slug:entity}/fields/{int:field_id}", auth=ADMIN, response=AddedField)
def change_added_field(request: HttpRequest, entity: str, field_id: int, body: AddedFieldChange) -> Any:
    """Another label, options, place or type. What is left out stays.

    `renamed` gives options other names in all records that hold them, with history; `action` is how the records follow, by
    `GET /records/{entity}/actions/{id}`, where it can be undone. Of more than 1,000 records it goes on in the background.
    """
    row = get_object_or_404(CustomField, entity=_known(entity), pk=field_id)
    if body.type is not None and body.type not in custom_fields.TYPES:
        raise _about("type", _("There is no such type."))
    options = None if body.options is None else _cleaned(body.options)
    renamed = {old: new.strip()[:100] for old, new in body.renamed.items() if old != new.strip()}
    if not all(renamed.values()):
        raise _about("renamed", _("Write at least one option."))
    wanted = custom_fields.Wanted(body.label, options, renamed, type=body.type)
    try:
        with transaction.atomic():
            row, action = custom_fields.edit(row.pk, wanted, request.auth.actor, _person(request))
            if body.move:
                custom_fields.move(row, up=body.move == "up")
    except custom_fields.Refused as error:
        raise _about("renamed" if renamed else "type", str(error)) from error
    return AddedField.of(row, action)


@router.delete("/entities/{slug:entity}/fields/{int:field_id}", auth=ADMIN, response=Removed)
def remove_added_field(request: HttpRequest, entity: str, field_id: int) -> Any:
    """The field and its values, here and in the mappings that use it. The history keeps them, and `action` can be undone."""
    row = get_object_or_404(CustomField, entity=_known(entity), pk=field_id)
    try:
        action = custom_fields.remove(row, request.auth.actor, _person(request))
    except custom_fields.Refused as error:
        raise _about("id", str(error)) from error
    return Removed(records=action.total, action=action.pk)


def _person(request: HttpRequest) -> int | None:
    return int(request.auth.id) if request.auth.kind == "person" else None


def _by(request: HttpRequest) -> models.Membership:
    """Whose right it is: the person's, or, of a token, that of whoever made it, while they are on the team."""
    who = request.membership.user_id if request.auth.kind == "person" else _maker(request)
    members = models.Membership.objects.filter(tenant=request.tenant).select_related("user", "tenant")
    by = members.filter(user_id=who).first() if who else None
    if by is None:
        raise Problem("forbidden", _("Who made this token is no longer on the team. Make a new one."))
    by.role = min(
        by.role, request.auth.role, key=lambda role: models.RANK[models.Role(role)]
    )  # never more than the token
    return by


def _maker(request: HttpRequest) -> int | None:
    token = models.ApiToken.objects.filter(tenant=request.tenant, pk=request.auth.id)
    return token.values_list("created_by", flat=True).first()


def _known(entity: str) -> str:
    if entity not in registry.ENTITIES:
        raise Http404
    return entity


def _options(body: AddedFieldAsk) -> list[str]:
    options = _cleaned(body.options)
    if body.type in WITH_OPTIONS and not options:
        raise _about("options", _("Write at least one option."))
    return options if body.type in WITH_OPTIONS else []


def _cleaned(options: list[str]) -> list[str]:
    return list(dict.fromkeys(one.strip()[:100] for one in options if one.strip()))


def _check_email(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise _about("emails", _("Not an e-mail address: %(email)s.") % {"email": email}) from error


def _about(field: str, words: str) -> Problem:
    return Problem("invalid", words, [{"field": field, "detail": words}])
