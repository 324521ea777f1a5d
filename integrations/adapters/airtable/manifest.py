"""Airtable as data."""

from __future__ import annotations

from integrations.adapters.base import Auth, Capabilities, FormField, Hooks, Manifest, OAuth, RateLimit, Scope
from integrations.adapters.words import gettext_noop as _

SCOPES = (
    Scope("data.records:read", _("Read the records of the bases that you share, to bring them in.")),
    Scope("data.records:write", _("Create, change and delete records there, to carry your changes out.")),
    Scope("schema.bases:read", _("See which bases, tables and fields there are.")),
    Scope("schema.bases:write", _("Add one field, “Raccord ID”, and the fields and tables that you ask for.")),
    Scope("webhook:manage", _("Be called when something changes, so that it arrives at once.")),
    Scope("user.email:read", _("Show whose account is connected.")),
)

MANIFEST = Manifest(
    slug="airtable",
    name="Airtable",
    tagline=_("Records of your Airtable bases, with their fields and links"),
    base_url="https://api.airtable.com",
    auth=(
        Auth(
            kind="oauth2",
            oauth=OAuth(
                authorize_url="https://airtable.com/oauth2/v1/authorize",
                token_url="https://airtable.com/oauth2/v1/token",  # noqa: S106 - an address
                scopes=SCOPES,
                pkce=True,
                client="basic",
                seconds=3600,
                idle_seconds=60 * 86400,
                rotates=True,
            ),
        ),
        Auth(
            kind="token",
            fields=(
                FormField(
                    name="token",
                    label=_("Personal access token"),
                    help=_("Begins with “pat”."),
                    placeholder="pat….…",
                ),
            ),
            help=_(
                "In Airtable, open airtable.com/create/tokens and create a token. Give it the scopes data.records:read, "
                "data.records:write, schema.bases:read, schema.bases:write, webhook:manage and user.email:read, and add "
                "the bases that you want to sync: Raccord sees only these."
            ),
            help_url="https://airtable.com/developers/web/guides/personal-access-tokens",
        ),
    ),
    can=Capabilities(
        write=True,
        delete=True,
        restore=False,  # only a person can take a record out of Airtable's trash
        incremental=True,
        sees_deletions=False,  # no listing shows them
        webhooks=True,
        create_once="upsert",  # by the field “Raccord ID”
        create_fields=True,
        create_collections=True,
        tells_created=True,
        versions=False,  # no etag, no version: the last writer wins per field
        batch=10,
        fetch_batch=100,
        clock_seconds=1,
        lag_seconds=3,  # a record just made may be missing for a moment; Airtable promises no bound
    ),
    # 5 a second and base, whoever asks, and 50 a second and user. Whoever goes beyond is refused everything for 30 seconds: by
    # one refusal more is lost than a twentieth of ten minutes (ADR 0014).
    limits=(RateLimit(5, 1, path=r"/(app\w+)", of="all", spare=0.05), RateLimit(50, 1, spare=0.05)),
    hooks=Hooks("api", seconds=7 * 86400),
    categories=("tables",),
    docs_url="https://airtable.com/developers/web/api/introduction",
    tone="#1769aa",
    access=(
        _("Read the records of the bases that you share, to bring them in."),
        _("Create, change and delete records there, to carry your changes out; deleted ones go to Airtable's trash."),
        _("Add one field, “Raccord ID”, so that no record is ever created twice."),
        _("Be called when something changes, so that it arrives at once."),
    ),
)
