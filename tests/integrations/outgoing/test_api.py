"""The same by the API."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook

from tests.integrations.api.conftest import api, caller, home  # noqa: F401 - its fixtures

HOOK = {"url": "https://example.com/hook", "events": ["run.finished"], "note": "Warehouse"}


def test_the_whole_life(tenant, api, receiver, send):  # noqa: F811
    made = api.post("webhook-endpoints", HOOK | {"url": receiver.url}).json()
    path = f"webhook-endpoints/{made['id']}"
    assert "secret" not in api.get(path).json()
    test = api.post(f"{path}/test").json()
    receiver.answers.append((500, {}, b"not now"))
    send()
    detail = api.get(f"{path}/deliveries/{test['id']}").json()
    assert (detail["state"], detail["status"], detail["answer"]) == ("waiting", 500, "not now")
    new = api.post(f"{path}/secret").json()["secret"]
    assert api.post(f"{path}/deliveries/{test['id']}/resend").json() == {"number": 1}
    send()
    for secret in (made["secret"], new):
        Webhook(secret).verify(receiver.calls[-1][1], receiver.calls[-1][0])
    assert [one["state"] for one in api.all(f"{path}/deliveries?state=delivered")] == ["delivered"]
    assert api.patch(path, {"on": False}).json()["off"] == "person"
    assert api.post(f"{path}/test").json()["code"] == "endpoint_off"
    assert api.patch(path, {"on": True, "note": "Lake"}).json()["note"] == "Lake"
    assert api.delete(path).status_code == 204 and api.all("webhook-endpoints") == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"url": "http://10.0.0.1/"}, "invalid_url"),
        ({"events": ["x"]}, "invalid_event"),
        ({"events": []}, "invalid_event"),
    ],
)
def test_what_is_refused(tenant, api, wrong, code):  # noqa: F811
    answer = api.post("webhook-endpoints", HOOK | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_only_admins(tenant, caller):  # noqa: F811
    assert caller("member").get("webhook-endpoints").status_code == 403
    assert caller("member").post("webhook-endpoints", HOOK).status_code == 403
