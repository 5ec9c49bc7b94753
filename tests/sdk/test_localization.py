"""Each reader's language: which one it is, and how it writes money, times and sentences."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sayso.money import Money
from sayso.sdk.localization.languages import LANGUAGES, language, preferred, read_money


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("ja, pt-BR;q=0.5, en;q=0.4", "pt"),
        ("en;q=0.1, fr", "fr"),
        ("de;q=0, *;q=0.1", None),
        ("tlh;q=;;,,\x00de", None),
        ("de;q=9", None),
        ("", None),
    ],
)
def test_a_browser_is_read_in_the_language_that_it_would_rather_have(
    header: str, code: str | None
) -> None:
    """RFC 9110: by weight, then by place; what is no such header asks for nothing."""
    assert preferred(header) == code


def test_each_language_writes_money_as_the_cldr_has_it_and_english_as_cards_do() -> None:
    """And what has three decimals is written alike in all of them."""
    money = Money(123_450, "EUR")
    said = {code: language(code).money(money).replace("\u202f", "\u00a0") for code in LANGUAGES}
    assert said == {
        "en": "€1,234.50",
        "de": "1.234,50\u00a0€",
        "es": "1.234,50\u00a0€",
        "fr": "1\u00a0234,50\u00a0€",
        "it": "1.234,50\u00a0€",
        "nl": "€\u00a01.234,50",
        "pt": "1\u00a0234,50\u00a0€",
    }
    dinar = Money(1_199_250, "KWD")
    assert {language(code).money(dinar) for code in LANGUAGES} == {str(dinar)}


def test_lengths_days_and_lists_are_those_of_the_language() -> None:
    """By the CLDR; a date's own blanks do not break in a sentence."""
    german, at = language("de"), datetime(2025, 11, 9, 9, 30, tzinfo=UTC)
    assert german.length(8 * 3600) == "8 Stunden"
    assert german.day(at, year=True) == "9.\u00a0Nov.\u00a02025"
    assert german.join(["a", "b", "c"]) == "a, b und c"
    assert language("en").day(at, year=False) == "9 Nov"
    assert language("nonsense") is not None
    assert language("nonsense").code == "en"


@pytest.mark.parametrize("money", [Money(-5, "USD"), Money(123_450, "CHF"), Money(500, "JPY")])
def test_an_amount_within_a_sentence_is_found_again(money: Money) -> None:
    """As `str` has written it, so that another language can write it anew."""
    assert read_money(str(money)) == money
    assert language("de").say(str(money)) == language("de").money(money)
    assert language("de").say("Above the automatic $1,250") == "Über den automatischen 1.250\u00a0$"
