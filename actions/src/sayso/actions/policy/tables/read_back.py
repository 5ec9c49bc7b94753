"""Rows of Cedar rules: those that a table was compiled to, and those written by hand alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import cast

from cedarpy import pst

from sayso.actions.policy.tables.rows import (
    Bound,
    Condition,
    FlagIs,
    HourIs,
    MoneyIs,
    NumberIs,
    RowKind,
    RuleRow,
    TextIs,
)

_CONTEXT = pst.Var("context")
_AMOUNT, _CURRENCY = pst.GetAttr(_CONTEXT, "amount"), pst.GetAttr(_CONTEXT, "currency")
_HOUR = pst.GetAttr(_CONTEXT, "localHour")
_APPROVED_BY = pst.GetAttr(_CONTEXT, "approvedBy")
_APPROVALS = pst.GetAttr(_CONTEXT, "approvals")
_NUMBERS: dict[str, Bound] = {
    "greater": "over",
    "greater_eq": "at_least",
    "less": "under",
    "less_eq": "up_to",
}
_MONEY: dict[str, Bound] = {
    "decimal_greater": "over",
    "decimal_greater_eq": "at_least",
    "decimal_less_than": "under",
    "decimal_less_eq": "up_to",
}


class _OtherShapeError(Exception):
    """It is no row."""


def read_row(node: pst.Template, numbers: Sequence[str], money: Sequence[str]) -> RuleRow | None:
    """The row that a rule about one action is; None where it is none.

    Args:
        numbers, money: names of the fields that are whole numbers, and amounts.
    """
    anybody = isinstance(node.principal, pst.ScopeAny) and isinstance(node.resource, pst.ScopeAny)
    if not anybody or not isinstance(node.action, pst.ActionEq):
        return None
    try:
        return _row(node, frozenset(numbers), frozenset(money))
    except _OtherShapeError:
        return None


def _row(node: pst.Template, numbers: frozenset[str], money: frozenset[str]) -> RuleRow:
    whens = [one.expr for one in node.clauses if isinstance(one, pst.When)]
    unlesses = [one.expr for one in node.clauses if isinstance(one, pst.Unless)]
    if len(whens) > 1 or len(unlesses) > 1:
        raise _OtherShapeError
    parts = [part for expr in whens for part in _flat("and", expr)]
    by: tuple[str, ...] = ()
    people = 1
    if node.effect == "permit":
        if unlesses:
            raise _OtherShapeError
        sort = RowKind.ALLOW
        parts, by, people = _split_agreed(parts)
    elif unlesses:
        sort = RowKind.ASK
        rest, by, people = _split_agreed(list(_flat("and", unlesses[0])))
        if rest or not by:
            raise _OtherShapeError
    else:
        sort = RowKind.NEVER
    amounts, parts = _split_amounts(sort, parts)
    return RuleRow(
        sort=sort,
        id=node.annotations.get("id", ""),
        say=node.annotations.get("explain", ""),
        conditions=tuple(_conditions(parts, numbers, money)),
        amounts=amounts or None,
        by=by,
        people=people,
    )


def _flat(op: str, expr: pst.Expr) -> Iterator[pst.Expr]:
    match expr:
        case pst.BinaryOp(op=found, left=left, right=right) if found == op:
            yield from _flat(op, left)
            yield from _flat(op, right)
        case _:
            yield expr


# ---- who has to agree --------------------------------------------------------------------------


def _split_agreed(parts: list[pst.Expr]) -> tuple[list[pst.Expr], tuple[str, ...], int]:
    """The rest, the roles, and how many people; those stand at the end."""
    if not parts:
        return parts, (), 1
    match parts[-1]:
        case pst.BinaryOp(op="contains_any", left=left, right=pst.Set(elements=elements)) if (
            left == _APPROVED_BY
        ):
            by = _literals(elements)
        case pst.BinaryOp(op="contains", left=left, right=pst.StringLit(value=role)) if (
            left == _APPROVED_BY
        ):
            by = (role,)
        case _:
            return parts, (), 1
    rest = parts[:-1]
    match rest[-1] if rest else None:
        case pst.BinaryOp(op="greater_eq", left=left, right=pst.LongLit(value=people)) if (
            left == _APPROVALS
        ):
            return rest[:-1], by, people
        case _:
            return rest, by, 1


def _literals(elements: Sequence[pst.Expr]) -> tuple[str, ...]:
    words = tuple(one.value for one in elements if isinstance(one, pst.StringLit))
    if len(words) != len(elements) or not words:
        raise _OtherShapeError
    return words


# ---- how much ----------------------------------------------------------------------------------


def _split_amounts(
    sort: RowKind, parts: list[pst.Expr]
) -> tuple[dict[str, Decimal], list[pst.Expr]]:
    """The amounts that stand first, and the rest."""
    if not parts:
        return {}, parts
    first = parts[0]
    if sort is not RowKind.ALLOW:
        match first:
            case pst.UnaryOp(op="not", arg=arg):
                found = _known_amounts(arg)
                return (found, parts[1:]) if found else ({}, parts)
            case _:
                return {}, parts
    match first:
        case pst.BinaryOp(op="or"):
            found = _known_amounts(first)
            return (found, parts[1:]) if found else ({}, parts)
        case _:
            currency, amount = _currency_of(first), _amount_of(parts[1]) if parts[1:] else None
            if currency is None or amount is None:
                return {}, parts
            return {currency: amount}, parts[2:]


def _known_amounts(expr: pst.Expr) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for one in _flat("or", expr):
        match one:
            case pst.BinaryOp(op="and", left=left, right=right):
                currency, amount = _currency_of(left), _amount_of(right)
                if currency is None or amount is None or currency in found:
                    return {}
                found[currency] = amount
            case _:
                return {}
    return found


def _currency_of(expr: pst.Expr) -> str | None:
    match expr:
        case pst.BinaryOp(op="eq", left=left, right=pst.StringLit(value=word)) if left == _CURRENCY:
            return word
        case _:
            return None


def _amount_of(expr: pst.Expr) -> Decimal | None:
    match expr:
        case pst.BinaryOp(op="decimal_less_eq", left=left, right=right) if left == _AMOUNT:
            return _decimal(right)
        case _:
            return None


def _decimal(expr: pst.Expr) -> Decimal:
    match expr:
        case pst.UnaryOp(op="decimal", arg=pst.StringLit(value=said)):
            try:
                return Decimal(said)
            except InvalidOperation as error:
                raise _OtherShapeError from error
        case _:
            raise _OtherShapeError


# ---- conditions --------------------------------------------------------------------------------


def _conditions(
    parts: Sequence[pst.Expr], numbers: frozenset[str], money: frozenset[str]
) -> Iterator[Condition]:
    at = 0
    while at < len(parts):
        condition, used = _condition(parts, at, numbers, money)
        yield condition
        at += used


def _condition(
    parts: Sequence[pst.Expr], at: int, numbers: frozenset[str], money: frozenset[str]
) -> tuple[Condition, int]:
    currency = _currency_of(parts[at])
    if currency is not None and (found := _bounds(parts, at + 1, money, _MONEY)) is not None:
        name, bounds = found
        amounts: list[tuple[Bound, Decimal]] = [(sort, _decimal(one)) for sort, one in bounds]
        return MoneyIs(name, currency, tuple(amounts)), 1 + len(bounds)
    if (found := _bounds(parts, at, numbers, _NUMBERS)) is not None:
        name, bounds = found
        longs: list[tuple[Bound, int]] = [(sort, _long(one)) for sort, one in bounds]
        return NumberIs(name, tuple(longs)), len(bounds)
    return _single(parts[at]), 1


def _bounds(
    parts: Sequence[pst.Expr], at: int, names: frozenset[str], sorts: dict[str, Bound]
) -> tuple[str, list[tuple[Bound, pst.Expr]]] | None:
    """The bounds of one field that stand here one after the other."""
    name = ""
    found: list[tuple[Bound, pst.Expr]] = []
    for part in parts[at:]:
        match part:
            case pst.BinaryOp(op=op, left=pst.GetAttr(base=base, attr=attr), right=right) if (
                base == _CONTEXT
                and attr in names
                and name in ("", attr)
                and op in sorts
                and sorts[op] not in {sort for sort, _ in found}
            ):
                name = attr
                found.append((sorts[op], right))
            case _:
                break
    return (name, found) if found else None


def _long(expr: pst.Expr) -> int:
    match expr:
        case pst.LongLit(value=value):
            return value
        case pst.UnaryOp(op="neg", arg=pst.LongLit(value=value)):
            return -value
        case _:
            raise _OtherShapeError


def _single(expr: pst.Expr) -> Condition:
    match expr:
        case pst.GetAttr(base=base, attr=name) if base == _CONTEXT:
            return FlagIs(name, True)
        case pst.UnaryOp(op="not", arg=pst.GetAttr(base=base, attr=name)) if base == _CONTEXT:
            return FlagIs(name, False)
        case pst.BinaryOp(op="eq" | "not_eq" as op, left=left, right=pst.StringLit(value=word)):
            return TextIs(_place(left), (word,), negated=op == "not_eq")
        case pst.BinaryOp(op="contains", left=pst.Set(elements=elements), right=right):
            return TextIs(_place(right), _literals(elements))
        case pst.UnaryOp(op="not", arg=pst.BinaryOp(op="contains") as inner):
            words = cast("pst.Set", inner.left)
            if not isinstance(inner.left, pst.Set):
                raise _OtherShapeError
            return TextIs(_place(inner.right), _literals(words.elements), negated=True)
        case pst.BinaryOp(
            op="or",
            left=pst.BinaryOp(op="greater_eq", left=first, right=pst.LongLit(value=start)),
            right=pst.BinaryOp(op="less", left=second, right=pst.LongLit(value=end)),
        ) if first == second == _HOUR and start > end:
            return HourIs(start, end)
        case _:
            raise _OtherShapeError


def _place(expr: pst.Expr) -> str:
    match expr:
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            return name
        case pst.GetAttr(base=pst.Var(name="principal"), attr="assurance"):
            return "principal.assurance"
        case pst.GetAttr(base=pst.Var(name="resource"), attr="kind"):
            return "resource.kind"
        case _:
            raise _OtherShapeError
