"""Prompts as versions: a candidate for some requests, promoted and rolled back by a person."""

from __future__ import annotations

from pathlib import Path

import pytest
from agent.shop import KNOWLEDGE
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.agent.chain import PlannerChain
from sayso.agent.model_calls import ModelSettings
from sayso.agent.models import ModelPlanner
from sayso.agent.prompts import Prompts, load_prompt
from sayso.errors import Code, ConfigError, RefusedError
from sayso.money import Money
from sayso.testing.models import ScriptedModel

NOTHING: dict[str, object] = {"steps": [], "hand_over": "a question"}


def _planner(model: ScriptedModel) -> PlannerChain:
    planner = ModelPlanner(
        model=model,
        name="model:x",
        settings=ModelSettings(model="scripted:x"),
        knowledge=KNOWLEDGE,
        prompts=Prompts.shipped(),
    )
    return PlannerChain(planners=(planner,))


def _write(folder: Path, name: str, more: str) -> None:
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / f"{name}.md").write_text(load_prompt().text + more, "utf-8")


async def _ask(opened: ShopWorkspace, times: int) -> None:
    for number in range(times):
        await opened.sayso.ask("cus_1", f"hello {number}")


@pytest.mark.promise("agent:prompts")
async def test_a_prompt_is_tried_promoted_and_rolled_back(tmp_path: Path) -> None:
    """Each choice counts from the next request on, has its figures, and stands in the log."""
    model = ScriptedModel(replies=[NOTHING] * 60)
    async with open_shop(tmp_path, planner=_planner(model)) as opened:
        opened.shop.books.add("o1", "cus_1", Money(3_000, "USD"))
        sayso = opened.sayso
        _, token = await sayso.sessions.begin("maria", via="token")
        for name in ("plan.v2", "plan.v3"):
            _write(tmp_path, name, f"\nThis is {name}.")
        found = await sayso.prompts.try_out("plan.v2", 50, token=token)
        assert (found.current, found.candidate, found.percent) == ("plan.v1.1", "plan.v2", 50)
        await _ask(opened, 20)
        counted = {one.prompt: one.handed_over for one in (await sayso.prompts.show()).variants}
        assert sum(counted.values()) == 20
        assert set(counted) == {"plan.v1.1", "plan.v2"}
        found = await sayso.prompts.promote("plan.v2", token=token)
        assert (found.current, found.candidate) == ("plan.v2", None)
        _write(tmp_path, "plan.v2", "\nChanged behind everybody's back.")
        await _ask(opened, 1)
        assert "This is plan.v2." in str(model.calls[-1]), "what was promoted, not the file"
        await sayso.prompts.promote("plan.v3", token=token)
        found = await sayso.prompts.roll_back(token=token)
        assert found.current == "plan.v2"
        await sayso.prompts.try_out("plan.v3", 10, token=token)
        found = await sayso.prompts.roll_back(token=token)
        assert (found.current, found.candidate) == ("plan.v2", None)
        assert len(await sayso.audit.query("kind:prompt.chosen")) == 6
        assert sayso.audit.verify(deep=True).exit_status == 0


async def test_what_cannot_be_chosen_is_refused(tmp_path: Path) -> None:
    """A file that is not there or names wrong variables, no part at all, nothing to go back to."""
    async with open_shop(tmp_path) as opened:
        prompts = opened.sayso.prompts
        _, token = await opened.sayso.sessions.begin("maria", via="token")
        with pytest.raises(ConfigError):
            await prompts.promote("none", token=token)
        with pytest.raises(ConfigError):
            await prompts.promote("../../etc/passwd", token=token)
        _write(tmp_path, "plan.v2", "{{secret}}")
        with pytest.raises(ConfigError):
            await prompts.promote("plan.v2", token=token)
        for percent in (0, 100):
            with pytest.raises(RefusedError):
                await prompts.try_out("plan.v2", percent, token=token)
        with pytest.raises(RefusedError) as refused:
            await prompts.roll_back(token=token)
        assert refused.value.code is Code.WRONG_STATE
