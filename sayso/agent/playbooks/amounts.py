"""Amounts as customers write them: `$18.50`, `42 dollars`, `7 bucks`, `1.299,00 €`.

What can be read in two ways (`1.299 €`, `5k`, `-$20`, `twenty dollars`) is marked as unclear and is
never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sayso.errors import RefusedError
from sayso.money import Money, exponent_of

_DOLLARS = frozenset("USD CAD AUD NZD SGD HKD TWD JMD BBD BZD FJD".split())
_SIGNS: dict[str, frozenset[str]] = {
    "$": _DOLLARS,
    "us$": frozenset({"USD"}),
    "ca$": frozenset({"CAD"}),
    "a$": frozenset({"AUD"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
    "¥": frozenset({"JPY", "CNY"}),
}
_WORDS: dict[str, frozenset[str]] = {
    **dict.fromkeys("dollar dollars buck bucks".split(), _DOLLARS),
    **dict.fromkeys("euro euros".split(), frozenset({"EUR"})),
    **dict.fromkeys("pound pounds quid".split(), frozenset({"GBP"})),
    "yen": frozenset({"JPY"}),
    "francs": frozenset({"CHF"}),
}
# NOTE: lower-case codes only of the commonest currencies; `all`, `try` and `top` are words too.
_LOWER_CODES = "usd eur gbp chf cad aud nzd jpy sek nok dkk pln"

_NUMBER = r"[0-9](?:[0-9.,]*[0-9])?"
_SIGN = r"(?:us\$|ca\$|a\$|[$€£¥])"
_CODE = rf"(?:[A-Z]{{3}}|{_LOWER_CODES.replace(' ', '|')})"
_AMOUNT = re.compile(
    rf"(?P<minus>(?<![\w)])[-\u2212\u2013])?"
    rf"(?:(?P<before>(?<![A-Za-z])(?i:{_SIGN})|\b{_CODE}\b)\s?(?P<inner>-)?)?"
    rf"(?<![\w.,#])(?P<digits>{_NUMBER})(?P<kilo>\s?(?:[kKmM]|thousand|grand|million)\b)?"
    rf"(?:\s?(?P<after>(?i:{_SIGN})|\b(?i:{'|'.join(_WORDS)}|cents?)\b|{_CODE}\b))?"
    r"(?![\w%]|\s?(?:%|percent\b|per cent\b))",
)
_AROUND = (
    re.compile(r"[~\u2248<>\u2264\u2265\u00b1+*/\u00d7=\u2013\u2212-]\s*$"),
    re.compile(r"\s?[+*/\u00d7]"),
)
"""Signs beside an amount that make another of it: `~$20`, `1042 - $20`, `$20+`, `$20/mug`."""

_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]{1,2})?")
_ENGLISH = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,2})?")
_CONTINENTAL = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]{1,2}|[0-9]+,[0-9]{1,2}")
_MANY_GROUPS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_SPELLED = re.compile(
    r"\b(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    r"fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    r"ninety|hundred|thousand|few|couple|couple of|some)[\s-]+"
    r"(?:dollars?|bucks?|euros?|pounds?|quid|cents?)\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"(?<![\w.,])([0-9]{1,3})\s?(?:%|percent\b|per cent\b)", re.IGNORECASE)
_HALF = re.compile(r"\bhalf\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One amount in a text.

    Attributes:
        text: as written.
        digits: major units as plain decimal text, such as `1299.00`; empty when unclear.
        currencies: the codes it can mean; empty when the text names no currency at all.
        start, end: where it stands, in characters of the normalised text.
    """

    text: str
    digits: str
    currencies: frozenset[str]
    start: int
    end: int

    @property
    def clear(self) -> bool:
        """Whether it can be read in one way only."""
        return bool(self.digits)

    @property
    def bare(self) -> bool:
        """Whether it is a number without a currency."""
        return not self.currencies

    def as_money(self, currency: str) -> Money | None:
        """The amount in that currency; None when it means another one or does not fit."""
        if not self.clear or (self.currencies and currency not in self.currencies):
            return None
        try:
            return Money.parse(self.digits, currency)
        except RefusedError:
            return None

    def as_only_money(self) -> Money | None:
        """The amount when the text leaves one currency open; a bare `$` counts as US dollars."""
        if "USD" in self.currencies:
            return self.as_money("USD")
        return self.as_money(next(iter(self.currencies))) if len(self.currencies) == 1 else None


