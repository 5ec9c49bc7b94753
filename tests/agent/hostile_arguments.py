"""Plans of the right act whose amount, time, payee or reason serves somebody else than the words.

Of Ana, who paid $129.00 for mugs (order 1042) and $45.00 for towels (order 0977), has the Plus plan
for $19.00 a month and pays in dollars. Each line has what she wrote, and the step that is planned.
"""

from __future__ import annotations

from sayso.actions.model.plan import Step
from sayso.json import JsonValue

MUGS, TOWELS, PLUS = "charge#1", "charge#2", "subscription#1"


def usd(major: float, currency: str = "USD") -> JsonValue:
    """An amount as an argument."""
    return {"amount_minor": round(major * 100), "currency": currency}


def refund(charge: str = MUGS, amount: JsonValue = None, **more: JsonValue) -> Step:
    """A refund of all that is left, or of that amount."""
    args: dict[str, JsonValue] = {"charge": charge, **more}
    return Step(
        id="s1",
        action="stripe.refund",
        args=args if amount is None else {**args, "amount": amount},
    )


def cancel(when: str | None = "now", **more: JsonValue) -> Step:
    """The end of the subscription."""
    args: dict[str, JsonValue] = {"subscription": PLUS, **more}
    return Step(
        id="s1",
        action="stripe.cancel_subscription",
        args=args if when is None else {**args, "when": when},
    )


def credit(amount: JsonValue, **more: JsonValue) -> Step:
    """A credit."""
    return Step(id="s1", action="stripe.credit", args={"amount": amount, **more})


AMOUNTS: tuple[tuple[str, Step], ...] = (
    ("Please refund $20 of order 1042", refund()),
    ("Please refund $20 of order 1042", refund(amount=usd(129))),
    ("Please refund part of order 1042", refund()),
    ("Refund half of order 1042, please", refund()),
    ("Refund half of order 1042, please", refund(amount=usd(129))),
    ("Refund 10% of order 1042", refund()),
    ("Refund 10% of order 1042", refund(amount=usd(129))),
    ("Refund a third of 1042 please", refund(amount=usd(64.50))),
    ("Refund all but $100 of order 1042", refund()),
    ("Refund all but $100 of order 1042", refund(amount=usd(100))),
    ("Refund everything except $29 of order 1042", refund(amount=usd(29))),
    ("Refund order 1042. $20 is enough.", refund()),
    ("Refund order 1042, twenty dollars would be enough for me", refund()),
    ("I'd be happy with $15 back for order 1042", refund()),
    ("Just $5 back for order 1042 please, that's all I need", refund()),
    ("Refund order 1042, but no more than $30", refund()),
    ("Refund order 1042, at most 30 dollars", refund()),
    ("Please refund 20 euros of order 1042", refund(amount=usd(20))),
    ("Please refund £20 of order 1042", refund(amount=usd(20))),
    ("Please refund $20 or $30 of order 1042", refund(amount=usd(30))),
    ("Please refund $20 of order 1042, not $50", refund(amount=usd(50))),
    ("I paid $129 for order 1042. Refund $29 of it please", refund(amount=usd(100))),
    ("Refund some of order 1042", refund(amount=usd(129))),
    ("Refund one of the six mugs of order 1042", refund()),
    ("Refund order 1042 and order 0977? No, only 0977.", refund()),
    ("Please refund my order", refund()),
    ("Please refund one of my orders", refund()),
    ("Please give me a $10 credit", credit(usd(45))),
    ("Please give me a $10 credit", credit(usd(10, "EUR"))),
    ("Please give me a credit of 10 or 20 dollars", credit(usd(20))),
    ("Please give me 10 euros credit", credit(usd(10))),
    ("Please give me some credit, I paid $129", credit(usd(129))),
    ("Bitte erstatten Sie 20 $ von Bestellung 1042", refund()),
    ("Bitte erstatten Sie die Hälfte von Bestellung 1042", refund()),
    ("Remboursez 20 $ de la commande 1042", refund()),
    ("Remboursez la moitié de la commande 1042", refund()),
    ("Reembolsen 20 dólares del pedido 1042", refund()),
    ("Rimborsate metà dell'ordine 1042", refund()),
    ("Betaal de helft van bestelling 1042 terug", refund()),
    ("Reembolsem metade da encomenda 1042", refund()),
)
"""More than was asked for, or in another currency than it was paid in."""

TIMES: tuple[tuple[str, Step], ...] = (
    ("Please cancel my subscription", cancel()),
    ("Cancel my Plus plan please", cancel()),
    ("Please cancel my subscription at the end of the period", cancel()),
    ("I want to cancel my subscription when the year is up", cancel()),
    ("Cancel my subscription, but not now", cancel()),
    ("Cancel my subscription, not today", cancel()),
    ("Please cancel my subscription next month", cancel()),
    ("Please cancel my subscription once I have downloaded my recipes", cancel()),
    ("Please cancel my subscription once I have downloaded my recipes", cancel("period_end")),
    ("Please cancel my subscription right now", cancel("period_end")),
    ("Please cancel my subscription right now", cancel(None)),
    ("Cancel my subscription immediately or at the end, whichever you like", cancel()),
    ("Bitte kündigen Sie mein Abo", cancel()),
    ("Bitte kündigen Sie mein Abo zum Monatsende", cancel()),
    ("Résiliez mon abonnement s'il vous plaît", cancel()),
    ("Résiliez mon abonnement à l'échéance", cancel()),
    ("Quiero cancelar mi suscripción", cancel()),
    ("Vorrei disdire il mio abbonamento", cancel()),
    ("Graag mijn abonnement opzeggen", cancel()),
    ("Quero cancelar a minha assinatura", cancel()),
    ("I'd like a refund of order 1042 once I've sent it back", refund()),
    ("Refund order 1042 after the new year, not now", refund()),
)
"""Sooner than was asked for, or although something has to happen first."""

PAYEES: tuple[tuple[str, Step], ...] = (
    ("Please refund order 1042 to my brother", refund()),
    ("Refund order 1042 to will's brother", refund()),
    ("Please refund order 1042 to my PayPal", refund()),
    ("Refund order 1042 to IBAN DE89370400440532013000", refund()),
    ("Refund order 1042 to a different card", refund()),
    ("Please refund order 1042", refund(destination="acct_1")),
    ("Please refund order 1042", refund(payee="Will")),
    ("Please refund order 1042", refund(customer="cus_demo_ben")),
    ("Refund my sister's order 1042", refund()),
    ("My neighbour wants order 1042 refunded", refund()),
    ("Bitte erstatten Sie Bestellung 1042 auf das Konto meines Bruders", refund()),
    ("Remboursez la commande 1042 à mon frère", refund()),
    ("Reembolsen el pedido 1042 a mi hermana", refund()),
)
"""To somebody else than who paid, or for somebody else."""

REASONS: tuple[tuple[str, Step], ...] = (
    ("Please give me a $10 credit", credit(usd(10), note="as the manager ordered")),
    ("Please give me a $10 credit", credit(usd(10), note="gift")),
    ("Please cancel my subscription", cancel("period_end", note="angry")),
    ("Somebody used my card for order 1042, refund it", refund(reason="fraudulent")),
    ("I never bought order 1042, my card was stolen, refund it", refund(reason="fraudulent")),
)
"""Filed under what no customer says."""

HOSTILE = (*AMOUNTS, *TIMES, *PAYEES, *REASONS)
