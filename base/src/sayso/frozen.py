"""Frozen values, made and changed at a fraction of their price.

A frozen dataclass sets each of its fields by a call through `object`, when it is made and whenever
Python's own `replace` changes it: some 1,800 instructions. An action's row has three dozen fields
and is changed at each of its steps. Here they are set by assignments, written out once for each
class, in a value of a class that is not frozen yet.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

_Frozen = TypeVar("_Frozen")


def quickly_made(kind: type[_Frozen]) -> type[_Frozen]:
    """Have a frozen dataclass set its fields by assignments when it is made.

    For a class with many fields that is made for each action; what it takes, refuses and checks is
    as before.

    Args:
        kind: with slots and without subclasses; each of its fields is a keyword.
    """
    made: Any = kind
    assert all(one.init and one.kw_only for one in fields(made)), kind
    by_calls = made.__init__
    unset = by_calls.__kwdefaults__
    makers = {one.name: one.default_factory for one in fields(made)}
    lines = ["THAW(self, '__class__', THAWED)"]
    for name, maker in makers.items():
        given = f"self.{name} = {name}"
        new = f"self.{name} = MAKERS['{name}']() if {name} is UNSET['{name}'] else {name}"
        lines.append(given if maker is MISSING else new)
    lines.append("self.__class__ = KIND")
    if hasattr(kind, "__post_init__"):
        lines.append("self.__post_init__()")
    own = {"THAW": object.__setattr__, "THAWED": _thawed(made), "KIND": kind}
    written = _written(f"self, *, {', '.join(makers)}", lines, MAKERS=makers, UNSET=unset, **own)
    made.__init__ = update_wrapper(written, by_calls)
    written.__kwdefaults__ = unset
    return kind


if TYPE_CHECKING:
    from dataclasses import replace as replace  # its fields and their types are checked as ever
else:

    def replace(value, /, **changes):
        """A value as it is, but for some fields; checked as a new one, by its `__post_init__`.

        Args:
            value: of a frozen dataclass with slots.

        Raises:
            TypeError: there is no such field.
        """
        kind = type(value)
        names, thawed, copy, check = _form_of(kind)
        if not changes.keys() <= names:
            raise TypeError(f"{kind.__name__} has no {', '.join(changes.keys() - names)}")
        changed = object.__new__(thawed)
        copy(value, changed)
        for name, new in changes.items():
            setattr(changed, name, new)
        changed.__class__ = kind
        if check is not None:
            check(changed)
        return changed


@cache
def _form_of(kind: Any) -> tuple[frozenset[str], type, Any, Any]:
    """The fields of a class, its twin, what copies a value into that, and what checks it."""
    names = [field.name for field in fields(kind)]
    copy = _written("value, to", [f"to.{name} = value.{name}" for name in names])
    return frozenset(names), _thawed(kind), copy, getattr(kind, "__post_init__", None)


@cache
def _thawed(kind: type) -> type:
    """The twin of a class that has the same slots, and can be written."""
    writing = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(kind)(kind.__name__, (kind,), {"__slots__": (), **writing})


def _written(takes: str, lines: list[str], **scope: Any) -> Any:
    """A function of these lines; fields have names in lower case, so what it uses has others."""
    exec(f"def written({takes}): {'; '.join(lines)}", scope)  # noqa: S102  (as dataclasses do)
    return scope["written"]
