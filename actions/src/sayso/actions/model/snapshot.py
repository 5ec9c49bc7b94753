"""What was found at the provider: the one object that is judged, shown, bound and executed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sayso.actions.customers.proof import Reached, Verified
from sayso.actions.model.definition import FactValue, StateValue
from sayso.errors import Code, RefusedError
from sayso.frozen import quickly_made
from sayso.json import JsonObject, JsonValue
from sayso.money import Money


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a connector read at the provider before anything is judged.

    Attributes:
        args: the arguments with nothing left open (no amount has become what is left).
        object_kind: what is acted on, such as `charge`.
        object_id: the provider's id of it.
        owner: id of the customer that the provider says owns it; the engine refuses unless it is
            the subject.
        owner_proof: where that was read, such as `charge.customer`.
        account: the provider account that will act, such as `acct_1 (ACME EU)`; never a secret.
        payee: where the effect goes, in the card's words, such as `Visa ..4242, which paid`.
        amount: the money that moves; None when none does.
        preconditions: what must still be so at the call: `{"charge.amount_refunded": 0}`.
        fields: what the action's sentence and the card show, by name, in the card's order. Typed by
            the connector, never by a model.
        facts: what the policy may read, as the action's `facts` declare.
        personal: fields that name the person (name, e-mail); kept beside the log, never in it.
        keep: what the call needs besides, such as the payments that a refund is split over; bound
            like everything else, and shown to nobody.
        reached: how the owner is known to be who wrote, where they wrote from another account; set
            by the engine, whatever a connector says.
        verified: by what it is known who writes, where the caller did not know it; likewise.
    """

    args: JsonObject
    object_kind: str
    object_id: str
    owner: str
    owner_proof: str
    account: str
    payee: str
    amount: Money | None = None
    preconditions: Mapping[str, str | int | bool | None] = field(
        default_factory=dict[str, str | int | bool | None]
    )
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    facts: Mapping[str, FactValue] = field(default_factory=dict[str, FactValue])
    personal: Mapping[str, str] = field(default_factory=dict[str, str])
    keep: JsonObject = field(default_factory=dict[str, JsonValue])
    reached: Reached | None = None
    verified: Verified | None = None


NOTHING_CHANGES: Mapping[str, Collection[StateValue]] = {}


def difference(
    was: Resolved,
    found: Resolved,
    *,
    lowered: bool = False,
    expected: Mapping[str, Collection[StateValue]] = NOTHING_CHANGES,
) -> str | None:
    """What changed at the provider between two reads, in words; None when nothing did.

    Args:
        lowered: whether the second read asks for another amount.
        expected: preconditions that may have changed to one of these values, or to any where there
            are none; see `Action.changes`.
    """
    for name, value in was.preconditions.items():
        now = found.preconditions.get(name)
        if now != value and not (
            name in expected and (not expected[name] or now in expected[name])
        ):
            return f"{name} is not what it was"
    if (found.owner, found.account, found.payee, found.object_kind, found.object_id) != (
        was.owner,
        was.account,
        was.payee,
        was.object_kind,
        was.object_id,
    ):
        return "the object is not what it was"
    if (found.reached and found.reached.proof) != (was.reached and was.reached.proof):
        return "how the account is known to be the customer's is not what it was"
    if (found.verified and found.verified.by) != (was.verified and was.verified.by):
        return "by what it is known who writes is not what it was"
    if found.amount != was.amount and not lowered:
        return "the amount is not what it was"
    return None


class Finality(StrEnum):
    """How far a provider has come with an effect that it has taken on."""

    FINAL = "final"
    """Done, and nothing changes about it any more."""
    DONE = "done"
    """Done as far as the provider knows; it can still come back, as a refund that a bank returns
    after days."""
    PENDING = "pending"
    """Taken on and not done yet: it ends as done or as failed, perhaps days later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the provider said it did, read back.

    Attributes:
        id: the provider's id of the effect, such as `re_…`.
        status: the provider's own word for its state, such as `succeeded`.
        amount: the money that moved, or is to move; None when none does.
        details: further facts an auditor wants; nothing personal, no secret.
        finality: whether it is done, and can still change. What can is looked up until it cannot.
        read_again: whether it is looked up once more as soon as it is done, since the provider
            lets two do the same at the same time.
        unfitting: what the provider shows, beside the effect, that does not fit it, in words: such
            as more that was paid back than was paid. People are told; it is not taken for a no.
    """

    id: str
    status: str
    amount: Money | None = None
    details: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    finality: Finality = Finality.FINAL
    read_again: bool = False
    unfitting: str = ""


