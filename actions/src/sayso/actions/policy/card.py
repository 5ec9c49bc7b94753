"""The card: what the person who decides is shown, built from typed fields by a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from sayso.actions.customers.proof import PROOF_WORDS, VERIFIED_WORDS, weakly_known_by
from sayso.actions.model.definition import Action, Effect
from sayso.actions.model.snapshot import Resolved
from sayso.actions.policy.base import HISTORY_DAYS, History, Judgement, Reason, Why
from sayso.actions.policy.signs import Signs
from sayso.audit.entry import Json
from sayso.audit.request_digests import rests_on_a_yes
from sayso.frozen import quickly_made, replace
from sayso.ids import rfc3339
from sayso.json import JsonValue
from sayso.money import Money

CARD_VERSION = 3
"""Cards of version 1 have no reason, signs and earlier actions, and those of version 2 one reason
in words alone; they are hashed as they were."""
WITH_REASONS = 3
"""From this version on a card has each reason by itself."""
REASONS_APART = " · "
"""Between reasons on one line: a comma reads as one reason with conditions."""
QUOTE_CHARS = 600
"""How much of the customer's words stands on a card; the rest is counted, never silently cut."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything that a surface shows of an approval; its hash is part of the digest.

    Attributes:
        title: the action's sentence with the resolved values, such as `Refund $129.00 of …`.
        action, effect, reversible, guarantee: from the action's definition.
        amount: the money that moves; None when none does.
        payee: where it goes. account: the provider account that acts.
        fields: label and value, in the connector's order.
        customer: label and value: id, how strongly identified, name as far as known.
        history: what was done for this customer in the last 30 days.
        why: what the rules say that decide once people say yes. rules: their ids.
        reasons: everything that asks, each in one line; each alone would ask.
        reason: their lines in one.
        newer: what a version of Sayso that is newer than this one shows beside it.
        needed: who has to agree, as a sentence.
        unusual: what is out of the ordinary. quiet: how many other signs said nothing.
        earlier: what was done for this customer before, over all actions.
        roles: one entry per person needed, with the role; the card says how many are left.
        quote: the customer's words, unverified, plain text.
        planner: who proposed it.
        on_yes, on_no: what happens then.
        deadline: RFC 3339; no answer by then counts as no.
        may_lower: whether the amount may be lowered.
        salt: keeps its hash, which is in the log, from confirming guesses about a person once the
            card itself is erased.
    """

    title: str
    action: str
    effect: str
    reversible: bool
    guarantee: str
    amount: Money | None
    payee: str
    account: str
    fields: tuple[tuple[str, str], ...]
    customer: tuple[tuple[str, str], ...]
    history: str
    why: str
    rules: tuple[str, ...]
    roles: tuple[str, ...]
    quote: str
    planner: str
    on_yes: str
    on_no: str
    deadline: str
    may_lower: bool
    salt: str
    reason: str = ""
    needed: str = ""
    unusual: tuple[str, ...] = ()
    quiet: int = 0
    earlier: str = ""
    reasons: tuple[Reason, ...] = ()
    newer: Mapping[str, Json] = field(default_factory=dict[str, Json])
    version: int = field(default=CARD_VERSION)

    def to_json(self) -> dict[str, Json]:
        """The exact form that is hashed, stored and shown."""
        shown: dict[str, Json] = {
            "version": self.version,
            "title": self.title,
            "action": self.action,
            "effect": self.effect,
            "reversible": self.reversible,
            "guarantee": self.guarantee,
            "amount": None if self.amount is None else dict(self.amount.to_json()),
            "payee": self.payee,
            "account": self.account,
            "fields": [[label, value] for label, value in self.fields],
            "customer": [[label, value] for label, value in self.customer],
            "history": self.history,
            "why": self.why,
            "rules": list(self.rules),
            "roles": list(self.roles),
            "quote": self.quote,
            "planner": self.planner,
            "on_yes": self.on_yes,
            "on_no": self.on_no,
            "deadline": self.deadline,
            "may_lower": self.may_lower,
        }
        if self.version > 1:
            shown |= {
                "reason": self.reason,
                "needed": self.needed,
                "unusual": list(self.unusual),
                "quiet": self.quiet,
                "earlier": self.earlier,
            }
        if self.version >= WITH_REASONS:
            shown["reasons"] = [one.to_json() for one in self.reasons]
        shown |= self.newer
        # Cards of before there were salts are hashed as they were, and erased ones have none.
        return shown | {"salt": self.salt} if self.salt else shown

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> Card:
        """The card behind its stored form."""

        def words(name: str) -> str:
            return str(value[name])

        def texts(name: str) -> tuple[str, ...]:
            items = value[name]
            assert isinstance(items, list)
            return tuple(str(item) for item in items)

        def labelled(name: str) -> tuple[tuple[str, str], ...]:
            items = value[name]
            assert isinstance(items, list)
            return tuple((str(item[0]), str(item[1])) for item in items if isinstance(item, list))

        amount, version, quiet = value["amount"], value["version"], value.get("quiet", 0)
        assert isinstance(version, int)
        assert isinstance(quiet, int)
        newer = version > 1
        card = cls(
            title=words("title"),
            action=words("action"),
            effect=words("effect"),
            reversible=value["reversible"] is True,
            guarantee=words("guarantee"),
            amount=None if amount is None else Money.from_json(amount),
            payee=words("payee"),
            account=words("account"),
            fields=labelled("fields"),
            customer=labelled("customer"),
            history=words("history"),
            why=words("why"),
            rules=texts("rules"),
            roles=texts("roles"),
            quote=words("quote"),
            planner=words("planner"),
            on_yes=words("on_yes"),
            on_no=words("on_no"),
            deadline=words("deadline"),
            may_lower=value["may_lower"] is True,
            salt=str(value.get("salt", "")),
            reason=words("reason") if newer else "",
            needed=words("needed") if newer else "",
            unusual=texts("unusual") if newer else (),
            quiet=quiet,
            earlier=words("earlier") if newer else "",
            reasons=reasons_in(value),
            version=version,
        )
        if version <= CARD_VERSION:
            return card
        # While servers are replaced, older ones take yes to it and carry it out: hashed as it was.
        read = card.to_json()
        unread = {name: one for name, one in value.items() if name not in read or read[name] != one}
        return replace(card, newer=cast("dict[str, Json]", unread))


def reasons_in(card: Mapping[str, JsonValue]) -> tuple[Reason, ...]:
    """Why people are asked, as a card's stored form says it."""
    items = card.get("reasons", [])
    assert isinstance(items, list)
    return tuple(Reason.from_json(item) for item in items if isinstance(item, dict))


