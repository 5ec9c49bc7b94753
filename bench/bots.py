"""200 bots at one server: `python -m bench.bots [--json] [--bots N] [--per-s R] [--seconds S]`.

`sayso serve` on SQLite in a process of its own. Each bot has a connection that it keeps, and in its
turn proposes a refund that the policy allows: all together ask at the named pace, whatever the
answers take. What meets a connection that the server has closed meanwhile is sent once more with
its key.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.place import working_folder
from bench.report import Report, Row, percentile, print_report, show_progress
from bench.throughput import sayso as throughput_sayso
from bench.throughput.flow import Place
from bench.waiting.server import Served, serve
from sayso.actions.model.ledger import SYSTEM
from sayso.sdk.resources.tokens import Scope

P99_BAR_MS = 150.0
GROWTH_BAR = 1.1
"""How many times what it was after half of the time the memory may be at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is asked to do: so many bots, all together so often a second, for so long."""

    bots: int
    per_s: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class Seen:
    """What a run has seen.

    Attributes:
        took_s: of each answer. told: how many there were of each status.
        resident_mb, descriptors: of the server: before, after half of the time, at the end, and
            once all have hung up.
    """

    took_s: list[float] = field(default_factory=list[float])
    told: Counter[int] = field(default_factory=Counter[int])
    resident_mb: list[float] = field(default_factory=list[float])
    descriptors: list[int] = field(default_factory=list[int])

    def look(self, served: Served) -> None:
        """See how the server is."""
        self.resident_mb.append(served.resident_mb)
        self.descriptors.append(served.descriptors)


def run(asked: Asked) -> Seen:
    """Serve a new workspace, and have the bots ask."""
    seen = Seen()
    with working_folder() as folder:
        place = Place(store="sqlite", folder=folder / "workspace")
        throughput_sayso.new_workspace(place)
        token = asyncio.run(_token(place))
        with serve(place) as served:
            seen.look(served)
            begun = time.perf_counter()
            bots = [
                threading.Thread(target=_ask, args=(served.port, token, asked, number, begun, seen))
                for number in range(asked.bots)
            ]
            for bot in bots:
                bot.start()
            for share in (0.5, 0.98):
                time.sleep(max(0.0, begun + share * asked.seconds - time.perf_counter()))
                show_progress(f"{share:.0%}, {len(seen.took_s):,} answers")
                seen.look(served)
            for bot in bots:
                bot.join()
            served.idle_share(2.0)  # until it has seen that they have hung up
            seen.look(served)
    show_progress("")
    return seen


async def _token(place: Place) -> str:
    async with throughput_sayso.open_async_peer(place) as peer:
        made = peer.sayso.container
        _, secret = await made.tokens.create(
            made.tenant, "service", "bots", frozenset({Scope.PROPOSE}), days=1, by=SYSTEM
        )
        return secret


def _ask(port: int, token: str, asked: Asked, number: int, begun: float, seen: Seen) -> None:
    """One bot: each of its turns in time, or as soon after it as the last answer allows."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while (at := begun + number / asked.per_s) < begun + asked.seconds:
        time.sleep(max(0.0, at - time.perf_counter()))
        body: dict[str, object] = {
            "action": "shop.refund",
            "args": {"order": f"o{number}", "amount": {"amount_minor": 1850, "currency": "USD"}},
            "subject": {"id": f"cus_{number}", "assurance": "verified"},
            "reason": "it arrived broken",
        }
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"bot-{number}",
        }
        begin = time.perf_counter()
        try:
            status = _answered(connection, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            connection.close()
            status = _answered(connection, body, headers)
        seen.took_s.append(time.perf_counter() - begin)
        seen.told[status] += 1
        number += asked.bots
    connection.close()


def _answered(
    connection: http.client.HTTPConnection, body: dict[str, object], headers: dict[str, str]
) -> int:
    connection.request("POST", "/v1/actions", json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def report(asked: Asked, seen: Seen) -> Report:
    """The figures, and whether every bar is met."""
    p99_ms = percentile(seen.took_s, 99) * 1e3
    other = sum(count for status, count in seen.told.items() if status != 201)
    before, half, end, after = seen.resident_mb
    bars = [
        (f"an answer, p99, below {P99_BAR_MS:g} ms", p99_ms, "ms", p99_ms < P99_BAR_MS),
        ("answers other than 201, none", other, "answers", not other),
        (
            f"memory at the end to that after half of the time, at most {GROWTH_BAR:g}",
            end / half,
            "times",
            end <= GROWTH_BAR * half,
        ),
        (
            "open files once all have hung up, no more than before and two",
            seen.descriptors[3] - seen.descriptors[0],
            "files",
            seen.descriptors[3] <= seen.descriptors[0] + 2,
        ),
    ]
    rows = [
        Row(case=f"{case}: {'met' if met else 'NOT MET'}", value=max(0, value), unit=unit)
        for case, value, unit, met in bars
    ]
    rows += [
        Row(case=f"answers to {asked.bots} bots", value=len(seen.took_s), unit="answers"),
        Row(case="answers in a second", value=len(seen.took_s) / asked.seconds, unit="/s"),
        Row(case="an answer, p50", value=percentile(seen.took_s, 50) * 1e3, unit="ms"),
        Row(case="memory before", value=before, unit="MB"),
        Row(case="memory after half of the time", value=half, unit="MB"),
        Row(case="memory at the end", value=end, unit="MB"),
        Row(case="memory once all have hung up", value=after, unit="MB"),
        Row(case="open files at the end", value=seen.descriptors[2], unit="files"),
    ]
    return Report(name="bots", rows=rows, ok=all(met for *_, met in bars))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.bots", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--bots", type=int, default=200)
    parser.add_argument("--per-s", type=float, default=50.0, help="proposals of all together")
    parser.add_argument("--seconds", type=float, default=600.0)
    given = parser.parse_args(argv)
    asked = Asked(bots=given.bots, per_s=given.per_s, seconds=given.seconds)
    return print_report(report(asked, run(asked)), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
