"""The bodies of the API. A `Body` comes in: what it does not know is refused, so that a mistyped name is not passed over."""

from __future__ import annotations

from ninja import Field, Schema
from pydantic import BaseModel, ConfigDict

from integrations.adapters.registry import adapters
from integrations.services import failures


class Body(BaseModel):
    # not ninja's Schema, whose reading of attributes lets unknown names through
    model_config = ConfigDict(extra="forbid")


class Trouble(Schema):
    """What went wrong, for people, and the one thing to do about it."""

    code: str
    title: str
    text: str
    action: str = Field(
        description="reconnect, resume, go_on, fix_mapping, choose_table, look, contact_support, or wait: nothing to do."
    )

    @classmethod
    def of(cls, code: str, detail: str, provider: str) -> Trouble | None:
        """None without a code."""
        if not code:
            return None
        known = adapters().get(provider)
        told = failures.tell(code, detail, known.manifest.name if known else provider)
        return cls(code=code, title=told.title, text=told.text, action=told.action)
