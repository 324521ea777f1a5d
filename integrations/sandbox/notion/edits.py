"""Changes to pages, by a connection or by a person. Whoever calls has checked what may be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.notion.model import STRINGS, TEXT, Page, Prop, Source, new_id

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld


def create_page(
    world: NotionWorld, source: Source | None, values: dict[str, Any], author: str, parent: str | None = None
) -> Page:
    now = world.now()
    workspace = world.databases[source.database].workspace if source else world.pages[parent or ""].workspace
    ident = source.id if source else None
    page = Page(new_id(), world.next_seq(), ident, workspace, now, now, author, author, {}, parent=parent)
    if source is not None:
        source.counter += 1
        page.number = source.counter
        world.store.put("counter", source.id, {"source": source.id, "counter": source.counter})
        _default_status(source, values)
    world.pages[page.id] = page
    if source is not None:
        world.index(source.id).add(page)
    _assign(world, page, values, author)
    world.save(page)
    world.webhooks.page_changed("page.created", page, [], author)
    return page


def change_page(world: NotionWorld, page: Page, values: dict[str, Any], author: str) -> None:
    _assign(world, page, values, author)
    touch(world, page, author)
    world.webhooks.page_changed("page.properties_updated", page, list(values), author)


def _default_status(source: Source, values: dict[str, Any]) -> None:
    for prop in source.props.values():
        if prop.type == "status" and values.get(prop.id) is None and prop.options:
            values[prop.id] = prop.options[0]["id"]


def _assign(world: NotionWorld, page: Page, values: dict[str, Any], author: str) -> None:
    source = world.sources.get(page.source or "")
    for ident, value in values.items():
        before = page.values.get(ident)
        if value is None or value == "" or value == []:
            page.values.pop(ident, None)
        else:
            page.values[ident] = value
        prop = source.props.get(ident) if source else None
        if source is not None and prop is not None and prop.type in (*TEXT, *STRINGS):
            world.index(source.id).text_changed(page, ident, before)
        if prop is not None and prop.type == "relation":
            _follow(world, page, prop, before or [], value or [], author)
    page.raw = None


def _follow(world: NotionWorld, page: Page, prop: Prop, before: list[str], after: list[str], author: str) -> None:
    """Keep the other side of a dual relation in step."""
    synced = prop.config.get("synced")
    if not synced:
        return
    for ident in set(before) ^ set(after):
        other = world.pages.get(ident)
        if other is None:
            continue
        known = [known for known in other.values.get(synced, []) if known != page.id]
        if ident in after:
            known.append(page.id)
        if known:
            other.values[synced] = known
        else:
            other.values.pop(synced, None)
        # The related page is written too: it moves up in last_edited_time like any other edit.
        touch(world, other, author)
        world.webhooks.page_changed("page.properties_updated", other, [synced], author)


def touch(world: NotionWorld, page: Page, author: str) -> None:
    old_key = page.edited_key()
    page.edited, page.edited_by, page.raw = max(world.now(), page.created), author, None
    if page.source is not None:
        world.index(page.source).move_edited(page, old_key)
    world.save(page)


def set_trashed(world: NotionWorld, page: Page, trashed: bool, author: str) -> None:
    if page.source is not None and trashed:
        world.index(page.source).remove(page)
    page.trashed = trashed
    touch(world, page, author)
    if page.source is not None and not trashed:
        world.index(page.source).add(page)
    _stale_referrers(world, page)
    world.webhooks.page_changed("page.deleted" if trashed else "page.undeleted", page, [], author)


def erase(world: NotionWorld, page: Page) -> None:
    """Gone for good, as "Delete from trash" does."""
    if page.source is not None:
        world.index(page.source).remove(page)
    page.trashed = True
    _stale_referrers(world, page)
    world.pages.pop(page.id, None)
    world.store.drop("page", page.id)


def _stale_referrers(world: NotionWorld, page: Page) -> None:
    """Pages that show this one in a relation must be rendered again."""
    for source in world.sources.values():
        for prop in source.props.values():
            if prop.type != "relation" or prop.config["source"] != page.source:
                continue
            synced = prop.config.get("synced")
            if synced:
                referrers = [world.pages[ident] for ident in page.values.get(synced, []) if ident in world.pages]
            else:
                referrers = list(world.index(source.id).pages.values())
            for other in referrers:
                other.raw = None
