"""Actions that a policy was put in force with, and that this program does not have.

A version of the policy is for all processes of a workspace, and says in its schema what each action
tells rules. A process without some connector reads the rules about its actions by that schema, so
that they are checked like all others; nothing here asks them, since nobody here can be asked to do
such an action.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sayso.actions.model.definition import Action, Args, Effect, Fact, FactType, at_most_once
from sayso.actions.policy.cedar_schema import CONTEXT_FIELDS

# NOTE: of what `cedar_schema.schema_text` writes, and of nothing else that Cedar would take.
_LINE = re.compile(
    r'^action "([a-z0-9_.]+)" in \["(\w+)"\] appliesTo '
    r"\{ principal: Customer, resource: Object, context: \{ (.*) \} \};$",
    re.MULTILINE,
)
_FIELD = re.compile(r'"(\w+)": ([\w<>]+)')
_TYPES: Mapping[str, FactType] = {
    "String": "string",
    "Long": "long",
    "Bool": "bool",
    "decimal": "decimal",
}
_OURS = frozenset(field.name for field in CONTEXT_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredActions:
    """The actions of a policy's schema beside those of this program.

    Attributes:
        absent: those that this program does not have.
        narrower: those of this program that lack a fact there, or have it in another type.
    """

    absent: tuple[Action, ...]
    narrower: tuple[Action, ...]


def declared_actions(schema: str, actions: Sequence[Action]) -> DeclaredActions:
    """Compare the schema of a policy with the actions of this program.

    Args:
        schema: as `schema_text` has written it, here or in another process.
    """
    here = {action.name: action for action in actions}
    absent: list[Action] = []
    narrower: list[Action] = []
    for name, effect, context in _LINE.findall(schema):
        facts: dict[str, FactType] = {
            fact: _TYPES[kind]
            for fact, kind in _FIELD.findall(context)
            if fact not in _OURS and kind in _TYPES
        }
        declared = _stand_in(name, Effect(effect), facts)
        known = here.get(name)
        if known is None:
            absent.append(declared)
        elif any(
            fact not in known.facts or known.declared[fact].type != facts[fact] for fact in facts
        ):
            narrower.append(declared)
    return DeclaredActions(absent=tuple(absent), narrower=tuple(narrower))


def _stand_in(name: str, effect: Effect, facts: Mapping[str, FactType]) -> Action:
    return Action(
        name=name,
        summary="an action of another process",
        args=Args,
        guarantee=at_most_once(),
        effect=effect,
        reversible=False,
        sentence="",
        facts=cast("Mapping[str, FactType | Fact]", facts),
    )
