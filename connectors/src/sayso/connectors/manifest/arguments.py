"""An action's arguments: the model that a manifest's `args` stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal, assert_never

from pydantic import AfterValidator, Field, create_model
from pydantic_core import PydanticCustomError

from sayso.actions.model.definition import FORBIDDEN_FIELDS, Args
from sayso.connectors.manifest.schema import (
    Arg,
    BoolArg,
    DateArg,
    EnumArg,
    IntArg,
    ListArg,
    MoneyArg,
    RefArg,
    TextArg,
)
from sayso.connectors.outgoing_text import check_text, count_links
from sayso.errors import RefusedError, SaysoError
from sayso.money import Money

_DAY = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"


def args_model(name: str, args: Mapping[str, Arg], *, hosts: frozenset[str]) -> type[Args]:
    """The model of an action's arguments.

    Args:
        name: the action's.
        hosts: where links in texts may lead.

    Raises:
        ValueError: for an argument that nobody may pass (`FORBIDDEN_FIELDS`).
    """
    for arg in args.values():
        inner = set(arg.of) if isinstance(arg, ListArg) else set[str]()
        forbidden = sorted(FORBIDDEN_FIELDS & (set(args) | inner))
        if forbidden:
            raise ValueError(
                f"`{forbidden[0]}` is never an argument; take it from the verified subject"
            )
    fields: dict[str, Any] = {key: _field(key, arg, hosts) for key, arg in args.items()}
    return create_model(f"{name}.args", __base__=Args, **fields)


def _field(key: str, arg: Arg, hosts: frozenset[str]) -> tuple[Any, Any]:
    annotation = _annotation(key, arg, hosts)
    default = getattr(arg, "default", None)
    described = Field(description=arg.says or key, json_schema_extra=_extra(arg))
    if default is not None:
        return Annotated[annotation, described], default
    if arg.optional:
        return Annotated[annotation | None, described], None
    return Annotated[annotation, described], ...


def _extra(arg: Arg) -> Any:
    return {"object": arg.kind} if isinstance(arg, RefArg) else None


def _annotation(key: str, arg: Arg, hosts: frozenset[str]) -> Any:
    match arg:
        case RefArg():
            return Annotated[str, Field(pattern=f"^(?:{arg.pattern})$")]
        case TextArg():
            judge = partial(_judge_text, key, arg, hosts)
            return Annotated[str, Field(min_length=1, max_length=arg.max), AfterValidator(judge)]
        case EnumArg():
            return Literal[tuple(arg.words)]
        case IntArg():
            return Annotated[int, Field(ge=arg.min, le=arg.max)]
        case BoolArg():
            return bool
        case MoneyArg():
            return Annotated[Money, AfterValidator(partial(_judge_money, arg))]
        case DateArg():
            return Annotated[str, Field(pattern=_DAY)]
        case ListArg():
            inner: dict[str, Any] = {name: _field(name, one, hosts) for name, one in arg.of.items()}
            item = create_model(f"{key}_item", __base__=Args, **inner)
            # JSON has lists, and a frozen model a tuple.
            return Annotated[list[item], Field(min_length=1, max_length=arg.max)]  # type: ignore[valid-type]
    assert_never(arg)


def _judge_text(key: str, arg: TextArg, hosts: frozenset[str], text: str) -> str:
    text = text.replace("\r\n", "\n")
    allowed = hosts if arg.links == "settings" else frozenset[str]()
    _as_custom(lambda: check_text(key, text, allowed="\n\t" if arg.lines else ""))
    _as_custom(lambda: count_links(key, text, allowed))
    return text


def _judge_money(arg: MoneyArg, amount: Money) -> Money:
    if arg.max is not None and amount.decimal > Decimal(arg.max):
        raise PydanticCustomError("too_much", "at most {most}", {"most": arg.max})
    return amount


def _as_custom(judge: Callable[[], object]) -> None:
    try:
        judge()
    except RefusedError as error:
        raise PydanticCustomError("not_allowed", "{reason}", {"reason": _sentence(error)}) from None


def _sentence(error: SaysoError) -> str:
    return f"{error.message}; {error.next_step}" if error.next_step else error.message


def read_args(model: type[Args], args: Mapping[str, Any]) -> Args:
    """The arguments as they were resolved and stored."""
    return model.model_validate(dict(args))
