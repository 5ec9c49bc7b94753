"""What only a person can still find out is seen: in the log, in the figures, and on the cards."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from actions.controls.test_manual_resolution import found
from actions.steps import (
    MAIN,
    advance,
    assert_verified,
    decide,
    propose,
    say,
    settle,
    shown,
    stock,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from support.shop import PROVEN_ON, Shop, ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.engine.engine import Boundary
from sayso.actions.model.definition import Guarantee, at_most_once, idempotent, verifiable
from sayso.sdk.resources.figures import read_figures
from sayso.sdk.views.rows import ActionView
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.approval_outcome import CardOutcome, outcome_of
from sayso.surfaces.cli.solution import solution_rows
from sayso.surfaces.slack.card import build_message
from sayso.telemetry import Telemetry


def counted(reader: InMemoryMetricReader, name: str = "sayso.actions.left") -> dict[str, int]:
    """What was counted, by action."""
    data = reader.get_metrics_data()
    assert data is not None
    told: Any = orjson.loads(data.to_json())
    scope = told["resource_metrics"][0]["scope_metrics"][0]
    (metric,) = (metric for metric in scope["metrics"] if metric["name"] == name)
    points = metric["data"]["data_points"]
    return {point["attributes"]["sayso.action"]: point["value"] for point in points}


@pytest.mark.promise("unknown:alarm")
async def test_an_outcome_left_to_a_person_raises_one_alarm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning and a count, once, however often the action is advanced; a gauge until settled."""
    reader = InMemoryMetricReader()
    telemetry = Telemetry(meters=MeterProvider(metric_readers=[reader]))
    shop = Shop(at_most_once())
    async with open_shop(tmp_path, shop=shop, telemetry=telemetry) as workspace:
        stock(workspace)
        shop.faults.append(ShopFault.LOST_AFTER)
        with caplog.at_level(logging.WARNING, "sayso.engine"):
            view = await settle(workspace, await propose(workspace, 2000), tries=4)
        assert view.status == "unknown"
        told = [record.getMessage() for record in caplog.records]
        assert told == [f"shop.refund {view.id} is unknown, and left to a person"]
        assert counted(reader) == {"shop.refund": 1}
        figures = await read_figures(workspace.sayso.container, MAIN)
        assert (figures.left, figures.stops) == (1, 0)
        await workspace.sayso.stops.engage()
        assert (await read_figures(workspace.sayso.container, MAIN)).stops == 1


async def test_a_decided_card_says_what_its_action_waits_for(tmp_path: Path) -> None:
    """The channel sees that a yes is held by a stop, and later that nobody knows the outcome."""
    shop = Shop(at_most_once())
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await workspace.sayso.stops.engage(reason="INC-7")
        await decide(workspace, say(await shown(workspace, view)))
        view = await workspace.sayso.actions.get(view.id)
        card = build_message(*await as_shown(workspace, view))
        assert "Held: " in str(card.blocks)
        assert "INC-7" in str(card.blocks)


async def test_the_card_of_an_unknown_outcome_says_that_a_person_has_to_look(
    tmp_path: Path,
) -> None:
    """Nobody waits in vain for a look-up that will not come."""
    shop = Shop(at_most_once())
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        shop.faults.append(ShopFault.LOST_AFTER)
        view = await propose(workspace)
        await decide(workspace, say(await shown(workspace, view)))
        workspace.clock.advance(seconds=5)
        view = await advance(workspace, view)
        card = build_message(*await as_shown(workspace, view))
        assert "a person has to look" in str(card.blocks)


async def as_shown(workspace: ShopWorkspace, view: ActionView) -> tuple[SolutionView, CardOutcome]:
    """What is asked about an action, and what became of it."""
    approval = await shown(workspace, view)
    return await workspace.sayso.solutions.get(approval.id), outcome_of(approval, view)


class Renamed(Shop):
    """The same shop under another name, as after a change of the workspace."""

    def __init__(self) -> None:
        super().__init__()
        self.actions = [replace(action, name="kiosk.refund") for action in self.actions]

    @property
    def name(self) -> str:
        return "kiosk"


class PlugPulledError(Exception):
    """Stands for the power cut."""


@pytest.mark.promise("unknown:alarm")
async def test_a_call_whose_connector_is_gone_is_left_to_a_person(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker died in the call, and the next one has no such action: nobody waits for ever."""

    def pull(boundary: Boundary) -> None:
        if boundary is Boundary.AFTER_CALL:
            raise PlugPulledError

    async with open_shop(tmp_path, passing=pull) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000)
        assert view.status == "executing"
    policy = POLICY.replace("shop.refund", "kiosk.refund")
    async with open_shop(tmp_path, shop=Renamed(), policy=policy) as workspace:
        workspace.clock.advance(minutes=59)
        assert (await advance(workspace, view)).status == "executing"  # whoever has it may come
        workspace.clock.advance(minutes=2)
        assert (await advance(workspace, view)).status == "unknown"
        told = [one.getMessage() for one in caplog.records if one.name == "sayso.engine"]
        assert told == [f"shop.refund {view.id} is unknown, and left to a person"]
        assert (await read_figures(workspace.sayso.container, MAIN)).left == 1
        assert (await workspace.sayso.actions.settle_as(found(view))).status == "succeeded"
        assert_verified(workspace)


@pytest.mark.promise("card:guarantee")
@pytest.mark.parametrize(
    ("guarantee", "words"),
    [
        (idempotent(hours=24), f"done once (idempotent, 24 h, proven on {PROVEN_ON})"),
        (verifiable(settle_after_s=60), f"done once (verifiable, proven on {PROVEN_ON})"),
        (at_most_once(), "tried once (at most once)"),
    ],
)
async def test_the_approver_reads_what_once_rests_on(
    tmp_path: Path, guarantee: Guarantee, words: str
) -> None:
    """The guarantee that the connector declares is on the card, in each surface."""
    async with open_shop(tmp_path, shop=Shop(guarantee)) as workspace:
        stock(workspace)
        card = await shown(workspace, await propose(workspace))
        solution = await workspace.sayso.solutions.get(card.id)
        assert words in dict(solution_rows(solution, workspace.clock.now()))["Details"]
        assert words in str(build_message(solution).blocks)
