"""A person's way to a provider's consent page and back. Public schema: the way back leads over the public host."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from integrations.secrets import SecretField


class Visit(models.Model):
    """One way there and back, bound to a person, a tenant and an integration.

    It goes through these stages once, each stamped by a conditional update: began, came back to the public host (with `code`,
    or with the `error` that the provider gave), exchanged on the tenant's host (now there is a `grant`), settled. What is
    secret is erased when it is settled.

    id: the `state` that travels through the provider. handle: what leads from the public host on to the tenant's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    handle = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    provider = models.CharField(max_length=50)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    integration_id = models.UUIDField()  # in the tenant's schema
    verifier = SecretField(null=True, editable=False, shared=True)  # of PKCE
    began_at = models.DateTimeField(db_index=True)
    came_back_at = models.DateTimeField(null=True)
    code = SecretField(null=True, editable=False, shared=True)
    error = models.CharField(max_length=100, blank=True, default="")
    exchanged_at = models.DateTimeField(null=True)
    grant = SecretField(null=True, editable=False, shared=True)
    settled_at = models.DateTimeField(null=True)
