"""A subscription that a shop has set to end on a day of its own (`cancel_at`)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from connectors.benches import ANA
from connectors.stripe_account import StripeAccount, open_account

from sayso.actions.model.snapshot import Receipt
from sayso.actions.policy.base import History, Judgement, Outcome, Why
from sayso.actions.policy.card import build_card
from sayso.actions.policy.signs import Signs
from sayso.connectors.stripe.subscriptions import END_BEFORE
from sayso.errors import Code, RefusedError
from sayso.json import JsonObject
from sayso.sandbox.rows import Subscription

SUBSCRIPTION = "sub_own"
ASKED: JsonObject = {"subscription": SUBSCRIPTION}
ASK = Judgement(outcome=Outcome.ASK, rules=("r",), explain="", policy_version="")
START, END, DAY = 1_790_000_000, 1_990_000_000, 86_400


def add_subscription(
    account: StripeAccount, *, days: int | None = None, metadata: dict[str, str] | None = None
) -> str:
    """One of Ana's that is set to end so many days after its period; the day, as it is shown."""
    ends = None if days is None else END + days * DAY
    account.sandbox.add(
        Subscription(
            id=SUBSCRIPTION,
            created=START,
            customer=ANA.id,
            item="si_own",
            price="price_demo_basic",
            currency="usd",
            period_start=START,
            period_end=END,
            cancel_at=ends,
            metadata=metadata or {},
        )
    )
    return datetime.fromtimestamp(ends or END, UTC).date().isoformat()


@pytest.mark.parametrize("days", [-3, 0, 40])
async def test_a_planner_and_a_card_are_told_of_the_day_it_is_set_to_end(days: int) -> None:
    """`cancel_at` is an end as much as `cancel_at_period_end` is."""
    async with open_account() as account:
        day = add_subscription(account, days=days)
        (record,) = (
            one for one in await account.connectors.list_records(ANA) if one.id == SUBSCRIPTION
        )
        found = await account.resolve("stripe.cancel_subscription", {**ASKED, "when": "now"})
        assert record.title.endswith(f", active, ends {day}")
        assert str(record.facts["ends_at"]).startswith(day)
        assert found.fields["set to end"] == f"on {day}, without this"
        assert found.facts["ending"] is True


async def test_one_that_goes_on_is_told_so() -> None:
    """Without `cancel_at` there is no word of an end."""
    async with open_account() as account:
        add_subscription(account)
        found = await account.resolve("stripe.cancel_subscription", ASKED)
        assert "set to end" not in found.fields
        assert found.facts["ending"] is False


@pytest.mark.parametrize("days", [-3, 0])
async def test_what_ends_no_later_than_its_period_is_not_cancelled_at_its_end(days: int) -> None:
    """The cancellation would change nothing, or put the end off."""
    async with open_account() as account:
        day = add_subscription(account, days=days)
        with pytest.raises(RefusedError) as caught:
            await account.resolve("stripe.cancel_subscription", ASKED)
        assert caught.value.code is Code.ALREADY_IN_STATE
        assert f"set to end on {day} already" in str(caught.value)


async def test_what_ends_after_its_period_can_be_ended_with_it() -> None:
    """The period's end takes the place of the later day."""
    async with open_account() as account:
        add_subscription(account, days=40)
        call = await account.plan("stripe.cancel_subscription", ASKED)
        done = await account.outcome(call)
        assert isinstance(done, Receipt)
        assert done.details["cancel_at_period_end"] is True
        with pytest.raises(RefusedError):
            await account.resolve("stripe.cancel_subscription", ASKED)


async def test_a_receipt_tells_when_a_subscription_ends() -> None:
    """Cancelled with its period it is still active, which alone reads as if nothing was done."""
    async with open_account() as account:
        day = add_subscription(account)
        call = await account.plan("stripe.cancel_subscription", ASKED)
        done = await account.outcome(call)
        assert isinstance(done, Receipt)
        assert done.status == f"active, ends {day}"
        assert await account.look_up(call) == done
        kept = await account.outcome(
            await account.plan("stripe.keep_subscription", ASKED, number=2)
        )
        assert isinstance(kept, Receipt)
        assert kept.status == "active"
        at_once = {**ASKED, "when": "now"}
        over = await account.outcome(
            await account.plan("stripe.cancel_subscription", at_once, number=3)
        )
        assert isinstance(over, Receipt)
        assert over.status == "canceled"


async def test_a_day_that_was_set_since_the_judgement_makes_another_precondition() -> None:
    """What was judged without an end is not carried out as the same thing with one."""
    async with open_account() as account:
        add_subscription(account)
        judged = await account.resolve("stripe.cancel_subscription", ASKED)
        add_subscription(account, days=40)
        now = await account.resolve("stripe.cancel_subscription", ASKED)
        assert now.preconditions != judged.preconditions


async def test_a_day_of_its_own_is_not_told_as_going_on() -> None:
    """Keeping takes back an end with the period only, and says which day stands."""
    async with open_account() as account:
        day = add_subscription(account, days=40)
        with pytest.raises(RefusedError) as caught:
            await account.resolve("stripe.keep_subscription", ASKED)
        assert caught.value.code is Code.WRONG_STATE
        assert day in str(caught.value)
        assert "dashboard" in caught.value.next_step


async def test_a_later_day_that_a_cancellation_replaced_is_not_lost_by_keeping() -> None:
    """Without it the subscription would go on for good, and be billed. What was cancelled again
    without such a day goes on as before."""
    async with open_account() as account:
        day = add_subscription(account, days=40)
        await account.outcome(await account.plan("stripe.cancel_subscription", ASKED))
        with pytest.raises(RefusedError) as caught:
            await account.resolve("stripe.keep_subscription", ASKED)
        assert caught.value.code is Code.WRONG_STATE
        assert f"was to end on {day} before it was cancelled" in str(caught.value)
        assert "dashboard" in caught.value.next_step
        add_subscription(account, metadata={END_BEFORE: str(END + 40 * DAY)})
        again = await account.plan("stripe.cancel_subscription", ASKED, number=2)
        assert isinstance(await account.outcome(again), Receipt)
        kept = await account.outcome(
            await account.plan("stripe.keep_subscription", ASKED, number=3)
        )
        assert isinstance(kept, Receipt)
        assert kept.status == "active"


@pytest.mark.parametrize(
    ("when", "word"),
    [("now", "it cannot be undone"), ("period_end", "`stripe.keep_subscription` takes it back")],
)
async def test_a_card_says_of_an_end_at_once_that_nothing_takes_it_back(
    when: str, word: str
) -> None:
    """What has ended at once has ended for good, and whoever says yes is told so."""
    async with open_account() as account:
        add_subscription(account)
        found = await account.resolve("stripe.cancel_subscription", {**ASKED, "when": when})
        card = build_card(
            action=account.connectors.action("stripe.cancel_subscription"),
            resolved=found,
            judgement=ASK,
            history=History(count_30d=0, amount_30d_minor=0),
            subject=(ANA.id, "verified"),
            planner="caller",
            quote="",
            deadline=0,
            salt="",
            why=Why(reasons=(), needed=""),
            signs=Signs(unusual=(), quiet=0),
            earlier="",
        )
        assert card.on_yes.endswith(word)
