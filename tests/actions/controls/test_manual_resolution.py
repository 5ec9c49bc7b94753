"""A person settles what nobody could know, with evidence, once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.actions.model.definition import at_most_once
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.views.rows import ActionView


async def lose_an_answer(workspace: ShopWorkspace) -> ActionView:
    """An action whose outcome is unknown for good."""
    workspace.shop.books.add("o1", "cus_1", Money(10_000, "USD"))
    workspace.shop.faults.append(ShopFault.LOST_AFTER)
    view = await workspace.sayso.propose(
        "shop.refund",
        {"order": "o1", "amount": {"amount_minor": 2000, "currency": "USD"}},
        subject="cus_1",
        requester=Actor(kind=ActorKind.PERSON, id="noor"),
    )
    assert view.status == "unknown"
    return view


def found(
    view: ActionView,
    outcome: Literal["succeeded", "failed"] = "succeeded",
    person: str = "maria",
    evidence: str = "seen on the shop's page of payouts",
    receipt: str = "pay_1",
) -> ManualSettlement:
    """What maria found out."""
    return ManualSettlement(
        tenant=Tenant("main"),
        action_id=view.id,
        outcome=outcome,
        evidence=evidence,
        receipt_id=receipt,
        person=person,
        via="test",
        credential="host",
    )


@pytest.mark.promise("approvals:settle")
@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
async def test_a_person_settles_an_unknown_with_evidence(
    tmp_path: Path, outcome: Literal["succeeded", "failed"]
) -> None:
    """unknown → succeeded or failed by a person; recorded, and the log verifies."""
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as workspace:
        view = await lose_an_answer(workspace)
        receipt = "pay_1" if outcome == "succeeded" else ""
        await workspace.sayso.container.settlements.settle(found(view, outcome, receipt=receipt))
        settled = await workspace.sayso.actions.get(view.id)
        assert settled.status == outcome
        last = settled.timeline[-1]
        assert (last.kind, last.actor) == ("action.resolved", "person:maria")
        assert "payouts" not in str(last.body)
        checked = workspace.sayso.audit.verify()
        assert checked.verdict == "verified", checked.all_findings
        assert len(workspace.shop.books.calls) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"person": "noor"}, "own_request"),
        ({"person": "idle"}, "not_an_approver"),
        ({"person": "nobody"}, "not_an_approver"),
        ({"evidence": "  "}, "reason_required"),
        ({"receipt": ""}, "reason_required"),
        ({"evidence": "\ud800"}, "invalid_input"),
        ({"receipt": "x" * 201}, "invalid_input"),
        ({"evidence": "x" * 4001}, "message_too_long"),
    ],
)
async def test_who_may_not_or_shows_nothing_settles_nothing(
    tmp_path: Path, change: dict[str, str], code: str
) -> None:
    """The requester, an inactive or unknown person, and a claim without evidence are refused.

    Invariant 7: each attempt is recorded with its code.
    """
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as workspace:
        view = await lose_an_answer(workspace)
        with pytest.raises(RefusedError) as refused:
            await workspace.sayso.container.settlements.settle(_changed(view, change))
        assert refused.value.code == code
        (entry,) = await workspace.sayso.audit.tail(1)
        assert (entry.kind, entry.body["data"]["code"]) == ("approval.refused", code)
        assert entry.body["data"]["of_action"] == view.id
        assert (await workspace.sayso.actions.get(view.id)).status == "unknown"


@pytest.mark.promise("approvals:settle")
async def test_only_an_unknown_is_settled_and_only_once(tmp_path: Path) -> None:
    """A second resolution is refused; what is settled stays settled."""
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as workspace:
        view = await lose_an_answer(workspace)
        await workspace.sayso.container.settlements.settle(found(view))
        with pytest.raises(RefusedError, match="wrong_state"):
            await workspace.sayso.container.settlements.settle(found(view, "failed", receipt=""))


@pytest.mark.promise("approvals:settle")
async def test_a_receipt_of_what_failed_settles_nothing(tmp_path: Path) -> None:
    """The two contradict each other, and one of them would be believed for good."""
    async with open_shop(tmp_path, shop=Shop(at_most_once())) as workspace:
        view = await lose_an_answer(workspace)
        with pytest.raises(RefusedError, match="invalid_input") as refused:
            await workspace.sayso.container.settlements.settle(found(view, "failed"))
        assert "succeeded" in refused.value.next_step
        (entry,) = await workspace.sayso.audit.tail(1)
        assert (entry.kind, entry.body["data"]["code"]) == ("approval.refused", "invalid_input")
        assert (await workspace.sayso.actions.get(view.id)).status == "unknown"


def _changed(view: ActionView, change: dict[str, str]) -> ManualSettlement:
    return found(
        view,
        person=change.get("person", "maria"),
        evidence=change.get("evidence", "seen"),
        receipt=change.get("receipt", "pay_1"),
    )
