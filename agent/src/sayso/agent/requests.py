"""Requests: what a customer asked in words, as rows beside the actions that came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from sayso.actions.context import EngineContext
from sayso.actions.engine.withdrawal import Withdrawals
from sayso.actions.model.action_row import dumps
from sayso.actions.model.attempt import signed_turn
from sayso.actions.model.definition import Subject
from sayso.actions.model.digest import hash_of_texts
from sayso.actions.model.idempotency import (
    CALLER_KEY,
    check_key,
    check_repeated,
    read_by_key,
    take_key,
)
from sayso.actions.model.ledger import SYSTEM, is_erasure, is_repointed
from sayso.agent.base import Message, Question
from sayso.agent.code_answers import CodeAnswer, CodeAnswers
from sayso.agent.code_places import Seen, write_seen
from sayso.agent.codes import without_codes
from sayso.agent.conversation import check_messages, check_writer, picked_choice, read_messages
from sayso.agent.drafted import DraftedPlan
from sayso.agent.earlier import leave_begun, read_earlier, show_to
from sayso.agent.incoming import Ask, CustomerReply
from sayso.agent.new_request import NewRequest, names_signed, new_request, tie_signed
from sayso.agent.question import AskedText, question_from_json
from sayso.agent.reply import HandedOver
from sayso.agent.request_row import (
    WORK_TOPIC,
    RequestRow,
    RequestStatus,
    get_request,
    read_request,
)
from sayso.agent.telling import Told, read_beside
from sayso.agent.withdrawal import RequestWithdrawals, TakenBack, is_as_sure, theirs_in_thread
from sayso.audit.authority.keyring import ROW, Keyring, sealed_bytes
from sayso.audit.authority.state import changed_outside
from sayso.audit.customer_codes import VERIFY
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, StoredEntry
from sayso.audit.log import AuditLog
from sayso.audit.request_digests import question_digest
from sayso.audit.verifier.replay import ASKED_BY_PEOPLE, request_status
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.json import JsonObject, JsonValue
from sayso.store.base import Reader, SqlValue, Transaction, text

T = TypeVar("T")
AGENT = Actor(kind=ActorKind.AGENT, id="agent")


class Requests:
    """Takes requests in and moves them, each change with its entry."""

    def __init__(
        self,
        context: EngineContext,
        *,
        log: AuditLog,
        keyring: Keyring,
        renew: Callable[[Transaction, RequestRow], None] | None = None,
        written: Callable[[Transaction, RequestRow], None] | None = None,
        codes: CodeAnswers | None = None,
    ) -> None:
        """`keyring`: seals each row in its entry; `renew`: has the cards of a request made anew,
        once a person's question is answered; `written`: the same, once more was written in its
        thread; `codes`: reads answers to questions for codes.
        """
        self.codes = codes
        self.withdrawals = RequestWithdrawals(context.store, self.move, Withdrawals(context))
        self._renew = renew
        self.written = written
        self._keyring = keyring
        self._store = context.store
        self._log = log
        self._personal = context.personal
        self._clock = context.clock
        self._ids = context.ids
        self._telemetry = context.telemetry

    async def ask(self, ask: Ask) -> RequestRow:
        """Store a request; when it returns, the request will be worked on even after a crash.

        What continues a conversation in which this customer was asked something is no new request:
        it is the answer, and the request that waits for it is returned.

        Raises:
            RefusedError: `empty_message`, `message_too_long`, `invalid_input` (also for the key),
                `idempotency_conflict`; `not_owner`, in a conversation of another customer alone.
        """
        ask = replace(ask, messages=without_codes(ask.messages))
        check_messages(ask.messages)
        check_key(ask.key)
        if ask.conversation is not None and not 1 <= len(ask.conversation) <= 200:
            raise RefusedError(
                Code.INVALID_INPUT,
                "the conversation's name has 1 to 200 characters",
                next_step="pass the id by which your bot knows the thread",
            )
        conversation: list[Json] = [[turn.role, turn.content] for turn in ask.messages]
        fingerprint = _fingerprint(ask.subject.id, lambda: dumps(conversation))
        with self._telemetry.intake("sayso.ask", ask.traceparent) as traceparent:
            traced = replace(ask, traceparent=traceparent)
            return await self.write_seen(
                lambda tx, seen: self._insert(tx, traced, fingerprint, seen)
            )

    def _insert(self, tx: Transaction, ask: Ask, fingerprint: str, seen: Seen) -> RequestRow:
        known = read_by_key(tx, "request.by_key", ask.tenant, ask.key)
        if known is not None:
            found = read_request(known)
            check_repeated(
                "request",
                is_erased=found.erased_seq is not None,
                is_same=found.fingerprint == fingerprint,
            )
            return found
        answered = self._answered_with(tx, ask.tenant, ask.key, fingerprint)
        if answered is not None:
            return answered
        check_writer(tx, ask)
        if ask.takes_back and ask.conversation is not None:
            rows = theirs_in_thread(tx, ask.tenant, ask.subject, ask.conversation)
            reply = CustomerReply(content=ask.messages[-1].content, subject=ask.subject)
            if rows:
                return self._take_back(tx, rows, reply, ask.requester, ask.key, fingerprint)
        waiting = self._continued_by(tx, ask)
        if waiting is not None:
            reply = CustomerReply(content=ask.messages[-1].content, subject=ask.subject, seen=seen)
            return self._answer(tx, waiting, reply, ask.requester, ask.key, fingerprint)
        callers = take_key(tx, self._keyring, "request", ask.tenant, ask.key)
        now = to_micros(self._clock.now())
        request_id = self._ids.new("req")
        earlier = read_earlier(tx, ask, request_id, self._personal, self.withdrawals)
        stamp = NewRequest(
            request_id=request_id,
            fingerprint=fingerprint,
            key=callers,
            now=now,
            due=earlier.begun is None and not ask.to_people,
        )
        entry, columns = new_request(tx, ask, earlier.turns, self._personal, self._ids, stamp)
        seq = self._log.append(tx, ask.tenant, self._sealed(entry, columns))
        tx.run("request.insert", **columns, last_seq=seq)
        self._tie(tx, ask.tenant, request_id, ask.subject, now)
        show_to(tx, earlier.shown, self.written)
        row = get_request(tx, ask.tenant, request_id)
        return row if earlier.begun is None else leave_begun(tx, self.move, row, earlier.begun)

    def _tie(
        self, tx: Transaction, tenant: Tenant, request_id: str, subject: Subject, now: int
    ) -> None:
        if subject.accounts and self.codes is not None:
            tie_signed(self.codes.links, tx, tenant, request_id, subject, now)

    def _continued_by(self, tx: Transaction, ask: Ask) -> RequestRow | None:
        """The request whose question this answers: by the thread's name, or by its very words."""
        rows = tx.all("request.waiting", tenant=ask.tenant, subject_id=ask.subject.id)
        for row in map(read_request, rows):
            if not is_as_sure(ask.subject, row.subject):
                continue
            if ask.conversation is not None:
                if row.conversation == ask.conversation:
                    return row
                continue
            if len(ask.messages) > 2 and row.conversation is None:
                known = [(turn.role, turn.content.strip()) for turn in self.messages(tx, row)]
                asked = self.asked_text(tx, row)
                before = [(turn.role, turn.content.strip()) for turn in ask.messages[:-1]]
                texts = () if asked is None else (asked.text, asked.reply(_stored_question(row)))
                if any(before == [*known, ("agent", told.strip())] for told in texts):
                    return row
        return None

    def asked_text(self, reader: Reader, row: RequestRow) -> AskedText | None:
        """What the customer reads of an open question; None when the subject was erased."""
        sealed = (
            None
            if row.reply_ref is None
            else self._personal.open(reader, row.tenant, row.reply_ref)
        )
        return None if sealed is None else AskedText.read(sealed)

    def question(self, reader: Reader, row: RequestRow) -> Question | None:
        """The question that a request waits for an answer to, with its labels."""
        if row.status is not RequestStatus.NEEDS_CUSTOMER or not isinstance(row.question, Mapping):
            return None
        asked = self.asked_text(reader, row)
        return question_from_json(row.question, () if asked is None else asked.labels)

    async def answer(
        self, tenant: Tenant, request_id: str, reply: CustomerReply, *, requester: Actor, key: str
    ) -> RequestRow:
        """Store a customer's answer; the request is planned again with it.

        Args:
            key: the caller's idempotency key.

        Raises:
            RefusedError: `not_found`; `nothing_asked`, when it waits for no answer, or for one to
                another question; `empty_message`, `message_too_long`; `invalid_input` for a choice
                that the question does not offer; `idempotency_conflict`.
        """
        check_key(key)
        number = "" if reply.number is None else str(reply.number)
        said = f"{reply.choice or ''}/{number}/{reply.content}"
        fingerprint = _fingerprint(request_id, lambda: said)

        def work(tx: Transaction, seen: Seen) -> RequestRow:
            known = self._answered_with(tx, tenant, key, fingerprint)
            if known is not None:
                return known
            row = get_request(tx, tenant, request_id)
            if reply.takes_back and row.status is RequestStatus.NEEDS_CUSTOMER:
                return self._take_back(tx, [row], reply, requester, key, fingerprint)
            return self._answer(tx, row, replace(reply, seen=seen), requester, key, fingerprint)

        return await self.write_seen(work)

    def _take_back(
        self,
        tx: Transaction,
        rows: Sequence[RequestRow],
        reply: CustomerReply,
        requester: Actor,
        key: str,
        fingerprint: str,
    ) -> RequestRow:
        """Take requests back as the customer wrote; the first of them is what came of it."""
        callers = take_key(tx, self._keyring, "request", rows[0].tenant, key)
        said = TakenBack(
            requester=requester,
            content=reply.content,
            subject=reply.subject,
            told={CALLER_KEY: callers},
        )
        taken = [self.withdrawals.withdraw_in(tx, row, said) for row in rows]
        self._keep_key(tx, taken[0], key, fingerprint)
        return taken[0]

    def _answered_with(
        self, tx: Transaction, tenant: Tenant, key: str, fingerprint: str
    ) -> RequestRow | None:
        """The request that was answered with this key before."""
        found = tx.one("request.answered_by", tenant=tenant, key_sha256=hash_of_texts(key))
        if found is None:
            return None
        kept = text(found, "fingerprint")
        is_same = kept in (fingerprint, self._keyed(fingerprint))
        check_repeated("answer", is_erased=not kept, is_same=is_same)
        return get_request(tx, tenant, text(found, "request_id"))

    def by_key(self, reader: Reader, tenant: Tenant, key: str) -> RequestRow | None:
        """The request that was made, or answered, with this key; None for a key of none."""
        made = read_by_key(reader, "request.by_key", tenant, key)
        if made is not None:
            return read_request(made)
        found = reader.one("request.answered_by", tenant=tenant, key_sha256=hash_of_texts(key))
        return None if found is None else get_request(reader, tenant, text(found, "request_id"))

    def _keyed(self, fingerprint: str) -> str:
        """What is kept of an answer that may hold a code, which its plain hash would give away."""
        return self._keyring.seal_note(b"sayso/answer/v1\0" + fingerprint.encode()).hex()

    def append(self, tx: Transaction, tenant: Tenant, entry: Entry) -> None:
        """Have the log tell something that moves no request."""
        self._log.append(tx, tenant, entry)

    def _keep_key(self, tx: Transaction, row: RequestRow, key: str, fingerprint: str) -> None:
        tx.run(
            "request.keep_answer",
            tenant=row.tenant,
            key_sha256=hash_of_texts(key),
            request_id=row.id,
            fingerprint=fingerprint,
        )

    def _answer(
        self,
        tx: Transaction,
        row: RequestRow,
        reply: CustomerReply,
        requester: Actor,
        key: str,
        fingerprint: str,
    ) -> RequestRow:
        callers = take_key(tx, self._keyring, "request", row.tenant, key)
        stored = _stored_question(row)
        number = stored.get("number")
        if row.status is not RequestStatus.NEEDS_CUSTOMER or (
            reply.number is not None and reply.number != number
        ):
            raise RefusedError(
                Code.NOTHING_ASKED,
                f"the request {row.id} waits for no answer to that question",
                next_step="read the request; ask anew if the customer wants something else",
            )
        subject = reply.subject or row.subject
        if subject.id != row.subject.id:
            raise RefusedError(
                Code.UNAUTHENTICATED,
                "the assertion names another customer",
                next_step="pass the platform's own for the customer who answers",
            )
        asked = self.asked_text(tx, row)
        question = question_from_json(stored, () if asked is None else asked.labels)
        named, now = self.checked_question(tx, row), to_micros(self._clock.now())
        if stored.get("slot") == VERIFY and self.codes is not None:
            told: dict[str, Json] = {"question": cast("Json", number), CALLER_KEY: callers}
            answer = CodeAnswer(
                content=reply.content,
                choice=reply.choice,
                requester=requester,
                told={
                    **told,
                    "asked": named,
                    **names_signed(self._personal, tx, row.tenant, subject, now),
                },
                seen=reply.seen,
            )
            moved = self.codes.take(tx, self.move, row, stored, asked, answer)
            self._tie(tx, row.tenant, row.id, subject, now)
            self._keep_key(tx, moved, key, self._keyed(fingerprint))
            return moved
        picked = picked_choice(question, reply.choice, reply.content)
        content = reply.content.strip() or (picked.label if picked is not None else "")
        check_messages((Message(role="customer", content=content),))
        turns: list[Json] = [
            ["agent", "" if asked is None else asked.text, cast("Json", stored)],
            signed_turn(["customer", content, picked.value if picked else None], subject),
        ]
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, now)
        ref = self._ids.new("pii")
        entry = Entry(
            kind=EntryKind.REQUEST_CONTINUED,
            actor=requester,
            request=row.id,
            subject=pseudonym,
            data={
                "question": cast("Json", number),
                "picked": picked is not None,
                CALLER_KEY: callers,
                **({"asked": named} if named else {}),
                **({"slot": ASKED_BY_PEOPLE} if row.asked_by is not None else {}),
                **names_signed(self._personal, tx, row.tenant, subject, now),
            },
            pii=self._personal.seal(tx, row.tenant, row.subject.id, ref, dumps(turns)),
        )
        moved = self._store_move(
            tx,
            row,
            entry,
            now,
            turns=dumps([*row.turns, ref]),
            due_at=now,
        )
        self._tie(tx, row.tenant, row.id, subject, now)
        if row.asked_by is not None and self._renew is not None:
            self._renew(tx, moved)
        self._keep_key(tx, moved, key, fingerprint)
        return moved

    def checked_question(self, reader: Reader, row: RequestRow) -> str:
        """The digest of the open question by the log; empty where an older Sayso has asked it.

        Raises:
            IntegrityError: `tampered`, when the row has another question than the log.
        """
        named = self.said(reader, row, EntryKind.REQUEST_QUESTIONED)
        if named and named != question_digest(_stored_question(row)):
            # INVARIANT: what the database alone says is asked, nobody says yes to.
            raise changed_outside(f"what the customer of the request {row.id} is asked")
        return named

    def said(self, reader: Reader, row: RequestRow, kind: EntryKind) -> str:
        """The question that the newest entry about a request names, by its digest.

        Args:
            kind: of the entry; empty for another one, and for one that names none.
        """
        newest = self._newest(reader, row)
        if newest is None or newest.entry.kind is not kind:
            return ""
        return str(newest.entry.data.get("asked", ""))

    def answer_of(self, reader: Reader, row: RequestRow) -> tuple[str, str]:
        """What the newest answer of the customer was to, and what it was where a code was asked.

        Returns:
            The digest of the question, empty where it was for a code; and one of `GIVEN`, `AGAIN`,
            `GIVEN_UP`, empty where it was not.
        """
        newest = self._newest(reader, row)
        if newest is None or newest.entry.kind is not EntryKind.REQUEST_CONTINUED:
            return "", ""
        came_of = str(newest.entry.data.get(VERIFY, ""))
        return ("" if came_of else str(newest.entry.data.get("asked", "")), came_of)

    def told_beside(self, reader: Reader, row: RequestRow) -> Told | None:
        """What was answered beside the wish of a request; None where nothing was asked."""
        return read_beside(reader, row, self._personal)

    def drafted(self, reader: Reader, row: RequestRow) -> DraftedPlan | None:
        """The plan that people may propose in the customer's place; None where there is none.

        None also when the subject was erased, and while something else goes on.
        """
        sealed = row.reply_ref and self._personal.open(reader, row.tenant, row.reply_ref)
        if not sealed:
            return None
        found: JsonObject | None = None
        if row.status is RequestStatus.HANDED_OVER:
            found = HandedOver.read(sealed).draft
        elif row.status is RequestStatus.NEEDS_CUSTOMER:
            found = AskedText.read(sealed).draft
        return None if found is None else DraftedPlan.read(found)

    def new_nonce(self) -> str:
        """What makes a draft's digest say nothing about it."""
        return self._ids.new("drf")

    async def write_seen(self, work: Callable[[Transaction, Seen], T]) -> T:
        """Run what an answer comes to in one transaction; see `code_places.write_seen`."""
        return await write_seen(self._store, self.codes.book if self.codes else None, work)

    async def write(self, work: Callable[[Transaction], T], *, about: Tenant) -> T:
        """Run what moves a request of a tenant in one transaction."""
        return await self._store.write(work, about=about)

    def messages(self, reader: Reader, row: RequestRow) -> tuple[Message, ...]:
        """The conversation; empty when the subject was erased."""
        return read_messages(reader, row, self._personal)

    def claim(self, tx: Transaction, row: RequestRow, lease_micros: int) -> RequestRow | None:
        """Take a due request for this process; None when somebody else has it."""
        now = to_micros(self._clock.now())
        claimed = tx.run(
            "request.claim",
            tenant=row.tenant,
            id=row.id,
            fence=row.fence,
            now=now,
            due_at=now + lease_micros,
        )
        return get_request(tx, row.tenant, row.id) if claimed == 1 else None

    def move(
        self,
        tx: Transaction,
        row: RequestRow,
        kind: EntryKind,
        *,
        data: dict[str, Json],
        actor: Actor | None = None,
        planner: str | None = None,
        plan: JsonValue = None,
        question: JsonValue = None,
        reply: str | None = None,
        turn: list[Json] | None = None,
        tokens: int = 0,
        cost_micro_usd: int = 0,
        due_at: int | None = None,
    ) -> RequestRow | None:
        """Change a request from the state it was read in; None when it moved meanwhile.

        Its status from then on is what the entry means. `turn` is what the customer wrote, where
        they are not told anything by the same entry.
        """
        present = get_request(tx, row.tenant, row.id)
        if present.last_seq != row.last_seq or present.fence != row.fence:
            return None
        now = to_micros(self._clock.now())
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, now)
        entry = Entry(
            kind=kind,
            actor=actor or (AGENT if kind is not EntryKind.REQUEST_REPLIED else SYSTEM),
            request=row.id,
            subject=pseudonym,
            data=data,
        )
        reply_ref = turns = None
        text_said = reply if turn is None else dumps([turn])
        if text_said is not None:
            ref = self._ids.new("pii")
            pii = self._personal.seal(tx, row.tenant, row.subject.id, ref, text_said)
            entry = replace(entry, pii=pii)
            if turn is None:
                reply_ref = ref
            else:
                turns = dumps([*row.turns, ref])
        return self._store_move(
            tx,
            row,
            entry,
            now,
            planner=planner,
            plan=None if plan is None else dumps(plan),
            question=None if question is None else dumps(question),
            reply_ref=reply_ref,
            turns=turns,
            tokens=tokens,
            cost_micro_usd=cost_micro_usd,
            due_at=due_at,
        )

    def _store_move(
        self,
        tx: Transaction,
        row: RequestRow,
        entry: Entry,
        now: int,
        **columns: SqlValue,
    ) -> RequestRow:
        status = request_status(entry.kind, entry.data)
        unset: dict[str, SqlValue] = dict.fromkeys(
            ("planner", "plan", "question", "turns", "reply_ref", "due_at")
        )
        self._check_as_told(tx, row)
        kept = {column: value for column, value in columns.items() if value is not None}
        raw = {**(row.raw or {}), "question": None, **kept, "status": status}
        seq = self._log.append(tx, row.tenant, self._sealed(entry, raw))
        if RequestStatus.HANDED_OVER in {row.status, status}:
            tx.run("outbox.put", tenant=row.tenant, topic=WORK_TOPIC, key=row.id, now=now)
        moved = tx.run(
            "request.move",
            tenant=row.tenant,
            id=row.id,
            status=status,
            updated_at=now,
            last_seq=seq,
            was_seq=row.last_seq,
            **{**unset, "tokens": 0, "cost_micro_usd": 0, **columns},
        )
        assert moved == 1, "read in this very transaction"
        return get_request(tx, row.tenant, row.id)

    def _sealed(self, entry: Entry, columns: Mapping[str, SqlValue]) -> Entry:
        """The entry with a seal over the row that it leaves."""
        seal = self._keyring.seal_row(sealed_bytes("request", columns))
        return replace(entry, data={**entry.data, ROW: seal})

    def _check_as_told(self, reader: Reader, row: RequestRow) -> None:
        """Refuse a row that is not what the newest entry about it left, before it is signed on.

        Raises:
            IntegrityError: `tampered`.
        """
        told = self._newest(reader, row)
        if told is None:  # its entries are pruned
            return
        seal = told.entry.data.get(ROW)
        if told.seq != row.last_seq:
            is_told = is_repointed(reader, row.tenant, row.last_seq, told.seq)
        elif row.erased_seq is not None:
            is_told = is_erasure(reader, row.tenant, row.erased_seq)
        else:  # an older Sayso has told of it without a seal
            columns = sealed_bytes("request", row.raw or {})
            is_told = seal is None or self._keyring.is_own_row(columns, str(seal))
        if not is_told:
            raise changed_outside(f"the request {row.id}")

    @staticmethod
    def _newest(reader: Reader, row: RequestRow) -> StoredEntry | None:
        found = reader.one("log.newest_of_request", tenant=row.tenant, request=row.id)
        return None if found is None else StoredEntry.read(text(found, "body").encode())


def _fingerprint(about: str, content: Callable[[], str]) -> str:
    try:
        return hash_of_texts(about, content())
    except TypeError as error:
        raise RefusedError(
            Code.INVALID_INPUT,
            "the message holds text that is not Unicode",
            next_step="send valid UTF-8",
        ) from error


def _stored_question(row: RequestRow) -> JsonObject:
    return row.question if isinstance(row.question, Mapping) else {}
