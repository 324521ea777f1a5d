"""The wizard's second and third step: which collections are paired with which entities, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from django.db import connection, transaction
from django.db.models import TextChoices
from django.utils.translation import gettext as _

from crm import records, registry
from integrations.adapters import errors
from integrations.adapters.base import Adapter, Collection, NewField, Record, Schema
from integrations.adapters.base import Field as RemoteField
from integrations.adapters.registry import adapter_class
from integrations.models import (
    Deletions,
    Direction,
    Drift,
    FieldMapping,
    FirstPolicy,
    HeldRecord,
    IntegrationInstance,
    Matching,
    PlanLine,
    Policy,
    RecordLink,
    SetAside,
    Stream,
)
from integrations.services import evidence, failures, filters, samples
from integrations.services.adapters import NotConnected, ProviderOff, open_adapter
from integrations.services.connect import Refused
from integrations.services.roundtrip import ReadsBack
from integrations.services.suggestions import Suggestion, seen, suggest
from integrations.sync import drift, mapping
from integrations.sync.fields import context, narrowed, schema_of
from integrations.sync.tables import BY_A_PERSON
from integrations.sync.transforms import cleaned, in_full
from integrations.webhooks import wishes
from values import Type

# --- collections ----------------------------------------------------------------------------------------------------


def collections(integration: IntegrationInstance) -> list[Collection]:
    """The remote tables that the credentials see. Raises Refused."""
    with words(), closing(open_adapter(integration)) as adapter:
        return adapter.collections()


def resolve(integration: IntegrationInstance, link_or_id: str) -> Collection:
    """The table of a pasted link or id, for what the listing does not show. Raises Refused."""
    with words(), closing(open_adapter(integration)) as adapter:
        if not can_resolve(integration.provider):
            raise Refused(_("This tool lists all its tables: choose one of them."), "link", "cannot_resolve")
        try:
            return adapter.resolve(link_or_id.strip())
        except errors.NotFound as error:
            raise Refused(
                _("No table is found there. Paste the link of a table that is shared with this connection."),
                "link",
                error.code,
            ) from error


def can_resolve(provider: str) -> bool:
    return adapter_class(provider).resolve is not Adapter.resolve


def describe(integration: IntegrationInstance, collection: str) -> Schema:
    with words(), closing(open_adapter(integration)) as adapter:
        return adapter.describe(collection)


def add(integration: IntegrationInstance, collection: str, entity: str, **choices: Any) -> Stream:
    """Pair a collection with an entity. Describes it, and maps what is obvious."""
    described = _entity(entity)
    schema, suggestions = _look(integration, collection, described)
    if integration.streams.filter(collection=collection, entity=entity).exists():
        raise Refused(_("“%(name)s” is paired with this kind of record already.") % {"name": schema.collection.name},
                      "collection", "paired_already")  # fmt: skip
    with transaction.atomic():
        stream = Stream(
            integration=integration,
            collection=schema.collection.id,
            collection_name=schema.collection.name,
            collection_url=schema.collection.url,
            entity=entity,
            schema=asdict(schema),
        )
        _choose(stream, choices)
        stream.save()
        set_mappings(stream, [as_mapping(one) for one in suggestions])
        _default_match(stream, described)
        stream.save(update_fields=["match_fields"])
    return stream


def _look(
    integration: IntegrationInstance, collection: str, entity: registry.Entity
) -> tuple[Schema, list[Suggestion]]:
    """The collection's fields, and what they probably are here, judged by one page of its records, too."""
    with words(), closing(open_adapter(integration)) as adapter:
        schema = adapter.describe(collection)
        try:
            records = samples.read(adapter, integration, schema.collection.id)
        except errors.AdapterError:
            records = []  # names and types have to do
        return schema, suggest(schema, entity, context(), records, adapter.reads_back)


def change(stream: Stream, **choices: Any) -> None:
    """Direction, policy, first_policy, matching, match_fields, deletions, is_active, the brake's shares, settle_seconds.

    Raises Refused for what is not among the choices.
    """
    with transaction.atomic():
        stream.refresh_from_db(
            from_queryset=Stream.objects.select_for_update(of=("self",)).select_related("integration")
        )
        before = [getattr(stream, name) for name in PAIRING]
        _choose(stream, choices)
        stream.version += 1
        stream.save(update_fields=[*choices, "version"])
        if before != [getattr(stream, name) for name in PAIRING]:
            filters.look_anew(stream)  # what had no partner, or did not flow that way, may take part now
        wishes.follow(stream.integration)


