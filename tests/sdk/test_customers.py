"""Customers as people find them: accounts, what ties these, and who may tie and untie them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sdk.customers import FINN, MARIA, refund_of, token_of
from sdk.test_several_accounts import opened, say_yes, stocked, usd
from support.shop_workspace import FOLLOWS, open_shop
from support.trio import Place, Trio

from sayso.audit.authority.by import By
from sayso.connectors.person import Person
from sayso.errors import Code, RefusedError, RetryableError
from sayso.frozen import replace
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.customers import TIED
from sayso.sdk.resources.tokens import Scope, Token

WHY = "Ada told the number on her invoice by phone"


def service(*scopes: Scope) -> Token:
    """A program's token."""
    return replace(token_of("bot"), kind="service", scopes=frozenset(scopes))


@asynccontextmanager
async def shop(folder: Path, trio: Trio | None = None, **more: object) -> AsyncGenerator[Sayso]:
    """Ada at three providers that do not tie themselves."""
    settings: dict[str, Any] = {"by_email": False, **more}
    async with opened(folder, stocked() if trio is None else trio, None, **settings) as sayso:
        yield sayso


async def kinds(sayso: Sayso, kind: str) -> list[Any]:
    return [one.body for one in await sayso.audit.query(f"kind:{kind}", limit=50)]


@pytest.mark.promise("customers:found")
async def test_an_address_finds_one_person_at_three_providers_once(tmp_path: Path) -> None:
    """One line, with every account; and the log says who looked, and not for whom."""
    async with opened(tmp_path, stocked()) as sayso:
        found = await sayso.customers.find("ada@example.com", by=MARIA)
        assert found.asked == ("desk", "pay", "store")
        (one,) = found.items
        assert [account.account for account in one.accounts] == [
            "desk:7723",
            "pay:cus_ada",
            "store:1001",
        ]
        assert {account.email for account in one.accounts} == {"a…@example.com"}
        assert {link.proof for link in one.links} == {"email"}
        assert one.id.startswith("cst_")
        (entry,) = await kinds(sayso, "customer.searched")
        assert entry["actor"] == {"kind": "person", "id": "maria"}
        assert entry["data"]["found"] == 3
        assert "ada" not in str(entry)


@pytest.mark.promise("customers:found")
@pytest.mark.usefixtures("store_url")
async def test_they_are_found_by_an_account_an_id_and_what_was_done(tmp_path: Path) -> None:
    """Each leads to the same customer, whose page shows what was done."""
    async with shop(tmp_path) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(1_000)}
        done = await sayso.propose("pay.refund", args, subject="pay:cus_ada")
        asked = await sayso.ask("desk:7723", "Please answer ticket t1")
        shown = await sayso.customers.show(done.id, by=MARIA)
        for said in ("pay:cus_ada", shown.id, done.id):
            (found,) = (await sayso.customers.find(said, by=MARIA)).items
            assert found.id == shown.id
        (solution,) = shown.solutions
        assert (solution.about, solution.open) == (done.id, False)
        assert solution.actions[0].amount == done.amount
        at_desk = await sayso.customers.show(asked.id, by=MARIA)
        assert at_desk.id != shown.id
        assert [one.about for one in at_desk.solutions] == [asked.id]
        again = await sayso.customers.find("pay:nobody", by=MARIA)
        assert again.items == ()


