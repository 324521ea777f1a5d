"""How well each integration is called, for people and programs. Two statements, however many integrations."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance
from integrations.webhooks.addresses import app_secret, hooks_of
from integrations.webhooks.models import Subscription

#: off: staff have not set up the app's webhook. asked: the provider has not agreed to all tables yet. failing: it did not agree.
#: on: it calls when something changes.
State = Literal["off", "asked", "failing", "on"]


@dataclass(frozen=True, slots=True)
class Calls:
    """heard_at: the last call. expires_at: when the first subscription ends unless it is prolonged before. code: why it fails."""

    state: State
    heard_at: dt.datetime | None = None
    expires_at: dt.datetime | None = None
    code: str = ""
    detail: str = ""


def of(integrations: Iterable[IntegrationInstance]) -> dict[object, Calls]:
    """By the integration's id; without those whose provider does not call, and those that have not begun."""
    able = [one for one in integrations if hooks_of(one.provider) and one.activated_at]
    if not able:
        return {}
    rows: dict[object, list[Subscription]] = defaultdict(list)
    for row in Subscription.objects.filter(integration_id__in=[one.pk for one in able], is_wanted=True).defer("secret"):
        rows[row.integration_id].append(row)
    listed = {provider.slug: provider for provider in Provider.objects.only("slug", "hook_secret", "client_secret")}
    return {one.pk: _calls(listed[one.provider], rows[one.pk]) for one in able if one.provider in listed}


def _calls(provider: Provider, rows: list[Subscription]) -> Calls:
    hooks = hooks_of(provider.slug)
    heard_at = max((row.heard_at for row in rows if row.heard_at), default=None)
    if hooks and hooks.made == "app":
        return Calls("on" if app_secret(provider, hooks) else "off", heard_at)
    expires_at = min((row.expires_at for row in rows if row.expires_at), default=None)
    if failing := next((row for row in rows if row.problem_code), None):
        return Calls("failing", heard_at, expires_at, failing.problem_code, failing.problem_detail)
    return Calls("on" if rows and all(row.remote_id for row in rows) else "asked", heard_at, expires_at)
