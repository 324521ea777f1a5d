"""Settings that do not go together are told at start."""

from __future__ import annotations

from integrations.scheduling.checks import lease_outlasts_a_request


def test_a_lease_shorter_than_a_request_is_told(settings):
    assert lease_outlasts_a_request() == []
    settings.LEASE_SECONDS = settings.PROVIDER_TIMEOUT_SECONDS
    (told,) = lease_outlasts_a_request()
    assert told.id == "scheduling.W001" and "LEASE_SECONDS" in told.hint
