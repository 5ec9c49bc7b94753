"""How amounts are read from customers' words."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.agent.playbooks.amounts import normalise, read_amounts, read_shares, share_of, total
from sayso.money import Money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("$18.50", "USD", 1850),
        ("US$ 20", "USD", 2000),
        ("$20 CAD", "CAD", 2000),
        ("42 dollars", "USD", 4200),
        ("7 bucks", "USD", 700),
        ("50 cents", "USD", 50),
        ("19 euros", "EUR", 1900),
        ("€19", "EUR", 1900),
        ("1.299,00 €", "EUR", 129900),
        ("18,50 €", "EUR", 1850),
        ("1,299.00 usd", "USD", 129900),
        ("$1,299", "USD", 129900),
        ("12.345.678 EUR", "EUR", 1234567800),
        ("20 quid", "GBP", 2000),
        ("¥500", "JPY", 500),
        ("CHF 30", "CHF", 3000),
        ("I want $18.50.", "USD", 1850),
        ("\uff04\uff12\uff10", "USD", 2000),
    ],
)
def test_common_ways_of_writing_an_amount_are_read(text: str, currency: str, minor: int) -> None:
    """Signs, codes, words, English and continental separators, full-width digits."""
    mentions = [one for one in read_amounts(normalise(text)) if not one.bare]
    assert [one.as_money(currency) for one in mentions] == [Money(minor, currency)]


@pytest.mark.parametrize(
    "text",
    "1.299 €|-$20|$-20|$5k|5 million dollars|twenty dollars|1 299,00 €|£20 dollars|$1,29,9|"
    "a few bucks|$1.2345".split("|"),
)
def test_what_can_be_read_in_two_ways_is_marked_unclear(text: str) -> None:
    """Nothing is guessed where money is concerned."""
    assert any(not mention.clear for mention in read_amounts(normalise(text)))


@pytest.mark.parametrize("text", ["ch_12345", "#1042", "20%", "3x", "abc123def", "A1042"])
def test_ids_order_marks_and_shares_are_no_amounts(text: str) -> None:
    """Digits inside other words are left alone."""
    assert read_amounts(normalise(text)) == ()


def test_a_number_without_a_currency_is_bare() -> None:
    """`1042` may be an order number; it is kept apart from amounts."""
    (mention,) = read_amounts("order 1042")
    assert mention.bare
    assert mention.as_only_money() is None


def test_an_amount_in_another_currency_is_none() -> None:
    """Euros never become dollars, and yen have no decimals."""
    (mention,) = read_amounts("19 euros")
    assert mention.as_money("USD") is None
    (mention,) = read_amounts("JPY 18.50")
    assert mention.as_money("JPY") is None


def test_shares_are_exact_and_rounded_down() -> None:
    """Half of an odd cent gives the lower cent; more than all is no share."""
    assert read_shares("half of it, or 30 percent, or 120%") == (Fraction(1, 2), Fraction(3, 10))
    assert share_of(Money(1851, "USD"), Fraction(1, 2)) == Money(925, "USD")


def test_a_sum_needs_one_currency() -> None:
    """Amounts of two currencies have no sum."""
    assert total([Money(100, "USD"), Money(50, "USD")]) == Money(150, "USD")
    assert total([Money(100, "USD"), Money(50, "EUR")]) is None
    assert total([]) is None


@given(st.integers(min_value=1, max_value=10**9))
def test_money_as_we_print_it_is_read_back(minor: int) -> None:
    """`str(Money)` and the reader agree for dollars and euros."""
    for currency in ("USD", "EUR"):
        amount = Money(minor, currency)
        (mention,) = read_amounts(str(amount))
        assert mention.as_money(currency) == amount


@given(st.text(max_size=80))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    """Any text gives mentions that are clear or not, in the order of the text."""
    starts = [mention.start for mention in read_amounts(normalise(text))]
    assert starts == sorted(starts)


@pytest.mark.parametrize("piece", ["1 ", "1,", "$1", "12,345.", "1,000.x", "half ", "-$1 "])
def test_long_messages_are_read_in_time_that_grows_with_their_length(piece: str) -> None:
    """The longest message that is taken cannot keep a worker busy."""
    before = time.process_time()
    read_amounts(normalise(piece * (20_000 // len(piece))))
    assert time.process_time() - before < 1.0
