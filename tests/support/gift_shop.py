"""The shop that also gives gifts, which can be taken back: for plans that undo what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field
from support.shop import Books, Shop, ShopFault

from sayso.actions.model.definition import Action, Args, Effect, Guarantee, Subject, Undo
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.json import JsonObject
from sayso.money import Money


@dataclass(slots=True)
class Gift:
    """One gift in the shop's books, and which action took it back."""

    id: str
    customer: str
    amount: Money
    reference: str
    taken_by: str | None = None


class GiftArgs(Args):
    """Arguments of `shop.gift`."""

    amount: Money = Field(description="what the gift is worth")


class TakeGiftArgs(Args):
    """Arguments of `shop.take_gift`."""

    gift: str = Field(min_length=1, max_length=64, description="the gift's id")


class GiftShop(Shop):
    """A `Shop` with `shop.gift`, and `shop.take_gift` that undoes it.

    Attributes:
        gifts: its books of gifts, oldest first.
        gift_faults: what goes wrong with the next gifts, given or taken.
        taken: ids of gifts in the order in which they were taken back.
    """

    def __init__(self, guarantee: Guarantee | None = None, books: Books | None = None) -> None:
        super().__init__(guarantee, books)
        self.gifts: list[Gift] = []
        self.gift_faults: list[ShopFault] = []
        self.taken: list[str] = []
        guarantee = self.actions[0].guarantee
        self.actions: Sequence[Action] = (
            *self.actions,
            Action(
                name="shop.gift",
                summary="Give a gift",
                args=GiftArgs,
                guarantee=guarantee,
                effect=Effect.CREDIT,
                reversible=True,
                sentence="Give a gift of {amount}",
                money_arg="amount",
                undo=Undo(action="shop.take_gift", args={"gift": "receipt"}),
            ),
            Action(
                name="shop.take_gift",
                summary="Take a gift back",
                args=TakeGiftArgs,
                guarantee=guarantee,
                effect=Effect.CHANGE,
                reversible=False,
                sentence="Take back {gift}",
            ),
        )

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        if isinstance(args, GiftArgs):
            return self._resolved(subject, args.amount, {"amount": args.amount.to_json()}, "")
        if not isinstance(args, TakeGiftArgs):
            return await super().resolve(action, args, subject)
        gift = next((gift for gift in self.gifts if gift.id == args.gift), None)
        if gift is None or gift.customer != subject.id:
            raise RefusedError(Code.UNKNOWN_OBJECT, f"there is no gift `{args.gift}`")
        if gift.taken_by is not None:
            raise RefusedError(Code.NOTHING_REFUNDABLE, "it was taken back already")
        return self._resolved(subject, gift.amount, {"gift": gift.id}, gift.id)

    def _resolved(self, subject: Subject, amount: Money, args: JsonObject, gift: str) -> Resolved:
        return Resolved(
            args=args,
            object_kind="gift",
            object_id=gift or f"of {subject.id}",
            owner=subject.id,
            owner_proof="subject",
            account="shop-1",
            payee="the customer",
            amount=amount,
            fields={"gift": gift} if gift else {},
        )

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        if call.action == "shop.refund":
            return await super().call(call)
        self.books.calls.append(call.idempotency_key)
        fault = self.gift_faults.pop(0) if self.gift_faults else None
        if fault is ShopFault.UNREACHABLE:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the shop is closed")
        if fault is ShopFault.SAYS_NO:
            raise RefusedError(Code.PROVIDER_REFUSED, "the shop said no")
        if fault is ShopFault.LOST_BEFORE:
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        known = self._find(call) if self._guarantee.kind == "idempotent" else None
        gift = known or (self._give(call) if _gives(call) else self._take(call))
        if fault is ShopFault.LOST_AFTER:
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        return _receipt(gift)

    def _give(self, call: Call) -> Gift:
        amount = call.resolved.amount
        assert amount is not None
        gift = Gift(f"gift_{len(self.gifts) + 1}", call.subject_id, amount, call.action_id)
        self.gifts.append(gift)
        return gift

    def _take(self, call: Call) -> Gift:
        gift = next(gift for gift in self.gifts if gift.id == call.resolved.object_id)
        if gift.taken_by is not None:
            raise RefusedError(Code.PROVIDER_REFUSED, "it was taken back already")
        gift.taken_by = call.action_id
        self.taken.append(gift.id)
        return gift

    def _find(self, call: Call) -> Gift | None:
        for gift in self.gifts:
            if call.action_id == (gift.reference if _gives(call) else gift.taken_by):
                return gift
        return None

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        if call.action == "shop.refund" or self.actions[0].guarantee.kind == "at_most_once":
            return await super().look_up(call)
        gift = self._find(call)
        return Absence.ABSENT if gift is None else _receipt(gift)


def _gives(call: Call) -> bool:
    return call.action == "shop.gift"


def _receipt(gift: Gift) -> Receipt:
    return Receipt(id=gift.id, status="done", amount=gift.amount)
