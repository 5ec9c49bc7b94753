"""Finds the mistakes in a rule that Cedar's own validation lets through.

To Cedar a role or a currency is any text, and `has` may ask for any field, so a misspelt word makes
a condition quietly false. In a `forbid` that fails open, which is why it is refused here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass

from cedarpy import pst

from sayso.actions.model.definition import Assurance
from sayso.errors import RefusedError
from sayso.money import exponent_of

_CONTAINS = frozenset({"contains", "contains_all", "contains_any"})
_COMPARISONS = _CONTAINS | {"eq", "not_eq"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Misuse:
    """A word that the rule cannot mean.

    Attributes:
        word: as it stands in the rule.
        message: what is wrong with it.
        known: what it could have been.
        next_step: what to do when nothing known is close.
    """

    word: str
    message: str
    known: tuple[str, ...]
    next_step: str


def find_misuse(
    rule: pst.Template,
    roles: Sequence[str],
    attributes: Collection[str],
    words: Mapping[str, Collection[str]],
) -> tuple[list[Misuse], frozenset[str]]:
    """Look at every word of a rule that stands for a role, a currency, an assurance or a field.

    Args:
        rule: one parsed rule.
        roles: every declared role.
        attributes: every field that any action or entity has.
        words: all that a field of the context can be, where that is a closed list.

    Returns:
        What is wrong, in the order of the rule, and the roles that the rule names.
    """
    nodes = list(_walk(rule.clauses))
    found: list[Misuse] = []
    named: set[str] = set()
    mentions = tests = 0
    for node in nodes:
        match node:
            case pst.GetAttr(attr="approvedBy"):
                mentions += 1
            case pst.UnaryOp(op="is_empty", arg=pst.GetAttr(attr="approvedBy")):
                tests += 1
            case pst.HasAttr() if node.attrs[0] not in attributes:
                found.append(_no_field(node.attrs[0], attributes))
            case pst.BinaryOp(left=pst.GetAttr(attr="approvedBy")) if _is_role_test(node):
                tests += 1
                named.update(_literals(node.right))
                found += _wrong_words(node, roles, words)
            case pst.BinaryOp():
                found += _wrong_words(node, roles, words)
            case _:
                pass
    if mentions != tests:
        found.append(_hidden_role())
    return found, frozenset(named)


def _walk(value: object) -> Iterator[object]:
    """Every node below, outermost first; expressions are at most 100 deep."""
    if isinstance(value, tuple):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _walk(item)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, dict):
        for item in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _walk(item)  # pyright: ignore[reportUnknownArgumentType]
    elif is_dataclass(value) and not isinstance(value, type):
        yield value
        for field in fields(value):
            yield from _walk(getattr(value, field.name))


def _is_role_test(node: pst.BinaryOp) -> bool:
    """Whether the roles are compared with names written out, which is all that can be checked."""
    match node.right:
        case pst.StringLit():
            return node.op == "contains"
        case pst.Set(elements=elements):
            plain = all(isinstance(element, pst.StringLit) for element in elements)
            return plain and node.op in {"contains_all", "contains_any"}
        case _:
            return False


def _literals(expr: pst.Expr) -> Iterator[str]:
    for node in _walk(expr):
        if isinstance(node, pst.StringLit):
            yield node.value


def _wrong_words(
    node: pst.BinaryOp, roles: Sequence[str], words: Mapping[str, Collection[str]]
) -> Iterator[Misuse]:
    if node.op not in _COMPARISONS:
        return
    for side, other in ((node.left, node.right), (node.right, node.left)):
        match side:
            case pst.GetAttr(attr="approvedBy"):
                yield from (_no_role(word, roles) for word in _literals(other) if word not in roles)
            case pst.GetAttr(base=pst.Var(name="context"), attr="currency"):
                yield from (_no_currency(word) for word in _literals(other) if _is_odd(word))
            case pst.GetAttr(base=pst.Var(name="context"), attr=name) if name in words:
                known = tuple(sorted(words[name]))
                yield from (
                    _no_word(name, word, known) for word in _literals(other) if word not in known
                )
            case pst.GetAttr(base=base, attr="assurance") if base != pst.Var("context"):
                known = tuple(Assurance)
                yield from (_no_assurance(word) for word in _literals(other) if word not in known)
            case _:
                pass


def _is_odd(currency: str) -> bool:
    try:
        return bool(currency) and exponent_of(currency) < 0
    except RefusedError:
        return True


def _no_field(name: str, attributes: Collection[str]) -> Misuse:
    return Misuse(
        word=name,
        message=f"`has {name}` asks for a field that no action has, so it is never true",
        known=tuple(sorted(attributes)),
        next_step="docs/how-to/write-a-rule-in-cedar.md lists what can be read",
    )


def _no_role(word: str, roles: Sequence[str]) -> Misuse:
    return Misuse(
        word=word,
        message=f"role `{word[:40]}` is not declared, so nobody could ever hold it",
        known=tuple(roles),
        next_step=f"declare it, or use one of: {', '.join(roles) or 'none is declared'}",
    )


def _no_currency(word: str) -> Misuse:
    return Misuse(
        word=word,
        message=f"`{word[:12]}` is no ISO 4217 currency code",
        known=(),
        next_step="use three capital letters such as USD",
    )


def _no_assurance(word: str) -> Misuse:
    return Misuse(
        word=word,
        message=f"no customer has the assurance `{word[:40]}`",
        known=tuple(level.value for level in Assurance),
        next_step=f"use one of: {', '.join(level.value for level in Assurance)}",
    )


def _no_word(name: str, word: str, known: tuple[str, ...]) -> Misuse:
    listed = ", ".join(f"`{one}`" for one in known)
    return Misuse(
        word=word,
        message=f"`{name}` is never `{word[:40]}`",
        known=known,
        next_step=f"use one of: {listed}",
    )


def _hidden_role() -> Misuse:
    return Misuse(
        word="approvedBy",
        message="`approvedBy` is compared with something that cannot be checked",
        known=(),
        next_step='write the role out: context.approvedBy.contains("support_manager")',
    )
