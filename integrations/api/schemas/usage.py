"""What an integration asks of its tool, as the API shows it."""

from __future__ import annotations

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.models import IntegrationInstance
from integrations.services import quota


class Limit(Schema):
    """At most `requests` in any window of `seconds`, by everybody who uses the account."""

    requests: int
    seconds: float
    used: int = Field(description="Of the present window.")
    paused_seconds: float = Field(description="The tool asked everybody to wait; so long it still lasts.")


class Usage(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "requests": 1204,
                    "retries": 2,
                    "refused": 0,
                    "waited_seconds": 3.2,
                    "left": 248_796,
                    "of": 250_000,
                    "limits": [{"requests": 100, "seconds": 10.0, "used": 12, "paused_seconds": 0.0}],
                }
            ]
        }
    )

    requests: int = Field(description="By this integration, since midnight in the tenant's time zone.")
    retries: int = Field(description="How many of them were sent again.")
    refused: int = Field(description="How often the tool answered that it is asked too much.")
    waited_seconds: float = Field(
        description="How long requests waited for their turn, or before they were sent again."
    )
    left: int | None = Field(
        description="Of the account's quota of the day, as the tool told it or as the limit leaves it."
    )
    of: int | None = Field(description="That quota; null where the tool has none.")
    limits: list[Limit]

    @classmethod
    def of_today(cls, row: IntegrationInstance) -> Usage:
        use = quota.usage(row)
        return cls(
            requests=use.requests,
            retries=use.retries,
            refused=use.refused,
            waited_seconds=use.waited,
            left=use.left,
            of=use.of,
            limits=[
                Limit(
                    requests=fill.limit.requests, seconds=fill.limit.seconds, used=fill.used, paused_seconds=fill.paused
                )
                for fill in use.fills
            ],
        )
