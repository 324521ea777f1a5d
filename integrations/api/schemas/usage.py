"""What an integration asks of its tool, as the API shows it."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.models import Agreement as AgreementRow
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


class Disagreement(Schema):
    """A pair that did not agree. It is read again by the next run, whose lines say what became of it."""

    link: int
    record_id: UUID | None
    remote_id: str | None
    title: str
    fields: list[str] = Field(description="Empty: the record is gone on one of the two sides.")


class Agreement(Schema):
    """One day's sample of a stream: pairs that count as in step, read on both sides."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "stream": "01993f0a-2c6e-7f31-84d2-8b7c6d5e4f11",
                    "day": "2026-09-15",
                    "seen": 50,
                    "agree": 48,
                    "moving": 1,
                    "differ": [
                        {
                            "link": 214,
                            "record_id": "01993f0a-71b2-7c44-8a90-5d3e8b6f1c02",
                            "remote_id": "5d6c1f0e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
                            "title": "Ada Rossi",
                            "fields": ["phone"],
                        }
                    ],
                    "at": "2026-09-15T04:10:01.000000Z",
                }
            ]
        }
    )

    stream: UUID
    day: dt.date = Field(description="In the tenant's time zone.")
    seen: int
    agree: int
    moving: int = Field(description="Somebody was changing these just then, so they say nothing.")
    differ: list[Disagreement]
    at: dt.datetime

    @classmethod
    def of(cls, row: AgreementRow) -> Agreement:
        plain: dict[str, Any] = {name: getattr(row, name) for name in ("day", "seen", "agree", "moving", "at")}
        return cls(stream=row.stream_id, differ=[Disagreement(**one) for one in row.differ], **plain)
