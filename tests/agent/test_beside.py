"""What a customer asks beside a wish is answered with it, and holds the wish up in no state."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.steps import assert_verified, decide, say, shown
from agent.shop import HANDLES, KNOWLEDGE, said
from agent.test_run import Scripted, plan, refund
from agent.test_telling import Courier
from agent.test_withdrawing import stock
from support.shop_workspace import open_shop

from sayso.agent.phrases import LANGUAGES
from sayso.agent.understanding import asked_beside

WISH = "Please refund $120.00 of order o1."
WHERE = "Where is order 1042?"
ON_ITS_WAY = "expected on 5 January 2026"


@pytest.mark.promise("agent:asked-beside")
@pytest.mark.usefixtures("store_url")
async def test_a_question_beside_a_wish_is_answered_in_every_state(tmp_path: Path) -> None:
    """While the card waits and once it is done: both stand in the reply, and the log verifies."""
    planner = Scripted(plan(refund(12_000)))
    async with open_shop(tmp_path, shop=Courier(), planner=planner) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", f"{WISH} {WHERE}")
        assert (asked.status, asked.kind) == ("acting", "action")
        assert "has to agree" in asked.reply
        assert ON_ITS_WAY in asked.reply
        await decide(opened, say(await shown(opened, asked.actions[0])))
        await opened.sayso.container.dispatcher.drain()
        done = await opened.sayso.requests.get(asked.id)
        assert done.status == "answered"
        assert "pay_1" in done.reply
        assert ON_ITS_WAY in done.reply
        assert_verified(opened)


@pytest.mark.promise("agent:asked-beside")
async def test_a_question_is_answered_with_the_restated_plan_and_beside_the_yes(
    tmp_path: Path,
) -> None:
    """Above the question whether it is right; and what is asked beside the yes is answered, too."""
    planner = Scripted(plan(refund(12_000)))
    confirm = {"default": "always"}
    async with open_shop(tmp_path, shop=Courier(), planner=planner, confirm=confirm) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", f"{WISH} {WHERE}")
        assert asked.question is not None
        assert ON_ITS_WAY in asked.question.text
        agreed = await opened.sayso.requests.answer(
            asked.id, f"Yes, please. {WHERE}", question=asked.question.number
        )
        assert agreed.status == "acting"
        assert ON_ITS_WAY in agreed.reply
        assert_verified(opened)


@pytest.mark.promise("agent:asked-beside")
@pytest.mark.parametrize(
    "more",
    [
        "When will I have the money?",
        "Where is order 9999?",
        "Is that a problem?",
        "Can you refund order 1042 as well?",
    ],
)
async def test_what_nobody_can_tell_is_left_out_and_the_wish_goes_on(
    tmp_path: Path, more: str
) -> None:
    """What the reply says anyway, what is none of theirs, and what is a wish of its own."""
    planner = Scripted(*[plan(refund(12_000))] * 3)
    async with open_shop(tmp_path, shop=Courier(), planner=planner) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", f"{WISH} {more}")
        assert ON_ITS_WAY not in asked.reply
        assert asked.status in {"acting", "handed_over", "needs_customer"}


_WISHES = {
    "en": "Please refund order 1042, it came broken.",
    "de": "Bitte erstatten Sie die Bestellung 1042.",
    "es": "Por favor, reembolsen el pedido 1042.",
    "fr": "Remboursez la commande 1042 s'il vous plaît.",
    "it": "Rimborsate l'ordine 1042 per favore.",
    "nl": "Graag bestelling 1042 terugbetalen.",
    "pt": "Por favor reembolsem a encomenda 1042.",
}
QUESTIONS = {
    "en": "And where is order 1031?",
    "de": "Und wo ist die Bestellung 1031?",
    "es": "¿Y dónde está el pedido 1031?",
    "fr": "Et où est la commande 1031 ?",
    "it": "E dov'è l'ordine 1031?",
    "nl": "En waar is bestelling 1031?",
    "pt": "E onde está a encomenda 1031?",
}


@pytest.mark.promise("agent:asked-beside")
def test_it_is_heard_in_seven_languages() -> None:
    """Which topic is asked about, and which thing."""
    assert set(QUESTIONS) == set(LANGUAGES)
    for language, question in QUESTIONS.items():
        found = asked_beside(said(f"{_WISHES[language]} {question}"), HANDLES, KNOWLEDGE)
        assert found is not None, language
        assert (found.topics, found.meant) == (("order",), ("charge#2",)), language
