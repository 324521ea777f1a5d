"""Control actions that only HubSpot has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.hand import HandError
from integrations.sandbox.hubspot import base, catalogue
from integrations.sandbox.hubspot.model import Prop

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld


def perform(world: HubSpotWorld, action: str, body: dict[str, Any]) -> Any:
    match action:
        case "search_lag":  # seconds by which the search index is behind
            world.search_lag_seconds = float(body["seconds"])
            return {"seconds": world.search_lag_seconds}
        case "search_ceiling":  # results of one search, 10,000 in the service
            world.search_ceiling = int(body["results"])
            return {"results": world.search_ceiling}
        case "daily_limit":  # requests that an account has left today
            world.limits.per_day = world.limits.today[body.get("portal", base.ACME)] + int(body["left"])
            return {"per_day": world.limits.per_day}
        case "burst_limits":  # {"per_ten_seconds"?, "searches_per_second"?}
            world.limits.per_ten_seconds = int(body.get("per_ten_seconds", world.limits.per_ten_seconds))
            world.limits.searches_per_second = int(body.get("searches_per_second", world.limits.searches_per_second))
            return {"ok": True}
        case "options":  # {"table", "field", "options": {value: label}}: a person edits the options
            return _options(world, body)
        case "pipelines/rename":  # {"stage", "label"}
            return _rename_stage(world, body)
        case "associate":  # {"from", "to", "primary"?}
            return _associate(world, body)
        case "dissociate":
            world.unlink(_record(world, body["from"]), _record(world, body["to"]))
            return {"ok": True}
        case "associations":
            return _record(world, body["row"]).links
        case "schemas/archive":
            kind = world.hand.kind(body["table"])
            kind.archived = True
            world.save_kind(kind)
            return {"ok": True}
        case "owners/archive":
            owner = next(one for one in world.owners.values() if one.email == body["email"])
            owner.archived = True
            world.save_owner(owner)
            return {"ok": True}
        case "webhooks/subscribe":
            world.webhooks.set(body["url"])
            return {"ok": True}
        case "webhooks/flush":
            world.webhooks.flush()
            return {"ok": True}
        case "webhooks/deliveries":
            return world.webhooks.deliveries
        case "tokens/add":
            scopes = body.get("scopes", base.ALL_SCOPES)
            base.add_token(
                world, body["token"], body.get("portal", base.ACME), body.get("name", "Raccord demo"), scopes
            )
            return {"ok": True}
    raise KeyError(action)


def _record(world: HubSpotWorld, ident: str) -> Any:
    found = world.find(ident)
    if found is None:
        raise HandError(f"no such row: {ident}")
    return found


def _options(world: HubSpotWorld, body: dict[str, Any]) -> Any:
    kind = world.hand.kind(body["table"])
    prop: Prop = world.hand.prop(kind, body["field"])
    prop.options = catalogue.options(*(f"{value}={label}" for value, label in body["options"].items()))
    world.save_kind(kind)
    return prop.options


def _rename_stage(world: HubSpotWorld, body: dict[str, Any]) -> Any:
    for kind in world.kinds.values():
        if kind.portal == body.get("portal", base.ACME) and (found := kind.stage(body["stage"])):
            found[1].label = body["label"]
            world.save_kind(kind)
            return {"ok": True}
    raise HandError("no such stage")


def _associate(world: HubSpotWorld, body: dict[str, Any]) -> Any:
    from integrations.sandbox.hubspot.world import association, primary

    one, other = _record(world, body["from"]), _record(world, body["to"])
    main = primary(one.kind, other.kind) if body.get("primary") else None
    world.link(one, other, association(one.kind, other.kind), main)
    return {"ok": True}
