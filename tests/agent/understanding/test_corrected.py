"""Which messages put right what was asked, which ask for more, and which only sound like it."""

from __future__ import annotations

import pytest
from agent.understanding.demo import answer_to, knowledge

from sayso.actions.model.plan import Plan
from sayso.agent.base import Message, Question
from sayso.agent.understanding import bearing_of

CORRECTS = (
    "I meant 0977, sorry",
    "My mistake, make it $20",
    "not 1042 but 0977 please",
    "no, only $100",
    "Sorry, 0977",
    "just half please",
    "on second thought only half",
    "a third is plenty",
    "actually, 0977 please",
    "make it an 11 please",
    "then can you just give me a credit instead?",
    "Bei näherer Überlegung reicht die Hälfte",
    "la moitié suffira",
    "la mitad basta",
    "chega a metade",
    "Ich meinte die 0977",
    "nein, nur 80 $",
    "Pardon, la 0977",
    "Je me suis trompé, c'est la 0977",
    "me equivoqué, es el 0977",
    "mi sono sbagliato, il 0977",
    "nee, maar 80 $",
    "Enganei-me, é a 0977",
)
ADDS = (
    "and order 0811, too",
    "and order 0811 too please, it melted",
    "und die 0811 bitte auch",
    "et la 0811 aussi s'il vous plaît",
    "en 0811 ook graag",
)
NEITHER = (
    "You sent me the wrong one, please refund 0977 as well",
    "refund 0977 too, its actually broken",
    "I meant to ask, please refund 0977 too",
    "It's actually great, thank you!",
    "Actually 0977 never arrived",
    "They sent a green one instead",
    "on second thought",
    "I need a correction of my invoice",
    "there is a typo on the mug",
    "change it to 12 December",
    "I made a mistake",
    "Did I say I meant 0977?",
    "J'ai reçu la mauvaise commande",
    "J'ai reçu la mauvaise commande, la 0977",
    "Ich habe die falsche Bestellung bekommen, die 0977",
    "Thanks, but order 0977 never arrived",
    "No, 0977 has not arrived",
    "UPS lost 0977",
    "Oh, 0977 arrived today, thanks",
    "Only 0977 arrived",
    "0977 was great too",
    "I also bought 0977 last week",
    "Nur die 0977 ist angekommen",
    "Sólo llegó el 0977",
    "Ik heb maar 2 kopjes gekregen",
    "They sent just 2 mugs of 1042",
)


def _read(text: str) -> str | None:
    before = Message(role="customer", content="please refund order 1042, it broke")
    return bearing_of([before, Message(role="customer", content=text)], knowledge())


@pytest.mark.parametrize("text", CORRECTS)
def test_what_is_meant_otherwise_puts_right(text: str) -> None:
    """In seven languages: a phrase that says so, beside what is meant."""
    assert _read(text) == "corrects"


@pytest.mark.parametrize("text", ADDS)
def test_what_names_one_thing_more_adds(text: str) -> None:
    """It cannot be read alone, and takes nothing back."""
    assert _read(text) == "adds"


@pytest.mark.parametrize("text", NEITHER)
def test_what_is_told_or_wished_anew_is_neither(text: str) -> None:
    """A complaint, a thank-you, a question and a new wish leave what waits as it is."""
    assert _read(text) is None


def _asked(*turns: str) -> tuple[str, str]:
    """What a conversation of ana comes to, and the slot or the amount of it."""
    found = answer_to("ana", *turns)
    if isinstance(found, Question):
        return "asks", found.slot
    assert isinstance(found, Plan), found
    return "plans", str(found.steps[0].args.get("amount"))


def test_an_amount_is_not_carried_to_another_order() -> None:
    """Five dollars of one order are no five dollars of another: how much is asked for."""
    assert _asked("refund $5 of 1042", "and order 0977, too") == ("asks", "amount")
    assert _asked("refund 1042", "and order 0977, too")[0] == "plans"


def test_a_bare_count_is_no_money_in_a_correction() -> None:
    """Two can be two mugs: how much is asked for."""
    assert _asked("refund order 1042", "no, only 2 please") == ("asks", "amount")
    assert _asked("refund order 1042", "no, only $2 please")[0] == "plans"
