"""Rows are compared with the last entry of their id, in whatever order they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sayso.audit.latest import LatestStatus, StatedRow

IDS = st.sampled_from(["act_1", "act_2", "act_3", "act_ß", "act_😀", "act_\uffff"])
STATUSES = st.sampled_from(["waiting", "done", None])


@given(
    entries=st.lists(st.tuples(IDS, STATUSES), max_size=12),
    rows=st.lists(st.tuples(IDS, STATUSES, st.integers(0, 12)), max_size=8),
    kept=st.sampled_from([0, 2, 100]),
    ordered=st.booleans(),
)
def test_rows_in_any_order_are_compared_with_the_last_entry_of_each(
    entries: list[tuple[str, str | None]],
    rows: list[tuple[str, str | None, int]],
    kept: int,
    ordered: bool,
) -> None:
    """Invariant 3: whatever order the rows come in, and however little is kept in memory."""
    latest, truth = LatestStatus(kept), dict[str, tuple[int, str | None]]()
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
