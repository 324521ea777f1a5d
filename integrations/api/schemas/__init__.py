"""The bodies of the API. A `Body` comes in: what it does not know is refused, so that a mistyped name is not passed over."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    # not ninja's Schema, whose reading of attributes lets unknown names through
    model_config = ConfigDict(extra="forbid")
