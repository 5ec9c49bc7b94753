"""Changing frozen values: `dataclasses.replace`, at half its price.

An action's row has three dozen fields and is changed at each of its steps. Python's own `replace`
reads one field after another and runs `__init__`, which sets each field of a frozen value by a call
through `object`; this copies them without a loop in Python, into a value of a class that is not
frozen yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace as replace  # its fields and their types are checked as ever
else:
    import functools
    from dataclasses import fields
    from itertools import repeat
    from operator import attrgetter

    def replace(value, /, **changes):
        """A value as it is, but for some fields; checked as a new one, by its `__post_init__`.

        Args:
            value: of a frozen dataclass with slots and at least two fields.

        Raises:
            TypeError: there is no such field.
        """
        kind = type(value)
        names, values_of, thawed, check = _form_of(kind)
        found = dict(zip(names, values_of(value))) | changes  # noqa: B905  (of one class)
        if len(found) != len(names):
            raise TypeError(f"{kind.__name__} has no {', '.join(changes.keys() - set(names))}")
        changed = object.__new__(thawed)
        any(map(setattr, repeat(changed), found, found.values()))
        changed.__class__ = kind
        if check is not None:
            check(changed)
        return changed

    @functools.cache
    def _form_of(kind):
        """The fields of a class, what reads them all, its twin, and what checks its values.

        The twin has the same slots, and can be written.
        """
        names = tuple(field.name for field in fields(kind))
        writing = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
        thawed = type(kind)(kind.__name__, (kind,), {"__slots__": (), **writing})
        return names, attrgetter(*names), thawed, getattr(kind, "__post_init__", None)
