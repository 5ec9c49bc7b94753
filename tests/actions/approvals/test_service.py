"""People decide: once, only those who may, and only about exactly what was shown."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import (
    ASKED,
    MAIN,
    advance,
    assert_verified,
    bodies,
    code_of,
    decide,
    propose,
    say,
    shown,
    stock,
    usd,
)
from support.shop import RefundArgs
from support.shop_workspace import PEOPLE, POLICY, ShopWorkspace, open_shop

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError
from sayso.json import JsonValue
from sayso.sdk.views.rows import ActionView, ApprovalView

BIG = 60_000
"""Minor units for which two people are needed, one of them from finance."""


class RefundAndNote(RefundArgs):
    """What a refund takes in a later version of the shop."""

    note: str = ""


CROWD = tuple({"id": f"p{number}", "roles": ["support_manager"]} for number in range(10))


def less(card: ApprovalView, args: dict[str, JsonValue], person: str = "maria") -> Decision:
    """An edit."""
    return say(card, person, DecisionChoice.EDIT, args=args)


def refusals(workspace: ShopWorkspace) -> list[str]:
    """Codes of the recorded attempts that were refused, oldest first."""
    return [
        str(body["data"]["code"])
        for body in bodies(workspace)
        if body["kind"] == "approval.refused" and isinstance(body["data"], dict)
    ]


async def ask(workspace: ShopWorkspace, minor: int = ASKED) -> tuple[ActionView, ApprovalView]:
    """An action that waits for people, and its card."""
    if not workspace.shop.books.orders:
        stock(workspace)
    view = await propose(workspace, minor)
    assert view.status == "pending_approval"
    return view, await shown(workspace, view)


# ---- once ------------------------------------------------------------------------------------


@pytest.mark.promise("approvals:once")
async def test_of_fifty_clicks_by_ten_people_one_decides_and_the_others_are_told(
    tmp_path: Path,
) -> None:
    """Yes and no at once; one stands, and every other click hears whose it was."""
    async with open_shop(tmp_path, people=list(CROWD)) as workspace:
        view, card = await ask(workspace)
        clicks = [
            say(
                card,
                f"p{number % 10}",
                DecisionChoice.REJECT if number % 3 else DecisionChoice.APPROVE,
            )
            for number in range(50)
        ]
        answers = await asyncio.gather(
            *(decide(workspace, click) for click in clicks), return_exceptions=True
        )
        taken = [answer for answer in answers if not isinstance(answer, BaseException)]
        told = [answer for answer in answers if isinstance(answer, RefusedError)]
        assert (len(taken), len(told)) == (1, 49)
        decider = taken[0].votes[0].person
        assert {error.code.value for error in told} == {"already_decided"}
        assert all(f"by {decider} already" in error.message for error in told)
        assert len(workspace.shop.books.payouts) == (taken[0].action.status != "rejected")
        assert refusals(workspace) == ["already_decided"] * 49
        assert (await workspace.sayso.actions.get(view.id)).status in {"succeeded", "rejected"}
        assert_verified(workspace)


@pytest.mark.promise("approvals:once")
async def test_who_did_not_decide_is_not_named_as_the_decider(tmp_path: Path) -> None:
    """A yes of two that were needed did not make it expire, and the last yes not the no."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace, BIG)
        await decide(workspace, say(card, "finn"))
        workspace.clock.advance(hours=9)
        await advance(workspace, view)
        with pytest.raises(RefusedError) as caught:
            await decide(workspace, say(card, "finn"))
        assert caught.value.message == "the time to decide this is over, which counts as no"


async def test_two_approvals_of_one_request_do_not_touch_each_other(tmp_path: Path) -> None:
    """A decision is about the approval that it names; the other one waits on."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        first, second = await propose(workspace), await propose(workspace, ASKED + 1)
        one, two = await shown(workspace, first), await shown(workspace, second)
        crossed = say(one, digest=two.digest)
        assert await code_of(workspace, crossed) == "digest_mismatch"
        await decide(workspace, say(one, choice=DecisionChoice.REJECT))
        assert (await workspace.sayso.actions.get(second.id)).status == "pending_approval"
        await decide(workspace, say(two))
        assert (await workspace.sayso.actions.get(second.id)).status == "succeeded"
        assert (await workspace.sayso.actions.get(first.id)).status == "rejected"
        assert workspace.shop.books.paid_out_minor == ASKED + 1


# ---- who -------------------------------------------------------------------------------------


@pytest.mark.promise("approvals:people")
async def test_a_quorum_counts_people_and_needs_their_roles(tmp_path: Path) -> None:
    """The same person twice is one, and two without finance are not enough."""
    people = [*PEOPLE, {"id": "fiona", "roles": ["finance", "support_manager"]}]
    async with open_shop(tmp_path, people=people) as workspace:
        view, card = await ask(workspace, BIG)
        await decide(workspace, say(card, "fiona"))
        for _ in range(3):
            assert await code_of(workspace, say(card, "fiona")) == "already_decided"
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        assert workspace.shop.books.payouts == []
        await decide(workspace, say(card, "finn"))
        assert (await workspace.sayso.actions.get(view.id)).status == "succeeded"
        assert (await shown(workspace, view)).status == "approved"


async def test_who_said_yes_may_still_say_no_and_is_named_for_it(tmp_path: Path) -> None:
    """The last word of a person counts, and the others hear whose it was."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view, card = await ask(workspace, 60_000)
        await decide(workspace, say(card, "maria"))
        await decide(workspace, say(card, "maria", DecisionChoice.REJECT))
        assert (await shown(workspace, view)).status == "rejected"
        with pytest.raises(RefusedError, match="rejected by maria already"):
            await decide(workspace, say(card, "finn"))
        assert workspace.shop.books.calls == []


