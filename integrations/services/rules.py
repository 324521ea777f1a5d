"""All rules of one table, saved together: the table's own, those of its fields, and which records take part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.adapters.registry import adapter_class
from integrations.models import Deletions, Direction, Policy, Stream
from integrations.services import streams
from integrations.services.connect import Refused


def change(stream: Stream, own: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]]) -> None:
    """own: as `streams.change` takes them. fields: {local field: {"policy", "critical"}}, what is absent stays.

    Raises Refused, changing nothing.
    """
    with transaction.atomic():
        streams.change(stream, **own)
        for name, wanted in fields.items():
            _change_field(stream, name, wanted)


def _change_field(stream: Stream, name: str, wanted: Mapping[str, Any]) -> None:
    if wanted.get("policy") and wanted["policy"] not in Policy.values:
        raise Refused(_("There is no such rule for conflicts."), "policy", "invalid_policy")
    if not stream.mappings.filter(local=name).update(**wanted):
        raise Refused(_("There is no field “%(name)s” here.") % {"name": name}, "local", "no_field")


def impossible_deletions(stream: Stream) -> dict[str, str]:
    """{choice of Deletions: why this table cannot have it}."""
    manifest = adapter_class(stream.integration.provider).manifest
    found = {}
    if stream.direction != Direction.IMPORT and not manifest.can.delete:
        found[Deletions.ARCHIVE.value] = _("%(tool)s lets nobody delete records from outside.") % {
            "tool": _(manifest.name)
        }
    if not streams.can_erase(stream.integration.provider):
        found[Deletions.DELETE.value] = _(
            "%(tool)s lets nobody delete for good from outside. Put away is as far as it goes."
        ) % {"tool": _(manifest.name)}
    return found
