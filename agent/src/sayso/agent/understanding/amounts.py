"""Amounts, shares and parts that the words name within a scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sayso.agent.understanding.reading import Reading, Span
from sayso.agent.understanding.tokens import TextToken
from sayso.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedAmount:
    """What is said about how much.

    Attributes:
        tokens: amounts of money and bare numbers that may be one, in the order of the text.
        shares: of the price.
        part: a part, and not how much of it.
        whole: all of it, in so many words.
        except_: the amounts are what is to be left out.
        odd: an amount that can be read in more than one way.
        currencies: named without an amount: `in dollars`.
        each: for several objects, in their order, the amount that stands beside each.
        named: an amount stands in or right behind the word for the act, so that it is asked for.
    """

    tokens: tuple[TextToken, ...] = ()
    shares: tuple[Fraction, ...] = ()
    part: bool = False
    whole: bool = False
    except_: bool = False
    odd: bool = False
    currencies: frozenset[str] = frozenset()
    named: bool = False
    each: tuple[TextToken, ...] = ()

    @property
    def silent(self) -> bool:
        """Nothing is said."""
        return not (self.tokens or self.shares or self.part or self.odd)


def find_amounts(
    reading: Reading,
    spans: Sequence[Span],
    references: frozenset[str],
    cues: Sequence[tuple[int, int]] = (),
    *,
    answer: bool = False,
    money: bool = False,
) -> StatedAmount:
    """What the words within some spans say about how much.

    Args:
        cues: where the words for the act stand; a bare number in or just behind one is an amount.
        answer: the text answers a question, so that a bare number may be an amount anywhere.
        money: the question was about an amount, so that even four digits are one.
    """
    tokens: list[TextToken] = []
    shares: list[Fraction] = []
    odd = counted = False
    for span in spans:
        for at in range(span.start, span.end):
            token = reading.tokens[at]
            if token.kind == "word":
                counted = counted or _counts(reading, at)
                continue
            near = answer or any(start - 1 <= at <= end + 3 for start, end in cues)
            if token.kind == "money" or (
                near and may_be_amount(reading, at, references, money=money)
            ):
                tokens.append(token)
                odd = odd or (token.kind == "money" and not token.digits)
            elif _counts(reading, at):
                counted = True
            elif token.kind == "percent":
                share = Fraction(token.digits) / 100
                odd = odd or not 0 < share <= 1
                shares.append(share)
        shares += [Fraction(1, 2) for _ in reading.found("half", within=span)]
        for tag in reading.found("share:", within=span):
            if reading.begins(tag.end, "unit"):
                continue  # `a third time`
            shares.append(Fraction(*reading.lexicon.shares[reading.tokens[tag.start].text]))

    def said(name: str) -> bool:
        return any(reading.has(name, within=span) for span in spans)

    return StatedAmount(
        tokens=tuple(tokens),
        shares=tuple(shares),
        part=said("part") or counted,
        whole=said("whole"),
        except_=any(_leaves_out(reading, span) for span in spans),
        odd=odd,
        currencies=frozenset(
            tag.name.partition(":")[2]
            for span in spans
            for tag in reading.starting("currency:", within=span)
            if all(t.kind == "word" for t in reading.tokens[max(0, tag.start - 1) : tag.end])
        ),
        named=any(
            reading.tokens[at].kind == "money"
            for start, end in cues
            for at in range(start, min(end + 2, len(reading.tokens)))
        ),
    )


_NUMBER_WORDS = frozenset("no nr number nummer num numero numéro at".split())
_PLACES = frozenset("newest oldest dearest cheapest other one_of both twice first second".split())


def _counts(reading: Reading, at: int) -> bool:
    """Whether a number counts things that were bought: `two of the knives`, `one mug`."""
    if reading.tokens[at].kind != "number" and "number:" not in reading.covering[at]:
        return False
    if not _PLACES.isdisjoint(reading.covering[at]):
        return False
    if _of_count(reading, at):
        return True
    products = reading.begins(at + 1, "product:") or reading.begins(at + 2, "product:")
    return products or (reading.begins(at + 1, "some_of") and not _of_amount(reading, at))


_FEW = 24
"""A part of a small number is a count rather than an amount: `4 of 6 mugs`."""


def _of_count(reading: Reading, at: int) -> bool:
    """Whether a small number stands before another one, with no `and` or `or` between."""
    rest = reading.tokens[at : at + 3]
    return (
        len(rest) == 3
        and rest[1].kind == "word"
        and not reading.begins(at + 1, "and", "or", "conjunction")
        and all(t.kind == "number" and t.digits.isdigit() for t in (rest[0], rest[2]))
        and 0 < int(rest[0].digits) < int(rest[2].digits) <= _FEW
    )


def _of_amount(reading: Reading, at: int) -> bool:
    """Whether a number is a part of an amount: `50 of the 190`."""
    ends = [tag.end for tag in reading.found("some_of") if tag.start == at + 1]
    after = [reading.tokens[end] for end in ends if end < len(reading.tokens)]
    return any(
        token.kind == "money"
        or (token.kind == "number" and token.digits.isdigit() and int(token.digits) > _FEW)
        for token in after
    )


def may_be_amount(reading: Reading, at: int, references: frozenset[str], *, money: bool) -> bool:
    """Whether a bare number may be an amount: no order number, no count of anything."""
    token = reading.tokens[at]
    if token.kind != "number" or token.hash or not token.digits:
        return False
    long = token.text.isdigit() and len(token.text) >= 4 and not money
    if token.text.lower() in references or long:
        return False
    counted = reading.begins(at + 1, "unit", "thing") or _counts(reading, at)
    # `Two of the four bottles`, and not `40 of the 190`.
    ends = [tag.end for tag in reading.found("some_of") if tag.start == at + 1]
    counted = counted or any(
        reading.tokens[end].kind == "word" for end in ends if end < len(reading.tokens)
    )
    names = {*reading.titles, *(tag.start for tag in reading.starting("product:"))}
    if counted or at + 1 in names:
        return False
    if not _PLACES.isdisjoint(reading.covering[at]):
        return False
    named = at > 0 and (
        reading.tokens[at - 1].text in _NUMBER_WORDS or "kind:charge" in reading.covering[at - 1]
    )
    return not named


def _leaves_out(reading: Reading, span: Span) -> bool:
    """Whether an amount stands behind `all but`."""
    return any(
        reading.tokens[at].kind in ("money", "percent")
        or (reading.tokens[at].kind == "number" and reading.tokens[at].digits)
        for tag in reading.found("except", within=span)
        for at in range(tag.end, min(tag.end + 3, span.end))
    )


def share_of(amount: Money, share: Fraction) -> Money:
    """Exactly that share in whole minor units, rounded down: never a cent too much."""
    return Money(amount.amount_minor * share.numerator // share.denominator, amount.currency)