class EffectFailedError(RefusedError):
    """The provider has taken the effect on, and it failed there: in the end nothing was done.

    Attributes:
        receipt: of the failed effect, with `amount` None.
    """

    def __init__(self, reason: str, *, receipt: Receipt, next_step: str = "") -> None:
        super().__init__(
            Code.EFFECT_FAILED,
            reason,
            next_step=next_step or "look at it at the provider; do it another way",
            detail=receipt.id,
        )
        self.receipt = receipt


class Absence(StrEnum):
    """What a look-up says when it finds no effect with our reference."""

    ABSENT = "absent"
    """The provider has it not; proof only after the guarantee's `settle_after_s`."""
    CANNOT_TELL = "cannot_tell"
    """The provider cannot be asked; a person has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The executor's only input: one approved action, exactly as it was shown.

    Attributes:
        tenant, action_id: whose and which action.
        action: the action's name.
        subject_id: the verified customer.
        resolved: the snapshot, as stored when it was judged.
        idempotency_key: derived from the action, stored before the first byte leaves; the same for
            every try of this action.
    """

    tenant: str
    action_id: str
    action: str
    subject_id: str
    resolved: Resolved
    idempotency_key: str


TOLD_STATES: Mapping[str, tuple[str, ...]] = {
    "order": ("preparing", "shipped", "delivered", "cancelled", "unknown"),
    "subscription": ("active", "trialing", "paused", "past_due", "ending", "ended"),
    "payment": ("paid", "pending", "refunded", "partly_refunded", "failed", "disputed", "open"),
}
"""By topic, the states for which there are sentences in every language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordState:
    """What a customer can be told of a record, as its provider has just shown it.

    Attributes:
        topic: `order`, `subscription` or `payment`: whose sentences are used.
        state: one of that topic's, such as `shipped`; or one of your own, with `says`.
        values: what the sentence names: dates and times in ISO 8601, money, texts.
        says: sentences of your own by language, without a full stop: `sent[ on {shipped_on}]`; a
            part in brackets is left out where a value in it is missing.
    """

    topic: str
    state: str
    values: Mapping[str, FactValue] = field(default_factory=dict[str, FactValue])
    says: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One object of the subject, as a read-only look-up shows it to a planner.

    Attributes:
        kind: such as `charge` or `subscription`.
        id: the provider's id; never shown to a model, which sees a handle such as `charge#1`.
        title: one line, such as `$129.00 on 2026-11-12, Order 1042: blue mug, Visa ..4242`.
        label: what it is without amounts and dates, such as `Order 1042: blue mug`; may be empty.
        told: what a customer who asks about it can be told; None where nothing can.
        facts: typed facts by name: `amount`, `left` (Money), `created` (RFC 3339), `status`, …
        references: words by which a customer may name it, such as `1042`.
        parts: what hangs on it and has a handle of its own, such as the lines of an order.
        connector: which connector listed it; empty where nobody has to know.
    """

    kind: str
    id: str
    title: str
    facts: Mapping[str, FactValue] = field(default_factory=dict[str, FactValue])
    references: tuple[str, ...] = ()
    parts: tuple[Record, ...] = ()
    label: str = ""
    connector: str = ""
    told: RecordState | None = None

    @property
    def full_name(self) -> str:
        """What no other record has: two providers may give one id to things of theirs."""
        return f"{self.connector}:{self.kind}:{self.id}"

    @property
    def left(self) -> Money | None:
        """What is left of it: the fact `left`; `amount`, all it cost, where there is none."""
        found = self.facts.get("left", self.facts.get("amount"))
        return found if isinstance(found, Money) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEffect:
    """Something that happened to a customer at a provider, by whomever.

    Attributes:
        action: which of our actions would have done it. object_id: the provider's id.
        amount: what moved; None when nothing did, or nobody can say.
        at: microseconds since 1970. is_ours: whether it carries our reference.
        id: the provider's id of the effect itself. owner: the customer's; empty for nobody's.
        title: what the shop calls the object.
    """

    action: str
    object_id: str
    amount: Money | None
    at: int
    is_ours: bool
    id: str = ""
    owner: str = ""
    title: str = ""
