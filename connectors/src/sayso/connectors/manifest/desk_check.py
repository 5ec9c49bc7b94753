"""What is wrong with `[desk]`: its parts, what a thread is read by, and what asks for changes."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.connectors.manifest.request_check import Found, check_request, names_of
from sayso.connectors.manifest.schema import DeskTable, Manifest, RefArg, TextArg
from sayso.connectors.manifest.template import TemplateError

_FORMS = frozenset({"iso", "epoch", "minute", "second"})


def check_desk(manifest: Manifest, table: DeskTable) -> Iterator[Found]:
    """Each mistake of the table."""
    for part in ("reply", "note", "hand_over", "close"):
        verb: str | None = getattr(table, part)
        if verb is not None:
            yield from _part(manifest, table, part, verb)
    known = {"args", "settings", "page"}
    for name in table.reads:
        request = manifest.reads.get(name)
        if request is None:
            yield ("desk", "reads"), f"there is no read `{name}`", "name one of [reads]"
            continue
        yield from check_request(("reads", name), request, known)
        known.add(name)
    changes = table.changes
    yield from check_request(("desk", "changes"), changes, {"settings", "page", "since"})
    try:
        asked = {name[1:] for name in names_of(changes) if name[0] == "since"}
    except TemplateError:
        return  # said by `check_request`
    if not asked or any(len(one) != 1 or one[0] not in _FORMS for one in asked):
        forms = ", ".join(f"`{{since.{one}}}`" for one in sorted(_FORMS))
        yield ("desk", "changes"), "its request names no time in a known form", f"there are {forms}"
    if changes.root is not None:
        yield ("desk", "changes", "root"), "changes have `items`", "take it out"


def _part(manifest: Manifest, table: DeskTable, part: str, verb: str) -> Iterator[Found]:
    at = ("desk", part)
    action = manifest.actions.get(verb)
    if action is None:
        yield at, f"there is no action `{verb}`", "name one of [actions]"
        return
    named = action.args.get(table.thread.arg)
    if not isinstance(named, RefArg) or named.kind != table.thread.kind:
        problem = f"`{verb}` takes no `{table.thread.arg}` that is a {table.thread.kind}"
        yield at, problem, "name its argument in `thread`"
    takes_text = isinstance(action.args.get("text"), TextArg)
    if part in ("reply", "note") and not takes_text:
        yield at, f"`{verb}` takes no `text`", "name an action that writes one"
    if part == "close" and takes_text:
        yield at, f"`{verb}` takes a `text`", "name an action that only ends the thread"
