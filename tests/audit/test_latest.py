"""Rows are compared with the last entry of their id, in whatever order they come."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.audit.verifier.latest import LatestStatus, StatedRow

IDS = st.sampled_from(["act_1", "act_2", "act_3", "act_ß", "act_😀", "act_\uffff"])
STATUSES = st.sampled_from(["waiting", "done", None])


@given(
    entries=st.lists(st.tuples(IDS, STATUSES), max_size=30),
    rows=st.lists(st.tuples(IDS, STATUSES, st.integers(0, 30)), max_size=8),
    kept=st.sampled_from([0, 2, 100]),
    block=st.sampled_from([1, 2, 256]),
    ordered=st.booleans(),
)
def test_rows_in_any_order_are_compared_with_the_last_entry_of_each(
    entries: list[tuple[str, str | None]],
    rows: list[tuple[str, str | None, int]],
    kept: int,
    block: int,
    ordered: bool,
) -> None:
    """Invariant 3: whatever order the rows come in, and however little is kept in memory."""
    latest, truth = LatestStatus(kept, block), dict[str, tuple[int, str | None]]()
    for seq, (name, status) in enumerate(entries):
        latest.recent[name] = truth[name] = (seq, status)
        latest.spill_if_many()
    rows = sorted(rows, key=lambda row: row[0]) if ordered else rows

    differing = list(latest.disagreeing(rows))

    assert differing == [
        StatedRow(name, status, last_seq, *truth.get(name, (None, None)))
        for name, status, last_seq in rows
        if truth.get(name) != (last_seq, status) or status is None
    ]
    named = {name for name, *_ in rows}
    unstated = [(name, seq) for name, (seq, _) in truth.items() if name not in named]
    assert list(latest.unstated()) == sorted(unstated, key=lambda left: left[1])
    assert latest.stated == len(rows)


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("rows_of", [range(0), range(0, 4000, 7), range(4000)], ids=str)
def test_memory_does_not_grow_with_the_number_of_ids(scattered: bool, rows_of: range) -> None:
    """Memory stays flat: where every row is there, where they were deleted, and in any order."""
    latest = LatestStatus(100, 4)
    ids = [f"act_{number:04}" for number in range(4000)]
    order = random.Random(7).sample(ids, len(ids)) if scattered else ids
    most = 0
    for seq, name in enumerate(order):
        latest.recent[name] = (seq, "done")
        latest.spill_if_many()
        most = max(most, latest.held)
    at = {name: seq for seq, name in enumerate(order)}
    for found in latest.disagreeing((ids[row], "waiting", at[ids[row]]) for row in rows_of):
        assert (found.latest, found.latest_status) == (at[found.id], "done")
        most = max(most, latest.held)

    assert most <= 101 + 4 * 40 * 2  # what is kept, and two blocks of each of forty runs
    assert len(list(latest.unstated())) == len(ids) - len(rows_of)


def test_what_is_no_status_and_too_deep_to_be_one_is_no_end() -> None:
    """Whatever a body says where a status belongs, the row is found to disagree with it."""
    latest = LatestStatus(0)
    deep: object = "done"
    for _ in range(252):  # in a body, one level below the deepest that is encoded
        deep = [deep]
    latest.recent["act_1"] = (1, deep)
    latest.recent["act_2"] = (2, "done")
    latest.spill_if_many()
    differing = list(latest.disagreeing([("act_1", "done", 1), ("act_2", "done", 2)]))
    assert [row.id for row in differing] == ["act_1"]
