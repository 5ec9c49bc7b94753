"""The judge and the sweep find what is wrong: one broken world for each sentence."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from actions.fault_life import effects_of
from actions.steps import propose, stock
from support.faults.judge import Effect, Told, find_problems
from support.faults.points import Points
from support.faults.sweep import sweep
from support.shop import Shop, ShopFault
from support.shop_workspace import open_shop

from sayso.actions.model.definition import at_most_once
from sayso.money import Money


async def test_the_truth_has_no_problems(tmp_path: Path) -> None:
    """One effect, told as it is."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 2000)
        told = [
            Told(action_id=view.id, status="executing"),
            Told(action_id=view.id, status="succeeded"),
        ]
        assert await find_problems(opened.sayso, effects_of(opened.shop.books), told=told) == []


async def test_each_untruth_is_found(tmp_path: Path) -> None:
    """Twice, never, another amount, nobody's, a lost word, a broken word."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 2000)
        effects = effects_of(opened.shop.books)
        worlds: list[tuple[list[Effect], list[Told], str]] = [
            (effects * 2, [], "had 2 effects"),
            ([], [], "has no effect"),
            ([replace(effects[0], amount=Money(2001, "USD"))], [], "another amount"),
            ([*effects, Effect(action_id="act_x")], [], "no action"),
            (effects, [Told(action_id="act_x", status="approved")], "is lost"),
            (effects, [Told(action_id=view.id, status="failed")], "told to be failed"),
        ]
        for seen, told, sentence in worlds:
            (problem,) = await find_problems(opened.sayso, seen, told=told)
            assert sentence in problem


async def test_an_effect_after_a_no_and_an_open_end_are_found(tmp_path: Path) -> None:
    """A failure must have no effect, and what stays open must be allowed to."""
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as opened:
        stock(opened)
        opened.shop.faults += [ShopFault.SAYS_NO, ShopFault.LOST_AFTER]
        failed = await propose(opened, 2000, order="o1")
        (problem,) = await find_problems(opened.sayso, [Effect(action_id=failed.id)])
        assert "(failed) had an effect" in problem
        await propose(opened, 2000, key="second")
        effects = effects_of(opened.shop.books)
        (problem,) = await find_problems(opened.sayso, effects)
        assert "stays open" in problem
        assert await find_problems(opened.sayso, effects, may_stay_open=True) == []


@pytest.mark.tampers("the database is written behind the log's back")
async def test_a_log_that_was_changed_is_found(tmp_path: Path) -> None:
    """By the verifier itself."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        await propose(opened, 2000)
        connection = sqlite3.connect(opened.workspace.store_path, isolation_level=None)
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'"):
            connection.execute(f"drop trigger {name}")
        connection.execute("update log_entry set body = replace(body, '2000', '2001')")
        connection.close()
        problems = await find_problems(opened.sayso, effects_of(opened.shop.books))
        assert any("does not verify" in problem for problem in problems)


async def test_a_sweep_goes_through_every_point_and_names_the_wrong_ones() -> None:
    """The run that is wrong at its second point is found, and so is one that never gets there."""

    async def life(at: int, names: tuple[str, ...] = ("a", "b", "c")) -> Points:
        points = Points(at=at)
        for name in names:
            points(name)
        return points

    found = await sweep(life)
    assert (found.points, found.struck) == (("a", "b", "c"), ("a", "b", "c"))
    assert (await sweep(life, first=2, every=2)).struck == ("b",)

    async def wrong_at_b(at: int) -> Points:
        points = await life(at)
        assert points.struck_at != "b", "lost"
        return points

    with pytest.raises(AssertionError, match="1 wrong:\nat 2 of 3: lost"):
        await sweep(wrong_at_b)

    async def shorter_when_struck(at: int) -> Points:
        return await life(at, ("a",) if at else ("a", "b"))

    with pytest.raises(AssertionError, match="at 2 of 2: never reached"):
        await sweep(shorter_when_struck)

    async def empty(at: int) -> Points:
        return await life(at, ())

    with pytest.raises(AssertionError, match="no point"):
        await sweep(empty)
