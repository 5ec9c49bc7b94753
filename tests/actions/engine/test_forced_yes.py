"""An action's definition may ask for a person whatever the policy says, and nothing lifts it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import advance, assert_verified, decide, propose, say, shown, stock
from policy_cases import ACTIONS, ROLES, SAMPLE, person, policy, question
from support.shop import Shop
from support.shop_workspace import open_shop

from sayso.actions.policy.base import Around, Outcome
from sayso.actions.policy.cedar import CedarPolicy
from sayso.money import Money

WHY = "nobody can tell whose it is"


class Unsure(Shop):
    """A shop whose refund a person always has to decide about."""

    def __init__(self) -> None:
        super().__init__()
        self.actions = tuple(replace(one, always_ask=(WHY,)) for one in self.actions)


@pytest.mark.promise("policy:forced")
async def test_what_the_policy_would_allow_waits_for_a_person(tmp_path: Path) -> None:
    """Its permit becomes a question, the card says why, and a yes carries it out once."""
    shop = Unsure()
    async with open_shop(tmp_path, shop=shop) as opened:
        stock(opened)
        view = await propose(opened, 2000)  # the policy lets up to 50 run by itself
        assert view.status == "pending_approval"
        assert not shop.books.payouts
        card = await shown(opened, view)
        assert WHY in card.model_dump_json()
        await decide(opened, say(card))
        view = await advance(opened, view)
        assert view.status == "succeeded"
        assert len(shop.books.payouts) == 1
        assert_verified(opened)


@pytest.mark.promise("policy:forced")
def test_nobody_is_never_enough_and_a_no_stays_a_no() -> None:
    """It can turn a yes into a question, and never a no into a yes."""
    asked = question(Money(1850, "USD"))
    assert policy().judge(asked).outcome is Outcome.ALLOW
    forced = replace(asked, action=replace(asked.action, always_ask=(WHY,)))
    actions = tuple(replace(one, always_ask=(WHY,)) for one in ACTIONS)
    judge = CedarPolicy({"sample.cedar": SAMPLE}, actions, ROLES)
    found = judge.judge(forced)
    assert found.outcome is Outcome.ASK
    assert found.roles == ("support_manager",)
    assert WHY in found.explain
    assert judge.permits(forced, ()).outcome is Outcome.DENY
    assert judge.permits(forced, (person("maria", "support_manager"),)).outcome is Outcome.ALLOW
    assert all(one.roles for one in judge.explain(forced))
    (why,) = judge.why(forced, found, Around()).reasons
    assert (why.asking.kind, why.to) == ("action", "")
    assert WHY in why.say
    denied = replace(forced, resolved=replace(forced.resolved, owner="cus_2"))
    assert judge.judge(denied).outcome is Outcome.DENY
