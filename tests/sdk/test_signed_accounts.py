"""A shop's signed assertion that names several accounts of one person."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from sdk.test_several_accounts import say_yes, stocked
from support.shop_workspace import FOLLOWS, make_shop_workspace
from support.step_up import PLAYBOOK, Back
from support.trio import POLICY, Trio

from sayso.actions.model.definition import Subject
from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, RefusedError
from sayso.sdk.client import Sayso
from sayso.testing.clock import START, FakeClock

SECRET = "a secret of thirty-two characters"
NOW = int(START.timestamp())
WORDS = "Please refund $20.00 of payment p1"


def token(accounts: object = ("pay:cus_ada",), life_s: int = 3_600) -> str:
    """What the shop signs about Ada, who writes at the desk."""
    named = list(accounts) if isinstance(accounts, tuple) else accounts
    claims = {"external_id": "7723", "exp": NOW + life_s, "accounts": named}
    key = OctKey.import_key(SECRET)
    return jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])


ASKED = POLICY[POLICY.index('@id("manager")') :]
"""A policy by which a manager has to agree to each refund."""


@dataclass(frozen=True, slots=True)
class Shop:
    """An open workspace that believes the shop's assertions."""

    sayso: Sayso
    trio: Trio
    clock: FakeClock

    async def subject(self, signed: str) -> Subject:
        """Ada, by an assertion."""
        return await self.sayso.identity.checked(Subject(id="desk:7723"), "shop", signed)

    async def told(self, kind: str) -> list[dict[str, object]]:
        """The data of the entries of a kind, oldest first."""
        found = await self.sayso.audit.query(limit=200)
        return [dict(one.body["data"]) for one in reversed(found) if one.kind == kind]


@asynccontextmanager
async def opened(
    folder: Path, *, believed: bool = True, policy: str = POLICY
) -> AsyncGenerator[Shop]:
    """Ada at three providers, which nothing ties but what is signed."""
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "identity.key").write_text(SECRET)
    section: dict[str, object] = {"kind": "zendesk", "secret": "file:keys/identity.key"}
    shop = section | {"customers": "desk", "accounts": believed}
    tables: dict[str, object] = {"customers": {"by_email": False}, "identity": {"shop": shop}}
    workspace = make_shop_workspace(folder, policy, policy_section=FOLLOWS, **tables)
    (folder / "playbooks" / "shop.toml").write_text(PLAYBOOK)
    trio, clock = stocked(), FakeClock()
    sayso = Sayso(workspace, mode="decide", connectors=trio.all, clock=clock, planner=Back())
    async with sayso:
        yield Shop(sayso, trio, clock)
        assert sayso.audit.verify(deep=True).verdict is Verdict.VERIFIED


@pytest.mark.promise("customers:signed")
async def test_what_is_signed_ties_accounts_for_its_request(tmp_path: Path) -> None:
    """Money moves by the policy, over a link of that request and of that life; no other has it."""
    async with opened(tmp_path) as shop:
        asked = await shop.sayso.ask(await shop.subject(token()), WORDS)
        assert [(one.status, one.subject) for one in asked.actions] == [
            ("succeeded", "pay:cus_ada")
        ], asked
        assert len(shop.trio.pay.done) == 1
        (linked,) = await shop.told("customer.linked")
        assert linked["proof"] == "signed"
        assert linked["until"] == (NOW + 3_600 + 30) * 1_000_000
        later = await shop.sayso.ask("desk:7723", WORDS)
        assert later.actions == ()
        assert "pay:cus_ada" not in str(await shop.told("request.asked"))


@pytest.mark.promise("customers:signed")
async def test_it_holds_no_longer_than_it_says(tmp_path: Path) -> None:
    """A yes after its life moves nothing; and a life of years is one of a day."""
    async with opened(tmp_path, policy=ASKED) as shop:
        card = await shop.sayso.ask(await shop.subject(token(life_s=900)), WORDS)
        assert [one.status for one in card.actions] == ["pending_approval"]
        shop.clock.advance(seconds=1_000)
        await say_yes(shop.sayso, card.actions[0])
        (after,) = (await shop.sayso.requests.get(card.id)).actions
        assert (after.status, shop.trio.pay.done) == ("refused", [])
        assert after.error is not None
        assert after.error.code == Code.NO_ACCOUNT
        long = await shop.subject(token(life_s=10_000_000))
        assert long.accounts_until == (NOW + 1_000 + 24 * 3_600) * 1_000_000
        signed = await shop.subject(token(life_s=1_500))
        shop.clock.advance(seconds=3_600)
        asked = await shop.sayso.ask(signed, WORDS)
        assert asked.actions == ()
        assert len(await shop.told("customer.linked")) == 1


async def test_whoever_was_not_told_to_believe_it_does_not(tmp_path: Path) -> None:
    """Without `accounts = true` a claim of that name is any claim."""
    async with opened(tmp_path, believed=False) as shop:
        assert (await shop.subject(token())).accounts == ()
        assert (await shop.subject(token("whatever"))).accounts == ()


WRONG: dict[str, object] = {
    "is no list": "pay:cus_ada",
    "more than 10": tuple(f"pay:cus_{number}" for number in range(11)),
    "what is no text": ("pay:cus_ada", 7),
    "no connector `bank` here": ("bank:cus_ada",),
    "names no provider": ("cus_ada",),
    "is no customer id": ("pay:" + "a" * 200,),
    "two of the same customer's provider, `pay`": ("pay:cus_ada", "pay:cus_bo"),
    "another one of the customer's provider, `desk`": ("desk:9", "pay:cus_ada"),
}


@pytest.mark.promise("customers:signed")
async def test_a_list_of_what_nobody_has_is_refused(tmp_path: Path) -> None:
    """With what is wrong about it, and what to sign; nothing is stored."""
    async with opened(tmp_path) as shop:
        for words, wrong in WRONG.items():
            with pytest.raises(RefusedError) as caught:
                await shop.subject(token(wrong))
            assert caught.value.code is Code.INVALID_INPUT
            assert words in caught.value.message, caught.value.message
            assert caught.value.next_step
        assert await shop.told("request.asked") == []


async def test_the_customers_own_account_may_stand_in_the_list(tmp_path: Path) -> None:
    """So that one list serves every place that the customer writes from."""
    async with opened(tmp_path) as shop:
        found = await shop.subject(token(("desk:7723", "pay:cus_ada")))
        assert found.accounts == ("pay:cus_ada",)
