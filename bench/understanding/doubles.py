"""The shop, Stripe, the mail and the desk of the development set, as connectors in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from bench.understanding.verbs import BY_NAME, VERBS, Verb
from bench.understanding.world import Thing, World
from sayso.actions.model.act import ACCOUNT, ActUse
from sayso.actions.model.definition import (
    Action,
    Args,
    Effect,
    FactValue,
    Guarantee,
    Subject,
    at_most_once,
    verifiable,
)
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, RecordState, Resolved
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.errors import Code, OutcomeUnknownError, RefusedError
from sayso.money import Money

Answer = Literal["at once", "held", "lost"]
_KIND = {"payment": "charge"}
"""What a planner calls a kind that the file calls otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One effect at a provider.

    Attributes:
        action_id: whose. verb: what. handle: of its object, or `account`. args: as they were sent.
    """

    action_id: str
    verb: Verb
    handle: str
    args: Mapping[str, object]


@dataclass(kw_only=True)
class Account:
    """One customer of one conversation, at all providers.

    Attributes:
        things: their objects. done: what was done. live: whether a person decides everything.
        answer: how the next call is answered: at once, not before `go`, or never.
    """

    things: tuple[Thing, ...]
    currency: str
    live: bool = False
    done: list[Done] = field(default_factory=list[Done])
    answer: Answer = "at once"
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def find(self, kind: str, object_id: str) -> Thing:
        """The object of that id; of a kind of its provider.

        Raises:
            RefusedError: `unknown_object`.
        """
        for thing in self.things:
            if thing.id == object_id and _KIND.get(thing.kind, thing.kind) == kind:
                return thing
        raise RefusedError(Code.UNKNOWN_OBJECT, f"there is no {kind} `{object_id[:40]}`")

    def of_handle(self, handle: str) -> list[Thing]:
        """The objects that are one thing at several providers."""
        return [thing for thing in self.things if thing.handle == handle]


@dataclass(kw_only=True)
class Books:
    """What all providers hold, by customer."""

    world: World
    accounts: dict[str, Account] = field(default_factory=dict[str, Account])

    def open(self, customer: str, name: str, *, live: bool) -> str:
        """A copy of a customer for one conversation; returns their id."""
        copy = tuple(
            replace(one, id=f"{one.id}~{name}", fields=dict(one.fields))
            for one in self.world.things[customer]
        )
        subject = f"cus_{customer}_{name}"
        currency = self.world.customers[customer].currency
        self.accounts[subject] = Account(things=copy, currency=currency, live=live)
        return subject

    def of(self, subject: str) -> Account:
        """The account of a customer.

        Raises:
            RefusedError: `unknown_subject`.
        """
        found = self.accounts.get(subject)
        if found is None:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "there is no such customer")
        return found


class Double:
    """One provider as a connector."""

    version = "1"

    def __init__(self, name: str, books: Books) -> None:
        self.name = name
        self.customers_of = "stripe"
        self._books = books
        self.actions: Sequence[Action] = tuple(
            action_of(verb) for verb in VERBS if verb.name.startswith(f"{name}.")
        )

    async def list_records(self, subject: Subject) -> list[Record]:
        """What the customer has here, newest first."""
        mine = [one for one in self._books.of(subject.id).things if one.provider == self.name]
        found = [record for one in mine if (record := _record(one)) is not None]
        return sorted(found, key=lambda one: str(one.facts.get("created", "")), reverse=True)

    async def knows(self, subject: Subject) -> bool:
        """Whether there is such a customer."""
        return subject.id in self._books.accounts

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """Read the object and whether it can be done to it."""
        verb, account = BY_NAME[action.name], self._books.of(subject.id)
        given = args.model_dump(mode="json", exclude_none=True)
        thing = account.find(verb.kind, str(given[verb.about])) if verb.about else None
        _check_state(verb, thing)
        amount = _amount_of(verb, args, thing)
        if amount is not None:
            given["amount"] = amount.to_json()
        label = "" if thing is None else _label(thing)
        shown = {k: str(v) for k, v in given.items() if k not in (verb.about, "amount", "when")}
        facts: dict[str, FactValue] = {"live": account.live}
        return Resolved(
            args=given,
            object_kind=verb.kind or "customer",
            object_id=subject.id if thing is None else thing.id,
            owner=subject.id,
            owner_proof=f"{verb.kind or 'customer'}.customer",
            account=f"acct_{self.name}",
            payee="the card that paid" if verb.effect is Effect.MONEY_OUT else "the customer",
            amount=amount,
            fields={verb.kind or "customer": label or subject.id, **shown},
            facts=facts,
        )

    async def call(self, call: Call) -> Receipt:
        """Do it, and answer as the account says."""
        verb, account = BY_NAME[call.action], self._books.of(call.subject_id)
        args = cast("Mapping[str, object]", call.resolved.args)
        thing = account.find(verb.kind, call.resolved.object_id) if verb.about else None
        answer, account.answer = account.answer, "at once"
        if answer == "lost":
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        if answer == "held":
            await account.go.wait()
        done = Done(
            action_id=call.action_id,
            verb=verb,
            handle="account" if thing is None else thing.handle,
            args=dict(args),
        )
        account.done.append(done)
        _change(verb, account, thing, args, call.resolved.amount, self._books.world.today)
        return Receipt(id=f"re_{call.action_id}", status="done", amount=call.resolved.amount)

    async def look_up(self, call: Call) -> Receipt | Absence:
        """Nobody can say, since what is lost stays lost."""
        return Absence.CANNOT_TELL

    async def close(self) -> None:
        """Nothing is open."""


def doubles(books: Books) -> list[Double]:
    """All providers over the same books."""
    found = [Double(name, books) for name in ("stripe", "shop", "email", "desk")]
    found[0].customers_of = ""
    return found


_SHIPPED = {one.name: one for one in (REFUND, CANCEL_SUBSCRIPTION, CREDIT)}


def action_of(verb: Verb) -> Action:
    """The action as a connector would define it."""
    shipped = _SHIPPED.get(verb.name)
    kept: Guarantee = at_most_once() if verb.money else verifiable(settle_after_s=60)
    shown = f" of {{{verb.kind}}}" if verb.about else ""
    return Action(
        name=verb.name,
        summary=verb.act.replace("_", " "),
        args=verb.args,
        guarantee=kept,
        effect=verb.effect,
        reversible=False,
        sentence=f"{verb.act.replace('_', ' ')}{shown}",
        money_arg="amount" if verb.money else None,
        facts={"live": "bool"},
        words={} if shipped is None else shipped.words,
        act=_use(verb),
    )


def _use(verb: Verb) -> ActUse:
    """Which act it is, as a connector's author would say it."""
    fills = {arg: verb.fills.get(arg, slot) for arg, slot in verb.slots.items()}
    if verb.about:
        fills[verb.about] = "object"
    fills.update(_FILLS.get(verb.act, {}))
    is_refund = verb.act == "refund"
    return ActUse(
        name=verb.act,
        on=verb.on or ACCOUNT,
        fills=fills,
        fixed=_FIXED.get(verb.act, {}),
        status=("succeeded",) if is_refund else verb.states,
        needs="left" if is_refund else None,
        duplicates_within_h=72 if is_refund else 0,
        listed_by="stripe" if verb.on == "subscription" else "",
    )


