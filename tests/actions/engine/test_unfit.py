"""Connectors that answer what can be neither judged nor kept, and keys used for something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from actions.steps import MAIN, assert_verified, bodies, propose, stock, submit_plan, usd
from support.shop import Shop
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.plan import Step
from sayso.actions.model.snapshot import Resolved
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError

FLOATS = cast("dict[str, int]", {"paid": 0.5})
LISTS = cast("dict[str, int]", {"order.refunded": [1]})
UNFIT: dict[str, Callable[[Resolved], Resolved]] = {
    "fact is a float": lambda found: replace(found, facts=FLOATS),
    "precondition is a list": lambda found: replace(found, preconditions=LISTS),
    "proof is huge": lambda found: replace(found, owner_proof="x" * 70_000),
    "object is no text": lambda found: replace(found, object_id="\ud800"),
    "account is no text": lambda found: replace(found, account="\udfff"),
    "name is no text": lambda found: replace(found, personal={"name": "\ud800"}),
    "owner is another": lambda found: replace(found, owner="cus_2"),
}
"""What a connector gives against the contract."""
REFUSED_AS = {"owner is another": Code.NOT_OWNER}


class Unfit(Shop):
    """Resolves something that the contract does not allow."""

    def __init__(self, changed: Callable[[Resolved], Resolved]) -> None:
        super().__init__()
        self._changed = changed

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        return self._changed(await super().resolve(action, args, subject))


def refusals(workspace: ShopWorkspace) -> list[object]:
    """The codes of the proposals that the log says were refused, oldest first."""
    found: list[object] = []
    for body in bodies(workspace):
        data = body.get("data", {})
        assert isinstance(data, dict)
        if body["kind"] == "action.refused":
            found.append(data["code"])
    return found


@pytest.mark.promise("policy:owner")
@pytest.mark.parametrize("case", UNFIT)
async def test_what_a_connector_gives_that_cannot_be_kept_is_a_recorded_no(
    tmp_path: Path, case: str
) -> None:
    """Invariants 7 and 10: nothing is called, the action is refused, and the log says so."""
    shop = Unfit(UNFIT[case])
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        view = await propose(workspace, 2000)
        assert view.status == "refused"
        assert refusals(workspace) == [REFUSED_AS.get(case, Code.INVALID_INPUT)]
        assert shop.books.calls == []
        assert_verified(workspace)


@pytest.mark.parametrize("case", UNFIT)
async def test_a_step_of_which_that_is_so_does_not_stay_due_for_ever(
    tmp_path: Path, case: str
) -> None:
    """A planned step ends as refused, so that its request can be answered."""
    shop = Unfit(UNFIT[case])
    async with open_shop(tmp_path, shop=shop) as workspace:
        stock(workspace)
        step = Step(id="s1", action="shop.refund", args={"order": "o1", "amount": usd(2000)})
        (row,) = await submit_plan(workspace, step)
        floors = workspace.sayso.container
        await floors.engine.advance(MAIN, row.id)
        stored = await floors.store.read(lambda reader: get_action(reader, MAIN, row.id))
        assert (stored.status, stored.due_at) == ("refused", None)
        assert refusals(workspace) == [REFUSED_AS.get(case, Code.INVALID_INPUT)]
        assert_verified(workspace)


@pytest.mark.promise("engine:same-key")
async def test_other_content_under_a_used_key_is_a_recorded_no(tmp_path: Path) -> None:
    """Invariant 7: whoever tries to turn a key to something else leaves a trace."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        await propose(workspace, 2000, key="k1")
        with pytest.raises(RefusedError, match="idempotency_conflict"):
            await propose(workspace, 2001, key="k1")
        assert refusals(workspace) == [Code.IDEMPOTENCY_CONFLICT]
        assert len(workspace.shop.books.payouts) == 1
        assert_verified(workspace)


async def test_who_cannot_be_named_in_the_log_is_still_refused_and_recorded(tmp_path: Path) -> None:
    """Invariant 7: a requester's id that is no text is no way around the record."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        nameless = Actor(kind=ActorKind.SERVICE, id="\ud800")
        with pytest.raises(RefusedError):
            await propose(workspace, 2000, requester=nameless)
        assert refusals(workspace) == [Code.INVALID_INPUT]
        assert workspace.shop.books.calls == []
