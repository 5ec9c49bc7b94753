"""Signs: what is unusual is computed from history, and what was looked at in vain is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from policy_cases import action

from sayso.actions.model.definition import Action, Assurance, Effect, FactValue
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.signs import Earlier, Seen, earlier_words, signs_of
from sayso.money import Money

DAY = 24 * 3600 * 1_000_000
NOW = 100 * DAY
REFUND = action()
CREDIT = action("shop.credit", Effect.CREDIT)


def before(
    days: float,
    *,
    name: str = "shop.refund",
    status: Status = Status.SUCCEEDED,
    minor: int | None = 4500,
    request: str | None = None,
) -> Earlier:
    """An earlier action of the customer, so many days ago."""
    return Earlier(
        name=name,
        status=status,
        amount=None if minor is None else Money(minor, "USD"),
        request=request,
        at=NOW - int(days * DAY),
    )


def seen(
    *earlier: Earlier,
    minor: int = 12_900,
    facts: Mapping[str, FactValue] | None = None,
    amounts: Sequence[int] = (),
    assurance: Assurance = Assurance.VERIFIED,
    what: Action = REFUND,
) -> Seen:
    """What there is to look at."""
    return Seen(
        action=what,
        resolved=Resolved(
            args={},
            object_kind="order",
            object_id="o1",
            owner="cus_1",
            owner_proof="order",
            account="shop-1",
            payee="Visa ..4242",
            amount=Money(minor, "USD"),
            facts=facts or {},
        ),
        assurance=assurance,
        now=NOW,
        earlier=earlier,
        amounts=amounts,
    )


@pytest.mark.promise("card:unusual")
@pytest.mark.parametrize(
    ("found", "line"),
    [
        (seen(before(3)), "Second refund in 30 days"),
        (seen(before(3), before(29)), "Third refund in 30 days"),
        (seen(amounts=range(100, 12_900, 100)), "Largest of the last 129 refunds"),
        (
            seen(amounts=[*range(97), *[99_999] * 3], minor=500),
            "Larger than 97 % of the last 100 refunds",
        ),
        (seen(facts={"minutes_since_delivery": 50}), "Asked 50 minutes after delivery"),
        (seen(before(60, status=Status.REJECTED)), "People said no to them once in 90 days"),
        (
            seen(before(0.01, request="req_1"), before(0.02, request="req_2", minor=None)),
            "Third request within an hour",
        ),
        (
            seen(before(2, name="shop.credit", minor=1000)),
            "$10.00 given to them by other actions in 30 days",
        ),
        (seen(facts={"payment_method_age_days": 1}), "The card is new: 1 day"),
        (seen(facts={"refunded_before": 2}), "2 earlier payments were refunded"),
        (seen(facts={"tenure_days": 12}), "Customer for 12 days"),
        (seen(facts={"charge_age_days": 120}), "Paid 120 days ago"),
        (seen(assurance=Assurance.UNVERIFIED), "Nobody checked who is writing"),
    ],
)
def test_each_sign_says_one_line(found: Seen, line: str) -> None:
    """Issue: third refund in 30 days, above 95 % of this kind, new card, soon after delivery."""
    assert line in signs_of(found).unusual


@pytest.mark.promise("card:unusual")
@pytest.mark.parametrize(
    "found",
    [
        seen(),
        seen(before(31)),
        seen(amounts=[12_900] * 40),
        seen(before(3, minor=None), what=CREDIT, assurance=Assurance.SIGNED_IN),
        seen(amounts=[1] * 19),
        seen(facts={"tenure_days": 400, "charge_age_days": 5, "refunded_before": 0}),
        seen(facts={"minutes_since_delivery": 50_000, "payment_method_age_days": 400}),
    ],
)
def test_what_is_usual_says_nothing(found: Seen) -> None:
    """An ordinary refund has no mark, or every card would have one."""
    assert signs_of(found).unusual == ()


@pytest.mark.promise("card:unusual")
def test_what_could_not_be_looked_at_is_not_counted_as_quiet() -> None:
    """A connector that does not tell when it was delivered says nothing about it, good or bad."""
    bare, told = signs_of(seen()), signs_of(seen(facts={"tenure_days": 400}))
    assert told.quiet == bare.quiet + 1


@pytest.mark.parametrize(
    ("earlier", "line"),
    [
        ([], "none in 90 days"),
        ([before(18)], "$45.00 18 days ago"),
        ([before(0.1)], "$45.00 today"),
        (
            [before(n) for n in range(1, 6)],
            "$45.00 1 day ago, $45.00 2 days ago, $45.00 3 days ago, 2 more in 90 days",
        ),
        ([before(1, status=Status.REJECTED)] * 2, "2 declined"),
        ([before(1, minor=None)], "no money in 90 days"),
    ],
)
def test_what_was_before_is_one_line(earlier: list[Earlier], line: str) -> None:
    """Earlier money over all actions, the newest first, and how often it was a no."""
    assert earlier_words(earlier, NOW) == line
