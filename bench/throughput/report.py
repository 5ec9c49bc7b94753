"""The rows of the throughput bench, and whether its bars are met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.report import Report, Row, median, percentile
from bench.throughput.flow import Flow

AT_ONCE = (1, 8, 32)
MOST = AT_ONCE[-1]
SETTLED_BAR = 1.3
SYNCS_BAR = 3.5
"""Propose, yes with intent, outcome: 3; a checkpoint of the database's own now and then."""
FULL = ("ctrlrun-full", "airlock-full", "holdpoint-full")
RIVALS = ("ctrlrun", "airlock", "holdpoint")
LANGGRAPH = ("langgraph-threads", "langgraph-tasks")
SHOWN = {
    "langgraph-threads": "langgraph (threads)",
    "langgraph-tasks": "langgraph (tasks)",
    "airlock": "airlock-sdk",
    "airlock-full": "airlock-sdk, made to sync its commits",
    "ctrlrun-full": "ctrlrun, made to sync its commits",
    "holdpoint-full": "holdpoint, made to sync its commits",
}
LIMITS = {
    "sqlite": "one-row commits, WAL, synchronous FULL, one after the other",
    "postgres": f"pgbench, one-row insert, {MOST} clients",
    "postgres -N": f"pgbench -N, {MOST} clients",
}
_MEMORY = frozenset({"tmpfs", "ramfs"})

Case = tuple[str, str, int]
"""Store, candidate, how many at once."""