_FIXED: Mapping[str, Mapping[str, str | int | bool]] = {
    "refund": {"reason": "requested_by_customer"},
    "apology": {"title": "We are sorry", "body": "We are sorry for the trouble."},
}
_FILLS: Mapping[str, Mapping[str, str]] = {
    "change_contact": {"field": "to.field", "value": "to"},
    "return": {"item": "items.item", "quantity": "items.quantity"},
}


def _check_state(verb: Verb, thing: Thing | None) -> None:
    if thing is None:
        return
    state = thing.text("state")
    if verb.act == "refund" and state == "disputed":
        raise RefusedError(Code.WRONG_STATE, "the payment is disputed")
    if verb.act in ("cancel_order", "change_address") and thing.kind == "order":
        if state == "cancelled":
            raise RefusedError(Code.ALREADY_IN_STATE, "it is cancelled already")
        if state != "unshipped":
            raise RefusedError(Code.WRONG_STATE, "it has left already")
    if thing.kind == "subscription" and state == "ended":
        raise RefusedError(Code.ALREADY_IN_STATE, "it has ended already")
    if (verb.act, state) == ("pause", "paused") or (verb.act == "resume" and state != "paused"):
        raise RefusedError(Code.ALREADY_IN_STATE, f"it is {state} already")


def _amount_of(verb: Verb, args: Args, thing: Thing | None) -> Money | None:
    if not verb.money:
        return None
    asked = cast("Money | None", getattr(args, "amount", None))
    left = None if thing is None else thing.money("left_minor")
    if left is None:
        return asked
    if left.amount_minor <= 0:
        raise RefusedError(Code.NOTHING_REFUNDABLE, "all of it was refunded")
    if asked is None:
        return left
    if asked.currency != left.currency:
        raise RefusedError(Code.CURRENCY_MISMATCH, "it was paid in another currency")
    if asked.amount_minor > left.amount_minor:
        raise RefusedError(Code.AMOUNT_TOO_LARGE, "less is left of it")
    return asked