@pytest.mark.promise("approvals:people")
async def test_two_yes_of_one_role_do_not_stand_for_another(tmp_path: Path) -> None:
    """Two support managers are two people and still nobody from finance."""
    async with open_shop(tmp_path, policy=POLICY.replace("{ context.approvals >= 2 &&", "{")) as ho:
        _, card = await ask(ho, BIG)
        assert set(card.roles) == {"finance"}
        assert await code_of(ho, say(card, "maria")) == "not_an_approver"
        assert await code_of(ho, say(card, "noor")) == "not_an_approver"
        assert ho.shop.books.payouts == []


@pytest.mark.promise("approvals:not-own")
@pytest.mark.parametrize("choice", list(DecisionChoice))
async def test_the_requester_decides_nothing_about_the_own_request(
    tmp_path: Path, choice: DecisionChoice
) -> None:
    """Invariant 5: neither yes, nor no, nor less."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        view = await propose(workspace, requester=Actor(kind=ActorKind.PERSON, id="maria"))
        card = await shown(workspace, view)
        decision = say(card, "maria", choice, args={"amount": usd(100)})
        assert await code_of(workspace, decision) == "own_request"
        assert refusals(workspace) == ["own_request"]
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        await decide(workspace, say(card, "noor"))
        assert len(workspace.shop.books.payouts) == 1


@pytest.mark.promise("approvals:role")
@pytest.mark.parametrize("person", ["idle", "finn", "nobody", "", "Maria", "maria "])
async def test_who_is_inactive_unknown_or_without_the_role_decides_nothing(
    tmp_path: Path, person: str
) -> None:
    """Invariant 5: and the attempt is recorded under the name that was given."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace)
        for choice in DecisionChoice:
            decision = say(card, person, choice, args={"amount": usd(100)})
            assert await code_of(workspace, decision) == "not_an_approver"
        assert refusals(workspace) == ["not_an_approver"] * 3
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"


@pytest.mark.promise("approvals:role")
@pytest.mark.parametrize("people", [[], [{"id": "finn", "roles": ["finance"]}]])
async def test_where_nobody_has_the_role_nobody_decides(
    tmp_path: Path, people: list[dict[str, object]]
) -> None:
    """Invariant 5: an empty list means nobody, never everybody."""
    async with open_shop(tmp_path, people=people) as workspace:
        _, card = await ask(workspace)
        for person in ("maria", "finn", "sdk", "engine", ""):
            assert await code_of(workspace, say(card, person)) == "not_an_approver"
        assert workspace.shop.books.payouts == []


# ---- about what ------------------------------------------------------------------------------


@pytest.mark.promise("approvals:bound")
async def test_every_digest_but_the_one_shown_is_refused(tmp_path: Path) -> None:
    """One wrong digit at any place, too few digits, or more than there are."""
    async with open_shop(tmp_path) as workspace:
        _, card = await ask(workspace)
        good = card.digest
        wrong = [
            good[:place] + ("0" if good[place] != "0" else "1") + good[place + 1 :]
            for place in range(64)
        ]
        wrong += [digest[:12] for digest in wrong[:12]]
        short = [good[:length] for length in range(12)]
        odd = [good.upper(), good + "0", good[1:], " " + good, "*" * 64, "%" * 64, good[:12] + "%"]
        for digest in [*wrong, *short, *odd]:
            if digest == good.upper() == good:
                continue
            assert await code_of(workspace, say(card, digest=digest)) == "digest_mismatch", digest
        assert workspace.shop.books.payouts == []
        await decide(workspace, say(card, digest=good[:12]))
        assert len(workspace.shop.books.payouts) == 1


