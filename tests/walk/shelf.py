"""A shop's own connector with one action of each guarantee, and books that everybody can read.

Its books stand in this process, by the folder of the workspace, so that a workspace that is closed
and opened again, and a command that runs beside it, meet the same shop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from sayso import Absence, Args, Call, Receipt, Resolved, Subject
from sayso.actions.model.definition import Effect, at_most_once, idempotent, verifiable
from sayso.connectors.define import OwnConnector, action
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.money import Money

CUSTOMERS = ("cus_demo_ana", "cus_demo_ben", "cus_demo_nia", "cus_demo_kim")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """One effect. `action`: `shelf.pay` and so on. `at`: how many the books held before."""

    id: str
    action: str
    customer: str
    minor: int
    reference: str
    key: str


@dataclass(slots=True, kw_only=True)
class ShelfBooks:
    """What the shop has given.

    Attributes:
        faults: what goes wrong with the next calls: `lost_before`, `lost_after`, `says_no`,
            `away`, `breaks`.
        watch: is told of each call before it is carried out.
    """

    gifts: list[Gift] = field(default_factory=list[Gift])
    faults: list[str] = field(default_factory=list[str])
    left: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUSTOMERS, 500_00))
    watch: Callable[[str], None] = lambda action_id: None


BOOKS: dict[Path, ShelfBooks] = {}
"""By the folder of the workspace."""


class GiftArgs(Args):
    """What is given; to whom is the verified customer."""

    amount: Money = Field(description="how much")


class Shelf(OwnConnector):
    """Gives money from the shelf."""

    name = "shelf"

    def __init__(self, books: ShelfBooks) -> None:
        super().__init__()
        self.books = books

    @classmethod
    def of(cls, file: str) -> Shelf:
        """The connector that a file of the workspace's `actions` has."""
        return cls(BOOKS.setdefault(Path(file).resolve().parent.parent, ShelfBooks()))

    async def knows(self, subject: Subject) -> bool:
        """Whether it is a customer here."""
        return subject.id in self.books.left

    def _resolved(self, args: GiftArgs, subject: Subject) -> Resolved:
        left = self.books.left.get(subject.id)
        if left is None:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "the shelf knows no such customer")
        if args.amount.currency != "USD":
            raise RefusedError(Code.CURRENCY_MISMATCH, "the shelf gives US dollars")
        if args.amount.amount_minor > left:
            raise RefusedError(Code.AMOUNT_TOO_LARGE, "not so much is left on the shelf")
        return Resolved(
            args={"amount": args.amount.to_json()},
            object_kind="shelf",
            object_id=f"shelf_{subject.id}",
            owner=subject.id,
            owner_proof="the shelf's own list",
            account="the shelf",
            payee="their hand",
            amount=args.amount,
            preconditions={"left": left},
            fields={"shelf": f"the shelf of {subject.id}"},
        )

    @action(
        summary="Pay from the shelf",
        sentence="Pay {amount} from the shelf",
        effect=Effect.MONEY_OUT,
        guarantee=idempotent(hours=24, settle_after_s=60),
        money_arg="amount",
        changes={"left": ()},
    )
    async def pay(self, args: GiftArgs, subject: Subject) -> Resolved:
        """The same key is one effect."""
        return self._resolved(args, subject)

    @pay.calls
    async def _pay(self, call: Call) -> Receipt:
        return self._give("shelf.pay", call)

    @pay.looks_up
    async def _find_pay(self, call: Call) -> Receipt | Absence:
        return self._find(call)

    @action(
        summary="Post from the shelf",
        sentence="Post {amount} from the shelf",
        effect=Effect.MONEY_OUT,
        guarantee=verifiable(settle_after_s=60),
        money_arg="amount",
    )
    async def post(self, args: GiftArgs, subject: Subject) -> Resolved:
        """It knows no keys, and can be asked."""
        return self._resolved(args, subject)

    @post.calls
    async def _post(self, call: Call) -> Receipt:
        return self._give("shelf.post", call)

    @post.looks_up
    async def _find_post(self, call: Call) -> Receipt | Absence:
        return self._find(call)

    @action(
        summary="Hand over from the shelf",
        sentence="Hand over {amount} from the shelf",
        effect=Effect.MONEY_OUT,
        guarantee=at_most_once(),
        money_arg="amount",
    )
    async def hand(self, args: GiftArgs, subject: Subject) -> Resolved:
        """Neither keys nor look-ups."""
        return self._resolved(args, subject)

    @hand.calls
    async def _hand(self, call: Call) -> Receipt:
        return self._give("shelf.hand", call)

    def _give(self, name: str, call: Call) -> Receipt:
        self.books.watch(call.action_id)
        fault = self.books.faults.pop(0) if self.books.faults else ""
        if fault == "away":
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the shelf is away")
        if fault == "says_no":
            raise RefusedError(Code.PROVIDER_REFUSED, "the shelf says no")
        if fault == "lost_before":
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        known = [gift for gift in self.books.gifts if gift.key == call.idempotency_key]
        gift = known[0] if known and name == "shelf.pay" else self._add(name, call)
        if fault == "lost_after":
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        if fault == "breaks":
            raise ZeroDivisionError("a bug in the connector")
        return _receipt(gift)

    def _add(self, name: str, call: Call) -> Gift:
        amount = call.resolved.amount
        assert amount is not None, "every gift has an amount"
        gift = Gift(
            id=f"gift_{len(self.books.gifts) + 1}",
            action=name,
            customer=call.resolved.owner,
            minor=amount.amount_minor,
            reference=call.action_id,
            key=call.idempotency_key,
        )
        self.books.gifts.append(gift)
        self.books.left[gift.customer] -= gift.minor
        return gift

    def _find(self, call: Call) -> Receipt | Absence:
        for gift in self.books.gifts:
            if gift.reference == call.action_id:
                return _receipt(gift)
        return Absence.ABSENT


def _receipt(gift: Gift) -> Receipt:
    return Receipt(id=gift.id, status="given", amount=Money(gift.minor, "USD"))
