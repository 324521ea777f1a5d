"""A small client of the control API, for tests and the demo."""

from __future__ import annotations

from typing import Any

import httpx


class ControlError(Exception):
    """The sandbox refused; the text says why."""


class Control:
    """What a test does to one provider: `server.control.fail(fault="drop_after", path="^/v1/pages$")`."""

    def __init__(self, url: str, provider: str) -> None:
        self.url = url
        self.provider = provider
        plain = httpx.HTTPTransport(verify=False)  # no certificates for http://: reading them takes 20 ms
        self._http = httpx.Client(base_url=f"{url}/_control/{provider}/", timeout=120, transport=plain)
        self._others: dict[str, Control] = {provider: self}

    def of(self, provider: str) -> Control:
        """That of another provider of the same sandbox; the same object each time, closed with this one."""
        if provider not in self._others:
            self._others[provider] = Control(self.url, provider)
        return self._others[provider]

    def close(self) -> None:
        for one in self._others.values():
            one._http.close()

    def call(self, method: str, action: str, body: Any = None, **query: Any) -> Any:
        answer = self._http.request(method, action, json=body, params=query or None)
        if answer.is_error:
            raise ControlError(answer.json()["error"])
        return answer.json()

    def post(self, action: str, **body: Any) -> Any:
        return self.call("POST", action, body)

    # The sandbox itself

    def reset(self) -> None:
        self.post("reset")

    def seed(self, name: str = "crm", **sizes: int) -> dict[str, Any]:
        return self.post("seed", seed=name, **sizes)

    def fail(self, **rule: Any) -> None:
        """Arm one rule; see `faults.Rule` for its keys."""
        self.call("POST", "faults", [rule])

    def faults(self, rules: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        return self.call("GET", "faults") if rules is None else self.call("POST", "faults", rules)

    def clear_faults(self) -> None:
        self.call("DELETE", "faults")

    def log(self, limit: int = 200) -> dict[str, Any]:
        return self.call("GET", "log", limit=limit)

    def clear_log(self) -> None:
        self.call("DELETE", "log")

    def limit(self, requests: int | None) -> None:
        """Requests per 60 seconds and token; None is no limit."""
        self.post("limits", requests=requests)

    def freeze(self, moment: str | None = None) -> dict[str, Any]:
        return self.post("clock", freeze=moment)

    def advance(self, seconds: float) -> dict[str, Any]:
        return self.post("clock", advance=seconds)

    def shift(self, seconds: float = 0) -> dict[str, Any]:
        return self.post("clock", offset=seconds)

    def welcome(self) -> dict[str, str]:
        return self.call("GET", "welcome")

    # What a person does in the tool

    def tables(self) -> list[dict[str, Any]]:
        return self.call("GET", "tables")

    def table(self, name: str) -> dict[str, Any]:
        return next(table for table in self.tables() if name in (table["name"], table["id"]))

    def rows(self, table: str, **query: Any) -> list[dict[str, Any]]:
        return self.call("GET", "rows", table=table, **query)["rows"]

    def row(self, row: str) -> dict[str, Any]:
        return self.call("GET", "row", row=row)

    def create_row(self, table: str, **values: Any) -> dict[str, Any]:
        return self.post("rows/create", table=table, values=values)

    def edit_row(self, row: str, **values: Any) -> dict[str, Any]:
        return self.post("rows/edit", row=row, values=values)

    def trash_row(self, row: str) -> None:
        self.post("rows/trash", row=row)

    def restore_row(self, row: str) -> None:
        self.post("rows/restore", row=row)

    def delete_row(self, row: str) -> None:
        self.post("rows/delete", row=row)

    def add_field(self, table: str, name: str, type: str) -> None:
        self.post("fields/add", table=table, name=name, type=type)

    def rename_field(self, table: str, name: str, new_name: str) -> None:
        self.post("fields/rename", table=table, name=name, new_name=new_name)

    def remove_field(self, table: str, name: str) -> None:
        self.post("fields/remove", table=table, name=name)

    def change_field_type(self, table: str, name: str, type: str) -> None:
        self.post("fields/change_type", table=table, name=name, type=type)

    def trash_table(self, table: str) -> None:
        self.post("tables/trash", table=table)

    def restore_table(self, table: str) -> None:
        self.post("tables/restore", table=table)

    def share_table(self, table: str, token: str | None = None) -> None:
        self.post("tables/share", table=table, token=token)

    def unshare_table(self, table: str, token: str | None = None) -> None:
        self.post("tables/unshare", table=table, token=token)

    def revoke_token(self, token: str) -> None:
        self.post("tokens/revoke", token=token)