@pytest.mark.promise("customers:tied-by-people")
@pytest.mark.usefixtures("store_url")
async def test_a_colleague_ties_two_accounts_and_takes_it_back(tmp_path: Path) -> None:
    """With a reason that is sealed; two customers become one, and two again."""
    async with shop(tmp_path) as sayso:
        tied = await sayso.customers.link("desk:7723", "pay:cus_ada", reason=WHY, by=MARIA)
        assert tied.in_force
        assert tied.says == TIED
        (one,) = tied.customers
        assert one.accounts == ("desk:7723", "pay:cus_ada")
        shown = await sayso.customers.show(one.id, by=FINN)
        (link,) = shown.links
        assert (link.proof, link.by, link.reason) == ("person", "person:maria", WHY)
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(1_000)}
        asked = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert asked.status == "pending_approval"

        ended = await sayso.customers.unlink(link.id, reason="another Ada", by=FINN)
        assert not ended.in_force
        assert sorted(part.accounts for part in ended.customers) == [
            ("desk:7723",),
            ("pay:cus_ada",),
        ]
        await say_yes(sayso, asked)
        assert (await sayso.actions.get(asked.id)).status == "refused"
        told = [*await kinds(sayso, "customer.linked"), *await kinds(sayso, "customer.unlinked")]
        assert WHY not in str(told)
        assert "another Ada" not in str(told)


@pytest.mark.promise("customers:tied-by-people")
async def test_two_customers_are_merged(tmp_path: Path) -> None:
    """By their ids; nothing is written anew, so that ending the link gives two again."""
    async with shop(tmp_path) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(1_000)}
        paid = await sayso.propose("pay.refund", args, subject="pay:cus_ada")
        cancelled = await sayso.propose("store.cancel", {"order": "o_ada"}, subject="store:1001")
        ids = [(await sayso.customers.show(one.id, by=MARIA)).id for one in (paid, cancelled)]
        merged = await sayso.customers.merge(*ids, reason=WHY, by=MARIA)
        (one,) = merged.customers
        assert one.id in ids  # who was seen first; by one clock, either
        for said in ids:
            shown = await sayso.customers.show(said, by=MARIA)
            assert shown.id == one.id
            done = {solution.about for solution in shown.solutions}
            assert done == {paid.id, cancelled.id}
        with pytest.raises(RefusedError) as caught:
            await sayso.customers.merge(*ids, reason=WHY, by=MARIA)
        assert caught.value.code is Code.ALREADY_IN_STATE
        await sayso.customers.unlink(merged.link.id, reason="twins", by=MARIA)
        assert (await sayso.customers.show(ids[1], by=MARIA)).id == ids[1]


