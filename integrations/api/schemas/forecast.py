"""What a sync would cost and which records would meet, as the API shows it."""

from __future__ import annotations

from typing import Any

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.models import IntegrationInstance
from integrations.services import cost


class Size(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"records": 100, "is_exact": False}]})

    records: int
    is_exact: bool = Field(description="False: there are more than could be seen at once.")


class Frequency(Schema):
    frequency: str
    calls: int = Field(description="A day, while nothing changes.")
    share: float | None = Field(description="Of what the tool allows in a day; null where it has no limit.")


class First(Schema):
    """The first import, at most: every record here may have to be created there, until matching says otherwise."""

    records: int = Field(description="To be read there.")
    is_exact: bool
    sent: int = Field(description="Records here that may be created there.")
    calls: int
    seconds: float
    pace: float = Field(description="Seconds for each further 10,000 records, where they are not counted.")


class Cost(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "frequencies": [{"frequency": "hourly", "calls": 48, "share": 0.0002}],
                    "first": {
                        "records": 1240,
                        "is_exact": True,
                        "sent": 40,
                        "calls": 15,
                        "seconds": 7.5,
                        "pace": 50.0,
                    },
                }
            ]
        }
    )

    frequencies: list[Frequency]
    first: First | None = Field(description="Null while nobody has counted any of its collections.")

    @classmethod
    def of(cls, integration: IntegrationInstance) -> Cost:
        first = cost.first(integration)
        return cls(
            frequencies=[Frequency.model_validate(one, from_attributes=True) for one in cost.costs(integration)],
            first=First.model_validate(first, from_attributes=True) if first else None,
        )


class Group(Schema):
    """Records of both sides that share a key, so that nobody can say which belong together."""

    field: str
    theirs: list[str] = Field(description="Their titles.")
    ours: list[str]


EXAMPLE: dict[str, Any] = {
    "looked_at": 12,
    "is_whole": True,
    "paired": 9,
    "ambiguous": 1,
    "alone": 2,
    "keyless": 0,
    "groups": [{"field": "email", "theirs": ["Élodie Martin"], "ours": ["Élodie Martin", "E. Martin"]}],
}


class Forecast(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    looked_at: int = Field(description="So many of the first records of the collection.")
    is_whole: bool = Field(description="They are all that there are.")
    paired: int = Field(description="Find one partner here.")
    ambiguous: int = Field(description="Share their key with several, and would wait for a person.")
    alone: int = Field(description="Find none.")
    keyless: int = Field(description="Have no key.")
    groups: list[Group] = Field(description="The first ten that are ambiguous.")
