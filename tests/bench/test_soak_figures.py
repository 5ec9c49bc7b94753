"""What the soak reads out of a log, on logs made up by hand; and a small soak."""

from __future__ import annotations

from dataclasses import replace

from bench.crash.judge import Faults
from bench.crash.ledger import Logged
from bench.soak.command import FIGURES, Soaked, report, run, wish
from bench.soak.figures import (
    Blow,
    by_action,
    settled_twice,
    take_overs,
    taken_over_between,
)

S = 1_000_000


def log(*entries: tuple[float, str]) -> list[Logged]:
    """The entries of one action, by second."""
    return [
        Logged(seq=seq, action_id="act_1", at=int(at * S), kind=f"action.{kind}")
        for seq, (at, kind) in enumerate(entries)
    ]


def blow(at: float, what: str = "killed", *calling: str) -> Blow:
    return Blow(
        what="killed" if what == "killed" else "paused",
        at=int(at * S),
        calling=frozenset(calling),
    )


def test_the_time_from_a_kill_to_the_next_entry_counts() -> None:
    """Whatever the one who takes over writes: another try, a reconciliation, or that it waits."""
    for kind in ("intent", "reconciled", "unknown"):
        found = take_overs(log((1, "intent"), (7, kind), (8, "succeeded")), [blow(2)])
        assert (found.killed, found.paused, found.living) == ([5.0], [], 0)


def test_a_call_that_went_well_is_no_take_over() -> None:
    """Although somebody else died meanwhile."""
    found = take_overs(log((1, "intent"), (7, "succeeded")), [blow(2)])
    assert (found.killed, found.paused, found.living) == ([], [], 0)


def test_the_blow_to_who_was_calling_counts_and_else_the_earliest() -> None:
    """So that no time comes out too short."""
    entries = log((1, "intent"), (9, "reconciled"))
    assert take_overs(entries, [blow(2), blow(4)]).killed == [7.0]
    assert take_overs(entries, [blow(2), blow(4, "killed", "act_1")]).killed == [5.0]
    assert take_overs(entries, [blow(2, "paused"), blow(4)]).paused == [7.0]


def test_a_take_over_without_a_blow_is_told_apart() -> None:
    """A worker that was too busy to extend its lease."""
    assert take_overs(log((1, "intent"), (9, "intent")), [blow(0.5), blow(9.5)]).living == 1


def test_an_action_that_is_settled_twice_is_found() -> None:
    """That is what a late write would look like that was not fenced off."""
    once = log((1, "intent"), (2, "succeeded"))
    assert settled_twice(once) == []
    assert settled_twice([*once, *log((3, "reconciled"))]) == ["act_1"]


def test_who_was_replaced_while_stopped_is_found_by_the_log() -> None:
    """And who was not is none whose late write had to be fenced off."""
    own = by_action(log((1, "intent"), (7, "reconciled")))["act_1"]
    assert taken_over_between(own, 2 * S, 8 * S)
    assert not taken_over_between(own, 8 * S, 9 * S)


def test_one_wish_in_ten_waits_for_a_yes_and_half_are_looked_up() -> None:
    """The amounts differ to the cent."""
    wishes = [wish(number) for number in range(1000)]
    assert sum(one.amount > 5000 for one in wishes) == 100
    assert sum(one.guarantee == "verifiable" for one in wishes) == 500
    assert all(one.amount > 0 for one in wishes)


def test_a_small_soak_settles_everything() -> None:
    """Workers really die in it. How soon they are replaced is the machine's, and judged below."""
    soaked = run(
        60,
        store="sqlite",
        dispatch="embedded",
        blow_each_s=0.3,
        lease_s=0.5,
        settle_after_s=3,
    )
    assert any(one.what == "killed" for one in soaked.blows)
    assert soaked.settled == 60
    assert report(replace(soaked, figures=soaked.figures | {"p99": 1.0})).ok


def test_a_soak_that_lost_something_or_took_too_long_is_not_ok() -> None:
    """Each bar alone makes the difference."""
    figures = dict.fromkeys(FIGURES, 1.0)
    good = Soaked(actions=1, settled=1, blows=[blow(1)], figures=figures)
    assert report(good).ok
    assert not report(replace(good, settled=0)).ok
    assert not report(replace(good, blows=[])).ok
    assert not report(replace(good, figures=figures | {"p99": 10.0})).ok
    assert not report(replace(good, faults=Faults(lost=["run-1 stays unknown"]))).ok