def remove(stream: Stream) -> None:
    """Forget the pair and its links; records stay on both sides."""
    with transaction.atomic():
        for model in (SetAside, HeldRecord, RecordLink, PlanLine):
            model.objects.filter(stream=stream)._raw_delete(model.objects.db)
        stream.delete()
        wishes.follow(stream.integration)


def refresh_schema(stream: Stream) -> Schema:
    """Describe the collection anew and keep it."""
    found = describe(stream.integration, stream.collection)
    stream.schema = asdict(found)
    stream.collection_name = found.collection.name
    stream.save(update_fields=["schema", "collection_name"])
    return found


def create_remote_field(stream: Stream, name: str, kind: str, options: Iterable[str] = ()) -> Schema:
    """Make a field that is missing there."""
    with words(), closing(open_adapter(stream.integration)) as adapter:
        if not adapter.manifest.can.create_fields:
            raise Refused(_("This tool lets nobody create fields from outside."), code="cannot_create_fields")
        found = adapter.create_fields(stream.collection, [NewField(name, Type(kind), tuple(options))])
    stream.schema = asdict(found)
    stream.save(update_fields=["schema"])
    return found


# --- field mappings -------------------------------------------------------------------------------------------------


def suggested(stream: Stream, only: str = "", reads_back: ReadsBack | None = None) -> list[Suggestion]:
    """What its fields probably are here; costs one read of the tool at most, and none within a few minutes.

    only: of this field there, whatever others would suit as well. reads_back: as below, for those who have asked already.
    """
    entity, schema = _entity(stream.entity), schema_of(stream)
    if only:
        schema = replace(schema, fields=tuple(one for one in schema.fields if one.id == only))
    try:
        records = samples_of(stream)
    except Refused:
        records = []  # names and types have to do
    return suggest(schema, entity, context(), records, reads_back or reading_back(stream.integration))


def steps_for(stream: Stream, remote: RemoteField, local: registry.Field) -> dict[str, Any]:
    """Options for a pair that a person chose: what the values seen call for, or the step without which it is impossible."""
    try:
        records = samples_of(stream)
    except Refused:
        records = []
    told = evidence.Seen(remote, seen(remote, records)).look(local).options
    if told and mapping.fit(remote, local, told).possible:
        return told
    return mapping.bridge(remote, local)


def samples_of(stream: Stream) -> list[Record]:
    """Some of the collection's records, with all fields. Raises Refused with words."""
    found = samples.known(stream.integration, stream.collection)
    if found is None:
        with words(), closing(open_adapter(stream.integration)) as adapter:
            found = samples.read(adapter, stream.integration, stream.collection)
    return found


def reading_back(integration: IntegrationInstance) -> ReadsBack:
    """What the tool's API makes of a value that is written: it is declared, so nobody is asked."""
    try:
        adapter = open_adapter(integration)
    except (NotConnected, ProviderOff, errors.KeyUnreadable):
        return lambda _field, value: value
    adapter.close()
    return adapter.reads_back


def pairs(stream: Stream) -> dict[str, list[dict[str, Any]]]:
    """Per remote field, the local fields it may be paired with, and why not for the others.

    options: of a pair that is impossible as it is, those with the step that makes it possible.
    """
    entity = _entity(stream.entity)
    found: dict[str, list[dict[str, Any]]] = {}
    for remote in schema_of(stream).fields:
        found[remote.id] = []
        for local in entity.fields.values():
            fit = mapping.fit(remote, local)
            found[remote.id].append(
                {
                    "local": local.name,
                    "label": local.label,
                    "directions": fit.directions,
                    "reason": fit.reason,
                    "options": mapping.bridge(remote, local),
                }
            )
    return found


