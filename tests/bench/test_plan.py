"""The plan for a million actions: its arithmetic, and that it says where it ends."""

from __future__ import annotations

from random import Random

import pytest

from bench.plan import Inputs, busiest_second, main, placed, plan, report


def test_each_tenant_is_placed_and_no_database_is_fuller_than_it_may_be() -> None:
    """But for one that holds a single tenant who alone takes more."""
    means = [3.0, *([0.2] * 40)]
    loads = placed(Random(1), means, room_s=10.0)
    assert sum(loads) == pytest.approx(sum(means))
    assert all(busiest_second(Random(2), load, hours=3) <= 11 for load in loads)
    alone = placed(Random(1), [30.0, 0.1], room_s=10.0)
    assert max(alone) == pytest.approx(30.0)


def test_more_actions_need_more_databases_and_the_largest_tenant_ends_it() -> None:
    """One writer is all that a tenant has, however many databases there are."""
    few, many = (plan(Inputs(tenants=500, actions=n)) for n in (100_000, 3_000_000))
    assert len(few.databases) < len(many.databases)
    assert sum(few.shares) == pytest.approx(1.0)
    assert report(Inputs(tenants=500, actions=few.ends_at // 2)).ok
    assert not report(Inputs(tenants=500, actions=few.ends_at * 2)).ok


def test_the_command_prints_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    """As every bench does."""
    assert main(["--tenants", "50", "--actions", "1000", "--json"]) == 0
    assert '"name": "plan"' in capsys.readouterr().out
