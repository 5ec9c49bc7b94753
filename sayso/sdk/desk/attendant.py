"""One thread: it is read, what is new is taken in, colleagues are noticed, what is due is said."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.idempotency import read_by_key
from sayso.actions.model.priority import WAITED_FOR
from sayso.actions.model.status import Status
from sayso.agent.request_row import RequestRow, RequestStatus, get_request
from sayso.connectors.desk import DeskMessage, Thread
from sayso.connectors.desks import Desks
from sayso.errors import Code, RefusedError, SaysoError, logged
from sayso.ids import monotonic_s, to_micros
from sayso.sdk.desk.intake import Intake, fall_silent
from sayso.sdk.desk.law import DESK
from sayso.sdk.desk.lease import LEASE_MICROS, renewing
from sayso.sdk.desk.rows import (
    DeskRow,
    Place,
    SaidRow,
    ThreadRow,
    digest_of_words,
    find_thread,
    said_in,
)
from sayso.sdk.desk.sayings import SETTLES_MICROS, Saying, SayingKey, requests_in
from sayso.sdk.resources.work_elsewhere import put_thread
from sayso.store.base import Reader, SqlValue, Transaction

if TYPE_CHECKING:
    from sayso.sdk.container import Container

logger = logging.getLogger("sayso.desk")
_MOST_STEPS = 20
"""So much is said at most before somebody else has a turn."""
_LOOKS_S = (2.0, 5.0, 15.0, 60.0)
"""How long until a saying that waits is looked at again; the log mostly tells sooner."""
_FRESH_S = 2.0
"""A thread that was read so lately is not read again before something is said in it."""
_HOUR_MICROS = 3600 * 1_000_000
_DONE = frozenset({Status.SUCCEEDED, Status.COMPENSATED})
_OVER = frozenset({Status.REFUSED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN})
_COUNTS = frozenset({"open", "sent", "left"})


class Attendant:
    """Looks after the threads of one desk; each is in one process's hands at a time.

    Args:
        account: as whom we are known at the desk.
    """

    def __init__(self, container: Container, place: Place, row: DeskRow, account: str) -> None:
        self._container = container
        self._place = place
        self._row = row
        self._law = container.own_words
        self._desks = Desks(container.connectors)
        self._intake = Intake(container=container, place=place, account=account)

    async def attend(self, thread: ThreadRow) -> bool:
        """Do what is due in a thread; whether it was this process's turn.

        Guarantees: what rings or changes meanwhile keeps the thread due; where this process dies,
        the thread is due again once its lease is over.
        """
        until, seen = self._now() + LEASE_MICROS, thread.rung + thread.woken
        # As it was read: else what another process has just done would be done by an older row.
        taken = await self._run("desk.take", thread.id, until=until, now=self._now(), seen=seen)
        if taken != 1:
            return False

        async def renew() -> None:
            nonlocal until
            later = self._now() + LEASE_MICROS
            if await self._run("desk.renew_thread", thread.id, held=until, until=later) == 1:
                until = later

        again_at: int | None
        attempts = 0
        try:
            again_at = await renewing(self._attend(thread), renew)
        except SaysoError as error:
            logger.warning("%s: a thread waits: %s", self._place.name, logged(error))
            attempts = thread.attempts + 1
            again_at = self._later(thread.attempts)
        except BaseException:
            await self._put_back(thread, until, thread.attempts + 1, self._later(thread.attempts))
            raise
        await self._put_back(thread, until, attempts, again_at)
        return True

    async def _put_back(
        self, thread: ThreadRow, until: int, attempts: int, due_at: int | None
    ) -> None:
        seen = thread.rung + thread.woken
        await self._run(
            "desk.put_back", thread.id, until=until, attempts=attempts, due_at=due_at, seen=seen
        )

    async def _attend(self, thread: ThreadRow) -> int | None:
        """Returns when somebody has to look again; None when something will tell."""
        if thread.rung > thread.read_rung:
            await self._read(thread)
            await self._run("desk.was_read", thread.id, rung=thread.rung)
        return await self._speak(thread.id)

    # ---- in ------------------------------------------------------------------------------------

    async def _read(self, thread: ThreadRow) -> Thread | None:
        """Read the thread and take in what is new; None where it is gone."""
        try:
            seen = await self._desks.read_thread(
                self._place.connector, thread.id, customers=self._place.section.customers
            )
        except RefusedError as error:
            if error.code not in (Code.UNKNOWN_OBJECT, Code.NOT_FOUND):
                raise
            await self._fall_silent(thread.id, "closed")
            return None
        silent = await self._notice(thread.id, seen)
        await self._intake.report(seen, self._row.begun_at)
        new = await self._new(seen)
        answered = {one.id for one in _before_answers(seen)}
        for at, message in enumerate(new):
            if message.id in answered:
                await self._intake.pass_over(message, to_people=silent)
                continue
            await self._intake.take(message, to_people=silent, more=at + 1 < len(new))
        return seen

    async def _new(self, seen: Thread) -> list[DeskMessage]:
        """What customers have written since the desk was connected, and nobody has taken in."""
        found = [
            one
            for one in seen.messages
            if one.author == "customer"
            and one.public
            and not one.undelivered
            and to_micros(one.at) >= self._row.begun_at
        ]
        found.sort(key=lambda one: one.at)
        return [one for one in found if not await self._intake.is_known(one)]

    async def _notice(self, thread: str, seen: Thread) -> bool:
        """Whether colleagues have the thread; from the first time on Sayso is silent in it."""
        row, said = await self._container.store.read(
            lambda reader: (
                find_thread(reader, self._place, thread),
                said_in(reader, self._place, thread),
            )
        )
        if row is not None and row.silent is not None:
            return True
        why = None
        if any(_is_answer(one) for one in seen.messages):
            why = "answered"
        elif seen.assignee:
            why = "taken"
        elif not seen.is_open and not any(
            one.kind == "close" and one.state != "overtaken" for one in said
        ):
            why = "closed"
        if why is None:
            return False
        await self._fall_silent(thread, why)
        return True

    async def _fall_silent(self, thread: str, why: str) -> None:
        """Say nothing more in a thread; what waits for words there is people's from now on."""
        await self._container.store.write(
            lambda tx: fall_silent(tx, self._container, self._place, thread, why)
        )

    # ---- out -----------------------------------------------------------------------------------

    async def _speak(self, thread: str) -> int | None:
        """Say what is due, one after the other; returns when to look again."""
        read_at = 0.0
        for _ in range(_MOST_STEPS):
            saying = await self._container.store.read(lambda reader: self._next(reader, thread))
            is_fresh = monotonic_s() - read_at < _FRESH_S
            if isinstance(saying, Saying) and saying.kind == "reply" and not is_fresh:
                # INVARIANT: nobody is talked over who has written there since.
                row = await self._container.store.read(
                    lambda reader: find_thread(reader, self._place, thread)
                )
                assert row is not None, "it is in hand"
                await self._read(row)
                read_at = monotonic_s()
                continue
            if saying is None:
                return await self._container.store.read(
                    lambda reader: self._settles_at(reader, thread)
                )
            said = saying if isinstance(saying, SaidRow) else await self._keep(thread, saying)
            if said is None:
                continue
            again_s = await self._carry(thread, said)
            if again_s is not None:
                return self._now() + int(again_s * 1e6)
        return self._now()

    async def _keep(self, thread: str, saying: Saying) -> SaidRow | None:
        return await self._container.store.write(lambda tx: self._store(tx, thread, saying))

    def _next(self, reader: Reader, thread: str) -> Saying | SaidRow | None:
        """What is being said, or is to be said next."""
        said = said_in(reader, self._place, thread)
        waiting = next((one for one in said if one.state == "open"), None)
        if waiting is not None:
            return waiting
        row = find_thread(reader, self._place, thread)
        if row is None:
            return None
        requests = requests_in(reader, self._place, thread)
        renderer = self._law.renderer
        for one in renderer.due(reader, self._place, row, requests, said, self._now()):
            is_there = bool(self._law.action_of(self._place, one.kind))
            if is_there and not self._was_said(one, said):
                return one
        return None

    def _was_said(self, saying: Saying, said: Sequence[SaidRow]) -> bool:
        digest = self._digest(saying)
        mine = [one for one in said if one.state in _COUNTS and one.kind == saying.kind]
        if saying.kind != "reply":
            about = (saying.request.id, saying.about)
            if saying.about == "silent":
                return any(one.about == "silent" for one in mine)
            return any((one.request_id, one.about) == about for one in mine)
        if saying.request.status is RequestStatus.HANDED_OVER and mine:
            return mine[-1].digest == digest
        told = [one for one in mine if one.request_id == saying.request.id]
        return bool(told) and told[-1].digest == digest

    def _store(self, tx: Transaction, thread: str, saying: Saying) -> SaidRow | None:
        """Keep that it is said next; None where something else came first, or it is too much."""
        said = said_in(tx, self._place, thread)
        if any(one.state == "open" for one in said):
            return None
        now = self._now()
        recent = [
            one
            for one in said
            if one.kind == "reply" and one.state in _COUNTS and one.at > now - _HOUR_MICROS
        ]
        if saying.kind == "reply" and len(recent) >= self._place.section.answers_an_hour:
            self._too_many(tx, thread, saying.request)
            return None
        n = max((one.n for one in said), default=0) + 1
        where = {"tenant": self._place.tenant, "desk": self._place.name, "thread": thread}
        row = SaidRow(
            n=n,
            kind=saying.kind,
            about=saying.about,
            request_id=saying.request.id,
            digest=self._digest(saying),
            key=saying.key(self._place, n),
            action_id=None,
            state="open",
            why=None,
            at=now,
        )
        put = tx.run(
            "desk.say",
            **where,
            n=n,
            kind=row.kind,
            about=row.about,
            request_id=row.request_id,
            digest=row.digest,
            key=row.key,
            at=now,
        )
        return row if put == 1 else None

    def _too_many(self, tx: Transaction, thread: str, request: RequestRow) -> None:
        """What is not said is a person's, whatever has become of what was asked."""
        if fall_silent(tx, self._container, self._place, thread, "too_many"):
            put_thread(
                tx,
                self._container,
                self._place.tenant,
                desk=self._place.name,
                subject=request.subject.id,
                why=f"Sayso has answered too often within an hour in {thread}, and says no more",
            )

    async def _carry(self, thread: str, said: SaidRow) -> float | None:
        """Take a saying as far as it goes; returns seconds until it is looked at again.

        None when it has ended.
        """
        action = await self._action(said)
        if action is None:
            try:
                action = await self._propose(thread, said)
            except RefusedError as error:
                await self._ended(thread, said, "left", error.code.value)
                return None
            if action is None:
                await self._ended(thread, said, "overtaken", Code.OVERTAKEN.value)
                return None
        if said.action_id is None:
            await self._run("desk.said_by", thread, n=said.n, action_id=action.id, at="thread")
        if action.status not in _DONE | _OVER | {Status.FAILED}:
            if self._container.dispatcher.runs_here:
                await self._container.dispatcher.run_now("action", action.tenant, action.id)
            else:
                self._container.dispatcher.wake()
            action = await self._action(said) or action
        code = str((action.error or {}).get("code", ""))
        if action.status in _DONE:
            await self._ended(thread, said, "sent", None)
        elif action.status in _OVER or action.status is Status.FAILED:
            state = "overtaken" if code == Code.OVERTAKEN else "left"
            await self._ended(thread, said, state, code or action.status.value)
        else:
            age_s = (self._now() - said.at) / 1e6
            return next((one for one in _LOOKS_S if age_s < one), _LOOKS_S[-1])
        return None

    async def _action(self, said: SaidRow) -> ActionRow | None:
        row = await self._container.store.read(
            lambda reader: read_by_key(reader, "action.by_key", self._place.tenant, said.key),
            brief=True,
        )
        return None if row is None else read_action(row)

    async def _propose(self, thread: str, said: SaidRow) -> ActionRow | None:
        """Propose what is to be said as it is now; None where that is another text by now."""

        def render(reader: Reader) -> tuple[RequestRow, str | None]:
            request = get_request(reader, self._place.tenant, said.request_id)
            row, key = find_thread(reader, self._place, thread), SayingKey.read(said.key)
            if row is None or key is None:
                return request, None
            return request, self._law.renderer.render(reader, self._place, row, request, key)

        request, text = await self._container.store.read(render)
        if text is None or digest_of_words(self._container.keyring, text) != said.digest:
            return None
        proposal = Proposal(
            tenant=self._place.tenant,
            requester=DESK,
            subject=request.subject,
            action=self._law.action_of(self._place, said.kind),
            args=self._law.args_of(self._place, said.kind, thread, text),
            key=said.key,
            priority=WAITED_FOR,
        )
        proposed = await self._container.proposals.propose(proposal)
        return proposed.row

    async def _ended(self, thread: str, said: SaidRow, state: str, why: str | None) -> None:
        """Keep how a saying ended; an answer that cannot be delivered becomes work."""

        def write(tx: Transaction) -> None:
            where = {"tenant": self._place.tenant, "desk": self._place.name, "thread": thread}
            tx.run("desk.said_ended", **where, n=said.n, state=state, why=why)
            if state != "left" or said.kind != "reply":
                return
            request = get_request(tx, self._place.tenant, said.request_id)
            put_thread(
                tx,
                self._container,
                self._place.tenant,
                desk=self._place.name,
                subject=request.subject.id,
                why=f"an answer in {thread} could not be delivered: {why}",
            )

        if state == "left":
            logger.warning("%s: a %s cannot be said: %s", self._place.name, said.kind, why)
        await self._container.store.write(write)

    def _settles_at(self, reader: Reader, thread: str) -> int | None:
        """When what is under way is told as such."""
        renderer = self._law.renderer
        for request in requests_in(reader, self._place, thread):
            if not renderer.is_settled(reader, request, self._now()):
                return self._now() + SETTLES_MICROS
        return None

    def _digest(self, saying: Saying) -> str:
        return digest_of_words(self._container.keyring, saying.text)

    async def _run(self, query: str, thread: str, *, at: str = "id", **fields: SqlValue) -> int:
        """Run one statement about a thread."""
        values: dict[str, SqlValue] = {"tenant": self._place.tenant, "desk": self._place.name}
        values |= {at: thread, **fields}
        return await self._container.store.write(lambda tx: tx.run(query, **values))

    def _later(self, attempts: int) -> int:
        return self._now() + min(300, 2 << min(attempts, 8)) * 1_000_000

    def _now(self) -> int:
        return to_micros(self._container.clock.now())


def _before_answers(seen: Thread) -> Sequence[DeskMessage]:
    """The messages that stand before the newest answer of a colleague."""
    places = [at for at, one in enumerate(seen.messages) if _is_answer(one)]
    return seen.messages[: places[-1]] if places else ()


def _is_answer(message: DeskMessage) -> bool:
    """Whether a colleague has written to the customer."""
    return message.author == "colleague" and message.public
