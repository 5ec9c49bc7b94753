"""One conversation of the development set with the product, as a bot would have it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from bench.understanding.doubles import Account, Books
from bench.understanding.verbs import BY_NAME
from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.agent.base import Message
from sayso.agent.request_row import get_request
from sayso.errors import SaysoError
from sayso.json import JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView, RequestView

Json = dict[str, object]
APPROVER = "maria"
MOST_YES = 4
"""So many restatements in a row are answered with yes."""
_UNDER_WAY = frozenset({"executing", "accepted", "unknown"})
_REFUSED = frozenset({"refused", "rejected", "expired", "failed", "stale"})


@dataclass(kw_only=True)
class Seen:
    """What a conversation has come to so far.

    Attributes:
        view: the newest request. requests: all of them, by id. steps: ids of the actions that were
            there before the newest turn. turns: of the customer.
    """

    view: RequestView | None = None
    requests: dict[str, RequestView] = field(default_factory=dict[str, RequestView])
    steps: set[str] = field(default_factory=set[str])
    turns: int = 0
    yes_said: bool = False


@dataclass(kw_only=True)
class Dialogue:
    """One conversation, in a workspace that many share.

    Attributes:
        item: as the set has it. subject: the customer's copy that is this conversation's alone.
        approved: the actions that a person said yes to.
    """

    sayso: Sayso
    books: Books
    item: Json
    subject: str
    seen: Seen = field(default_factory=Seen)
    approved: set[str] = field(default_factory=set[str])

    @property
    def account(self) -> Account:
        """What the providers hold of the customer."""
        return self.books.of(self.subject)

    async def run(self) -> list[Json]:
        """Have it, and say what came of each labelled turn."""
        thread = cast("list[Json]", self.item["thread"])
        if self.item["mode"] != "live":
            turns = [Message(role=_role(one), content=str(one["text"])) for one in thread]
            return [await self._turn(len(thread) - 1, turns)]
        answers: list[Json] = []
        for place, turn in enumerate(thread):
            if turn["role"] == "event":
                await self._say_yes()
                await self._event(str(turn["text"]), [str(t["text"]) for t in thread[place + 1 :]])
                continue
            confirms = bool(turn.get("confirms"))
            if confirms and not self._is_restated():
                continue  # nothing was asked, so the customer says nothing
            if not confirms:
                await self._say_yes()
            words = [Message(role="customer", content=str(turn["text"]))]
            answers.append(await self._turn(place, words, confirms=confirms))
        self.account.go.set()
        return answers

    async def _turn(
        self, place: int, messages: Sequence[Message], *, confirms: bool = False
    ) -> Json:
        before = await self._cards()
        views = [] if confirms else await self._views()
        known = {action.id for one in views for action in one.actions}
        self.seen.turns += 1
        self.seen.yes_said = confirms
        view = await self.sayso.ask(self.subject, messages, conversation=str(self.item["id"]))
        self._keep(view)
        answer: Json = {"id": self.item["id"], "turn": place, "reply": view.reply}
        answer |= await self._outcome(view, known)
        after_turn = await self._cards()
        live = self.item["mode"] == "live"
        if not live or not _is_customers(self.item, place + 1):
            await self._say_yes()
        answer["card"] = await self._card(before, after_turn)
        answer |= await self._effects(known)
        answer["person"] = (
            self.view.status == "handed_over" or bool(answer["carded"])
        ) and not self._was_open(before, answer)
        answer["turns"] = self.seen.turns
        return answer

    def _was_open(self, before: Mapping[str, int], answer: Json) -> bool:
        """Whether all that waits with a person has waited before this turn."""
        return bool(before) and self.view.status != "handed_over" and not answer["plan"]

    @property
    def view(self) -> RequestView:
        """The newest request."""
        assert self.seen.view is not None, "asked before"
        return self.seen.view

    def _keep(self, view: RequestView) -> None:
        self.seen.view = view
        self.seen.requests[view.id] = view

    async def _views(self) -> list[RequestView]:
        return [await self.sayso.requests.get(one) for one in self.seen.requests]

    # ---- what came of a turn -------------------------------------------------------------------

    async def _outcome(self, view: RequestView, known: set[str]) -> Json:
        question = view.question
        if question is not None and question.plan is not None:
            steps = [self.step(one.action, one.args) for one in question.plan.steps]
            return {"kind": "plan", "plan": steps, "restated": True}
        if question is not None:
            return {"kind": "question", "plan": [], "asks": await self._asked(view)}
        fresh = [one for one in view.actions if one.id not in known and one.undoes is None]
        alive = [one for one in fresh if one.status not in _REFUSED]
        if alive:
            return {"kind": "plan", "plan": [self.step_of(one) for one in alive]}
        if view.status == "withdrawn":
            return {"kind": "nothing", "plan": []}
        kind = str(getattr(view, "kind", "") or "")
        if kind in ("talk", "status", "answer", "nothing"):
            return {"kind": kind, "plan": []}
        if fresh:
            return {"kind": "status", "plan": []}
        return {"kind": "hand_over", "plan": []}

    def step_of(self, action: ActionView) -> Json:
        """An action as the labels write a step."""
        step = self.step(action.action, action.args)
        left = next(
            (one.money("left_minor") for one in self.account.things if one.id == step["id"]), None
        )
        if action.amount is not None and action.amount != left:
            step["amount"] = action.amount.amount_minor
        return step

    def step(self, name: str, args: Mapping[str, object]) -> Json:
        """A planned step as the labels write it."""
        verb = BY_NAME[name]
        object_id = str(args.get(verb.about, "")) if verb.about else ""
        thing = next((one for one in self.account.things if one.id == object_id), None)
        step: Json = {
            "act": verb.act,
            "object": "account" if thing is None else thing.handle,
            "id": object_id,
        }
        for arg, slot in verb.slots.items():
            value = args.get(arg)
            if isinstance(value, Mapping):
                value = cast("Mapping[str, object]", value)["amount_minor"]
            if value is not None:
                step[slot] = f"{step[slot]} {value}" if slot in step else value
        if verb.money:
            step.setdefault("amount", None)
        return step

    async def _asked(self, view: RequestView) -> Json:
        container = self.sayso.container
        row = await container.store.read(
            lambda reader: get_request(reader, container.tenant, view.id)
        )
        stored = cast("Mapping[str, JsonValue]", row.question or {})
        slot = str(stored.get("slot", ""))
        handles = {one.id: one.handle for one in self.account.things}
        offered = () if view.question is None else view.question.choices
        values = [one.value for one in offered]
        choices = [handles.get(value, value) for value in values]
        about = _ABOUT.get(slot, slot)
        if set(values) == {"one", "both"}:
            about = "which-payment"
        return {"about": about, "choices": choices}

    async def _cards(self) -> dict[str, int]:
        """The open cards of this customer: actions and their revisions."""
        found: dict[str, int] = {}
        for view in await self._views():
            for action in view.actions:
                if action.status == "pending_approval":
                    found[action.id] = action.revision
        return found

    async def _card(self, before: Mapping[str, int], after_turn: Mapping[str, int]) -> str:
        after = await self._cards()
        under_way = any(
            action.status in _UNDER_WAY for one in await self._views() for action in one.actions
        )
        if under_way:
            return "started"
        if not after:
            return "withdrawn" if before else "none"
        kept = all(after.get(action) == revision for action, revision in before.items())
        return "open" if kept else "revised"

    async def _effects(self, known: set[str]) -> Json:
        executed = [
            self.step(done.verb.name, done.args) | {"object": done.handle}
            for done in self.account.done
            if done.action_id not in self.approved
        ]
        pending = [
            self.step_of(action)
            for one in await self._views()
            for action in one.actions
            if action.status == "pending_approval"
        ]
        return {"executed": executed, "carded": pending}

    # ---- what the customer and people do between -----------------------------------------------

    def _is_restated(self) -> bool:
        question = None if self.seen.view is None else self.seen.view.question
        return question is not None and question.plan is not None

    async def _say_yes(self) -> None:
        """Answer what was restated with a plain yes."""
        for _ in range(MOST_YES):
            question = None if self.seen.view is None else self.seen.view.question
            if question is None or question.plan is None:
                return
            self.seen.turns += 1
            try:
                view = await self.sayso.requests.answer(
                    self.view.id, question=question.number, choice="yes"
                )
            except SaysoError:
                return
            self._keep(view)

    async def _event(self, what: str, coming: Sequence[str]) -> None:
        account = self.account
        if what == "approve":
            account.answer = "held" if "executing" in coming[:1] else "at once"
            await self._decide(DecisionChoice.APPROVE)
        elif what == "decline":
            await self._decide(DecisionChoice.REJECT)
        elif what == "unknown":
            account.answer = "lost"
            await self._decide(DecisionChoice.APPROVE)
        elif what == "done":
            account.go.set()

    async def _decide(self, choice: DecisionChoice) -> None:
        pending = [
            action.approval
            for one in await self._views()
            for action in one.actions
            if action.status == "pending_approval" and action.approval is not None
        ]
        for card in pending:
            decision = Decision(
                tenant=self.sayso.container.tenant,
                approval_id=card.id,
                revision=card.revision,
                digest=card.digest,
                choice=choice,
                person=APPROVER,
                via="bench",
                credential="host",
                reason_code="" if choice is DecisionChoice.APPROVE else "other",
            )
            self.approved.add(card.action_id)
            held = self.account.answer == "held"
            await self.sayso.approvals.decide_as(decision, wait=not held)
            if held:
                await self._until_called(card.action_id)
        if self.seen.view is not None:
            self._keep(await self.sayso.requests.get(self.view.id))

    async def _until_called(self, action_id: str) -> None:
        async with asyncio.timeout(10):
            while (await self.sayso.actions.get(action_id)).status != "executing":
                await asyncio.sleep(0.01)


_ABOUT = {
    "charge": "object",
    "order": "object",
    "subscription": "object",
    "contract": "object",
    "invoice": "object",
    "payment": "object",
    "address": "to",
    "want": "to",
    "plan": "to",
    "date": "to",
    "value": "to",
}
"""What the labels call a slot that the product's question is about."""


def _role(turn: Json) -> Literal["customer", "agent"]:
    return "agent" if turn["role"] == "agent" else "customer"


def _is_customers(item: Json, place: int) -> bool:
    thread = cast("list[Json]", item["thread"])
    return place < len(thread) and thread[place]["role"] == "customer"
