"""Live processes: what each one that serves or works says of itself, by a row that it renews.

A row is a hint to people and decides nothing: a process that lies about itself, or that somebody
wrote into the database, makes a warning appear or not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, cast, get_args

import orjson

from sayso.ids import Clock, rfc3339, to_micros
from sayso.sdk.views.base import View
from sayso.store.base import Reader, Row, Store, integer, text

Kind = Literal["serve", "worker", "mcp"]
BEAT_S = 20.0
"""How often a process renews its row: one statement."""
STALE_S = 3 * BEAT_S
"""After so long without a beat a process has ended without saying so, or hangs."""


class ProcessView(View):
    """A process that serves or works.

    Attributes:
        host, pid: where it runs. beat_at: when it was heard of last.
        is_stale: three beats were missed: it was killed, or it hangs.
        version: Sayso's. settings_sha256, connectors_sha256: of what it has loaded, 12 hex digits.
        policy: the number of the version that it judged by last; 0 before the first judgement.
        actions: the names of those that it has.
        not_reloaded: why its newest reload failed, as a code; empty when it did not.
    """

    id: str
    kind: Kind
    host: str
    pid: int
    started_at: str
    beat_at: str
    is_stale: bool
    version: str
    settings_sha256: str
    connectors_sha256: str
    policy: int
    policy_sha256: str
    actions: tuple[str, ...]
    not_reloaded: str = ""

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        return f"{self.kind} {self.pid} on {self.host}"


class LackView(View):
    """A live process that lacks actions which the policy names."""

    process: ProcessView
    actions: tuple[str, ...]

    @property
    def message(self) -> str:
        """What is so, and what to do about it, in one line."""
        names = ", ".join(self.actions)
        return (
            f"{self.process.name} lacks {names}, and leaves them to others; set the connector up"
            " there, and it reloads by itself, or with SIGHUP"
        )


class ProcessResource:
    """`sayso.processes`: who serves and works, by what each has said."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def list(self) -> list[ProcessView]:
        """All that were heard of in the last day, and have not said that they ended."""

        now = to_micros(self._clock.now())

        def read(reader: Reader) -> list[ProcessView]:
            views = (_view(row, now) for row in reader.all("process.all"))
            return [view for view in views if view is not None]

        return await self._store.read(read)

    async def lacking(self, names: Collection[str]) -> Sequence[LackView]:
        """The live processes that lack some of these actions; stale ones are not asked."""
        found: list[LackView] = []
        for process in await self.list():
            lacks = tuple(sorted(set(names).difference(process.actions)))
            if lacks and not process.is_stale:
                found.append(LackView(process=process, actions=lacks))
        return found


def named_in(files: Mapping[str, str], actions: Iterable[str]) -> list[str]:
    """The actions that the files of a policy name."""
    whole = "\n".join(files.values())
    words = set(re.findall(r"[\w.-]+", whole))
    return sorted(name for name in actions if name in words)


def _view(row: Row, now: int) -> ProcessView | None:
    """A row as a view; None for one that no process of ours has written."""
    kind = text(row, "kind")
    beat_at = integer(row, "beat_at")
    try:
        actions: object = orjson.loads(text(row, "actions"))
    except ValueError:
        return None
    if kind not in get_args(Kind) or not isinstance(actions, list):
        return None
    return ProcessView(
        id=text(row, "id"),
        kind=cast("Kind", kind),
        host=text(row, "host"),
        pid=integer(row, "pid"),
        started_at=rfc3339(integer(row, "started_at")),
        beat_at=rfc3339(beat_at),
        is_stale=now - beat_at > STALE_S * 1_000_000,
        version=text(row, "version"),
        settings_sha256=text(row, "settings"),
        connectors_sha256=text(row, "connectors"),
        policy=integer(row, "policy"),
        policy_sha256=text(row, "policy_sha256"),
        actions=tuple(str(one) for one in cast("list[object]", actions)),
        not_reloaded=text(row, "not_reloaded"),
    )
