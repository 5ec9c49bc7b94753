"""Formulas as plain Python functions: some microseconds for what the engine needs a hundred for.

The code is built as a tree of Python's own syntax and compiled from that, so no text of a rule is
ever read as code: names are looked up in a mapping and words are constants.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import TypeVar, cast

from sayso.actions.policy.formula.terms import (
    And,
    AtMost,
    Const,
    FactHolds,
    Formula,
    HasRole,
    Not,
    OneOf,
    Or,
    Value,
)

T = TypeVar("T")
Values = Mapping[str, Value]
First = Callable[[Values], int]
"""The place of the first formula that holds; -1 for none."""
_VALUES = "values"
_MOST_KEPT = 256


def first_of(formulas: Sequence[Formula]) -> First:
    """A function that says which of these formulas is the first to hold.

    Args:
        formulas: without approvals: see `terms.given`.
    """
    return _first_of(tuple(formulas))


@functools.lru_cache(maxsize=_MOST_KEPT)  # a workspace that is opened again has the same rules
def _first_of(formulas: tuple[Formula, ...]) -> First:
    body = _number(-1)
    for place, formula in reversed(tuple(enumerate(formulas))):
        if formula != Const(False):
            body = ast.IfExp(_expr(formula), ast.Constant(place), body)
    return cast("First", _function(body))


def all_of(formulas: Sequence[Formula], named: Sequence[T]) -> Callable[[Values], tuple[T, ...]]:
    """A function that says which of these formulas hold.

    Args:
        named: what stands for each formula in its answer.
    """
    each = _each_of(tuple(formulas))
    return lambda values: tuple(compress(named, each(values)))


@functools.lru_cache(maxsize=_MOST_KEPT)
def _each_of(formulas: tuple[Formula, ...]) -> Callable[[Values], tuple[bool, ...]]:
    flags = ast.Tuple(elts=[_expr(formula) for formula in formulas], ctx=ast.Load())
    return cast("Callable[[Values], tuple[bool, ...]]", _function(flags))


def _function(body: ast.expr) -> object:
    arguments = ast.arguments(
        posonlyargs=[ast.arg(arg=_VALUES)], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body)))
    # The tree holds tests, names of facts as constants, and nothing that came as code.
    made: object = eval(compile(tree, "<rules>", "eval"), {"__builtins__": {}})  # noqa: S307
    return made


def _expr(formula: Formula) -> ast.expr:
    match formula:
        case Const(value=value):
            return ast.Constant(value)
        case AtMost(name=name, bound=bound):
            return ast.Compare(_value(name), [ast.LtE()], [_number(bound)])
        case OneOf(name=name, words=words) if len(words) == 1:
            return ast.Compare(_value(name), [ast.Eq()], [ast.Constant(next(iter(words)))])
        case OneOf(name=name, words=words):
            choices = ast.Tuple([ast.Constant(word) for word in sorted(words)], ast.Load())
            return ast.Compare(_value(name), [ast.In()], [choices])
        case FactHolds(name=name):
            return _value(name)
        case HasRole():
            raise AssertionError("who said yes is known before anything is compiled")
        case Not(part=part):
            return ast.UnaryOp(ast.Not(), _expr(part))
        case And(parts=parts):
            return ast.BoolOp(ast.And(), [_expr(part) for part in parts])
        case Or(parts=parts):
            return ast.BoolOp(ast.Or(), [_expr(part) for part in parts])


def _value(name: str) -> ast.expr:
    return ast.Subscript(ast.Name(_VALUES, ast.Load()), ast.Constant(name), ast.Load())


def _number(value: int) -> ast.expr:
    if value >= 0:
        return ast.Constant(value)
    return ast.UnaryOp(ast.USub(), ast.Constant(-value))