@pytest.mark.promise("approvals:bound")
@pytest.mark.parametrize("revision", [0, 2, -1, 2**31, 2**53, 2**63, -(2**70)])
async def test_every_revision_but_the_newest_is_refused_and_recorded(
    tmp_path: Path, revision: int
) -> None:
    """Invariant 7: also a number that the log cannot hold."""
    async with open_shop(tmp_path) as workspace:
        _, card = await ask(workspace)
        assert await code_of(workspace, say(card, revision=revision)) == "stale_revision"
        assert refusals(workspace) == ["stale_revision"]


async def test_after_its_time_nobody_decides_and_expired_is_the_end(tmp_path: Path) -> None:
    """Silence is no: before and after the engine has noticed, and nothing reopens it."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace)
        workspace.clock.advance(hours=8)
        late = [say(card, "noor", choice, args={"amount": usd(100)}) for choice in DecisionChoice]
        late.append(say(card, "noor", revision=7))
        assert [await code_of(workspace, each) for each in late] == ["approval_expired"] * 4
        assert (await advance(workspace, view)).status == "expired"
        assert [await code_of(workspace, each) for each in late] == ["approval_expired"] * 4
        workspace.clock.advance(hours=-7)
        assert [await code_of(workspace, each) for each in late] == ["approval_expired"] * 4
        assert (await advance(workspace, view)).status == "expired"
        assert workspace.shop.books.calls == []
        assert_verified(workspace)


@pytest.mark.promise("approvals:reason")
async def test_a_no_without_a_reason_is_no_decision(tmp_path: Path) -> None:
    """And the attempt is recorded."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace)
        no = Decision(
            tenant=MAIN,
            approval_id=card.id,
            revision=card.revision,
            digest=card.digest,
            choice=DecisionChoice.REJECT,
            person="maria",
            via="test",
            credential="host",
        )
        assert await code_of(workspace, no) == "reason_required"
        assert await code_of(workspace, say(card, reason_code="Not Covered!")) == "invalid_input"
        assert refusals(workspace) == ["reason_required", "invalid_input"]
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"


@pytest.mark.promise("approvals:yes-reason")
async def test_a_yes_to_much_needs_its_reason(tmp_path: Path) -> None:
    """Below the amount none is asked; from it on none counts without, and the words are kept."""
    rule = {"yes_reason_from": {"USD": f"{ASKED / 100:.2f}", "EUR": "1.00"}}
    async with open_shop(tmp_path, approvals=rule) as workspace:
        view, card = await ask(workspace)
        assert await code_of(workspace, say(card)) == "reason_required"
        assert await code_of(workspace, replace(say(card), reason=" \n")) == "reason_required"
        assert refusals(workspace) == ["reason_required", "reason_required"]
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
        await decide(workspace, replace(say(card), reason="They have the receipt."))
        said = await workspace.sayso.approvals.why_yes(card.id)
        assert said == (("maria", "They have the receipt."),)
        _, below = await ask(workspace, ASKED - 1)
        await decide(workspace, say(below))
        assert_verified(workspace)


@pytest.mark.promise("refusals:recorded")
async def test_an_attempt_with_text_that_cannot_be_stored_is_refused_and_recorded(
    tmp_path: Path,
) -> None:
    """Invariant 7: a lone surrogate in any field of a decision is no way around the record."""
    async with open_shop(tmp_path) as workspace:
        _, card = await ask(workspace)
        base = say(card, choice=DecisionChoice.REJECT)
        odd = "\ud800"
        for decision in (
            replace(base, reason=odd),
            replace(base, person=odd),
            replace(base, via=odd, revision=7),
            replace(base, reason="x" * 2001),
            replace(base, person="p" * 100_000),
        ):
            assert await code_of(workspace, decision) != "done"
        assert len(refusals(workspace)) == 5
        assert workspace.shop.books.payouts == []
        assert_verified(workspace)


# ---- less ------------------------------------------------------------------------------------


