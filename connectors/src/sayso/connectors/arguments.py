"""Arguments as they come from outside, read by an action's model, with errors a person can use."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sayso.actions.model.definition import FORBIDDEN_FIELDS, Action, Args
from sayso.errors import Code, RefusedError
from sayso.money import Money
from sayso.text import plain

ECHO_LIMIT = 40
"""Characters of somebody else's input that a message repeats at most."""

_BOUNDS = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}
"""The bounds of a number, as Pydantic calls them, in words."""

_MONEY_SHAPE = 'write {"amount_minor": 12900, "currency": "USD"}'


A = TypeVar("A", bound=Args)


def read_args(action: Action, args: object) -> Args:
    """The arguments of the action; see `read_arguments`.

    Raises:
        RefusedError: `invalid_input`, `invalid_money`.
    """
    read = read_arguments(action.name, action.args, args)
    _check_positive(action, read)
    return read


def read_arguments(name: str, model: type[A], args: object) -> A:
    """The arguments of whatever is called by that name.

    Args:
        name: what a message calls it.
        model: what they are read by.
        args: decoded JSON: a mapping of the model's fields.

    Raises:
        RefusedError: `invalid_input`, or `invalid_money` for an amount; says the first wrong
            field's path, what is wrong with it and what to write instead, and repeats at most
            `ECHO_LIMIT` characters of any value.
    """
    if not isinstance(args, Mapping):
        raise RefusedError(
            Code.INVALID_INPUT,
            f"the arguments of `{name}` are no JSON object",
            next_step='write them as {"name": value}',
        )
    try:
        return model.model_validate(args)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise _explain(name, model, details[0], more=len(details) - 1) from None


def _check_positive(action: Action, args: Args) -> None:
    amount = getattr(args, action.money_arg) if action.money_arg is not None else None
    if isinstance(amount, Money) and amount.amount_minor <= 0:
        raise RefusedError(
            Code.INVALID_MONEY,
            f"`{action.money_arg}` of `{action.name}` is {amount}, which is not above zero",
            next_step="give an amount above zero",
        )


def _explain(name: str, model: type[Args], detail: ErrorDetails, *, more: int) -> RefusedError:
    path = ".".join(str(part)[:ECHO_LIMIT] for part in detail["loc"]) or "args"
    path = plain(path, limit=ECHO_LIMIT)
    problem, next_step = _words(model, path, detail)
    others = f" (and {more} more)" if more else ""
    return RefusedError(
        Code.INVALID_MONEY if detail["type"] == "invalid_money" else Code.INVALID_INPUT,
        f"`{path}` of `{name}` {problem}{others}",
        next_step=next_step,
        detail=detail["type"],
    )


def _words(model: type[Args], path: str, detail: ErrorDetails) -> tuple[str, str]:
    context: dict[str, Any] = detail.get("ctx", {})
    given = _shown(detail["input"])
    match detail["type"]:
        case "missing":
            return "is missing", f"add it: {_described(model, path)}"
        case "extra_forbidden" if path in FORBIDDEN_FIELDS:
            return "is no argument it has", "leave it out: that comes from the verified customer"
        case "extra_forbidden":
            return "is no argument it has", _did_you_mean(model, path)
        case "literal_error" | "enum":
            expected = str(context.get("expected", "")).replace("'", "`")
            return f"is {given}", f"use {expected[:200]}"
        case "string_pattern_mismatch":
            return f"is {given}, which has the wrong form", f"give {_described(model, path)}"
        case "string_too_long" | "string_too_short" as kind:
            bound = context.get("max_length", context.get("min_length"))
            word = "long" if kind == "string_too_long" else "short"
            return f"is too {word}", f"the bound is {bound} characters"
        case "invalid_money":
            reason = str(context.get("reason", "that is not money"))
            return f"is not an amount of money: {reason[:160]}", _MONEY_SHAPE
        case "string_type" | "string_unicode":
            return f"is {given}, not a text", f"give {_described(model, path)}"
        case "int_type" | "int_from_float" | "int_parsing":
            return f"is {given}, not a whole number", "write digits without a dot or quotes"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            broken = [f"{words} {context[key]}" for key, words in _BOUNDS.items() if key in context]
            return f"is {given}, which is not {broken[0]}", _within(model, path)
        case "bool_type":
            return f"is {given}, not true or false", "write true or false"
        case _:
            problem = f"is not valid: {plain(detail['msg'], limit=160).lower()}"
            known = path in model.model_fields
            return problem, f"give {_described(model, path)}" if known else _allowed(model)


def _shown(value: object) -> str:
    match value:
        case str():
            # NOTE: a lone surrogate cannot be encoded anywhere further on; `plain` drops it.
            return f"`{plain(value, limit=ECHO_LIMIT)}`"
        case None | bool():
            return "`null`" if value is None else f"`{str(value).lower()}`"
        case int():
            # NOTE: printing a number of thousands of digits is refused by Python itself.
            return f"`{value}`" if abs(value) < 10**20 else "a number of more than 20 digits"
        case float():
            return f"the fraction `{value!r:.40}`"
        case _:
            return "a list or an object"


def _described(model: type[Args], path: str) -> str:
    field = model.model_fields.get(path)
    return (field.description if field is not None else None) or f"a value for `{path}`"


def _within(model: type[Args], path: str) -> str:
    """All bounds of a number, so that the next try keeps to the other one as well."""
    field = model.model_fields.get(path)
    bounds: list[str] = []
    for one in () if field is None else field.metadata:
        for key, words in _BOUNDS.items():
            bound: object = getattr(one, key, None)
            if bound is not None:
                bounds.append(f"{words} {bound}")
    return f"give a number {' and '.join(bounds)}" if bounds else f"give {_described(model, path)}"


def _did_you_mean(model: type[Args], path: str) -> str:
    near = difflib.get_close_matches(path, model.model_fields, 1)
    return f"did you mean `{near[0]}`?" if near else _allowed(model)


def _allowed(model: type[Args]) -> str:
    names = ", ".join(f"`{name}`" for name in model.model_fields)
    return f"it takes {names}" if names else "it takes no arguments"
