"""The external forms of composing: a customer's records, what can be done, and its judgement."""

from __future__ import annotations

from typing import Literal

from sayso.money import Money
from sayso.sdk.views.base import View

FieldKind = Literal["money", "choice", "yes_no", "number", "line", "text"]
Verdict = Literal["runs", "asks", "cannot", "unknown"]
"""What would come of a proposal now: it runs by itself, people are asked, it is refused, or nobody
can say while a provider cannot be read."""


class ComposeRecordView(View):
    """Something that the customer has.

    Attributes:
        id: the provider's own. left: what is left of it to give back; None for no money.
    """

    id: str
    kind: str
    title: str
    label: str = ""
    connector: str = ""
    left: Money | None = None


class ComposeFieldView(View):
    """One argument that a person fills in.

    Attributes:
        name: the argument's. label, hint: in words. kind: how it is written.
        choices: for `choice`. currency: for `money`, where the record says it.
        most: for `money`, the most that is left. longest: characters, for texts.
    """

    name: str
    label: str
    hint: str = ""
    kind: FieldKind
    required: bool
    choices: tuple[str, ...] = ()
    currency: str = ""
    most: Money | None = None
    longest: int = 10_000


class ComposeOptionView(View):
    """Something that can be proposed about a record, or about none.

    Attributes:
        summary: what it does, in a line. target: the argument that names the record; empty for
            none. effect: as in `ActionTypeView`. problem: why nobody can fill it in here; empty
            where somebody can.
    """

    action: str
    summary: str
    effect: str
    reversible: bool
    target: str = ""
    fields: tuple[ComposeFieldView, ...] = ()
    problem: str = ""


class LimitMetView(View):
    """A limit as the proposal meets it.

    Attributes:
        says: with what is used now, and with this one, as a sentence without a full stop.
        share, with_this: how full it is, and would be, from 0 to 1. over: it does not fit.
    """

    limit: str
    says: str
    share: float
    with_this: float
    over: bool


class ComposedView(View):
    """What would come of a proposal, as it is judged now; nothing is stored by asking.

    Attributes:
        title: such as `Needs a support manager`. why: a sentence; empty for what runs by itself.
        headline: what would be done, such as `$80.00 to Eleni`. payee, consequence: as on a card.
        facts: label and value, as on the card. unusual: as on the card.
        digest: of all that counts of it; a proposal carries it, and is refused where it would be
            judged otherwise. Empty where nothing can be proposed.
    """

    verdict: Verdict
    title: str
    why: str = ""
    headline: str = ""
    amount: Money | None = None
    payee: str = ""
    consequence: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    unusual: tuple[str, ...] = ()
    limits: tuple[LimitMetView, ...] = ()
    digest: str = ""
    judged_at: str
