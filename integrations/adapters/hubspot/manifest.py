"""HubSpot as data: how one connects, what the API can do, how fast it may be asked."""

from __future__ import annotations

from integrations.adapters.base import Auth, Capabilities, FormField, Hooks, Manifest, OAuth, RateLimit, Scope
from integrations.adapters.words import gettext_noop as _

SCOPES = (
    Scope("oauth", _("To sign in.")),
    Scope("crm.objects.contacts.read", _("Read contacts, and tasks, which HubSpot counts with them.")),
    Scope("crm.objects.contacts.write", _("Create, change and archive contacts and tasks.")),
    Scope(
        "crm.schemas.contacts.write",
        _("Add the property “Raccord ID” to contacts, so that none is ever created twice."),
    ),
    Scope("crm.objects.companies.read", _("Read companies, and which contacts belong to them."), optional=True),
    Scope("crm.objects.companies.write", _("Create, change and archive companies."), optional=True),
    Scope("crm.schemas.companies.write", _("Add the property “Raccord ID” to companies."), optional=True),
    Scope("crm.objects.deals.read", _("Read deals, and their pipelines."), optional=True),
    Scope("crm.objects.deals.write", _("Create, change and archive deals."), optional=True),
    Scope("crm.schemas.deals.write", _("Add the property “Raccord ID” to deals."), optional=True),
    Scope(
        "crm.objects.owners.read", _("Read the names and e-mail addresses of users, to match owners."), optional=True
    ),
    Scope("crm.objects.custom.read", _("Read custom objects, where your plan has them."), optional=True),
    Scope("crm.objects.custom.write", _("Create, change and archive custom objects."), optional=True),
    Scope("crm.schemas.custom.read", _("Find out which custom objects there are."), optional=True),
    Scope("crm.schemas.custom.write", _("Add the property “Raccord ID” to custom objects."), optional=True),
)

MANIFEST = Manifest(
    slug="hubspot",
    name="HubSpot",
    tagline=_("Contacts, companies, deals, tasks and custom objects of your HubSpot account"),
    base_url="https://api.hubapi.com",
    auth=(
        Auth(
            kind="oauth2",
            oauth=OAuth(
                authorize_url="https://app.hubspot.com/oauth/authorize",
                token_url="https://api.hubapi.com/oauth/v3/token",  # noqa: S106 - an address; version 1 ends in 2027
                revoke_url="https://api.hubapi.com/oauth/v3/token/revoke",
                scopes=SCOPES,
                client="form",
                body="form",
                seconds=1800,
                rotates=False,
            ),
        ),
        Auth(
            kind="token",
            fields=(
                FormField(
                    name="token",
                    label=_("Access token of a private app"),
                    help=_("Begins with “pat-”."),
                    placeholder="pat-eu1-…",
                ),
            ),
            help=_(
                "In HubSpot, open Settings → Integrations → Private Apps and create a private app. Tick the scopes for reading "
                "and writing contacts, companies, deals and owners, and the same under Schemas, so that the property "
                "“Raccord ID” can be made. Create the app and copy its access token."
            ),
            help_url="https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview",
        ),
    ),
    can=Capabilities(
        write=True,
        delete=True,
        restore=False,  # only people can bring back what was archived
        incremental=True,
        # Archived records are told by increments, but no list tells what was restored, merged or unlinked: whole listings do.
        sees_deletions=False,
        webhooks=True,
        create_once="upsert",  # by our own unique property, which refuses a second record
        create_fields=True,
        tells_created=True,
        versions=False,  # no etag, no version: the last writer wins per property
        batch=100,
        fetch_batch=100,
        clock_seconds=0.001,
        lag_seconds=10,  # of the search index; HubSpot promises no bound
    ),
    # Of the smallest plan: OAuth apps may ask 110 times in ten seconds, larger plans 190 and more.
    limits=(RateLimit(100, 10), RateLimit(5, 1, path=r"/search$"), RateLimit(250_000, 86_400)),
    hooks=Hooks(
        "app",
        signed="client",
        help=_(
            "In the settings of your app in HubSpot, open Webhooks and enter this address. Then subscribe to creation, deletion, "
            "restore, merge, propertyChange and associationChange of contacts, companies and deals. HubSpot signs its calls with "
            "the app's client secret."
        ),
    ),
    categories=("crm",),
    docs_url="https://developers.hubspot.com/docs/reference/api/crm",
    tone="#c2410c",
    access=(
        _(
            "Read the contacts, companies, deals, tasks and custom objects that you choose, and how they are associated."
        ),
        _(
            "Create and change them there, to carry your changes out; deleted ones are archived, and can be restored for 90 days."
        ),
        _("Add one property, “Raccord ID”, to each kind that you choose, so that nothing is ever created twice."),
        _("Read the names and e-mail addresses of users, to match owners."),
    ),
)
