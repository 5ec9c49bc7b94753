"""What a few answers of the real provider show to be wrong, beside what can't be read at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from sayso.actions.model.snapshot import Resolved
from sayso.connectors.manifest.schema import ActionTable, Read, RefArg
from sayso.connectors.manifest.source import ManifestSource
from sayso.text import plain

ReadT = TypeVar("ReadT", bound=Read)


def next_pages(source: ManifestSource) -> ManifestSource | None:
    """The same manifest, which asks for a second page of each list that has one item.

    At an account with few objects no page is full, so nothing would ask a provider for the next one
    and see that it answers with the first again.

    Returns:
        None where no list goes on by a number or an offset.
    """
    manifest = source.manifest
    records = {kind: _asking(table) for kind, table in manifest.records.items()}
    actions = {verb: _looking(action) for verb, action in manifest.actions.items()}
    asking = manifest.model_copy(update={"records": records, "actions": actions})
    if asking == manifest:
        return None
    return replace(source, manifest=asking, digest=f"next pages of {source.digest}")


def _looking(action: ActionTable) -> ActionTable:
    if action.look_up is None:
        return action
    return action.model_copy(update={"look_up": _asking(action.look_up)})


def _asking(read: ReadT) -> ReadT:
    page = read.page
    if page is None or (page.number is None and page.offset is None):
        return read
    once = page.model_copy(update={"size": 1, "total": None, "max_pages": 2, "until": None})
    return read.model_copy(update={"page": once})


def other_object(table: ActionTable, resolved: Resolved) -> str:
    """How what was read is another object than an argument named; empty where it is the same.

    A `root` that takes the first of a list gets some object of the customer's, whatever was named.
    """
    for name, arg in table.args.items():
        if not isinstance(arg, RefArg) or arg.kind != table.object.kind:
            continue
        named = resolved.args.get(name)
        if named is not None and str(named) != resolved.object_id:
            read = plain(resolved.object_id, limit=60)
            return (
                f"`{name}` named {plain(str(named), limit=60)}, and {read} was read: look at the"
                " `root` of what is read"
            )
    return ""
