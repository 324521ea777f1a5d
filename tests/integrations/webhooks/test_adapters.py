"""What every adapter that hears calls promises: whatever comes, it says nothing or raises Forged, and never anything else."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Adapter, HookCall, HookSays
from integrations.adapters.registry import adapters

NOW = dt.datetime(2026, 5, 4, 10, 0, tzinfo=dt.UTC)
BODIES = [b"", b"{}", b"[]", b"[{}]", b"null", b"\xff\x00", b"[" * 5000, b'{"a":' * 5000, b'{"verification_token":[]}']
VALUES = ["", "0", "-1", "1" * 15, "9" * 15, "1" * 400, "é", "\u0661", "sha256=", "hmac-sha256=", "v1,", str(uuid4())]
HEADERS = ["x-notion-signature", "x-airtable-content-mac", "x-hubspot-signature-v3", "x-hubspot-request-timestamp"]


@pytest.mark.parametrize("slug", [slug for slug, cls in adapters().items() if cls.manifest.hooks])
@pytest.mark.parametrize("secret", ["", "secret", "c2VjcmV0", "é"])
def test_nonsense_says_nothing(slug, secret):
    for body in BODIES:
        for value in VALUES:
            for headers in ({}, dict.fromkeys(HEADERS, value), {"x-hubspot-request-timestamp": value}):
                call = HookCall("POST", "https://localhost/hooks/x/?a=%3A%zz", headers, body)
                try:
                    said = adapters()[slug].heard(call, secret, NOW)
                except errors.Forged:
                    continue
                assert said == HookSays(), (slug, body, headers)


def test_who_says_that_it_hears_does():
    for slug, cls in adapters().items():
        hooks = cls.manifest.hooks
        assert bool(hooks) == cls.manifest.can.webhooks, slug
        if hooks:
            assert cls.heard.__func__ is not Adapter.heard.__func__, slug
            asks = [getattr(cls, name) is not getattr(Adapter, name) for name in ("subscribe", "renew", "unsubscribe")]
            assert all(asks) if hooks.made == "api" else not any(asks), slug
            assert hooks.help or hooks.made == "api", f"{slug}: staff set it up: how?"