def sentence_of(action: Action, resolved: Resolved) -> str:
    """The action's sentence with the resolved values in place."""
    values = dict(resolved.fields)
    if resolved.amount is not None:
        values["amount"] = str(resolved.amount)
    return action.sentence.format_map(_Known(values))


class _Known(dict[str, str]):
    """A value that the connector did not give is shown as unknown, never left out."""

    def __missing__(self, key: str) -> str:
        return "unknown"


def build_card(
    *,
    action: Action,
    resolved: Resolved,
    judgement: Judgement,
    history: History,
    subject: tuple[str, str],
    planner: str,
    quote: str,
    deadline: int,
    salt: str,
    why: Why,
    signs: Signs,
    earlier: str,
    limits: tuple[tuple[str, str], ...] = (),
) -> Card:
    """The card of an action that needs people.

    Args:
        subject: the customer's id and assurance.
        quote: the customer's or the caller's words, untrusted.
        deadline: microseconds since 1970.
        salt: random, in hex.
        earlier: see `earlier_words`. limits: how full each is once people say yes.
    """
    title = sentence_of(action, resolved)
    undone = "it can be undone" if action.reversible else "it cannot be undone"
    if action.undo is not None and action.undo.fits(resolved.args):
        undone = f"`{action.undo.action}` takes it back"
    return Card(
        title=title,
        action=action.name,
        effect=action.effect.value,
        reversible=action.reversible,
        guarantee=action.guarantee.sentence,
        amount=resolved.amount,
        payee=resolved.payee or "unknown",
        account=resolved.account or "unknown",
        fields=(
            *((name.replace("_", " "), str(value)) for name, value in resolved.fields.items()),
            *limits,
        ),
        customer=(
            ("id", subject[0]),
            ("identified", subject[1].replace("_", " ")),
            *_known_by(resolved),
            *((name, str(value)) for name, value in resolved.personal.items()),
        ),
        history=_history(history, resolved),
        why=judgement.explain,
        rules=judgement.rules,
        roles=judgement.roles,
        quote=_cut(quote),
        planner=planner,
        on_yes=f"{title}; {action.guarantee.sentence}; {undone}",
        on_no=_on_no(action.effect),
        deadline=rfc3339(deadline),
        may_lower=action.money_arg is not None,
        salt=salt,
        reason=REASONS_APART.join(one.say for one in why.reasons),
        reasons=why.reasons,
        needed=why.needed,
        unusual=(*_weakly_known(resolved), *_on_a_yes(planner), *signs.unusual),
        quiet=signs.quiet,
        earlier=earlier,
    )


def _weakly_known(resolved: Resolved) -> tuple[str, ...]:
    words = weakly_known_by(resolved.reached, resolved.verified)
    return () if words is None else (f"Known to be this customer's by {words}",)


def _on_a_yes(planner: str) -> tuple[str, ...]:
    """How it came to be planned, where the words do not show it: the quote says something else."""
    if not rests_on_a_yes(planner):
        return ()
    return ("Not shown by the customer's own words; they said yes to it as it was restated",)


def _known_by(resolved: Resolved) -> tuple[tuple[str, str], ...]:
    """By what the account is known to be the customer's, where they wrote from another one."""
    way, verified = resolved.reached, resolved.verified
    known = () if way is None else (("known by", PROOF_WORDS[way.proof]),)
    return known if verified is None else (*known, ("verified by", VERIFIED_WORDS[verified.by]))


def _on_no(effect: Effect) -> str:
    match effect:
        case Effect.MONEY_OUT | Effect.CREDIT:
            return "no money moves, and the customer is told that it was declined"
        case Effect.CANCELLATION | Effect.CHANGE:
            return "nothing changes, and the customer is told that it was declined"
        case Effect.MESSAGE:
            return "the message is not sent"


def _history(history: History, resolved: Resolved) -> str:
    if history.count_30d == 0:
        return f"none like it in {HISTORY_DAYS} days"
    total = ""
    if resolved.amount is not None:
        total = f", {Money(history.amount_30d_minor, resolved.amount.currency)}"
    return f"{history.count_30d} like it in {HISTORY_DAYS} days{total}"


def _cut(quote: str) -> str:
    if len(quote) <= QUOTE_CHARS:
        return quote
    return f"{quote[:QUOTE_CHARS]} … (+{len(quote) - QUOTE_CHARS:,} characters)"
