"""Which requests a fault is for: by method and path, after so many, so many times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Generic, TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The requests that something goes wrong with.

    Attributes:
        method: `GET`, `POST`, `DELETE`, or `*`.
        path: a shell pattern over the path without the query, such as `/v1/customers/*`.
        skip: how many matching requests are let through first.
        times: how many are spoilt then, 1 or more.
    """

    method: str = "*"
    path: str = "*"
    skip: int = 0
    times: int = 1

    def matches(self, method: str, path: str) -> bool:
        """Whether the request is one of those it means."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)


F = TypeVar("F", bound=Aim)


class FaultQueue(Generic[F]):
    """The faults that wait for their requests; the oldest that matches is taken first."""

    def __init__(self) -> None:
        self._waiting: list[F] = []

    def add(self, faults: Iterable[F]) -> None:
        """Queue behind what waits already."""
        self._waiting.extend(fault for fault in faults if fault.times > 0)

    def clear(self) -> None:
        """Forget all of them."""
        self._waiting.clear()

    def waiting(self) -> tuple[F, ...]:
        """What still waits, oldest first."""
        return tuple(self._waiting)

    def take(self, method: str, path: str) -> F | None:
        """The fault for this request, used up by one, or None."""
        for index, fault in enumerate(self._waiting):
            if not fault.matches(method, path):
                continue
            if fault.skip > 0:
                self._waiting[index] = replace(fault, skip=fault.skip - 1)
                return None
            if fault.times > 1:
                self._waiting[index] = replace(fault, times=fault.times - 1)
            else:
                del self._waiting[index]
            return fault
        return None