WRONG = {
    "one account twice": (("desk:7723", "desk:7723"), Code.INVALID_INPUT),
    "no provider": (("7723", "pay:cus_ada"), Code.INVALID_INPUT),
    "nobody there": (("desk:1", "pay:cus_ada"), Code.UNKNOWN_SUBJECT),
    "no such provider": (("till:1", "pay:cus_ada"), Code.INVALID_INPUT),
    "a customer": (("cst_1", "pay:cus_ada"), Code.INVALID_INPUT),
    "no id": (("desk:<b>", "pay:cus_ada"), Code.INVALID_INPUT),
    "nothing": (("", "pay:cus_ada"), Code.INVALID_INPUT),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_no_pair_of_accounts_is_refused(case: str, tmp_path: Path) -> None:
    """With a code and a next step, and nothing is stored of it."""
    pair, code = WRONG[case]
    async with shop(tmp_path) as sayso:
        with pytest.raises(RefusedError) as caught:
            await sayso.customers.link(*pair, reason=WHY, by=MARIA)
        assert caught.value.code is code
        assert caught.value.next_step
        assert await kinds(sayso, "customer.linked") == []


@pytest.mark.usefixtures("store_url")
async def test_a_link_that_is_none_has_ended_or_is_another_tenant_s(tmp_path: Path) -> None:
    """`not_found` and `already_in_state`; the second says so also of what is linked already."""
    async with shop(tmp_path) as sayso:
        made = await sayso.customers.link("desk:7723", "pay:cus_ada", reason=WHY, by=MARIA)
        with pytest.raises(RefusedError) as caught:
            await sayso.customers.link("pay:cus_ada", "desk:7723", reason="again", by=FINN)
        assert caught.value.code is Code.ALREADY_IN_STATE
        elsewhere = token_of("eve", Tenant("other"))
        by_host = By(actor=elsewhere.actor, credential="host", via="test")
        await sayso.people.add(elsewhere.tenant, "eve", ("finance",), by=by_host)
        for by, link, code in (
            (MARIA, "lnk_none", Code.NOT_FOUND),
            (elsewhere, made.link.id, Code.NOT_FOUND),
        ):
            with pytest.raises(RefusedError) as caught:
                await sayso.customers.unlink(link, reason=WHY, by=by)
            assert caught.value.code is code
        await sayso.customers.unlink(made.link.id, reason=WHY, by=MARIA)
        with pytest.raises(RefusedError) as caught:
            await sayso.customers.unlink(made.link.id, reason=WHY, by=MARIA)
        assert caught.value.code is Code.ALREADY_IN_STATE


@pytest.mark.parametrize("reason", ["", "  \n", "a" * 501, "\0", "\ud800"])
async def test_a_reason_is_some_words(reason: str, tmp_path: Path) -> None:
    """Nobody ties or unties accounts without saying why."""
    async with shop(tmp_path) as sayso:
        with pytest.raises(RefusedError) as caught:
            await sayso.customers.link("desk:7723", "pay:cus_ada", reason=reason, by=MARIA)
        assert caught.value.code in {
            Code.REASON_REQUIRED,
            Code.MESSAGE_TOO_LONG,
            Code.INVALID_INPUT,
        }


@pytest.mark.promise("customers:who-may")
async def test_who_may_not_look_or_tie_is_refused_and_recorded(tmp_path: Path) -> None:
    """People need a role; a program needs a scope to look, and never ties anything."""
    async with shop(tmp_path) as sayso:
        nobody, reads = token_of("nobody"), service(Scope.READ, Scope.AUDIT)
        for by in (nobody, reads):
            for said in ("ada@example.com", "desk:7723"):
                with pytest.raises(RefusedError):
                    await sayso.customers.find(said, by=by)
            with pytest.raises(RefusedError):
                await sayso.customers.show("desk:7723", by=by)
        for by in (nobody, service(Scope.FIND)):
            with pytest.raises(RefusedError):
                await sayso.customers.link("desk:7723", "pay:cus_ada", reason=WHY, by=by)
            with pytest.raises(RefusedError):
                await sayso.customers.unlink("lnk_1", reason=WHY, by=by)
        assert await kinds(sayso, "customer.searched") == []
        refused = await kinds(sayso, "subject.refused")
        assert {one["data"]["asked"] for one in refused} == {"find", "show", "link", "unlink"}
        assert "7723" not in str(refused)
        found = await sayso.customers.find("ada@example.com", by=service(Scope.FIND))
        assert len(found.items) == 3


async def test_a_provider_that_cannot_be_read_hides_nobody_else(tmp_path: Path) -> None:
    """Who was found is shown, and that somebody may be missing."""
    trio = stocked()
    trio.pay = _Silent(**{name: getattr(trio.pay, name) for name in Place.__slots__})
    async with shop(tmp_path, trio) as sayso:
        found = await sayso.customers.find("ada@example.com", by=MARIA)
        assert [one.accounts[0].account for one in found.items] == ["desk:7723", "store:1001"]
        assert found.problems == (("pay", "it is down"),)
        (shown,) = (await sayso.customers.find("pay:cus_ada", by=MARIA)).items or [None]
        assert shown is None


class _Silent(Place):
    """A provider that is down."""

    async def person_of(self, subject: object) -> Person:
        raise RetryableError(Code.PROVIDER_UNAVAILABLE, "it is down")

    async def find_people(self, email: str) -> list[Person]:
        raise RetryableError(Code.PROVIDER_UNAVAILABLE, "it is down")


@pytest.mark.promise("customers:tied-by-people")
async def test_what_a_colleague_has_ended_does_not_tie_itself_again(tmp_path: Path) -> None:
    """Until a colleague ties these two once more."""
    async with opened(tmp_path, stocked()) as sayso:
        (one,) = (await sayso.customers.find("ada@example.com", by=MARIA)).items
        wrong = next(link for link in one.links if "pay:cus_ada" in link.accounts)
        await sayso.customers.unlink(wrong.id, reason="her sister reads this mail", by=MARIA)
        found = (await sayso.customers.find("ada@example.com", by=MARIA)).items
        assert sorted(len(one.accounts) for one in found) == [1, 2]
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}
        refused = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert refused.error is not None
        assert refused.error.code == Code.NO_ACCOUNT
        await sayso.customers.link(*wrong.accounts, reason="it was she", by=MARIA)
        shown = await sayso.customers.show("desk:7723", by=MARIA)
        assert {one.account for one in shown.accounts} >= {"pay:cus_ada"}
        assert {one.proof for one in shown.links if "pay:cus_ada" in one.accounts} >= {"person"}


