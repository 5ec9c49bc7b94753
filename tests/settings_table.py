"""The page of all settings, made from the models that read sayso.toml."""

from __future__ import annotations

import re
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sayso.settings import Settings

_PLAIN = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}


def lines() -> Iterator[str]:
    """A heading and a table per section, in the order of the model."""
    yield from _section("", Settings)


def _section(name: str, model: type[BaseModel]) -> Iterator[str]:
    own: list[tuple[str, FieldInfo]] = []
    inner: list[tuple[str, FieldInfo, type[BaseModel]]] = []
    for key, field in model.model_fields.items():
        found = _model(field.annotation)
        if found is None:
            own.append((field.alias or key, field))
        else:
            inner.append((field.alias or key, field, found))
    told = _told(model)
    if name:
        yield f"## `{name}`"
        yield ""
        summary = (model.__doc__ or "").partition("\n\n")[0]
        yield " ".join(summary.split())
        yield ""
    if own:
        yield "| key | takes | unless said | what it does |"
        yield "|---|---|---|---|"
        for key, field in own:
            yield f"| `{key}` | {_takes(field)} | {_default(field)} | {told.get(key, '')} |"
        yield ""
    for key, field, found in inner:
        many = typing.get_origin(_unwrapped(field.annotation)) in {tuple, list}
        named = typing.get_origin(_unwrapped(field.annotation)) in {dict, Mapping}
        path = name.strip("[]")
        path = f"{path}.{key}" if path else key
        path = f"{path}.NAME" if named else path
        yield from _section(f"[[{path}]]" if many else f"[{path}]", found)


def _told(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of each attribute."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        text = textwrap.dedent((one.__doc__ or "").partition("Attributes:\n")[2])
        for key, words in re.findall(r"^(\w+): (.*(?:\n {4}.*)*)", text, flags=re.MULTILINE):
            found[key] = " ".join(words.split()).replace("|", "\\|")
    return found


def _unwrapped(kind: Any) -> Any:
    """The one type that is not None."""
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        kinds = [one for one in typing.get_args(kind) if one is not type(None)]
        if len(kinds) == 1:
            return _unwrapped(kinds[0])
    if typing.get_origin(kind) is typing.Annotated:
        return _unwrapped(typing.get_args(kind)[0])
    return kind


def _model(kind: Any) -> type[BaseModel] | None:
    kind = _unwrapped(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    for one in typing.get_args(kind):
        found = _model(one)
        if found is not None:
            return found
    return None


def _takes(field: FieldInfo) -> str:
    kind = _unwrapped(field.annotation)
    words = _word(kind)
    bounds = {
        name: getattr(one, name)
        for one in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(one, name, None) is not None
    }
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if low is not None and high is not None:
        return f"{words}, {low} to {high}"
    return f"{words}, from {low}" if low is not None else words


def _word(kind: Any) -> str:
    kind = _unwrapped(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if "ipaddress" in str(kind) and not typing.get_args(kind):
        return "a network"
    if kind is timedelta:
        return "a time, such as `8h`"
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{one}`" for one in typing.get_args(kind))
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return " or ".join(dict.fromkeys(map(_word, typing.get_args(kind))))
    if typing.get_origin(kind) in {tuple, list, frozenset}:
        return f"list of: {_word(typing.get_args(kind)[0])}"
    if typing.get_origin(kind) is dict:
        return "a table of names"
    return "text" if "str" in str(kind) else str(kind)


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "has to be said"
    if value is None or value in ((), [], {}, ""):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f"{value}"
    if not isinstance(value, (str, int, float)):
        return ", ".join(f"`{one}`" for one in sorted(map(str, value)))
    return f"`{value}`"
