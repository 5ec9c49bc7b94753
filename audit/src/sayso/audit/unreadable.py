"""Rows and entries that hold what Sayso never writes, which somebody else has written."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from sayso.audit.authority.state import changed_outside
from sayso.store.base import Row

_T = TypeVar("_T")
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def as_stored(noun: str) -> Callable[[Callable[[Row], _T]], Callable[[Row], _T]]:
    """Have what reads a row say `tampered` of one that holds no value of its own.

    Args:
        noun: what such a row is; its `id` names it.
    """

    def wrap(read: Callable[[Row], _T]) -> Callable[[Row], _T]:
        @functools.wraps(read)
        def reads(row: Row) -> _T:
            try:
                return read(row)
            except _UNREADABLE as error:
                raise changed_outside(f"the {noun} {str(row.get('id', ''))[:40]}") from error

        return reads

    return wrap


def read_body(body: str | bytes) -> Any:
    """The fields of a stored entry, decoded and not judged.

    Raises:
        IntegrityError: `tampered`, for what is no JSON: no entry of ours is.
    """
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise changed_outside("an entry of the log") from error
