"""Tenants, their host names, and the people who belong to them. All of it lives in the public schema."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin
from timezone_field import TimeZoneField


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail, who may belong to several tenants. `is_staff`: may sign in to the staff admin."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=150)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    language = models.CharField(_("language"), max_length=5, blank=True)
    theme = models.CharField(
        _("theme"),
        max_length=5,
        blank=True,
        choices=[("", _("As the device")), ("light", _("Light")), ("dark", _("Dark"))],
    )
    timezone = TimeZoneField(_("time zone"), blank=True, default="")  # "": the organisation's
    joined_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()

    def __str__(self) -> str:
        return self.name or self.email


class Tenant(TenantMixin):
    """An organisation. Its records live in the schema `schema_name`, its pages on `slug.PUBLIC_HOST`."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.CharField(
        _("address"),
        max_length=40,
        unique=True,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$", _("Use 3 to 40 small letters, digits and hyphens."))
        ],
    )
    timezone = TimeZoneField(_("time zone"), default="Europe/Paris")
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    language = models.CharField(_("language"), max_length=5, default="en", choices=settings.LANGUAGES)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_by = models.CharField(max_length=254, blank=True, default="")  # who last changed these settings
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    auto_create_schema = False  # `tenants.lifecycle` clones the template
    auto_drop_schema = False

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
        return f"{settings.PUBLIC_SCHEME}://{self.slug}.{settings.PUBLIC_HOST}{port}"


class Domain(DomainMixin):
    """A host name (without port) that leads to a tenant."""


class Role(models.TextChoices):
    """What a member may do, least first in `RANK`."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


#: viewer reads; member also writes records; admin also manages connections, people and settings; owner everything
RANK = {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}


class Membership(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    joined_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True)  # the last page they opened, to a few minutes

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "tenant"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.tenant} · {self.role}"

    def may(self, role: str) -> bool:
        """True when this member has at least `role`."""
        return RANK[Role(self.role)] >= RANK[Role(role)]


class ApiToken(models.Model):
    """A bearer token of a tenant. Only its hash is kept; the token is shown once.

    scopes: names of `tokens.SCOPES`, what it may do where; empty: everything that `role` may.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)  # shown in lists so that a person recognises it
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ADMIN)
    scopes = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Invitation(models.Model):
    """Somebody asked by e-mail to join. The link in the mail is signed; deleting the row makes it void."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    sent_at = models.DateTimeField(default=timezone.now)  # of the last mail

    class Meta:
        ordering = ["email"]
        constraints = [models.UniqueConstraint(fields=["tenant", "email"], name="invitation_once")]

    def __str__(self) -> str:
        return f"{self.email} → {self.tenant}"


class HandOff(models.Model):
    """A person's way from one of our hosts to a tenant's: cookies do not cross, a token that works once does.

    from_session, to_session: which sessions belong together, so that signing out of one ends all of them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    path = models.CharField(max_length=2000, default="/")
    from_session = models.CharField(max_length=40, blank=True, default="")
    to_session = models.CharField(max_length=40, blank=True, default="")
    made_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user", "made_at"], name="hand_off_of_user")]

    def __str__(self) -> str:
        return f"{self.user} → {self.tenant}"