def set_mappings(stream: Stream, wanted: Iterable[Mapping[str, Any]]) -> list[FieldMapping]:
    """Replace the mappings: [{"remote", "local", "direction", "policy", "critical", "options"}], or raise Refused.

    options: {"transforms": [...]} as in sync/transforms, {"values": …} for short, and "currency".

    A field that now means another remote field has never been agreed on: its bases are forgotten, its values are not.
    """
    chosen = [dict(one) for one in wanted]
    _check_mappings(stream, chosen)
    names = {field.id: field.name for field in schema_of(stream).fields}
    with transaction.atomic():
        fresh = Stream.objects.select_for_update().get(pk=stream.pk)  # somebody may have changed it since it was read
        stream.version, stream.listed_at = fresh.version, fresh.listed_at
        before = {m.local: m for m in stream.mappings.all()}
        stream.mappings.all().delete()
        made = FieldMapping.objects.bulk_create(
            [
                FieldMapping(
                    stream=stream,
                    remote=one["remote"],
                    remote_name=names[one["remote"]],
                    local=one["local"],
                    direction=one.get("direction") or Direction.BOTH,
                    policy=one.get("policy") or "",
                    critical=one.get("critical"),
                    options=one.get("options") or {},
                    position=position,
                )
                for position, one in enumerate(chosen)
            ]
        )
        now = {m.local: m for m in made}
        drift.forget_bases(stream, [name for name, old in before.items() if _differs(old, now.get(name))])
        elsewhere = {name for name, old in before.items() if name not in now or old.remote != now[name].remote}
        _forget_writes(stream, sorted(elsewhere))
        if before and any(_differs(before.get(name), one) or _opens(before[name], one) for name, one in now.items()):
            _read_again(stream)
        Stream.objects.filter(pk=stream.pk).update(version=stream.version + 1)
        stream.version += 1
        if any(one.gone for one in before.values()):
            stream.save(update_fields=["schema"])  # a person has seen what is there now
        stream.set_aside.filter(field__in={"", *before, *now}).exclude(code__in=BY_A_PERSON).update(retry_at=None)
    return made


def _differs(old: FieldMapping | None, new: FieldMapping | None) -> bool:
    if old is None or new is None:
        return True
    return (old.remote, in_full(old.options)) != (new.remote, in_full(new.options))


def _opens(old: FieldMapping, new: FieldMapping) -> bool:
    """Whether it flows in a direction in which it did not: what was held back so long is merged then."""
    return new.direction not in (old.direction, narrowed(old.direction, new.direction))


def _forget_writes(stream: Stream, names: list[str]) -> None:
    """What was sent to another field there, with an outcome that is not known yet, says nothing about these."""
    if not names:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_recordlink SET ghosts = ghosts - %(names)s::text[], flips = flips - %(names)s::text[],"
            " intent = CASE WHEN intent ? 'fields'"
            "  THEN jsonb_set(intent, '{fields}', (intent -> 'fields') - %(names)s::text[]) ELSE intent END"
            " WHERE stream_id = %(stream)s AND (ghosts ?| %(names)s OR flips ?| %(names)s OR intent -> 'fields' ?| %(names)s)",
            {"names": names, "stream": stream.pk},
        )


def _read_again(stream: Stream) -> None:
    """A field was added or opened: read everything once more, so that its values meet. Nothing is lost meanwhile: links stay."""
    Stream.objects.filter(pk=stream.pk).update(cursor="")
    stream.cursor = ""


def _check_mappings(stream: Stream, wanted: list[dict[str, Any]]) -> None:
    schema, entity = schema_of(stream), _entity(stream.entity)
    for one in wanted:
        remote, local = schema.field(one.get("remote", "")), entity.fields.get(one.get("local", ""))
        if remote is None:
            raise Refused(
                _("The table has no field “%(name)s” (any more).") % {"name": one.get("remote")}, "remote", "no_field"
            )
        if local is None:
            raise Refused(_("There is no field “%(name)s” here.") % {"name": one.get("local")}, "local", "no_field")
        allowed = mapping.fit(remote, local, one.get("options"))
        direction = one.setdefault("direction", allowed.directions[0] if allowed.possible else "both")
        if direction not in Direction.values:
            raise Refused(_("A direction is one of: both, import, export."), "direction", "invalid_direction")
        if not allowed.possible or (direction not in allowed.directions and direction != "both"):
            raise Refused(allowed.reason or _("This direction is not possible."), "local", "types_do_not_fit")
        if direction not in allowed.directions:
            raise Refused(
                _("%(reason)s Set its direction to “%(direction)s”.")
                % {"reason": allowed.reason, "direction": allowed.directions[0]},
                "direction",
                "one_way_only",
            )
        one["options"] = cleaned(one.get("options") or {}, remote.type, local.type)
        if one.get("policy") and one["policy"] not in Policy.values:
            raise Refused(_("There is no such rule for conflicts."), "policy", "invalid_policy")
    for side in ("remote", "local"):
        names = [one[side] for one in wanted]
        if len(set(names)) != len(names):
            raise Refused(_("A field can be mapped once only."), side, "mapped_twice")