def normalise(text: str) -> str:
    """The text in NFKC with plain apostrophes, so that full-width digits and signs are seen."""
    return unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'")


def read_amounts(text: str) -> tuple[Mention, ...]:
    """Every number in a normalised text that may be an amount, in the order of the text.

    Numbers without a currency are there too, marked `bare`: they may be order numbers.
    """
    found = [_mention(match, text) for match in _AMOUNT.finditer(text)]
    found += [
        Mention(text=match[0], digits="", currencies=_DOLLARS, start=match.start(), end=match.end())
        for match in _SPELLED.finditer(text)
    ]
    return tuple(sorted(found, key=lambda mention: mention.start))


def read_shares(text: str) -> tuple[Fraction, ...]:
    """Shares such as `half of it` and `20%`, above 0 and up to 1, in the order of the text."""
    shares = [(match.start(), Fraction(1, 2)) for match in _HALF.finditer(text)]
    shares += [(match.start(), Fraction(int(match[1]), 100)) for match in _PERCENT.finditer(text)]
    return tuple(share for _, share in sorted(shares) if 0 < share <= 1)


def odd_share(text: str) -> bool:
    """Whether a percentage is named that is no share, such as `150%`, `0%` or `-20%`."""
    found = [(match, text[: match.start()].rstrip()) for match in _PERCENT.finditer(text)]
    return any(
        not 0 < int(match[1]) <= 100 or before.endswith(("-", "\u2212", "\u2013"))
        for match, before in found
    )


def share_of(amount: Money, share: Fraction) -> Money:
    """Exactly that share in whole minor units, rounded down: never a cent too much."""
    return Money(amount.amount_minor * share.numerator // share.denominator, amount.currency)


def _mention(match: re.Match[str], text: str) -> Mention:
    before, after = (match["before"] or ""), (match["after"] or "")
    cents = after.lower() in {"cent", "cents"}
    currencies = _currencies(before, after)
    unclear = (
        match["minus"]
        or match["inner"]
        or match["kilo"]
        or ((before or after) and _AROUND[0].search(text, max(0, match.start() - 3), match.start()))
        or ((before or after) and _AROUND[1].match(text, match.end()))
        or _follows_a_number(text, match.start("digits"), has_sign=bool(before))
        or (currencies is None)
    )
    digits = "" if unclear else _plain_digits(match["digits"])
    if digits and cents:
        digits = f"{int(digits) // 100}.{int(digits) % 100:02d}" if digits.isdigit() else ""
        currencies = _DOLLARS | {"EUR"}
    return Mention(
        text=match[0].strip(),
        digits=digits,
        currencies=frozenset() if currencies is None else currencies,
        start=match.start(),
        end=match.end(),
    )


def _currencies(before: str, after: str) -> frozenset[str] | None:
    """The codes that both marks allow; empty without a mark; None when they contradict."""
    sets = [codes for mark in (before, after) if mark for codes in [_codes_of(mark)] if codes]
    if not sets:
        return frozenset()
    common = sets[0].intersection(*sets[1:])
    return common or None


def _codes_of(mark: str) -> frozenset[str]:
    low = mark.lower()
    if low in _SIGNS:
        return _SIGNS[low]
    if low in _WORDS:
        return _WORDS[low]
    try:
        exponent_of(mark.upper())
    except RefusedError:
        return frozenset()
    return frozenset({mark.upper()})


def _follows_a_number(text: str, start: int, *, has_sign: bool) -> bool:
    """Whether digits and a space stand before, as in `1 299,00 €`: one number or two?"""
    return (
        not has_sign
        and re.fullmatch(r"[0-9][ \u00a0\u202f]", text[max(0, start - 2) : start]) is not None
    )


def _plain_digits(digits: str) -> str:
    """Plain decimal text, or nothing when it can be read in two ways."""
    if _PLAIN.fullmatch(digits):
        return digits
    if _ENGLISH.fullmatch(digits):
        return digits.replace(",", "")
    if _CONTINENTAL.fullmatch(digits):
        return digits.replace(".", "").replace(",", ".")
    if _MANY_GROUPS.fullmatch(digits):
        return digits.replace(".", "")
    return ""


def total(amounts: Sequence[Money]) -> Money | None:
    """The sum, or None when there is none or the currencies differ."""
    if not amounts or len({amount.currency for amount in amounts}) != 1:
        return None
    return Money(sum(amount.amount_minor for amount in amounts), amounts[0].currency)
