"""How much: what the words say, checked against what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayso.agent.understanding.amounts import StatedAmount, share_of
from sayso.agent.understanding.base import HandOverError, UnclearError
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.playbook import Playbook
from sayso.agent.understanding.records import Thing, Things
from sayso.agent.understanding.tokens import DOLLARS, TextToken
from sayso.money import Money, exponent_of


def fill_amounts(
    draft: ActDraft, book: Playbook, chosen: Sequence[Thing], things: Things
) -> list[Money | None]:
    """The amount for each object, None for all that is left; one for an act on no object."""
    count = max(len(chosen), 1)
    if book.money_slot is None:
        return [None] * count
    name, slot = book.money_slot
    said = draft.amount
    if said.odd:
        raise HandOverError("an amount can be read in more than one way")
    if slot.of is None:
        return [_plain_amount(draft, name, said, things)]
    if len(chosen) == 1:
        return [_amount_of(draft, name, said, chosen[0])]
    return _amounts_of_many(draft, name, said, chosen)


def _plain_amount(draft: ActDraft, name: str, said: StatedAmount, things: Things) -> Money:
    if said.shares or said.except_:
        raise HandOverError("a share of nothing in particular is named")
    currencies = _currencies(things)
    amounts = list(dict.fromkeys(_in_their_currency(token, currencies) for token in said.tokens))
    if len(amounts) == 1:
        return amounts[0]
    raise _how_much(draft, name, amounts)


def _in_their_currency(token: TextToken, currencies: frozenset[str]) -> Money:
    """The amount in the currency that the customer pays in, or in the only one that it names."""
    possible = token.currencies & currencies if token.currencies and currencies else currencies
    possible = possible or token.currencies
    amounts = [m for code in sorted(possible) if (m := token.as_money(code)) is not None]
    if currencies and token.currencies and not token.currencies & currencies:
        amounts = []
    if len(amounts) != 1:
        raise HandOverError("the amount is in another currency, or does not fit it")
    return amounts[0]


def _how_much(draft: ActDraft, name: str, amounts: Sequence[Money]) -> UnclearError:
    return UnclearError(draft.act, name, map(major, amounts), "how much is not clear")


def major(amount: Money) -> str:
    """An amount in major units, without decimals that say nothing."""
    exponent = exponent_of(amount.currency)
    whole, rest = divmod(amount.amount_minor, 10**exponent)
    return f"{whole}.{rest:0{exponent}d}" if rest else str(whole)


def _currencies(things: Things) -> frozenset[str]:
    """The currencies that the customer pays in."""
    return frozenset(
        money.currency
        for thing in things.all
        for fact in ("amount", "price")
        if (money := thing.money(fact)) is not None
    )


def _amount_of(draft: ActDraft, name: str, said: StatedAmount, thing: Thing) -> Money | None:
    """How much of one object; None for all that is left."""
    price, left = thing.money("amount"), thing.money("left")
    if said.silent and not said.except_ and (price is None or left is None):
        return None  # all of it, whatever it was
    if price is None or left is None:
        return _of_unknown(said)
    if said.currencies and price.currency not in _spoken(said.currencies):
        raise HandOverError("another currency is named than the one that was paid")
    named = list(dict.fromkeys(_of_price(draft, name, token, price) for token in said.tokens))
    shares = list(dict.fromkeys(share_of(price, share) for share in said.shares))
    if said.except_:
        return _all_but(named, shares, left)
    part = _part(draft, name, said, named, shares, price, left)
    if part is not None and part.amount_minor > left.amount_minor:
        raise HandOverError("it is more than is left of that payment")
    return None if part == left else part


def _of_unknown(said: StatedAmount) -> Money:
    """An amount in a currency that is named, of what nobody knows the price of."""
    named = {
        token.as_money(code)
        for token in said.tokens
        if len(token.currencies) == 1
        for code in token.currencies
    }
    found = next(iter(named), None)
    if len(named) != 1 or found is None or said.shares or said.except_ or said.part:
        raise HandOverError("what it cost is not known")
    return found


def _spoken(codes: frozenset[str]) -> frozenset[str]:
    """The currencies that a name can mean: dollars are those of several countries."""
    return codes | DOLLARS if "USD" in codes else codes


def _all_but(named: list[Money], shares: list[Money], left: Money) -> Money:
    if len(named) != 1 or shares:
        raise HandOverError("it is not clear what is to be left out")
    rest = Money(left.amount_minor - named[0].amount_minor, left.currency)
    if rest.amount_minor <= 0:
        raise HandOverError("nothing would be left")
    return rest


def _part(
    draft: ActDraft,
    name: str,
    said: StatedAmount,
    named: list[Money],
    shares: list[Money],
    price: Money,
    left: Money,
) -> Money | None:
    """The one part that is asked for; None for all of it.

    The price names the payment rather than a part of it, but where it is itself asked for.
    """
    parts = [amount for amount in named if amount not in (price, left)]
    if not parts and not shares and price != left and price in named and said.named:
        return price
    if shares and all(part in shares for part in parts):
        parts = shares
    elif shares:
        parts = [*shares, *parts]
    if len(parts) > 1 or (not parts and said.part):
        raise _how_much(draft, name, parts)
    return parts[0] if parts else None


def _of_price(draft: ActDraft, name: str, token: TextToken, price: Money) -> Money:
    """An amount in the currency of a price."""
    amount = token.as_money(price.currency)
    if amount is not None:
        return amount
    fits = not token.currencies or price.currency in token.currencies
    if fits and exponent_of(price.currency) == 0 and "." in token.digits:
        # Cents of a currency that has none: either they are wrong, or the dot is.
        both = (token.digits.partition(".")[0], token.digits.replace(".", ""))
        raise _how_much(draft, name, [Money(int(one), price.currency) for one in both])
    raise HandOverError("the amount is in another currency, or does not fit it")


def _amounts_of_many(
    draft: ActDraft, name: str, said: StatedAmount, chosen: Sequence[Thing]
) -> list[Money | None]:
    """Several objects: all of each, or the same share of each."""
    prices = [thing.money("amount") for thing in chosen]
    lefts = [thing.money("left") for thing in chosen]
    if any(price is None or left is None for price, left in zip(prices, lefts, strict=True)):
        raise HandOverError("what they cost is not known")
    if said.each and not (said.part or said.except_ or said.shares):
        pairs = zip(said.each, chosen, strict=True)
        return [_amount_of(draft, name, replace(said, tokens=(one,)), of) for one, of in pairs]
    if said.part or said.except_:
        raise HandOverError("a part of several payments is spoken of")
    if said.shares:
        if len(set(said.shares)) > 1 or said.tokens:
            raise HandOverError("it is not clear how much of each is meant")
        return [share_of(price, said.shares[0]) for price in prices if price is not None]
    known = {m for m in (*prices, *lefts) if m is not None}
    currency = next(iter(known)).currency
    total = Money(sum(left.amount_minor for left in lefts if left is not None), currency)
    for token in said.tokens:
        amount = token.as_money(currency)
        if amount is None or amount not in (known | {total}):
            raise HandOverError("an amount is named together with several payments")
    return [None] * len(chosen)
