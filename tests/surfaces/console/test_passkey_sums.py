"""Which yes needs a passkey: by what a customer and a payment get, in any currency, at any port."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from actions.steps import open_rows
from surfaces.console.served_console import ServedConsole
from surfaces.console.test_passkeys import enrol, judged, manager, opened, status

from sayso.audit.authority.passkeys import CUSTOMER_DAY, PasskeyRule, is_looser
from sayso.audit.verifier.verification import Verdict
from sayso.errors import IntegrityError, RefusedError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.solution import SolutionView

pytestmark = pytest.mark.promise("console:passkey:sums")


async def ask(
    console: ServedConsole, minor: int, *, customer: int = 1, order: str = "", currency: str = "USD"
) -> SolutionView:
    """What waits for people of a refund."""
    amount: JsonValue = {"amount_minor": minor, "currency": currency}
    view = await console.sayso.propose(
        "shop.refund",
        {"order": order or f"o{customer}", "amount": amount},
        subject=f"cus_{customer}",
    )
    assert view.approval is not None, view
    return await console.sayso.solutions.get(view.approval.id)


async def say_yes(console: ServedConsole, view: SolutionView) -> None:
    """Maria's yes, without a passkey."""
    token = await console.sign_in("maria")
    await console.sayso.solutions.answer(
        view.id, "approve", token=token, revision=view.revision, digest=view.digest
    )


async def test_no_large_amount_is_made_of_smaller_ones_of_a_customer(tmp_path: Path) -> None:
    """The second $99.99 of a day needs one; a customer's who got nothing needs none."""
    async with opened(tmp_path / "shop") as console:
        await enrol(console, "maria")
        first, other = await ask(console, 9_999), await ask(console, 9_999, customer=2)
        assert (first.passkey, other.passkey) == (False, False)
        await say_yes(console, first)
        second = await ask(console, 9_998)
        assert second.passkey
        with pytest.raises(RefusedError, match="passkey_required"):
            await say_yes(console, second)
        await say_yes(console, other)
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


async def test_a_payment_is_one_however_many_days_pass(tmp_path: Path) -> None:
    """After a day the customer's sum begins anew, and the payment's goes on."""
    async with opened(tmp_path / "shop") as console:
        await enrol(console, "maria")
        console.shop.books.add("o1b", "cus_1", Money(100_000, "USD"))
        await say_yes(console, await ask(console, 9_999))
        console.opened.clock.advance(hours=25)
        assert (await ask(console, 9_998)).passkey
        another = await ask(console, 9_998, order="o1b")
        assert not another.passkey
        await say_yes(console, another)
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings


@pytest.mark.tampers("takes away what was agreed to")
@pytest.mark.parametrize(
    "statement",
    [
        "delete from vote where approval_id = :approval",
        "update vote set decision = 'reject' where approval_id = :approval",
        "update action set subject_id = 'cus_2' where id = :action",
    ],
)
async def test_no_sum_gets_smaller_by_taking_rows_away(tmp_path: Path, statement: str) -> None:
    """The second $99.99 of a day goes nowhere where the yes to the first is gone."""
    async with opened(tmp_path / "shop") as console:
        await enrol(console, "maria")
        first = await ask(console, 9_999)
        await say_yes(console, first)
        view = await ask(console, 9_998)
        paid = list(console.shop.books.payouts)
        rows = open_rows(console.opened)
        named = {"approval": first.id, "action": first.steps[0].action_id}
        assert rows.execute(statement, named).rowcount
        rows.close()
        with pytest.raises(IntegrityError, match="agreed to for this customer"):
            await say_yes(console, view)
        assert console.shop.books.payouts == paid


async def test_a_currency_without_an_amount_needs_one(tmp_path: Path) -> None:
    """With USD named alone, EUR 60 needs a passkey, too."""
    async with opened(tmp_path) as console:
        await enrol(console, "maria")
        console.shop.books.add("euro", "cus_1", Money(100_000, "EUR"))
        view = await ask(console, 6000, order="euro", currency="EUR")
        assert view.passkey
        with pytest.raises(RefusedError, match="passkey_required"):
            await say_yes(console, view)
        assert await status(console, view) == "pending"


async def test_another_port_is_another_site(tmp_path: Path) -> None:
    """Whoever serves a page on the same host collects no signature that counts."""
    async with opened(tmp_path) as console, manager(console) as maria:
        key, view = await enrol(console, "maria"), await console.ask()
        elsewhere = replace(console, url="http://localhost:1")
        maria.console = elsewhere
        answer, _ = await maria.yes(view, key)
        assert (answer.status_code, await status(console, view)) == (422, "pending")
        assert "another site" in answer.text


def test_what_counts_as_letting_more_go() -> None:
    """Another currency with an amount is looser, one that is named no more is not."""

    def rule(**amounts: int) -> PasskeyRule:
        return PasskeyRule(amounts=amounts, sums=CUSTOMER_DAY)

    dollars = rule(USD=10_000)
    looser = (rule(), rule(USD=10_001), rule(USD=10_000, EUR=1), PasskeyRule(amounts={"USD": 1}))
    assert [is_looser(dollars, then) for then in looser] == [True] * 4
    for then in (dollars, rule(USD=9_999), rule(EUR=0), rule(USD=10_000, EUR=0)):
        assert not is_looser(dollars, then)
    assert not is_looser(rule(USD=1, EUR=5), rule(USD=1))
    assert not is_looser(PasskeyRule(), rule(USD=1))


async def test_a_customer_who_was_erased_and_comes_back_begins_anew(tmp_path: Path) -> None:
    """What they got before is told of nobody any more: nothing is missing, and nothing adds up."""
    async with opened(tmp_path / "shop") as console:
        await enrol(console, "maria")
        await say_yes(console, await ask(console, 9_999))
        session, _ = await console.sayso.sessions.begin("maria", via="link")
        may = replace(session.token, scopes=frozenset(Scope))
        await console.sayso.privacy.erase("cus_1", reason="they_asked", by=may)
        console.shop.books.add("o1b", "cus_1", Money(100_000, "USD"))
        view = await ask(console, 9_998, order="o1b")
        assert not view.passkey
        await say_yes(console, view)
        found = await judged(console, tmp_path)
        assert found.verdict is Verdict.VERIFIED, found.all_findings