# --- small parts ----------------------------------------------------------------------------------------------------


CHOICES: dict[str, type[TextChoices]] = {
    "direction": Direction,
    "policy": Policy,
    "first_policy": FirstPolicy,
    "matching": Matching,
    "deletions": Deletions,
    "on_drift": Drift,
}
#: The least and the largest of each: per cent of the paired records, and seconds.
NUMBERS = {"brake_deletes": (1, 100), "brake_overwrites": (1, 100), "settle_seconds": (0, 600)}


#: What decides which records meet.
PAIRING = ("direction", "matching", "match_fields")


def _choose(stream: Stream, choices: Mapping[str, Any]) -> None:
    for name, value in choices.items():
        if name in CHOICES and value not in CHOICES[name].values:
            raise Refused(_("“%(value)s” is not one of: %(all)s.") % {"value": value, "all": ", ".join(CHOICES[name].values)},
                          name, "invalid_choice")  # fmt: skip
        if name == "match_fields":
            known = _entity(stream.entity).fields
            for field in value:
                if field not in known:
                    raise Refused(_("There is no field “%(name)s” here.") % {"name": field}, name, "no_field")
        elif name in NUMBERS:
            _check_number(name, value)
        elif name not in CHOICES and name != "is_active":
            raise Refused(_("A stream has no setting “%(name)s”.") % {"name": name}, name, "no_setting")
        elif name == "deletions" and value == Deletions.DELETE and not can_erase(stream.integration.provider):
            raise Refused(_("This tool lets nobody delete for good from outside. Put away is as far as it goes."),
                          name, "cannot_erase")  # fmt: skip
        setattr(stream, name, value)


def can_erase(provider: str) -> bool:
    return adapter_class(provider).manifest.can.erase


def _check_number(name: str, value: Any) -> None:
    least, most = NUMBERS[name]
    if type(value) is not int or not least <= value <= most:
        raise Refused(
            _("A whole number from %(least)s to %(most)s.") % {"least": least, "most": most}, name, "invalid_number"
        )


def _default_match(stream: Stream, entity: registry.Entity) -> None:
    mapped = {m.local for m in stream.mappings.all()}
    stream.match_fields = stream.match_fields or [key for key in entity.keys if key in mapped][:1]


def as_mapping(one: Suggestion) -> dict[str, Any]:
    """A suggestion as `set_mappings` takes it."""
    return {"remote": one.remote, "local": one.local, "direction": one.direction, "options": one.options}


def _entity(name: str) -> registry.Entity:
    try:
        return records.describe(name)
    except records.Missing as error:
        raise Refused(
            _("There is no kind of record called “%(name)s”.") % {"name": name}, "entity", "no_entity"
        ) from error


class words:  # noqa: N801 - used as a statement
    """Adapter errors as Refused, with words for a person."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, NotConnected):
            raise Refused(_("Connect the tool first."), code="not_connected") from error
        if isinstance(error, ProviderOff):
            raise Refused(_("This tool is switched off at the moment."), code="provider_off") from error
        if isinstance(error, errors.AdapterError):
            raise Refused(f"{explain(error)} {_(error.remedy) if error.remedy else ''}", code=error.code) from error


def explain(error: errors.AdapterError) -> str:
    """What happened, in one sentence."""
    if failures.of(error.code).effect is failures.Effect.NONE or error.code not in failures.FAILURES:
        return str(error)
    return f"{failures.tell(error.code).title}."
