"""Stripe's whole-number amounts and ours, which differ for a few currencies.

Source: Stripe docs: Supported currencies, "Zero-decimal currencies", "Three-decimal currencies" and
"Special cases". ISK and UGX have no decimals any more, but Stripe still takes them with two; MGA is
a zero-decimal currency to Stripe and has two places in ISO 4217; of three decimals the last is 0.
HUF and TWD are whole in payouts only, which no action of ours makes.
"""

from __future__ import annotations

from sayso.errors import Code, RefusedError
from sayso.money import Money, exponent_of

_TWO_PLACES_AT_STRIPE = frozenset({"ISK", "UGX"})
_NO_PLACES_AT_STRIPE = frozenset({"MGA"})


def from_stripe(amount: int, currency: str) -> Money:
    """Our money for an amount on Stripe's wire.

    Args:
        amount: Stripe's whole number.
        currency: Stripe's lower-case code.

    Raises:
        RefusedError: `invalid_money` for something that is no ISO 4217 currency, or a fraction of
            its smallest unit.
    """
    code = currency.upper()
    if code in _TWO_PLACES_AT_STRIPE:
        return Money(_exactly(amount, 100, code), code)
    if code in _NO_PLACES_AT_STRIPE:
        return Money(amount * 100, code)
    return Money(amount, code)


def told_by_stripe(amount: int, currency: str) -> Money | None:
    """The money of what Stripe has done; None where that cannot be read.

    INVARIANT: an effect that carries our reference is never taken for a no because of its figures.
    """
    try:
        return from_stripe(amount, currency)
    except RefusedError:
        return None


def to_stripe(money: Money) -> tuple[int, str]:
    """Stripe's whole number and its lower-case code.

    Raises:
        RefusedError: `invalid_money` for an amount finer than Stripe takes.
    """
    code, amount = money.currency, money.amount_minor
    if code in _TWO_PLACES_AT_STRIPE:
        amount *= 100
    elif code in _NO_PLACES_AT_STRIPE:
        amount = _exactly(amount, 100, code, money)
    elif exponent_of(code) == 3:
        _exactly(amount, 10, code, money)
    return amount, code.lower()


def _exactly(amount: int, divisor: int, code: str, money: Money | None = None) -> int:
    whole, rest = divmod(amount, divisor)
    if rest:
        step = "round the amount"
        if money is not None:
            step += f", such as to {Money(max(whole, 1) * divisor, code)}"
        raise RefusedError(
            Code.INVALID_MONEY,
            f"stripe does not take {code} in units that small",
            next_step=step,
        )
    return whole
