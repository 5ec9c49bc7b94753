"""What no trial can compare, and whoever records says: how much, to whom, and out of whose pocket.

A manifest that reads and writes amounts by the same wrong unit is consistent in itself, and so is
one that names another payee than it pays. And whether a provider holds the money that it pays out
shows only on the day on which its own record is lost. So a person looks at the account itself.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sayso.actions.model.definition import MONEY, Action
from sayso.actions.model.snapshot import Receipt, Resolved
from sayso.errors import Code, RefusedError
from sayso.money import Money

_SHOWN = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,10})?)\s*([A-Za-z]{3})\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPayment:
    """What was done at the account, as the manifest reads it.

    Attributes:
        action: its name. account: where. id: the provider's.
        amount: how much. payee: where to, as the card has it.
    """

    action: str
    account: str
    id: str
    amount: Money
    payee: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a person has seen of it at the account.

    Attributes:
        amount: how much the account's own page shows, in major units, such as `1.00 USD`.
        is_payee: whether it went where the card says.
        holds_the_money: whether the provider pays out of what it holds itself, as its `source`
            says, and has no bank and no payment provider pay.
    """

    amount: str
    is_payee: bool = True
    holds_the_money: bool = False


Ask = Callable[[RecordedPayment], Awaitable[Sighting | None]]
"""Asks whoever records; None where nobody is there to say."""


async def nobody(_: RecordedPayment) -> Sighting | None:
    """Nobody has looked."""
    return None


def read_amount(text: str) -> Money:
    """An amount as a person reads it from a page.

    Raises:
        RefusedError: `invalid_money`.
    """
    found = _SHOWN.fullmatch(text)
    if found is None:
        raise RefusedError(
            Code.INVALID_MONEY,
            f"`{text[:40]}` is no amount",
            next_step="write it as the account shows it, such as `1.00 USD`",
        )
    return Money.parse(found[1], found[2].upper())


def payment_of(action: Action, resolved: Resolved, receipt: Receipt) -> RecordedPayment | None:
    """What there is to look at; None where no money moves."""
    if action.effect not in MONEY or resolved.amount is None:
        return None
    return RecordedPayment(
        action=action.name,
        account=resolved.account,
        id=receipt.id,
        amount=resolved.amount,
        payee=resolved.payee,
    )


def untrue(payment: RecordedPayment, said: Sighting | None) -> str:
    """What doesn't fit what a person has seen; empty where all does."""
    if said is None:
        return f"nobody has said what {payment.account} itself shows of {payment.id}"
    try:
        shown = read_amount(said.amount)
    except RefusedError as error:
        return f"{error.message}, so nobody has said what {payment.account} itself shows"
    if shown != payment.amount:
        return (
            f"{payment.account} shows {shown}, and {payment.amount} was asked for: `[money]` has"
            " another unit than the provider"
        )
    if not said.is_payee:
        return f"it went to somebody else than the card says ({payment.payee})"
    return ""
