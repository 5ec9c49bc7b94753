"""Rules without a fact that could not be read: never looser than with any value of it.

Each `permit` that reads it is taken out, and each clause of a `forbid` that reads it counts as met;
an `unless` that does not read it still lifts the rule. So whoever may lift the rules about the fact
is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import fields, is_dataclass, replace

from cedarpy import pst

from sayso.actions.policy.cedar_rules import Rules


def without(rules: Rules, missing: Collection[str]) -> Rules:
    """The same rules where these facts are not there."""
    kept = {
        rule: changed
        for rule, node in rules.nodes.items()
        if (changed := _without(node, missing)) is not None
    }
    return Rules(
        nodes=kept,
        explains={rule: rules.explains[rule] for rule in kept},
        signs={rule: rules.signs[rule] for rule in kept},
        named_roles={rule: rules.named_roles[rule] for rule in kept},
    )


def fields_read(node: pst.Template) -> frozenset[str]:
    """The fields of the context that a rule reads, or asks for by `has`."""
    return frozenset(_read(node.clauses))


def names_ids(node: pst.Template) -> bool:
    """Whether a rule names a customer or an object by id."""
    return any(str(uid.type) != "Action" for uid in pst.entity_uids(node))


def _without(node: pst.Template, missing: Collection[str]) -> pst.Template | None:
    reads = [bool(frozenset(_read(clause)) & frozenset(missing)) for clause in node.clauses]
    if not any(reads):
        return node
    if node.effect == "permit":
        return None
    clauses = tuple(clause for clause, does in zip(node.clauses, reads, strict=True) if not does)
    return replace(node, clauses=clauses)


def _read(value: object) -> Iterator[str]:
    match value:
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            yield name
        case pst.HasAttr(base=pst.Var(name="context"), attrs=names):
            yield names[0]
        case tuple():
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                yield from _read(item)  # pyright: ignore[reportUnknownArgumentType]
        case _ if is_dataclass(value) and not isinstance(value, type):
            for one in fields(value):
                yield from _read(getattr(value, one.name))
        case _:
            return