@dataclass(slots=True, kw_only=True)
class Found:
    """All that a run has measured, a value per round; None where a round had no result.

    Attributes:
        limits: transactions in a second, by the keys of `LIMITS`.
        settled: by store, number of settled actions and how many at once.
        built: seconds and bytes of a database with so many settled actions.
        absent: peers that are not installed.
    """

    filesystems: dict[str, str] = field(default_factory=dict[str, str])
    limits: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    flows: dict[Case, list[Flow | None]] = field(default_factory=dict[Case, list[Flow | None]])
    settled: dict[tuple[str, int, int], list[Flow | None]] = field(
        default_factory=dict[tuple[str, int, int], list[Flow | None]]
    )
    built: dict[tuple[str, int], tuple[float, int]] = field(
        default_factory=dict[tuple[str, int], tuple[float, int]]
    )
    absent: list[str] = field(default_factory=list[str])

    def candidates(self, store: str, at_once: int) -> list[str]:
        """Who was measured there."""
        return [name for where, name, many in self.flows if (where, many) == (store, at_once)]

    def best(self, store: str, at_once: int, names: Sequence[str]) -> str | None:
        """Which of the names did most in a second; None when none of them has a result."""
        there = [name for name in names if _rate(self.flows.get((store, name, at_once), ()))]
        return max(there, key=lambda name: _rate(self.flows[store, name, at_once]), default=None)

    def ratio(self, store: str, at_once: int, names: Sequence[str]) -> float | None:
        """How many times the best of the names' rate is ours; the median of the rounds' ratios."""
        peer = self.best(store, at_once, names)
        ours = self.flows.get((store, "sayso", at_once), [])
        if peer is None:
            return None
        both = zip(ours, self.flows[store, peer, at_once], strict=False)
        found = [one.per_s / other.per_s for one, other in both if one and other and other.per_s]
        return median(found) if found else None

    def ratio_to_limit(self, store: str, at_once: int) -> float | None:
        """Our rate as a part of the store's physical limit, likewise."""
        ours = self.flows.get((store, "sayso", at_once), [])
        both = zip(ours, self.limits.get(store, []), strict=False)
        found = [one.per_s / limit for one, limit in both if one]
        return median(found) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What has to hold; a value that was not measured does not."""

    what: str
    value: float | None
    least: float | None = None
    most: float | None = None
    unit: str = "times"

    @property
    def met(self) -> bool:
        """Whether it holds."""
        if self.value is None:
            return False
        above = self.least is None or self.value >= self.least
        return above and (self.most is None or self.value <= self.most)

    def row(self) -> Row:
        """Says so in the table."""
        wanted = f"at least {self.least:g}" if self.most is None else f"at most {self.most:g}"
        outcome = "met" if self.met else "NOT MEASURED" if self.value is None else "NOT MET"
        return Row(
            case=f"bar: {self.what}, {wanted}: {outcome}", value=self.value or 0.0, unit=self.unit
        )


def bars(found: Found) -> list[Bar]:
    """Every bar of what was asked for; both stores, unless the run left one out."""
    if found.settled:
        return settled_bars(found)
    listed: list[Bar] = []
    for store in found.filesystems:
        where = f"{store}, {MOST} at once"
        one, most = (_syncs(found.flows.get((store, "sayso", many), ())) for many in (1, MOST))
        if one is not None and most is not None:
            listed += [
                Bar(
                    what=f"{store}, one at a time, syncs of an action",
                    value=one,
                    most=SYNCS_BAR,
                    unit="syncs",
                ),
                Bar(what=f"{where}, its syncs to those one at a time", value=most / one, most=0.99),
            ]
    return listed


def settled_bars(found: Found) -> list[Bar]:
    """That the cost of an action does not grow with those that are settled."""
    listed: list[Bar] = []
    for store in found.filesystems:
        numbers = sorted({number for where, number, _ in found.settled if where == store})
        if len(numbers) < 2:
            continue
        few, many = numbers[0], numbers[-1]
        what = f"{store}, {many:,} settled to {few:,}"
        listed += [
            Bar(
                what=f"{what}, p50 of approve to executed, one at a time",
                value=_times(found, store, (many, few), 1, lambda flow: _p(flow.execute_s, 50)),
                most=SETTLED_BAR,
            ),
            Bar(
                what=f"{what}, p50 of propose, one at a time",
                value=_times(found, store, (many, few), 1, lambda flow: _p(flow.propose_s, 50)),
                most=SETTLED_BAR,
            ),
            Bar(
                what=f"{what}, seconds of an action, {MOST} at once",
                value=_times(found, store, (many, few), MOST, lambda flow: 1 / flow.per_s),
                most=SETTLED_BAR,
            ),
        ]
    return listed


def report(found: Found) -> Report:
    """The rows, and whether every bar is met."""
    rows = [Row(case=f"{peer}: not installed", value=0, unit="actions/s") for peer in found.absent]
    for store, filesystem in found.filesystems.items():
        rows += _limit_rows(found, store, filesystem)
        for at_once in AT_ONCE:
            rows += _rate_rows(found, store, at_once)
        rows += _latency_rows(found, store)
        rows += _sync_rows(found, store)
        rows += _settled_rows(found, store)
    listed = bars(found)
    rows += [bar.row() for bar in listed]
    on_disk = not _MEMORY & {name.split()[0] for name in found.filesystems.values()}
    ok = bool(listed) and all(bar.met for bar in listed) and on_disk
    return Report(name="throughput", rows=rows, ok=ok)


def _limit_rows(found: Found, store: str, filesystem: str) -> list[Row]:
    return [
        Row(
            case=f"{store}: {what}, on {filesystem}",
            value=median(found.limits[key]),
            unit="commits/s",
        )
        for key, what in LIMITS.items()
        if key.split()[0] == store and found.limits.get(key)
    ]


def _rate_rows(found: Found, store: str, at_once: int) -> list[Row]:
    rows: list[Row] = []
    for name in found.candidates(store, at_once):
        flows = found.flows[store, name, at_once]
        said = "" if _rate(flows) else ": no result"
        ratios: dict[str, float] | None = None
        if name == "sayso":
            ratios = {
                "the limit": found.ratio_to_limit(store, at_once) or 0.0,
                "langgraph": found.ratio(store, at_once, LANGGRAPH) or 0.0,
                "the best of the three": found.ratio(store, at_once, RIVALS) or 0.0,
                "the best of them made to sync": found.ratio(store, at_once, FULL) or 0.0,
            }
            ratios = {peer: ratio for peer, ratio in ratios.items() if ratio}
        rows.append(
            Row(
                case=f"{store}: {_shown(name)}, {at_once} at once{said}",
                value=_rate(flows),
                unit="actions/s",
                ratio_to=ratios,
            )
        )
        if name == "sayso":
            rows += _cpu_rows(f"{store}: sayso, {at_once} at once", flows)
    return rows


def _cpu_rows(what: str, flows: Sequence[Flow | None]) -> list[Row]:
    each = [flow.cpu_s / flow.actions for flow in flows if flow and flow.actions]
    case = f"{what}, processor time of an action in our process"
    return [Row(case=case, value=median(each) * 1e3, unit="ms")] if each else []


def _latency_rows(found: Found, store: str) -> list[Row]:
    rows: list[Row] = []
    for at_once in AT_ONCE:
        for name in found.candidates(store, at_once):
            if name != "sayso" and at_once > 1:
                continue  # the table is long enough
            flows = [flow for flow in found.flows[store, name, at_once] if flow]
            for what, seconds in (
                ("propose", [flow.propose_s for flow in flows]),
                ("approve to executed", [flow.execute_s for flow in flows]),
            ):
                rows += [
                    Row(
                        case=f"{store}: {_shown(name)}, {at_once} at once, {what}, p{percent}",
                        value=median([_p(each, percent) for each in seconds]) * 1e3,
                        unit="ms",
                    )
                    for percent in (50, 99)
                    if seconds
                ]
    return rows


def _sync_rows(found: Found, store: str) -> list[Row]:
    rows: list[Row] = []
    for at_once in AT_ONCE:
        for name in found.candidates(store, at_once):
            count = _syncs(found.flows[store, name, at_once])
            if count is None:
                continue
            # What has at least a propose and an outcome to keep needs at least two.
            weaker = " (WEAKER: its commits are not synced)" if count < 1 and at_once == 1 else ""
            case = f"{store}: {_shown(name)}, {at_once} at once, syncs of an action{weaker}"
            rows.append(Row(case=case, value=count, unit="syncs"))
    return rows


def _settled_rows(found: Found, store: str) -> list[Row]:
    rows: list[Row] = []
    for (where, number), (seconds, size) in found.built.items():
        if where == store:
            what = f"{store}: {number:,} settled actions"
            rows += [
                Row(case=f"{what}, built in", value=seconds, unit="s"),
                Row(case=f"{what}, database", value=size / 1e6, unit="MB"),
            ]
    for (where, number, at_once), measured in found.settled.items():
        flows = [flow for flow in measured if flow]
        if where != store or not flows:
            continue
        what = f"{store}: on {number:,} settled actions, {at_once} at once"
        rows += [Row(case=what, value=_rate(flows), unit="actions/s"), *_cpu_rows(what, flows)]
        rows += [
            Row(case=f"{what}, {part}, p50", value=median(each) * 1e3, unit="ms")
            for part, each in (
                ("propose", [_p(flow.propose_s, 50) for flow in flows]),
                ("approve to executed", [_p(flow.execute_s, 50) for flow in flows]),
            )
        ]
    return rows


def _times(
    found: Found,
    store: str,
    numbers: tuple[int, int],
    at_once: int,
    cost: Callable[[Flow], float],
) -> float | None:
    """The median of the rounds' ratios of a cost with many settled actions to that with few."""
    many, few = (found.settled.get((store, number, at_once), []) for number in numbers)
    both = zip(many, few, strict=False)
    ratios = [cost(one) / cost(other) for one, other in both if one and other]
    return median(ratios) if ratios else None


def _rate(flows: Sequence[Flow | None]) -> float:
    return median([flow.per_s for flow in flows if flow])


def _syncs(flows: Sequence[Flow | None]) -> float | None:
    counts = [
        flow.syncs / flow.actions
        for flow in flows
        if flow and flow.syncs is not None and flow.actions
    ]
    return median(counts) if counts else None


def _p(seconds: Sequence[float], percent: int) -> float:
    return percentile(seconds, percent)


def _shown(name: str) -> str:
    return SHOWN.get(name, name)
