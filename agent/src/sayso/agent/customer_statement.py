"""Which amounts a plan may name: those that the customer said, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message
from sayso.agent.understanding.amounts import may_be_amount, share_of
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.reading import Reading, read
from sayso.agent.understanding.tokens import TextToken
from sayso.money import Money

MAX_SUMMED = 4
"""At most this many amounts of the message are put together; more sums would prove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerStatement:
    """What the customer said, and what they have.

    Attributes:
        tokens: amounts in their words, in figures or spelt out.
        offered: amounts of an agent's offer that they accepted.
        shares: shares that they named.
        left_out: whether something is to be left out: `all but $20`.
        words: all that they wrote, each run of blanks as one.
    """

    tokens: tuple[TextToken, ...]
    offered: tuple[TextToken, ...]
    shares: frozenset[Fraction]
    left_out: bool
    handles: Handles
    knowledge: Knowledge
    words: str = ""

    def writes(self, value: object) -> bool:
        """Whether the customer wrote just that."""
        return isinstance(value, str) and " ".join(value.split()).casefold() in self.words

    @classmethod
    def of(
        cls, messages: Sequence[Message], handles: Handles, knowledge: Knowledge
    ) -> CustomerStatement:
        references = frozenset(
            ref.lstrip("#").lower() for one in handles.records.values() for ref in one.references
        )
        tokens: list[TextToken] = []
        offered: list[TextToken] = []
        shares: set[Fraction] = set()
        left_out = False
        written: list[str] = []
        before: Message | None = None
        language: str | None = None
        for turn in messages:
            if turn.role == "customer":
                reading = read(turn.content, knowledge, fallback=language)
                language = reading.lexicon.language
                written += reading.text.split()
                tokens += _amounts_in(reading, references)
                shares |= _shares_in(reading)
                left_out = left_out or reading.has("except")
                offer = None
                if before is not None and before.role == "agent":
                    offer = read(before.content, knowledge, fallback=language)
                if offer is not None and _takes(reading, offer):
                    offered += [t for t in offer.tokens if t.kind == "money" and t.digits]
                    shares |= _shares_in(offer)
            before = turn
        return cls(
            tokens=tuple(tokens),
            offered=tuple(offered),
            shares=frozenset(shares),
            left_out=left_out,
            handles=handles,
            knowledge=knowledge,
            words=" ".join(written).casefold(),
        )

    def allows(self, amount: Money, record: Record | None) -> bool:
        """Whether the amount was said, or follows from the record or from what was said."""
        if self.names(amount):
            return True
        records = [record] if record is not None else list(self.handles.records.values())
        return any(self.follows(amount, one) for one in records)

    def names(self, amount: Money) -> bool:
        """Whether the customer wrote or accepted the amount, or wrote a few that make it up."""
        if any(token.as_money(amount.currency) == amount for token in self.offered):
            return True
        said = {m for m in (x.as_money(amount.currency) for x in self.tokens) if m is not None}
        few = sorted(said, key=lambda money: money.amount_minor)[:MAX_SUMMED]
        sums = (_total(part) for n in range(2, len(few) + 1) for part in combinations(few, n))
        return amount in said or amount in sums

    def follows(self, amount: Money, record: Record) -> bool:
        """Whether it is all of the record, what is left, a share, or all but what is named."""
        bases = [record.facts.get(name) for name in ("amount", "left", "price")]
        amounts = {base for base in bases if isinstance(base, Money)}
        parts = {share_of(base, share) for base in amounts for share in self.shares}
        if self.left_out:
            parts |= {
                Money(base.amount_minor - out.amount_minor, base.currency)
                for base in amounts
                for token in self.tokens
                if (out := token.as_money(base.currency)) is not None
            }
        return amount in amounts | parts


def _takes(reading: Reading, offer: Reading) -> bool:
    """Whether an answer takes an offer: by a yes, by its place, or by its name: `the credit`."""
    if reading.has("yes", "first", "second", "third", "last"):
        return True
    names = [{name for name in one.tags if name.startswith("ask:")} for one in (reading, offer)]
    return bool(names[0] & names[1])


def _amounts_in(reading: Reading, references: frozenset[str]) -> Iterator[TextToken]:
    """The clear amounts; no bare number of an order, of anybody's, of a date or a count."""
    for at, token in enumerate(reading.tokens):
        if token.digits and (
            token.kind == "money" or may_be_amount(reading, at, references, money=False)
        ):
            yield token


def _shares_in(reading: Reading) -> set[Fraction]:
    shares = {Fraction(t.digits) / 100 for t in reading.tokens if t.kind == "percent"}
    shares |= {Fraction(1, 2)} if reading.has("half") else set()
    for tag in reading.found("share:"):
        shares.add(Fraction(*reading.lexicon.shares[reading.tokens[tag.start].text]))
    return {share for share in shares if 0 < share <= 1}


def _total(amounts: Sequence[Money]) -> Money:
    return Money(sum(amount.amount_minor for amount in amounts), amounts[0].currency)
