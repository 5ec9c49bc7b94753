"""What one measurement took."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from sayso.json import JsonValue


@dataclass(slots=True, kw_only=True)
class Taken:
    """One measurement.

    Attributes:
        each_s: seconds of each action, or commit.
        all_s: seconds of all together.
        cpu_s: processor seconds of the process for all together, all threads.
    """

    each_s: list[float] = field(default_factory=list[float])
    all_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def per_s(self) -> float:
        """How many in a second."""
        return len(self.each_s) / self.all_s

    @contextmanager
    def timed(self) -> Generator[None]:
        """The measured part; what came before is forgotten."""
        self.each_s.clear()
        cpu, begin = time.process_time(), time.perf_counter()
        yield
        self.all_s = time.perf_counter() - begin
        self.cpu_s = time.process_time() - cpu

    def to_json(self) -> dict[str, JsonValue]:
        """For the process that asked."""
        return {"each_s": list(self.each_s), "all_s": self.all_s, "cpu_s": self.cpu_s}

    @classmethod
    def from_json(cls, value: dict[str, JsonValue]) -> Taken:
        """As `to_json` wrote it."""
        return cls(
            each_s=cast("list[float]", value["each_s"]),
            all_s=cast("float", value["all_s"]),
            cpu_s=cast("float", value["cpu_s"]),
        )
