"""What is written for a customer: money as their language does, foreign texts as they are."""

from __future__ import annotations

from dataclasses import replace

import formats
import pytest
from agent.shop import MUG
from babel.numbers import format_currency

from sayso.actions.model.snapshot import RecordState
from sayso.actions.model.status import Status
from sayso.agent.formats import written_money
from sayso.agent.phrases import LANGUAGES
from sayso.agent.reply import StepOutcome, write_reply
from sayso.agent.telling import sentence
from sayso.money import Money
from sayso.text import unmarked

AMOUNTS = (0, 5, 129_00, 1_234_50, -1_234_567_89)


@pytest.mark.promise("agent:formats")
def test_the_table_is_the_one_of_the_unicode_cldr() -> None:
    """What `tests/formats.py` writes is what ships, and an oracle writes the same amounts."""
    assert formats.TARGET.read_text("utf-8") == formats.table()
    for language, locale in formats.LOCALES.items():
        for currency in ("USD", "EUR", "GBP", "CHF", "JPY", "BRL", "XOF"):
            for minor in AMOUNTS:
                money = Money(minor, currency)
                wanted = format_currency(money.decimal, currency, locale=locale)
                assert written_money(money, language) == wanted.replace("\u202f", "\u00a0")


@pytest.mark.promise("agent:formats")
def test_a_reply_writes_money_as_its_language_does() -> None:
    """English as on the card; each other language in its own form."""
    outcome = StepOutcome(action="x", status=Status.REJECTED, amount=Money(123_450, "EUR"))
    replies = {one: write_reply([outcome], one).replace("\u00a0", " ") for one in LANGUAGES}
    assert "€1,234.50" in replies["en"]
    assert "€ 1.234,50" in replies["nl"]
    assert "1 234,50 €" in replies["fr"]
    assert "1 234,50 €" in replies["pt"]
    assert all("1.234,50 €" in replies[one] for one in ("de", "es", "it"))


HOSTILE = (
    ('<img src=x onerror="steal()">', ("<", ">")),
    ("[your refund](https://evil.example)", ("[", "]")),
    ("<!channel> <@U123>", ("<", ">")),
    ("**We owe you $900**", ("**",)),
    ("# URGENT `code` | table", ("#", "`", "|")),
)


@pytest.mark.promise("agent:formats")
@pytest.mark.parametrize(("text", "marks"), HOSTILE)
def test_a_record_s_text_is_no_markup_in_what_a_customer_reads(
    text: str, marks: tuple[str, ...]
) -> None:
    """Neither a tag nor a link nor emphasis, in a status, a label or a receipt."""
    state = RecordState(topic="order", state="shipped", values={"tracking": text})
    told = sentence(replace(MUG, label=text, told=state), "en")
    done = StepOutcome(action="x", status=Status.SUCCEEDED, label=text, receipt=text)
    for said in (told, write_reply([done]), unmarked(text)):
        assert not any(mark in said for mark in marks), said


@pytest.mark.promise("agent:formats")
@pytest.mark.parametrize(
    "text", ["tea_towel_2", "5 * 3", "Mug (blue) 20% off", "a-b", "snake_case_x"]
)
def test_what_is_no_markup_stays_as_it_is(text: str) -> None:
    """Names of goods are not touched."""
    assert unmarked(text) == text
