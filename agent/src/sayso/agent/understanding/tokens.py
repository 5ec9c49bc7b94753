"""A text as tokens: words, amounts, numbers, ends of sentences.

What cannot be part of a request, such as a link, a telephone number or a time, is noise.

Language-neutral. Words of a language (number words, names of currencies) are read later, by
`reading`, which knows the language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from sayso.agent.understanding.postal import find_addresses
from sayso.errors import RefusedError
from sayso.money import Money, exponent_of

Kind = Literal["word", "money", "number", "percent", "noise", "comma", "end"]

DOLLARS = frozenset("USD CAD AUD NZD SGD HKD TWD JMD BBD BZD FJD".split())
_SIGNS = {
    "$": DOLLARS,
    "us$": frozenset({"USD"}),
    "ca$": frozenset({"CAD"}),
    "a$": frozenset({"AUD"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
    "¥": frozenset({"JPY", "CNY"}),
}
# NOTE: the commonest codes only; `all`, `try`, `top` and `cup` are words too.
_CODE = "(?:usd|eur|gbp|jpy|chf|cad|aud|nzd|sek|nok|dkk|pln|czk|huf|brl|mxn|inr|cny|hkd|sgd|zar)"


@dataclass(slots=True)
class TextToken:
    """One piece of a text.

    Attributes:
        text: folded (lower case, no diacritics) for words; as written for the rest.
        start, end: where it stands, in characters of the cut text.
        digits: of a number, an amount, a percentage: plain decimal text; empty where it cannot be
            read in one way, as with `-20` or `20-30`.
        currencies: the codes that an amount can mean; empty for a number without a currency.
        hash: whether it was written as a reference, such as `#1042`.
        question: of an end: whether a question mark stands there.
        corrected: whether the spelling was put right.
        word: of a number in one word, that word.
        capital: a word that was written with a capital letter, and not in capitals.
        form: of noise: what it is where it can be asked for, such as `address` or `email`.
        parts: of an address, by name.
    """

    kind: Kind
    text: str
    start: int
    end: int
    digits: str = ""
    currencies: frozenset[str] = frozenset()
    hash: bool = False
    question: bool = False
    corrected: bool = False
    word: str = ""
    capital: bool = False
    form: str = ""
    parts: Mapping[str, str] = field(default_factory=dict[str, str])

    def as_money(self, currency: str) -> Money | None:
        """The amount in that currency; None when it means another one or does not fit."""
        if not self.digits or (self.currencies and currency not in self.currencies):
            return None
        try:
            return Money.parse(self.digits, currency)
        except RefusedError:
            return None


_CENTS = r"(?:[.,][0-9]{1,2})?"
_GROUPS = rf"[0-9]{{1,3}}(?:[.,'\u2019][0-9]{{3}})+{_CENTS}"
_NUMBER = rf"(?:{_GROUPS}|[0-9]+{_CENTS})(?![0-9]|[.,][0-9])"
_SPACED = r"[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]{2})?"
_SIGN = r"(?:us\$|ca\$|a\$|[$€£¥])"
_AFTER = rf"(?:{_SIGN}|{_CODE}(?![^\W\d_]))"
_TOKEN = re.compile(
    rf"""
    (?P<noise>
        \w+://\S+ | \bwww\.\S+ | [\w.+-]+@[\w-]+(?:\.[\w-]+)+
      | \b[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}\b
      | \b[0-9]{{1,2}}[./][0-9]{{1,2}}[./](?:[0-9]{{4}}|[0-9]{{2}})?(?![0-9])
      | \b[0-9]{{1,2}}:[0-9]{{2}}\b(?:\s?(?:am|pm|h|uhr)\b)? | \b[0-9]{{1,2}}\s?(?:am|pm)\b
      | \+[0-9][0-9 ()/-]{{6,}}[0-9] | \b1Z[ 0-9A-Z]{{8,}}[0-9]
      | \b(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*[0-9])[A-Z0-9]{{10,}}\b | \b[0-9]{{13,}}\b
      | \b[A-Z]-[0-9A-Z]{{8,}}\b
      | \b[0-9]{{3,4}}(?:[ -][0-9]{{3,4}}){{2,}}\b
      | (?<![\w.,])(?=(?:[0-9][ /-]?){{9}})0[0-9]{{1,5}}(?:[ /-][0-9]{{2,7}}){{1,5}}(?![\w.,][0-9])
      | \b[0-9]{{1,2}}(?:st|nd|rd|th|º|ª|er|ère|re|ème|eme|e)\b
      | \b[0-9]+(?:[.,][0-9]+)?\s?(?:cm|mm|km|kg|g|ml|l|inch|oz|lbs?|db|°)\b
    )
  | (?P<emoticon>[:;]-?[()DPp/|]|[<]3)
  | (?P<percent>(?P<share>[0-9]{{1,3}}(?:[.,][0-9]{{1,2}})?)\s?
        (?:%|(?:per\s?cent|pct|prozent|procent|pour\s?cent|por\s?cien(?:to)?|per\s?cento|por\s?cento)\b))
  | (?P<amount>
        (?P<minus>(?<![\w)])[-\u2212\u2013](?=[0-9$€£¥]))?
        (?:(?P<before>(?<![^\W_]){_SIGN}|(?<![^\W_]){_CODE}(?=\s?[0-9]))\s?)?
        (?P<hash>\#\s?)?
        (?P<digits>(?<![\w]){_SPACED}(?=\s?(?:{_AFTER}|euro))|(?<![\w.,]){_NUMBER})
        (?P<kilo>\s?[km]\b)?
        (?:(?:[.,]-+)?\s?(?P<after>{_AFTER}))?
        (?P<dash>[.,]-+)?
        (?P<range>\s?[-\u2013]\s?(?=[$€£¥]?[0-9]))?
    )
  | (?P<reference>\#?\b[a-z]{{1,8}}-?[0-9][a-z0-9-]*\b)
  | (?P<word>[^\W\d_]+(?:[0-9]+)?|&)
  | (?P<end>[.!?…;]+|\n)
  | (?P<comma>[,:()\u2014\u2013/]|\s-+\s|[-]{{2,}})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PHONE = re.compile(
    r"\+[0-9][0-9 ()/-]{6,}[0-9]|[0-9]{3,4}(?:[ -][0-9]{3,4}){2,}|0[0-9]{1,5}(?:[ /-][0-9]{2,7})+"
)
_ABBREVIATED = frozenset(
    "no nr num nro art approx ca mr mrs ms dr st ie eg vs incl inkl bzw zb".split()
)
_MONTH = re.compile(
    r" (?:januar|jänner|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember"
    r"|jan|feb|mär|apr|jun|jul|aug|sept?|okt|nov|dez)(?!\w)",
    re.IGNORECASE,
)
"""`15. Dezember` is one day, and no end of a sentence."""
_EMAIL = re.compile(r"(?<![\w@.-])e-mail(?![\w.-]*@)", re.IGNORECASE)
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]{1,2})?")
_ELIDED = re.compile(
    r"(?<![^\W\d_])([^\W\d_]{1,2}|qu|un|dell|nell|all|dall|sull|quest|jusqu|lorsqu)'(?!(?:ll|ve|re)\b)(?=[^\W\d_]{2})",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """The word in lower case, without diacritics; `ß` is `ss`, `œ` is `oe`."""
    low = word.casefold().replace("œ", "oe").replace("æ", "ae").replace("ø", "o")
    if low.isascii():
        return low
    return "".join(c for c in unicodedata.normalize("NFKD", low) if not unicodedata.combining(c))


def normalise(text: str) -> str:
    """The text in NFKC with plain apostrophes; a one-letter elision (`l'abonnement`) is cut off."""
    plain = unicodedata.normalize("NFKC", text)
    for mark in "\u2019\u2018\u00b4`\u02bc":
        plain = plain.replace(mark, "'")
    plain = _ELIDED.sub(r"\1 ", plain)
    # Portuguese writes the reflexive pronoun behind the verb; by itself `se` is `if`.
    plain = re.sub(r"(?<=[^\W\d_])-se\b", "", plain)
    plain = _EMAIL.sub("email", plain)
    # What is left joins a word (`don't`, `mug's`), or quotes something.
    return re.sub(r"(?<=[^\W\d_])'(?=[^\W\d_])", "", plain)


def tokenise(text: str) -> list[TextToken]:
    """The tokens of a normalised text; a postal address is one."""
    tokens: list[TextToken] = []
    at = 0
    for one in find_addresses(text):
        tokens += _tokens(text, at, one.start)
        written = text[one.start : one.end]
        tokens.append(
            TextToken("noise", written, one.start, one.end, form="address", parts=one.parts)
        )
        at = one.end
    return tokens + _tokens(text, at, len(text))


def _tokens(text: str, start: int, end: int) -> list[TextToken]:
    found = (_token(match, text) for match in _TOKEN.finditer(text, start, end))
    return [token for token in found if token is not None]


def _token(match: re.Match[str], text: str) -> TextToken | None:
    kind, written = match.lastgroup, match[0]
    start, end = match.span()
    if match["word"]:
        capital = any(map(str.isupper, written)) and not written.isupper()
        return TextToken("word", fold(written), start, end, capital=capital)
    if match["amount"]:
        return _amount(match)
    if match["percent"]:
        digits = match["share"].replace(",", ".")
        return TextToken("percent", written, start, end, digits=digits)
    if match["end"]:
        return _end(match, text)
    if match["comma"]:
        return TextToken("comma", written.strip(), start, end)
    if match["emoticon"]:
        return TextToken("end", written, start, end)
    if match["reference"]:
        return _reference(written, start, end)
    assert kind is not None
    return TextToken("noise", written, start, end, form=_form_of(written))


def _form_of(written: str) -> str:
    if "@" in written:
        return "email"
    return "phone" if _PHONE.fullmatch(written) else ""


def _reference(written: str, start: int, end: int) -> TextToken:
    """`A-1042` and `#b12` are references; `b4` and `u2` are words."""
    digits = sum(c.isdigit() for c in written)
    if written.startswith("#") or digits >= 3:
        return TextToken("number", written.lstrip("#"), start, end, hash=True)
    return TextToken("word", fold(written), start, end)


def _end(match: re.Match[str], text: str) -> TextToken | None:
    start, end = match.span()
    written = match[0]
    if written == "\n":
        wrapped = text[end : end + 1].islower() and text[start - 1 : start] not in (
            ".",
            "!",
            "?",
            "",
        )
        return None if wrapped else TextToken("end", written, start, end)
    if written == ".":
        word = re.search(r"(\w+)$", text[max(0, start - 12) : start])
        short = word is not None and (fold(word[1]) in _ABBREVIATED or len(word[1]) == 1)
        if word is not None and re.fullmatch("[0-9]{1,2}", word[1]) and _MONTH.match(text, end):
            return None
        if short and not text[start : end + 2].endswith("\n"):
            return None
    return TextToken("end", written, start, end, question="?" in written)


def _amount(match: re.Match[str]) -> TextToken:
    marks = [mark for mark in (match["before"], match["after"]) if mark]
    currencies = _currencies(marks)
    odd = match["minus"] or match["kilo"] or match["range"] or currencies is None
    digits = "" if odd else plain_digits(match["digits"])
    start, end = match.span()
    if match["range"]:
        end -= len(match["range"])
    return TextToken(
        "money" if currencies or currencies is None else "number",
        match["digits"],
        start,
        end,
        digits=digits,
        currencies=currencies or frozenset(),
        hash=bool(match["hash"]),
    )


def _currencies(marks: list[str]) -> frozenset[str] | None:
    """The codes that all marks allow; empty without a mark; None when they contradict."""
    sets = [codes for codes in map(_codes_of, marks) if codes]
    if not sets:
        return frozenset()
    return sets[0].intersection(*sets[1:]) or None


@lru_cache(maxsize=64)
def _codes_of(mark: str) -> frozenset[str]:
    low = mark.lower()
    if low in _SIGNS:
        return _SIGNS[low]
    try:
        exponent_of(mark.upper())
    except RefusedError:
        return frozenset()
    return frozenset({mark.upper()})


def plain_digits(digits: str) -> str:
    """Plain decimal text, empty when it is none; three digits behind a mark are thousands."""
    whole, mark, cents = digits, "", ""
    found = re.fullmatch(r"(.*?)([.,])([0-9]{1,2})", digits)
    if found is not None:
        whole, mark, cents = found[1], found[2], found[3]
    if not mark and re.fullmatch(r"[0-9]+", digits):
        return digits
    groups = re.split(r"[.,'\u2019 \u00a0\u202f]", whole)
    if len(groups) > 1 and not all(len(group) == 3 for group in groups[1:]):
        return ""
    plain = "".join(groups) + (f".{cents}" if cents else "")
    return plain if _PLAIN.fullmatch(plain) else ""
