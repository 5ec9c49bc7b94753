"""What an action would do to an object that nothing has shown to be the customer's.

An owner that is read proves the object that the read names. The address on file proves an address:
an object that an argument names is somebody's, and nobody has said whose.
"""

from __future__ import annotations

from collections.abc import Iterator

from sayso.connectors.manifest.requests import templates_of
from sayso.connectors.manifest.schema import ActionTable, Manifest, Read, RefArg, RequestTable
from sayso.connectors.manifest.template import names_in as placeholders
from sayso.reading import names_in

Name = tuple[str, ...]


def reads_of(manifest: Manifest, action: ActionTable) -> dict[str, Read]:
    """What an action reads, by name, in order."""
    reads = {**manifest.reads, **action.reads}
    return {name: reads[name] for name in action.resolve if name in reads}


def unproven(manifest: Manifest, action: ActionTable) -> Iterator[tuple[str, str]]:
    """Each such thing, and what to do about it.

    What customers have is what `[records]` lists; a tag or a colleague is the company's own.

    Raises:
        TemplateError: where a template can't be read.
    """
    reads = reads_of(manifest, action)
    refs = {name: arg.kind for name, arg in action.args.items() if isinstance(arg, RefArg)}
    theirs = {*manifest.records, *(one for kind in manifest.records.values() for one in kind.parts)}
    called = _names(action.call)
    owner = action.owner
    by_peer = owner.peer is not None and owner.path is None and owner.any is None
    for ref, kind in sorted(refs.items()):
        reads_it = {name for name, read in reads.items() if _takes(_names(read), ref)}
        reaches = _reaches(action, called, ref, reads_it)
        if by_peer and reaches:
            yield (
                f"the argument `{ref}` names an object, and the address on file proves none",
                f"give `owner` the `path` of whose it is, too, or leave `{ref}` out of {reaches}",
            )
        unread = kind in theirs and _takes(called, ref) and not reads_it
        if unread and not by_peer and owner.none is None:
            problem = f"the call takes `{ref}`, and nothing reads whose it is"
            yield problem, f"read it in `resolve`, by `{{args.{ref}}}`"
    on_file = "peer" in names_in(action.object.id) and ("object", "id") in called
    if owner.peer is not None and not on_file and not any(name[0] == "peer" for name in called):
        problem = "the call goes to another place than the address on file"
        yield problem, "put `{peer.email.address}` or `{peer.phone.number}` into it"


def _reaches(action: ActionTable, called: set[Name], ref: str, reads_it: set[str]) -> str:
    """Where an object that an argument names gets to; empty where it stays with the reads."""
    if _takes(called, ref):
        return "the call"
    if names_in(action.object.id) & reads_it or f"args.{ref}" in action.object.id:
        return "`object`"
    kept = {name for name, path in action.keep.items() if names_in(path) & reads_it}
    return "`keep`" if any(name[0] == "keep" and name[1] in kept for name in called) else ""


def _takes(names: set[Name], ref: str) -> bool:
    return any(name[:2] == ("args", ref) for name in names)


def _names(request: RequestTable) -> set[Name]:
    return {name for template in templates_of(request) for name in placeholders(template)}
