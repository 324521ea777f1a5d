"""
=============  ===========================================================================================
caller         caller("viewer") -> Api: a program with a token of that role; caller("admin", tenant=…)
api            the same with the role admin
wired          a connected Notion integration with a stream of contacts, made through the API: {"integration", "stream"}
=============  ===========================================================================================
"""

from __future__ import annotations

import re

import pytest

from tests.integrations.api import checks


class Api:
    """A program that calls the API of a tenant. Every answer is checked against the description."""

    def __init__(self, tenant, token, client=None, **headers):
        from tests.clients import HostClient

        self.tenant, self.token = tenant, token
        self.client = client or HostClient(tenant)
        self.headers = ({"Authorization": f"Bearer {token}"} if token else {}) | headers

    def call(self, method, path, body=None, **headers):
        path = path if path.startswith("/") else f"/api/v1/{path}"
        data = {} if body is None else {"data": body, "content_type": "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = getattr(self.client, method)(path, headers=self.headers | named, **data)
        checks.check(method, path, response)
        return response

    def get(self, path, **headers):
        return self.call("get", path, **headers)

    def post(self, path, body=None, **headers):
        return self.call("post", path, {} if body is None else body, **headers)

    def patch(self, path, body, **headers):
        return self.call("patch", path, body, **headers)

    def put(self, path, body, **headers):
        return self.call("put", path, body, **headers)

    def delete(self, path, **headers):
        return self.call("delete", path, **headers)

    def all(self, path):
        """Every item of a list, page by page."""
        items = []
        while True:
            page = self.get(path).json()
            items += page["items"]
            if not page["next"]:
                return items
            bare = re.sub(r"[?&]after=[^&]*", "", path)
            path = f"{bare}{'&' if '?' in bare else '?'}after={page['next']}"


@pytest.fixture(autouse=True)
def _no_attempts():
    from integrations.api import callers

    callers.forget_attempts()
    yield
    callers.forget_attempts()


@pytest.fixture
def home(request):
    return request.getfixturevalue("live_tenant" if "live_tenant" in request.fixturenames else "tenant")


@pytest.fixture
def caller(home):
    from tenants import tokens

    def make(role="admin", tenant=None):
        _row, plain = tokens.create_token(tenant or home, f"{role} script", role)
        return Api(tenant or home, plain)

    return make


@pytest.fixture
def api(caller):
    return caller("admin")


@pytest.fixture
def notion(sandbox_notion):
    sandbox_notion.seed("crm", contacts=12, companies=4, deals=3, tasks=2)
    return sandbox_notion


@pytest.fixture
def wired(api, notion):
    integration = api.post("integrations", {"provider": "notion", "name": "Wiki"}).json()["id"]
    connected = api.post(f"integrations/{integration}/credentials", {"token": "ntn_sandbox_demo"})
    assert connected.status_code == 200, connected.content
    collections = api.get(f"integrations/{integration}/collections").json()["items"]
    contacts = next(one["id"] for one in collections if one["name"] == "Contacts")
    stream = api.post(f"integrations/{integration}/streams", {"collection": contacts, "entity": "contact"})
    assert stream.status_code == 201, stream.content
    return {"integration": integration, "stream": stream.json()["id"], "collection": contacts}
