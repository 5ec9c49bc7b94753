"""A customer's message becomes a turn of a request, once, in the order in which it was written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.digest import hash_of_texts
from sayso.agent.base import Message
from sayso.agent.incoming import Ask
from sayso.agent.request_row import RequestRow, RequestStatus, get_request
from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.desk import DeskMessage, Thread
from sayso.errors import Code, RefusedError, logged
from sayso.ids import rfc3339, to_micros
from sayso.sdk.desk.rows import Place, SaidRow, SayingKind, said_in
from sayso.sdk.desk.sayings import requests_in
from sayso.sdk.progress.carry_on import settle_request
from sayso.sdk.resources.work_elsewhere import put_thread
from sayso.store.base import Reader, Transaction
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container

logger = logging.getLogger("sayso.desk")
_MOST_NAMED = 10
_SETTLE_S = 20.0
"""So long the message before it may take to be understood before the next one is taken in."""
HAS_IT = "a colleague has the conversation"
UNDELIVERED = "undelivered"
"""Why a delivery report is left: it is work for people, and no message of the customer."""
_OURS: dict[SayingKind, str] = {"reply": "an answer", "note": "a note", "hand_over": "a hand-over"}
Hands: TypeAlias = Callable[[Transaction, str], None]
"""Leaves the request of that id to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Takes customers' messages in.

    Guarantees: each message is a turn of one request at most, however often it is read; when it is
    stored as taken in, the request is durable.
    """

    container: Container
    place: Place
    account: str

    async def is_known(self, message: DeskMessage) -> bool:
        """Whether it was taken in, or left to people, before."""
        named = {"tenant": self.place.tenant, "desk": self.place.name, "account": self.account}
        row = await self.container.store.read(
            lambda reader: reader.one("desk.message", **named, id=message.id), brief=True
        )
        return row is not None

    async def take(self, message: DeskMessage, *, to_people: bool, more: bool) -> None:
        """Make a turn of it.

        Args:
            to_people: a colleague has the thread, so nobody plans it.
            more: another message follows, which is read with what came of this one.

        Raises:
            RetryableError: nothing can be stored now; nothing is lost.
        """
        try:
            row = await self._ask(message, to_people=to_people)
        except RefusedError as error:
            known = None
            if error.code is Code.IDEMPOTENCY_CONFLICT:
                # It was taken in before a crash, and edited at the desk since: the first count.
                known = await self._known_as(message)
            if known is None:
                logger.warning("%s: a message is left: %s", self.place.name, logged(error))
                await self.leave(message, error.code.value, error.message)
                return
            row = known
        await self._taken(row, message, to_people)
        if more and not to_people:
            await settle_request(self.container, row, _SETTLE_S)

    async def pass_over(self, message: DeskMessage, *, to_people: bool) -> None:
        """Leave what a colleague has answered; what was asked by it before a crash goes on."""
        row = await self._known_as(message)
        if row is None:
            await self.leave(message, "answered")
        else:
            await self._taken(row, message, to_people)

    async def _known_as(self, message: DeskMessage) -> RequestRow | None:
        """The request that the message is a turn of already, in this very thread."""
        requests, key = self.container.requests, self._key(message)
        row = await self.container.store.read(
            lambda reader: requests.by_key(reader, self.place.tenant, key)
        )
        here = self.place.conversation(message.thread)
        return row if row is not None and row.conversation == here else None

    async def told(self, message: DeskMessage, *, to_people: bool) -> RequestRow:
        """Make a turn of what somebody who waits for it tells; the same once more is the same one.

        Raises:
            RefusedError: as `Requests.ask`; nothing was stored.
        """
        row = await self._ask(message, to_people=to_people, is_one_customers=True)
        await self._taken(row, message, to_people)
        return row

    async def _taken(self, row: RequestRow, message: DeskMessage, to_people: bool) -> None:
        if to_people:
            await self._hand_over(row)
        await self._store(message, "asked", row.id, None)
        self.container.dispatcher.wake()

    async def _ask(
        self, message: DeskMessage, *, to_people: bool, is_one_customers: bool = False
    ) -> RequestRow:
        subject = self._subject(message)
        content = _content(message)
        return await self.container.requests.ask(
            Ask(
                tenant=self.place.tenant,
                requester=Actor(kind=ActorKind.SERVICE, id=f"desk:{self.place.name}"),
                subject=subject,
                messages=(Message(role="customer", content=content),),
                key=self._key(message),
                conversation=self.place.conversation(message.thread),
                is_one_customers=is_one_customers,
                takes_back=self.container.agent.takes_back(message.text),
                bearing=self.container.agent.bearing(message.text),
                to_people=to_people,
            )
        )

    def _subject(self, message: DeskMessage) -> Subject:
        if message.subject is None:
            raise RefusedError(
                Code.UNKNOWN_SUBJECT,
                "the desk does not say which customer writes",
                next_step="answer them at the desk",
            )
        said = self.place.section.assurance
        if said is None:
            return message.subject
        return replace(message.subject, assurance=Assurance(said))

    def _key(self, message: DeskMessage) -> str:
        return f"desk:{self.place.name}:{self.account}:{message.id}"[:200]

    async def _hand_over(self, row: RequestRow) -> None:
        """Leave a request to people, where nobody has planned it."""
        hand_over_in = handing_over(self.container)
        await self.container.store.write(lambda tx: hand_over_in(tx, row.id))

    async def leave(self, message: DeskMessage, code: str, why: str = "") -> None:
        """Say that no request came of it; with `why`, it becomes work for people."""
        subject = self._whose(message)

        def write(tx: Transaction) -> None:
            if self._put(tx, message, "left", None, code) and why:
                put_thread(
                    tx,
                    self.container,
                    self.place.tenant,
                    desk=self.place.name,
                    subject=subject,
                    why=f"a message in {message.thread} was not taken in: {why}",
                )

        await self.container.store.write(write)

    async def report(self, seen: Thread, begun_at: int) -> None:
        """Make work of delivery reports, once for each message of ours that did not arrive.

        INVARIANT: nobody answers them. Anybody can write a report: what they name that isn't ours
        is one piece of work in a thread, and none where Sayso has said nothing.

        Args:
            begun_at: what is older was none of ours.
        """
        reports = [
            one for one in seen.messages if one.undelivered and to_micros(one.at) >= begun_at
        ]
        if not reports:
            return
        shown = {one.id: to_micros(one.at) for one in seen.messages if one.author == "sayso"}

        def write(tx: Transaction) -> None:
            said = said_in(tx, self.place, seen.id)
            for one in reports if said else ():
                self._report(tx, one, said, shown)

        await self.container.store.write(write)

    def _report(
        self,
        tx: Transaction,
        report: DeskMessage,
        said: Sequence[SaidRow],
        shown: Mapping[str, int],
    ) -> None:
        named = report.undelivered
        ours = next((one for one in said if self._is_of(tx, one, named)), None)
        at = shown.get(named) if ours is None else ours.at
        about = hash_of_texts(report.thread, "" if at is None else named)
        known = replace(report, id=f"{UNDELIVERED}-{about[:32]}")
        if not self._put(tx, known, "left", None, UNDELIVERED):
            return
        what = "an answer" if ours is None else _OURS.get(ours.kind, "a message")
        when = "" if at is None else f" of {rfc3339(at)}"
        requests = requests_in(tx, self.place, report.thread)
        put_thread(
            tx,
            self.container,
            self.place.tenant,
            desk=self.place.name,
            subject=requests[-1].subject.id if requests else self._whose(report),
            why=f"{what}{when} in {report.thread} did not arrive, as a delivery report says",
        )

    def _is_of(self, reader: Reader, said: SaidRow, receipt: str) -> bool:
        """Whether a saying was sent as the message of that receipt."""
        if said.action_id is None:
            return False
        found = get_action(reader, self.place.tenant, said.action_id).receipt
        return found is not None and found.id == receipt

    def _whose(self, message: DeskMessage) -> str:
        """The writer's account, or a name of the thread's own where nobody can say."""
        if message.subject is not None:
            return message.subject.id
        return f"{self.place.name}-{hash_of_texts(message.thread)[:32]}"

    async def _store(
        self, message: DeskMessage, state: str, request_id: str | None, why: str | None
    ) -> None:
        await self.container.store.write(lambda tx: self._put(tx, message, state, request_id, why))

    def _put(
        self,
        tx: Transaction,
        message: DeskMessage,
        state: str,
        request_id: str | None,
        why: str | None,
    ) -> bool:
        put = tx.run(
            "desk.put_message",
            tenant=self.place.tenant,
            desk=self.place.name,
            account=self.account,
            id=message.id,
            thread=message.thread,
            at=to_micros(message.at),
            state=state,
            request_id=request_id,
            why=why,
        )
        return put == 1


def fall_silent(tx: Transaction, container: Container, place: Place, thread: str, why: str) -> bool:
    """Say nothing more in a thread; what waits for words there is people's from now on.

    Returns:
        Whether Sayso was not silent there before.
    """
    where = {"tenant": place.tenant, "desk": place.name, "id": thread}
    if tx.run("desk.silence", **where, why=why, now=container.context.now()) != 1:
        return False
    hand_over = handing_over(container)
    for request in requests_in(tx, place, thread):
        hand_over(tx, request.id)
    return True


def handing_over(container: Container) -> Hands:
    """Leaves requests to people since a colleague has their thread."""
    from sayso.agent.run import RunState, hand_over  # loads the planners' floor

    def hand(tx: Transaction, request_id: str) -> None:
        row = get_request(tx, container.tenant, request_id)
        if row.status in (RequestStatus.RECEIVED, RequestStatus.NEEDS_CUSTOMER):
            state = RunState(code=Code.TAKEN_OVER.value)
            hand_over(container.requests, tx, row, HAS_IT, state)

    return hand


def _content(message: DeskMessage) -> str:
    """The words, and what hangs on them by name, so that people see that there is something."""
    names = [plain(one.name, limit=60) for one in message.attachments[:_MOST_NAMED]]
    if not names or not message.text.strip():
        return message.text
    left = len(message.attachments) - len(names)
    more = f" and {left} more" if left > 0 else ""
    return f"{message.text}\n\n[attached: {', '.join(names)}{more}]"