async def test_two_accounts_of_one_provider_are_merged(tmp_path: Path) -> None:
    """Where nobody can write from another provider, a person may still know two to be one."""
    async with open_shop(tmp_path) as shop_alone:
        customers = shop_alone.sayso.customers
        await customers.merge("cus_ana", "cus_bo", reason=WHY, by=MARIA)
        shown = await customers.show("cus_ana", by=MARIA)
        assert [one.account for one in shown.accounts] == ["cus_ana", "cus_bo"]


async def test_names_reach_the_card_where_they_were_read_anyway(tmp_path: Path) -> None:
    """Beside the log, never in it, as other personal fields are."""
    trio = stocked()
    trio.pay.person("cus_ada", email="ada@example.com", name="Ada Lovelace")
    async with opened(tmp_path, trio) as sayso:
        args: dict[str, JsonValue] = {"payment": "p1", "amount": usd(2_000)}
        asked = await sayso.propose("pay.refund", args, subject="desk:7723")
        assert asked.approval is not None
        card = (await sayso.approvals.get(asked.approval.id)).card
        assert ["name", "Ada Lovelace"] in card["customer"]
        shown = await sayso.solutions.get(asked.approval.id)
        assert (shown.customer.name, shown.customer.id) == ("Ada Lovelace", "pay:cus_ada")
        facts = dict(shown.lead.facts)
        assert facts["Writes from"] == "desk:7723"
        assert facts["Acts on"] == "pay:cus_ada, known by an equal e-mail address alone"
        entries = [one.body for one in await sayso.audit.query(limit=50)]
        assert "Lovelace" not in str(entries)


async def test_a_customer_s_limits_count_all_their_accounts(tmp_path: Path) -> None:
    """What each account has used is one sum, beside what it is of."""
    limit = (
        "[[limit]]\nid = 'day'\nsay = 'at most $200 a day'\nof = 'customer'\n"
        "action = 'shop.refund'\nsum = { USD = 200 }\nper = 'day'\n"
    )
    (tmp_path / "limits.toml").write_text(limit, encoding="utf-8")
    files: dict[str, object] = {**FOLLOWS, "files": ["policy.cedar", "limits.toml"]}
    async with open_shop(tmp_path, policy_section=files) as alone:
        for order, owner in (("o_ana", "cus_ana"), ("o_bo", "cus_bo")):
            alone.shop.books.add(order, owner, Money(100_000, "USD"))
            args = refund_of(order, 1_000)
            done = await alone.sayso.propose("shop.refund", args, subject=owner)
            assert done.status == "succeeded", done.error
        customers = alone.sayso.customers
        assert [one.used for one in (await customers.show("cus_bo", by=MARIA)).limits] == [
            "$10.00 of $200.00"
        ]
        await customers.merge("cus_ana", "cus_bo", reason=WHY, by=MARIA)
        (used,) = (await customers.show("cus_bo", by=MARIA)).limits
        assert (used.used, used.used_minor, used.count) == ("$20.00 of $200.00", 2_000, 2)