@pytest.mark.promise("approvals:less")
@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"amount": usd(ASKED + 1)}, "edit_not_allowed"),
        ({"amount": usd(ASKED)}, "edit_not_allowed"),
        ({"amount": usd(0)}, "edit_not_allowed"),
        ({"amount": usd(-1)}, "edit_not_allowed"),
        ({"amount": {"amount_minor": 100, "currency": "EUR"}}, "edit_not_allowed"),
        ({"amount": {"amount_minor": 100, "currency": "usd"}}, "invalid_money"),
        ({"order": "o2"}, "edit_not_allowed"),
        ({"amount": usd(100), "order": "o2"}, "edit_not_allowed"),
        ({}, "edit_not_allowed"),
        ({"amount": 100}, "invalid_money"),
        ({"amount": None}, "invalid_money"),
        ({"amount": {"amount_minor": 99.5, "currency": "USD"}}, "invalid_money"),
        ({"amount": {"amount_minor": 100.0, "currency": "USD"}}, "invalid_money"),
        ({"amount": {"amount_minor": True, "currency": "USD"}}, "invalid_money"),
        ({"amount": {"amount_minor": "100", "currency": "USD"}}, "invalid_money"),
        ({"amount": {"amount_minor": 100, "currency": "USD", "payee": "me"}}, "invalid_money"),
    ],
)
async def test_an_edit_only_lowers_the_amount(
    tmp_path: Path, args: dict[str, JsonValue], code: str
) -> None:
    """Never more, never as much, never another thing; recorded with its code."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace, "o1", "o2")
        view, card = await ask(workspace)
        assert await code_of(workspace, less(card, args)) == code
        assert refusals(workspace) == [code]
        assert (await shown(workspace, view)).revision == 1
        assert workspace.shop.books.calls == []


@pytest.mark.promise("approvals:less")
@pytest.mark.parametrize("choice", [DecisionChoice.APPROVE, DecisionChoice.REJECT])
async def test_only_an_edit_names_arguments(tmp_path: Path, choice: DecisionChoice) -> None:
    """Whoever says yes and names $1 means $1: it was taken as a yes to the whole amount."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace, "o1")
        view, card = await ask(workspace)
        said = replace(less(card, {"amount": usd(100)}), choice=choice, reason_code="not_covered")
        assert await code_of(workspace, said) == "edit_not_allowed"
        assert refusals(workspace) == ["edit_not_allowed"]
        assert (await shown(workspace, view)).status == "pending"
        assert workspace.shop.books.calls == []


@pytest.mark.promise("approvals:less")
async def test_an_edit_is_a_new_revision_and_the_old_card_is_dead(tmp_path: Path) -> None:
    """It is judged again, its digest is another, and only that one is decided."""
    async with open_shop(tmp_path) as workspace:
        view, old = await ask(workspace, BIG)
        await decide(workspace, less(old, {"amount": usd(BIG - 1)}, "finn"))
        new = await shown(workspace, view)
        assert (new.revision, new.status) == (2, "pending")
        assert new.digest != old.digest
        assert await code_of(workspace, say(old, "maria")) == "stale_revision"
        assert await code_of(workspace, say(old, "maria", revision=2)) == "digest_mismatch"
        assert workspace.shop.books.calls == []
        await decide(workspace, say(new, "maria"))
        assert workspace.shop.books.paid_out_minor == BIG - 1
        assert_verified(workspace)


@pytest.mark.promise("approvals:less")
async def test_an_edit_that_needs_nobody_runs_at_once(tmp_path: Path) -> None:
    """The lowered amount is judged as a new one; the editor's yes is recorded."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace)
        await decide(workspace, less(card, {"amount": usd(4000)}))
        done = await workspace.sayso.actions.get(view.id)
        assert done.status == "succeeded"
        assert workspace.shop.books.paid_out_minor == 4000
        assert [vote.person for vote in (await workspace.sayso.approvals.get(card.id)).votes] == [
            "maria"
        ]
        assert_verified(workspace)


@pytest.mark.promise("approvals:less")
async def test_of_an_edit_and_a_yes_at_once_exactly_one_wins(tmp_path: Path) -> None:
    """Compare-and-set on the revision: the books hold the amount of whoever won."""
    async with open_shop(tmp_path) as workspace:
        stock(workspace)
        for _ in range(6):
            before = workspace.shop.books.paid_out_minor
            view, card = await ask(workspace)
            answers = await asyncio.gather(
                decide(workspace, less(card, {"amount": usd(9000)})),
                decide(workspace, say(card, "noor")),
                return_exceptions=True,
            )
            assert sum(isinstance(answer, RefusedError) for answer in answers) == 1
            done = await workspace.sayso.actions.get(view.id)
            assert done.status == "succeeded"
            assert done.amount is not None
            assert workspace.shop.books.paid_out_minor - before == done.amount.amount_minor
            assert done.amount.amount_minor == (ASKED if done.revision == 1 else 9000)
        assert_verified(workspace)


@pytest.mark.promise("approvals:less")
async def test_an_edit_of_what_changed_meanwhile_is_no_yes_to_what_nobody_saw(
    tmp_path: Path,
) -> None:
    """The editor's yes covers what the card showed, so a moved object is not edited."""
    async with open_shop(tmp_path) as workspace:
        view, card = await ask(workspace)
        workspace.shop.books.orders["o1"].refunded_minor = 5000
        assert await code_of(workspace, less(card, {"amount": usd(9000)})) == "stale_revision"
        assert workspace.shop.books.calls == []
        assert (await workspace.sayso.actions.get(view.id)).status == "pending_approval"