def _change(
    verb: Verb,
    account: Account,
    thing: Thing | None,
    args: Mapping[str, object],
    amount: Money | None,
    today: str,
) -> None:
    """Have the books show what was done, at every provider that holds the thing."""
    if thing is None:
        return
    for one in account.of_handle(thing.handle):
        if one.kind in (thing.kind, "order", "contract"):
            one.fields.update(verb.does)
            if verb.act == "cancel_subscription" and args.get("when") != "now":
                ends = one.text("trial_ends_on") or one.text("next_on")
                one.fields.update(state="ending", ends_on=ends)
            if verb.act == "cancel_order":
                one.fields["cancelled_on"] = today
        if verb.act == "refund" and amount is not None and "left_minor" in one.fields:
            left = int(one.text("left_minor")) - amount.amount_minor
            one.fields["left_minor"] = max(left, 0)
            one.fields["refunded_minor"] = int(one.text("refunded_minor") or 0) + (
                amount.amount_minor
            )


# ---- what a planner sees -----------------------------------------------------------------------

_DATES = ("ordered_on", "paid_on", "created_on", "opened_on")


def _label(thing: Thing) -> str:
    title = thing.text("title") or thing.text("subject") or thing.kind
    if thing.kind in ("order", "payment"):
        return f"Order {thing.handle}: {title}"
    if thing.kind == "subscription":
        return f"{thing.text('plan')} ({title})"
    return title if thing.kind != "address" else thing.text("text")


def _record(thing: Thing) -> Record | None:
    shipped = thing.fields.get("record")
    if isinstance(shipped, Record):
        return replace(shipped, id=thing.id)
    if thing.handle.startswith("ticket-"):
        return None
    kind = _KIND.get(thing.kind, thing.kind)
    facts: dict[str, FactValue] = {
        name: str(value)
        for name, value in thing.fields.items()
        if name.endswith(("_on", "_until")) or name in ("tracking", "eta", "refund_ref", "plan")
    }
    state = thing.text("state")
    if state:
        left = thing.money("left_minor")
        is_open = kind == "charge" and state != "disputed" and (left and left.amount_minor > 0)
        facts["status"] = "succeeded" if is_open else state
    for fact, name in _MONEY.items():
        money = thing.money(name)
        if money is not None:
            facts.setdefault(fact, money)
    if thing.text("per"):
        facts["interval"] = thing.text("per")
    day = next((thing.text(name) for name in _DATES if thing.text(name)), "")
    if day:
        facts["created"] = f"{day}T10:00:00Z"
    label = _label(thing)
    amount = facts.get("amount", facts.get("price"))
    told = [str(amount) if amount is not None else "", f"on {day}" if day else "", label, state]
    named = (thing.number, thing.handle, thing.text("tracking"), thing.id, thing.id.split("~")[0])
    return Record(
        kind=kind,
        id=thing.id,
        title=", ".join(one for one in told if one),
        facts=facts,
        references=tuple(dict.fromkeys(one for one in named if one)),
        label=label,
        told=_told(thing),
    )


_STATES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("order", "unshipped"): ("order", "preparing"),
    ("order", "shipped"): ("order", "shipped"),
    ("order", "delivered"): ("order", "delivered"),
    ("order", "partly_refunded"): ("order", "delivered"),
    ("order", "refunded"): ("order", "delivered"),
    ("order", "cancelled"): ("order", "cancelled"),
    ("subscription", "active"): ("subscription", "active"),
    ("subscription", "trialing"): ("subscription", "trialing"),
    ("subscription", "paused"): ("subscription", "paused"),
    ("subscription", "past_due"): ("subscription", "past_due"),
    ("subscription", "ending"): ("subscription", "ending"),
    ("subscription", "ended"): ("subscription", "ended"),
    ("payment", "disputed"): ("payment", "disputed"),
}
"""What a provider's word for a state is called in what customers are told."""


def _told(thing: Thing) -> RecordState | None:
    found = _STATES.get((thing.kind, thing.text("state")))
    if found is None:
        return None
    values: dict[str, FactValue] = {
        name: str(value)
        for name, value in thing.fields.items()
        if name.endswith(("_on", "_until")) or name in ("tracking", "eta", "refund_ref")
    }
    for name, minor in (("refunded", "refunded_minor"), ("price", "price_minor")):
        money = thing.money(minor)
        if money is not None:
            values[name] = money
    return RecordState(topic=found[0], state=found[1], values=values)


_MONEY = {
    "amount": "total_minor",
    "left": "left_minor",
    "refunded": "refunded_minor",
    "price": "price_minor",
}
