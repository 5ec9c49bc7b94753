"""The actions of Stripe and of e-mail, which no manifest writes, asked for like the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import say
from agent.acts.test_every_action import YES
from support.workspace import make_workspace

from sayso import Sayso
from sayso.agent.formats import written_money
from sayso.agent.understanding.act_file import read_shipped_acts
from sayso.money import Money
from sayso.sandbox import Sandbox
from sayso.sdk.setup.scaffold_tables import template

BY_A_PERSON = """@id("person") @explain("a person decides")
permit (principal, action, resource)
when { context.approvedBy.contains("support_manager") };"""
CONFIRM = '[planner]\nconfirm = { default = "always" }\n'
NAMES = {
    "refund": ("stripe.refund", "0977"),
    "cancel_subscription": ("stripe.cancel_subscription", "Plus"),
    "credit": ("stripe.credit", ""),
    "apology": ("email.send_apology", ""),
}
TEN = Money(1_000, "USD")


@pytest.mark.promise("acts:every-action")
@pytest.mark.parametrize("name", NAMES)
async def test_a_written_action_is_restated_carded_done_and_told_by_its_first_sentence(
    tmp_path: Path, name: str
) -> None:
    """In seven languages, at the providers' doubles; all but the last are taken back."""
    act, (action, thing) = read_shipped_acts()[name], NAMES[name]
    with Sandbox.start(seed="demo") as sandbox:
        made = make_workspace(
            tmp_path / "ws", stripe_url=sandbox.url, policy=BY_A_PERSON, more=CONFIRM
        )
        (made.folder / "shop.toml").write_text(template("shop.toml"), "utf-8")
        async with Sayso(made) as sayso:
            *others, last = act.words
            for language in (*others, last):
                words = act.words[language].first.format(object=thing, amount="10.00 USD")
                asked = await sayso.ask("cus_demo_ana", words, conversation=language)
                assert asked.question is not None, (language, asked)
                assert asked.question.plan is not None, (language, asked.question)
                assert [one.action for one in asked.question.plan.steps] == [action]
                value = written_money(TEN, language) if name == "credit" else thing
                assert value in asked.question.text, (language, asked.question)
                carded = await sayso.requests.answer(
                    asked.id, YES[language], question=asked.question.number
                )
                assert [one.status for one in carded.actions] == ["pending_approval"], language
                if language != last:
                    await sayso.requests.withdraw(asked.id)
                    continue
                (card,) = await sayso.approvals.list()
                await sayso.approvals.decide_as(say(card))
                told = await sayso.requests.get(asked.id)
                assert [one.status for one in told.actions] == ["succeeded"]
                # Stripe has no name for a subscription beside its price, once it was read anew.
                shown = "$19.00" if name == "cancel_subscription" else value
                assert shown in (told.reply or ""), told.reply
