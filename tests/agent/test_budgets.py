"""What models may cost: set aside before one is asked, by request, customer and day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from agent.shop import KNOWLEDGE
from support.shop_workspace import open_shop

from sayso.agent.chain import PlannerChain
from sayso.agent.model_calls import ModelSettings, TokenPrice
from sayso.agent.models import ModelPlanner
from sayso.agent.prompts import Prompts
from sayso.agent.spending import price_of
from sayso.errors import ConfigError
from sayso.money import Money
from sayso.sdk.wiring.agent import make_planner
from sayso.settings.planner import ModelSection
from sayso.testing.models import ScriptedModel

NOTHING: dict[str, object] = {"steps": [], "hand_over": "a question"}


def _model(model: ScriptedModel) -> PlannerChain:
    settings = ModelSettings(
        model="scripted:one", max_calls=1, price=TokenPrice(input=1_000_000, output=1_000_000)
    )
    planner = ModelPlanner(
        model=model,
        name="model:scripted",
        settings=settings,
        knowledge=KNOWLEDGE,
        prompts=Prompts.shipped(),
    )
    return PlannerChain(planners=(planner,))


@pytest.mark.promise("agent:budget")
@pytest.mark.parametrize(
    ("budget", "customers", "asked"),
    [
        ({}, ("cus_1", "cus_1", "cus_2"), 3),
        ({"request": 100}, ("cus_1", "cus_2"), 0),
        ({"request": 20_000}, ("cus_1", "cus_2"), 2),
        ({"customer_day": 8_000}, ("cus_1", "cus_1", "cus_2"), 2),
        ({"day": 8_000}, ("cus_1", "cus_1", "cus_2"), 1),
    ],
)
async def test_what_a_budget_does_not_allow_is_a_persons(
    tmp_path: Path, budget: dict[str, int], customers: tuple[str, ...], asked: int
) -> None:
    """A call may cost about 5,000 here, and takes as much."""
    model = ScriptedModel(replies=[NOTHING] * 9, tokens_in=5_000)
    async with open_shop(
        tmp_path, planner=_model(model), planner_section={"budget": budget}
    ) as opened:
        for number in (1, 2):
            opened.shop.books.add(f"o{number}", f"cus_{number}", Money(3_000, "USD"))
        codes: list[str | None] = []
        for customer in customers:
            found = await opened.sayso.ask(customer, "what is the weather like?")
            codes.append(found.error.code if found.error else None)
        assert len(model.calls) == asked
        assert codes.count("budget_used_up") == len(customers) - asked


@pytest.mark.promise("agent:budget")
async def test_two_at_once_do_not_both_have_the_last_of_it(tmp_path: Path) -> None:
    """What is set aside for one is not there for the other."""
    model = ScriptedModel(replies=[NOTHING] * 9)
    async with open_shop(
        tmp_path, planner=_model(model), planner_section={"budget": {"day": 5_000}}
    ) as opened:
        opened.shop.books.add("o1", "cus_1", Money(3_000, "USD"))
        together = (opened.sayso.ask("cus_1", f"what is this? {n}") for n in range(5))
        found = await asyncio.gather(*together)
        assert sum(one.cost_micro_usd for one in found) <= 5_000
        assert len(model.calls) < 5
        assert all(one.status == "handed_over" for one in found)


def test_a_price_comes_from_the_list_unless_it_is_said() -> None:
    """Per million tokens, in millionths of a dollar; 0 for a server of one's own."""
    listed = price_of(ModelSection(model="openai:gpt-4o"))
    assert (listed.input, listed.output) == (2_500_000, 10_000_000)
    said = price_of(ModelSection(model="openai:gpt-4o", micro_usd_per_million_in=7))
    assert (said.input, said.output) == (7, 10_000_000)
    assert (
        price_of(ModelSection(model="openai:gpt-4o", base_url="http://127.0.0.1:1")) == TokenPrice()
    )
    assert price_of(ModelSection(model="openai:nobody-knows-it")) == TokenPrice()


async def test_a_budget_without_a_price_is_refused(tmp_path: Path) -> None:
    """It could not hold."""
    section = {"model": "openai:mine", "base_url": "http://127.0.0.1:1/v1", "api_key": "file:k"}
    async with open_shop(tmp_path, planner_section={"budget": {"day": 5}, **section}) as opened:
        (tmp_path / "k").write_text("k")
        with pytest.raises(ConfigError, match="cannot hold"):
            make_planner(opened.workspace, KNOWLEDGE)
