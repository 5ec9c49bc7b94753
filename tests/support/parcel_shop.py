"""The shop whose solutions have everything: a refund, a credit and a letter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from support.gift_shop import GiftShop
from support.shop import Books

from sayso.actions.model.definition import Action, Args, Effect, Guarantee, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved

PLAYBOOKS = {
    "gift": """
version = 2
name = "gift"
summary = "the customer wants a gift of an amount"

[slots.amount]
type = "money"
required = true

[[steps]]
action = "shop.gift"
args = { amount = "{amount}" }

[words.en]
ask = ["gift", "gift of $"]
""",
    "letter": """
version = 2
name = "letter"
summary = "the customer wants a letter"

[[steps]]
action = "shop.write"

[steps.args]
title = "Your order"
text = "Dear Ben,\\n\\nwe are sorry. Your money is on its way.\\n\\nThe shop"

[words.en]
ask = ["letter"]
""",
}
"""What customers ask of it besides their money: without them, a gift is a person's to give."""


def add_playbooks(folder: Path) -> None:
    """Have a workspace understand who wants a gift or a letter, before it is opened."""
    (folder / "playbooks").mkdir(parents=True, exist_ok=True)
    for name, text in PLAYBOOKS.items():
        (folder / "playbooks" / f"{name}.toml").write_text(text)


class LetterArgs(Args):
    """Arguments of `shop.write`."""

    title: str
    text: str


class ParcelShop(GiftShop):
    """A `GiftShop` that also writes letters.

    Attributes:
        names: customers' names by id; hostile ones, too.
        letters: the texts that were sent, by idempotency key.
    """

    def __init__(self, guarantee: Guarantee | None = None, books: Books | None = None) -> None:
        super().__init__(guarantee, books)
        self.names: dict[str, str] = {}
        self.letters: dict[str, str] = {}
        write = Action(
            name="shop.write",
            summary="Write to the customer",
            args=LetterArgs,
            guarantee=self.actions[0].guarantee,
            effect=Effect.MESSAGE,
            reversible=False,
            sentence="Write to the customer: {title}",
            brief="a letter",
        )
        self.actions: Sequence[Action] = (*self.actions, write)

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        name = self.names.get(subject.id, "")
        personal = {"name": name, "email": f"{subject.id}@example.com"} if name else {}
        if isinstance(args, LetterArgs):
            return Resolved(
                args={"title": args.title, "text": args.text},
                object_kind="mailbox",
                object_id=subject.id,
                owner=subject.id,
                owner_proof="the address on file",
                account="help@shop.example",
                payee="the address on file",
                fields={"title": args.title, "text": args.text},
                personal=personal,
            )
        found = await super().resolve(action, args, subject)
        return Resolved(
            args=found.args,
            object_kind=found.object_kind,
            object_id=found.object_id,
            owner=found.owner,
            owner_proof=found.owner_proof,
            account=found.account,
            payee=found.payee,
            amount=found.amount,
            preconditions=found.preconditions,
            fields=found.fields,
            facts=found.facts,
            personal=personal,
        )

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        if call.action != "shop.write":
            return await super().call(call)
        self.letters[call.idempotency_key] = str(call.resolved.args["text"])
        return Receipt(id=f"let_{len(self.letters)}", status="sent")

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        if call.action != "shop.write":
            return await super().look_up(call)
        sent = call.idempotency_key in self.letters
        return Receipt(id="let", status="sent") if sent else Absence.ABSENT
