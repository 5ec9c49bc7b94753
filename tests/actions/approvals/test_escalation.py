"""Less, said by somebody to whom it was escalated: the lower amount is a new revision."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from actions.approvals.test_reminders import PEOPLE, TIMERS, pass_time, told
from actions.steps import (
    MAIN,
    assert_verified,
    bodies,
    code_of,
    propose,
    say,
    shown,
    stock,
    usd,
)
from sdk.test_deciding import token_of
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.approvals.escalation import tell
from sayso.actions.approvals.repository import get_approval
from sayso.actions.model.action_row import get_action
from sayso.audit.entry import EntryKind, Json
from sayso.ids import rfc3339, to_micros
from sayso.json import JsonValue
from sayso.sdk.views.rows import ApprovalView, EscalationView
from sayso.store.base import Transaction
from sayso.surfaces.cli.output import local_time
from sayso.surfaces.cli.solution import needs, solution_rows

SMALL_ONES = """
@id("small") @explain("up to 100 once finance says yes")
permit (principal, action == Action::"shop.refund", resource)
when {
  context.amount.lessThanOrEqual(decimal("100.00")) && context.approvedBy.contains("finance")
};

@id("large") @explain("more once a support manager says yes")
permit (principal, action == Action::"shop.refund", resource)
when {
  context.amount.greaterThan(decimal("100.00")) &&
  context.approvedBy.contains("support_manager")
};
"""
"""A policy in which other people decide about less."""


def timed(folder: Path, policy: str = POLICY) -> AbstractAsyncContextManager[ShopWorkspace]:
    """A shop in which everything is escalated to the directors after two hours."""
    return open_shop(folder, people=PEOPLE, policy=policy, approvals=TIMERS)


def less(card: ApprovalView, minor: int, person: str = "dora") -> Decision:
    """An edit, by a director unless said otherwise."""
    return say(card, person, DecisionChoice.EDIT, args={"amount": usd(minor)})


def escalations(workspace: ShopWorkspace) -> list[tuple[JsonValue, ...]]:
    """What the log says of each escalation: the revision, the role, and what it stands for."""
    return [
        (data["revision"], data["role"], data["roles"])
        for body in bodies(workspace)
        if body["kind"] == "approval.escalated" and isinstance(data := body["data"], dict)
    ]


@pytest.mark.promise("approvals:escalated")
async def test_the_lower_amount_of_an_escalated_approver_is_paid(tmp_path: Path) -> None:
    """What was told to be approved happens, once, and does not ask again."""
    async with timed(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await pass_time(workspace, 120)
        decided = await workspace.sayso.approvals.decide_as(
            less(await shown(workspace, view), 6_000)
        )
        assert decided.approval.status == "approved"
        done = await workspace.sayso.actions.get(view.id)
        assert (done.status, done.revision) == ("succeeded", 2)
        assert [payout.amount.amount_minor for payout in workspace.shop.books.payouts] == [6_000]
        assert escalations(workspace) == [
            (1, "director", ["support_manager"]),
            (2, "director", ["support_manager"]),
        ]
        assert_verified(workspace)


@pytest.mark.promise("approvals:escalated")
async def test_whoever_looks_is_told_of_the_escalation(tmp_path: Path, store_url: str) -> None:
    """When, from whom and to whom, by the list, the card and the action alike, also afterwards."""
    async with timed(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        assert (await shown(workspace, view)).escalated is None
        await pass_time(workspace, 120)
        at = rfc3339(to_micros(workspace.clock.now()))
        told = EscalationView(role="director", roles=("support_manager",), at=at)
        await propose(workspace, 13_000)
        assert told.whom == "from support manager to director"
        listed, later = await workspace.sayso.approvals.list()
        assert later.escalated is None, store_url
        card = await workspace.sayso.approvals.get(listed.id)
        action = await workspace.sayso.actions.get(view.id)
        assert action.approval is not None
        assert [one.escalated for one in (listed, card, action.approval)] == [told] * 3
        assert ("Escalated", f"{told.whom}, {local_time(at)}") in solution_rows(
            await workspace.sayso.solutions.get(card.id), workspace.clock.now()
        )
        assert needs(card) == "support manager; or director, as escalated"
        token = await token_of(workspace, "dora")
        done = await workspace.sayso.approvals.decide(
            card.id, "approve", token=token, revision=1, digest=card.digest
        )
        assert done.status == "succeeded"
        assert done.approval is not None
        assert done.approval.escalated == told


@pytest.mark.promise("approvals:escalated")
async def test_the_escalation_of_an_earlier_revision_is_not_shown(tmp_path: Path) -> None:
    """What somebody who was asked made of it has not been escalated; dora may not decide it."""
    async with timed(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, 80_000)
        await pass_time(workspace, 120)
        await workspace.sayso.approvals.decide_as(
            less(await shown(workspace, view), 70_000, "maria")
        )
        assert (await shown(workspace, view)).escalated is None


@pytest.mark.promise("approvals:escalated")
async def test_a_process_that_begins_later_counts_the_yes_of_the_edit(tmp_path: Path) -> None:
    """Nothing of it is in memory: the log says whom it was escalated to, and a rebuild agrees."""
    async with timed(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await pass_time(workspace, 120)
        await workspace.sayso.approvals.decide_as(
            less(await shown(workspace, view), 6_000), wait=False
        )
        assert (await workspace.sayso.actions.get(view.id)).status == "approved"
        assert_verified(workspace)
        shop, clock = workspace.shop, workspace.clock
    async with open_shop(
        tmp_path, shop=shop, clock=clock, people=PEOPLE, approvals=TIMERS
    ) as later:
        await later.sayso.container.dispatcher.drain()
        assert (await later.sayso.actions.get(view.id)).status == "succeeded"
        assert shop.books.paid_out_minor == 6_000
        assert_verified(later)


@pytest.mark.promise("approvals:escalated")
async def test_after_the_edit_of_a_director_another_director_is_the_second_person(
    tmp_path: Path,
) -> None:
    """Those who were asked have had their time; still two people are needed, and only once."""
    async with timed(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, 80_000)
        await pass_time(workspace, 120)
        await workspace.sayso.approvals.decide_as(less(await shown(workspace, view), 70_000))
        card = await shown(workspace, view)
        assert (card.revision, card.status) == (2, "pending")
        assert_verified(workspace)
        assert await code_of(workspace, say(card, "dora")) == "already_decided"
        assert await code_of(workspace, say(card, "dirk")) == "done"
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"
        assert workspace.shop.books.paid_out_minor == 70_000
        assert_verified(workspace)


@pytest.mark.promise("approvals:escalated")
async def test_an_edit_hands_no_director_a_role_that_was_not_asked_for_long(
    tmp_path: Path,
) -> None:
    """The lower amount asks finance, who has not been silent: first finance, and later others."""
    async with timed(tmp_path, SMALL_ONES) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await pass_time(workspace, 120)
        await workspace.sayso.approvals.decide_as(less(await shown(workspace, view), 6_000))
        card = await shown(workspace, view)
        assert (card.status, card.roles) == ("pending", ("finance",))
        assert await code_of(workspace, say(card, "dirk")) == "not_an_approver"
        assert workspace.shop.books.payouts == []
        await pass_time(workspace, 120)
        assert escalations(workspace)[-1] == (2, "director", ["finance", "support_manager"])
        assert await code_of(workspace, say(card, "dirk")) == "done"
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"
        assert told(workspace).count("approval.escalated") == 3
        assert_verified(workspace)


@pytest.mark.promise("approvals:escalated")
async def test_the_edit_of_somebody_who_was_asked_hands_nothing_on(tmp_path: Path) -> None:
    """They were not silent: what they made of it has its own time before directors decide."""
    async with timed(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, 80_000)
        await pass_time(workspace, 120)
        await workspace.sayso.approvals.decide_as(
            less(await shown(workspace, view), 70_000, "maria")
        )
        assert len(escalations(workspace)) == 1
        assert (
            await code_of(workspace, say(await shown(workspace, view), "dora")) == "not_an_approver"
        )


@pytest.mark.promise("approvals:escalated")
async def test_an_edit_that_needs_nobody_hands_nothing_on(tmp_path: Path) -> None:
    """Small enough for the policy alone: the escalation has nothing left to say."""
    async with timed(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await pass_time(workspace, 120)
        await workspace.sayso.approvals.decide_as(less(await shown(workspace, view), 4_000))
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"
        assert len(escalations(workspace)) == 1
        assert_verified(workspace)


@pytest.mark.promise("approvals:escalated")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"role": "director"}, "done"),
        ({"role": "director", "roles": ["finance", "support_manager"]}, "done"),
        ({"role": "director", "roles": ["finance"]}, "not_an_approver"),
        ({"role": "director", "roles": []}, "not_an_approver"),
        ({"role": "director", "roles": "support_manager"}, "not_an_approver"),
        ({"role": "director", "roles": None}, "not_an_approver"),
        ({"role": "director", "roles": [7]}, "not_an_approver"),
        ({"role": "finance", "roles": ["support_manager"]}, "not_an_approver"),
        ({"role": ["director"], "roles": ["support_manager"]}, "not_an_approver"),
        ({"roles": ["support_manager"]}, "not_an_approver"),
    ],
    ids=str,
)
async def test_the_entry_says_whom_and_for_which_roles(
    tmp_path: Path, said: dict[str, Json], code: str
) -> None:
    """Entries of older logs name no roles and mean all that are asked; odd ones mean nobody."""
    async with timed(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace)
        card = await shown(workspace, view)
        inside = workspace.sayso.container

        def work(tx: Transaction) -> None:
            row, approval = get_action(tx, MAIN, view.id), get_approval(tx, MAIN, card.id)
            kind = EntryKind.APPROVAL_ESCALATED
            tell(tx, inside.log, row, approval, kind, pseudonym="sub_1", data=said)

        await inside.store.write(work)
        assert await code_of(workspace, say(card, "dora")) == code
