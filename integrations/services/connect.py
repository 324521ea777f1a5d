"""The wizard's first step: an integration comes to be, and its credentials are checked before they are saved."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.adapters import errors
from integrations.adapters.base import Account, Adapter, Auth, Scope
from integrations.adapters.registry import adapters
from integrations.catalog.models import Provider
from integrations.models import Grant, IntegrationInstance, Part, Status
from integrations.notifications.bell import rings
from integrations.oauth.exchange import OurApp
from integrations.secrets import CannotOpen
from integrations.services import given as givers
from integrations.services.adapters import ProviderOff, account_name, open_with
from integrations.webhooks import wishes
from tenants.models import Tenant


class Refused(ValueError):
    """What was asked cannot be done; the text says why and what to do. `field`: the form field it is about, or "".

    `code` is stable, for programs.
    """

    def __init__(self, text: str, field: str = "", code: str = "refused") -> None:
        super().__init__(text)
        self.field = field
        self.code = code


def providers() -> list[Provider]:
    """What a tenant may connect."""
    return list(Provider.objects.filter(is_active=True, is_visible=True, is_present=True))


def start(provider: str, name: str = "", by: str = "") -> IntegrationInstance:
    """A draft. Raises Refused when there is no such provider or the name is taken."""
    known = next((p for p in providers() if p.slug == provider), None)
    if known is None:
        raise Refused(
            _("There is no tool called “%(slug)s” to connect.") % {"slug": provider}, "provider", "no_provider"
        )
    return IntegrationInstance.objects.create(
        provider=provider, name=_free_name(name or _(known.name), strict=bool(name)), created_by=by
    )


def begun(provider: str, by: str) -> IntegrationInstance | None:
    """A draft of the same person that never got as far as an account, as when a sign-in was left: it is taken up again."""
    drafts = IntegrationInstance.objects.filter(provider=provider, created_by=by, setup_step="connect", account_id="")
    return drafts.filter(status=Status.DRAFT).order_by("-created_at").first() if by else None


def rename(integration: IntegrationInstance, name: str) -> None:
    name = name.strip()
    if not name:
        raise Refused(_("A connection needs a name."), "name", "invalid_name")
    if IntegrationInstance.objects.filter(name=name).exclude(pk=integration.pk).exists():
        raise Refused(_("There is a connection called “%(name)s” already.") % {"name": name}, "name", "name_taken")
    integration.name = name
    integration.save(update_fields=["name"])


def free_name(name: str) -> str:
    """`name`, or with a number after it where there is such a connection already."""
    return _free_name(name, strict=False)


def _free_name(name: str, strict: bool) -> str:
    taken = set(IntegrationInstance.objects.filter(name__startswith=name).values_list("name", flat=True))
    if name not in taken:
        return name
    if strict:
        raise Refused(_("There is a connection called “%(name)s” already.") % {"name": name}, "name", "name_taken")
    number = 2
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"


def auth_of(provider: str, kind: str = "") -> Auth:
    """The way to connect that is asked for, or the first for which something is entered here."""
    ways = adapters()[provider].manifest.auth
    entered = next((way for way in ways if way.fields), ways[0])
    return next((way for way in ways if way.kind == kind), entered)


def ways(provider: str) -> list[Auth]:
    """Those that can be taken now, the easiest first. Signing in there needs our app, which staff enter."""
    known = adapters()[provider].manifest.auth
    signing_in = [way for way in known if way.kind == "oauth2"] if OurApp.at(provider) else []
    return signing_in + [way for way in known if way.fields or way.kind == "given"]


def sign_in_url(integration: IntegrationInstance, tenant: Tenant) -> str:
    """The page from which an admin goes to the tool to sign in. Raises Refused."""
    if OurApp.at(integration.provider) is None:
        raise Refused(_("This tool cannot be connected by signing in there."), code="no_oauth_app")
    names = (
        ("reconnect", [integration.pk]) if integration.setup_step == "done" else ("setup", [integration.pk, "connect"])
    )
    return f"{tenant.url}{reverse(f'connections:{names[0]}', args=names[1], urlconf=settings.ROOT_URLCONF)}?way=oauth2"


def not_granted(integration: IntegrationInstance) -> tuple[Scope, ...]:
    """What was asked for at the sign-in and not granted there, as far as the tool told; the needed ones first."""
    if integration.auth_kind != "oauth2":
        return ()
    way = auth_of(integration.provider, "oauth2").oauth
    grant = Grant.objects.filter(integration=integration).first()
    try:
        granted = set(str(grant.tokens.open().get("scope") or "").replace(",", " ").split()) if grant else set()
    except CannotOpen:  # nobody knows any more; the next run says so
        return ()
    if way is None or not granted:
        return ()
    return tuple(sorted((one for one in way.scopes if one.name not in granted), key=lambda one: one.optional))


def check(provider: str, credentials: Mapping[str, str]) -> Account:
    """Ask the tool whom these credentials belong to. Raises Refused with words for a person; nothing is stored."""
    try:
        adapter = open_with(provider, credentials)
    except ProviderOff as error:
        raise Refused(_("This tool is switched off at the moment."), code="provider_off") from error
    return ask(adapter)


def ask(adapter: Adapter) -> Account:
    """Whom its credentials belong to; closes it. Raises Refused."""
    try:
        with closing(adapter):
            account = adapter.check()
            adapter.transport.belongs_to(account_name(adapter.manifest.slug, account.id))
            return account
    except errors.AuthenticationFailed as error:
        raise Refused(
            _("The tool does not know this key. Copy it again, whole, and try once more."),
            next((field.name for field in auth_of(adapter.manifest.slug).fields), ""),
            error.code,
        ) from error
    except errors.AccessDenied as error:
        raise Refused(
            _("The key is good, but it may not read the account. Give it the access listed here, then try again."),
            code=error.code,
        ) from error
    except errors.AdapterError as error:
        raise Refused(
            _(
                "The tool does not answer as it should right now, so the key could not be checked. Try again in a minute."
            ),
            code=error.code,
        ) from error


#: What a new key mends.
NEED_A_KEY = ("authentication_failed", "grant_lost", "key_unreadable", "access_denied", "not_connected")


def connect(
    integration: IntegrationInstance,
    credentials: Mapping[str, str],
    another_account: bool = False,
    by: str = "",
    kind: str = "",
    seen: int | None = None,
) -> Account:
    """Check, then store. When another account answers than before, Refused with code "other_account" unless allowed.

    seen: as in services/edits.py; raises its Stale when somebody else connected it meanwhile.

    One that had stopped for want of a key does not run at once: what it would do is worked out first, for a person to see.
    """
    from integrations.services import edits

    way = auth_of(integration.provider, kind)
    given = _given(integration) if way.kind == "given" else _entered(way, credentials)
    account = check(integration.provider, given)
    refuse_other(integration, account, another_account)
    with edits.saving(integration, Part.ACCOUNT, by, seen, always=True):
        Grant.objects.filter(integration=integration).delete()
        integration.credentials = given
        keep(integration, way.kind, account, by)
        if way.kind == "given" and (giver := givers.giver_of(integration.provider)):
            giver.taken(integration, given)
    return account


def _entered(way: Auth, credentials: Mapping[str, str]) -> dict[str, str]:
    given = {field.name: str(credentials.get(field.name) or "").strip() for field in way.fields}
    for field in way.fields:
        if field.required and not given[field.name]:
            raise Refused(_("%(label)s is missing.") % {"label": field.label}, field.name, "missing")
    return given


def _given(integration: IntegrationInstance) -> dict[str, str]:
    """A key that this installation makes itself. It stands before the tool is asked whose it is."""
    giver = givers.giver_of(integration.provider)
    if giver is None:
        raise Refused(_("This tool is switched off at the moment."), code="provider_off")
    try:
        return dict(giver.give(integration))
    except givers.NoRoom as error:
        raise Refused(
            _("There is no room for one more of these. Delete one that you do not need any more."), code="no_room"
        ) from error


def refuse_other(integration: IntegrationInstance, account: Account, another_account: bool) -> None:
    """Records are linked with those of one account: that it is another one is never passed over."""
    if integration.account_id and integration.account_id != account.id and not another_account:
        raise Refused(
            _(
                "This is the account “%(new)s”, but the connection was made with “%(old)s”. Its records are linked there."
            )
            % {"new": account.name, "old": integration.account_name},
            code="other_account",
        )


def keep(integration: IntegrationInstance, kind: str, account: Account, by: str = "") -> None:
    """Credentials that were found good are the integration's from now on. To be called in the transaction that stores them."""
    integration.auth_kind = kind
    integration.account_id, integration.account_name = account.id, account.name
    integration.account_may = list(account.may)
    if integration.setup_step == "connect":
        integration.setup_step = "map"
    integration.save(
        update_fields=["credentials", "auth_kind", "account_id", "account_name", "account_may", "setup_step"]
    )
    wishes.follow(integration)  # what another account answered means nothing any more
    if integration.status == Status.ATTENTION and integration.status_code in NEED_A_KEY:
        from integrations.services import lifecycle

        lifecycle.catch_up(integration, by)


def mark(integration: IntegrationInstance, status: str, code: str = "", detail: str = "") -> None:
    """Change the status with its reason. People may have to be told."""
    integration.status, integration.status_code, integration.status_detail = status, code, detail
    integration.status_since = timezone.now()
    with transaction.atomic():
        integration.save(update_fields=["status", "status_code", "status_detail", "status_since"])
        rings.ring()
