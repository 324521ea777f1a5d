"""The provider catalog: one row per adapter, made from its manifest and curated by staff. Public schema."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.secrets import SecretField

WRITE_ONLY = _("Shown to nobody. Left empty, the one that is stored stays.")


class Provider(models.Model):
    """`slug`, `name`, `tagline` and the manifest's facts follow the code; the rest is the staff's and is never overwritten."""

    slug = models.SlugField(max_length=50, unique=True, editable=False)
    name = models.CharField(max_length=100, editable=False)
    manifest = models.JSONField(default=dict, editable=False)  # capabilities, auth kinds, limits: for people to look at
    # staff's own
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Off: no sync runs for any tenant."))
    is_visible = models.BooleanField(_("visible"), default=True, help_text=_("Off: cannot be newly connected."))
    description = models.TextField(_("description"), blank=True, help_text=_("Empty: the adapter's own sentence."))
    docs_url = models.URLField(_("documentation"), blank=True, help_text=_("Empty: the adapter's own link."))
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), null=True, blank=True, help_text=_("Per credential. Empty: the documented limit.")
    )
    position = models.IntegerField(_("position"), default=100)
    # our app there: of OAuth, and what its calls to us are signed with
    client_id = models.CharField(_("client id"), max_length=200, blank=True, default="")
    client_secret = SecretField(_("client secret"), null=True, blank=True, shared=True, help_text=WRITE_ONLY)
    hook_secret = SecretField(_("webhook secret"), null=True, blank=True, shared=True, help_text=WRITE_ONLY)
    is_present = models.BooleanField(default=True, editable=False)  # False once the adapter's folder is gone

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name
