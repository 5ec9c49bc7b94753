"""Amounts as people write them, in currencies with and without decimals."""

from __future__ import annotations

import pytest

from sayso.errors import Code, RefusedError
from sayso.money import Money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("18.50", "USD", 1850),
        ("18.5", "USD", 1850),
        ("18", "USD", 1800),
        ("-5", "USD", -500),
        ("500", "JPY", 500),
        ("1.000", "KWD", 1000),
        ("0.001", "KWD", 1),
        ("12.5", "KWD", 12_500),
    ],
)
def test_an_amount_is_read_in_the_minor_units_of_its_currency(
    text: str, currency: str, minor: int
) -> None:
    """ISO 4217: a yen has no decimals, a Kuwaiti dinar has three."""
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("currency", "said"),
    [
        ("USD", "use digits with at most 2 decimals, such as 18.50"),
        ("JPY", "use digits with no decimals, such as 18"),
        ("KWD", "use digits with at most 3 decimals, such as 18.500"),
    ],
)
def test_how_an_amount_is_written_is_told_by_its_currency(currency: str, said: str) -> None:
    """The next step of whoever wrote it otherwise."""
    with pytest.raises(RefusedError) as caught:
        Money.parse("12,50", currency)
    assert caught.value.next_step == said


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1.000", "USD"),
        ("1.000", "JPY"),
        ("1.0", "JPY"),
        ("1.0000", "KWD"),
        ("1,000", "USD"),
        ("12,50", "EUR"),
        ("1e3", "USD"),
        ("\uff11\uff12", "JPY"),
        ("\u0663", "KWD"),
        ("1_000", "USD"),
        ("12.", "USD"),
        ("+5", "USD"),
        ("NaN", "USD"),
    ],
)
def test_what_can_be_read_otherwise_is_no_amount(text: str, currency: str) -> None:
    """A dot before three digits is a thousand to some; nobody's yes is to be guessed at."""
    with pytest.raises(RefusedError) as caught:
        Money.parse(text, currency)
    assert caught.value.code is Code.INVALID_MONEY


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [
        (199_000, "KWD", "199 KWD"),
        (199_250, "KWD", "199 KWD 250 fils"),
        (1_199_250, "BHD", "1\u00a0199 BHD 250 fils"),
        (-10, "TND", "-0 TND 10 millimes"),
    ],
)
def test_an_amount_of_three_decimals_has_neither_dot_nor_comma(
    minor: int, currency: str, said: str
) -> None:
    """`199.000 KWD` was read as 199 thousand, and is by half of those who read it."""
    assert str(Money(minor, currency)) == said
