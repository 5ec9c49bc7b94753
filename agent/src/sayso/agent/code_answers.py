"""What a customer answers to the question for a code, in the transaction that stores the answer.

INVARIANT: the answer is read here and nowhere else. It is not sealed, not shown to anybody, and no
planner gets it: the conversation stays what it was before the question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sayso.actions.customers.links import Links
from sayso.actions.customers.proof import Proof
from sayso.actions.model.ledger import SYSTEM
from sayso.agent.code_places import ContactBook, ContactUnreadError, Seen
from sayso.agent.codes import MOST_TRIES, Challenge, code_in
from sayso.agent.conversation import picked_choice
from sayso.agent.phrases import phrases_of
from sayso.agent.question import AskedText, question_from_json
from sayso.agent.request_row import Moves, RequestRow
from sayso.agent.verify_question import (
    AGAIN,
    TIMES,
    TRIES,
    asked_before,
    code_question,
    place_of,
    questioned_data,
)
from sayso.audit.authority.by import By
from sayso.audit.authority.keyring import Keyring
from sayso.audit.customer_codes import AGAIN as ASKED_AGAIN
from sayso.audit.customer_codes import GIVEN, GIVEN_UP, VERIFY, WRONG, ToldCode, VerifiedBy
from sayso.audit.entry import Actor, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.audit.request_digests import NONCE
from sayso.ids import Clock, to_micros
from sayso.json import JsonObject
from sayso.store.base import Transaction, text


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAnswer:
    """What came back.

    Attributes:
        content: the customer's words. choice: the value of what they picked.
        requester: who handed it over. told: what its entry says besides.
        seen: where the question's accounts are reached now.
    """

    content: str
    choice: str | None
    requester: Actor
    told: dict[str, Json]
    seen: Seen = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAnswers:
    """Reads answers to questions for codes.

    Attributes:
        verified_micros: so long it is known then who writes.
        book: knows where customers are reached.
    """

    links: Links
    log: AuditLog
    personal: Personal
    keyring: Keyring
    clock: Clock
    verified_micros: int
    book: ContactBook | None = None

    def take(
        self,
        tx: Transaction,
        move: Moves,
        row: RequestRow,
        stored: JsonObject,
        asked: AskedText | None,
        answer: CodeAnswer,
    ) -> RequestRow:
        """The request after an answer: it goes on, asks once more, or is left to a person.

        Args:
            stored: the question, as the log tells of it. asked: what the customer reads of it.

        Raises:
            RefusedError: `invalid_input`, for a choice that the question does not offer.
        """
        question = question_from_json(stored, () if asked is None else asked.labels)
        picked = picked_choice(question, answer.choice, answer.content)
        challenge = Challenge.read(stored["challenge"])
        if picked is not None:
            came_of = ASKED_AGAIN if picked.value == AGAIN else GIVEN_UP
            return self._go_on(tx, move, row, answer, came_of)
        now = to_micros(self.clock.now())
        code = code_in(answer.content)
        writer = self.personal.pseudonym(tx, row.tenant, row.subject.id, now)
        place = place_of(row, writer, str(stored[NONCE]))
        is_there = self._is_there(tx, row, challenge, place, answer.seen)
        fits = code is not None and challenge.fits(self.keyring, place, code)
        if fits and is_there and now < challenge.until:
            self._verify(tx, row, challenge, writer, now, VerifiedBy.CODE)
            return self._go_on(tx, move, row, answer, GIVEN)
        return self._wrong(tx, move, row, stored, asked, answer, is_unread=code is None)

    def take_link(
        self,
        tx: Transaction,
        move: Moves,
        row: RequestRow,
        stored: JsonObject,
        asked: AskedText | None,
        answer: CodeAnswer,
    ) -> bool:
        """Whether somebody who pressed a link's button had the right one, in time.

        The request goes on then; after another secret it asks once more, or is left to a person.

        Args:
            answer: its `content` is the link's secret. The others: as in `take`.
        """
        challenge = Challenge.read(stored["challenge"])
        now = to_micros(self.clock.now())
        if not challenge.link or now >= challenge.until:
            return False
        writer = self.personal.pseudonym(tx, row.tenant, row.subject.id, now)
        place = place_of(row, writer, str(stored[NONCE]))
        is_there = self._is_there(tx, row, challenge, place, answer.seen)
        if challenge.fits_link(self.keyring, place, answer.content) and is_there:
            self._verify(tx, row, challenge, writer, now, VerifiedBy.LINK)
            self._go_on(tx, move, row, answer, GIVEN)
            return True
        self._wrong(tx, move, row, stored, asked, answer)
        return False

    def _is_there(
        self,
        tx: Transaction,
        row: RequestRow,
        challenge: Challenge,
        place: tuple[str, ...],
        seen: Seen,
    ) -> bool:
        """Whether each account is still reached where the code went.

        Raises:
            ContactUnreadError: nobody has looked yet; the caller looks, and takes it once more.
        """
        if not challenge.at:
            return True
        if seen is None:
            known = (
                tx.one("erasure.subject_named", tenant=row.tenant, pseudonym=name)
                for name in challenge.accounts
            )
            accounts = ["" if one is None else text(one, "id") for one in known]
            raise ContactUnreadError(accounts, challenge.to)
        return all(challenge.went_to(self.keyring, place, address) for address in seen)

    def _verify(
        self,
        tx: Transaction,
        row: RequestRow,
        challenge: Challenge,
        writer: str,
        now: int,
        by: VerifiedBy,
    ) -> None:
        """Have the log say that the accounts are the writer's, and tie those that are others."""
        until = now + self.verified_micros
        for name in challenge.accounts:
            told = ToldCode(request=row.id, account=name, written_as=writer, to=challenge.to)
            self.log.append(tx, row.tenant, told.verified(SYSTEM, by, until))
            if name == writer:
                continue
            known = tx.one("erasure.subject_named", tenant=row.tenant, pseudonym=name)
            if known is None:
                continue  # erased since the code was sent: there is nobody to tie
            self.links.link(
                tx,
                row.tenant,
                row.subject.id,
                text(known, "id"),
                proof=Proof.CODE,
                by=By(actor=SYSTEM, via="engine"),
                now=now,
                until=until,
                request_id=row.id,
            )

    def _go_on(
        self, tx: Transaction, move: Moves, row: RequestRow, answer: CodeAnswer, came_of: str
    ) -> RequestRow:
        """The request is planned again; from the conversation as it was before the question."""
        moved = move(
            tx,
            row,
            EntryKind.REQUEST_CONTINUED,
            actor=answer.requester,
            data={**answer.told, "picked": came_of in (ASKED_AGAIN, GIVEN_UP), VERIFY: came_of},
            due_at=to_micros(self.clock.now()),
        )
        assert moved is not None, "read in this very transaction"
        return moved

    def _wrong(
        self,
        tx: Transaction,
        move: Moves,
        row: RequestRow,
        stored: JsonObject,
        asked: AskedText | None,
        answer: CodeAnswer,
        *,
        is_unread: bool = False,
    ) -> RequestRow:
        """The same question with one try less; a person's after the last one."""
        challenge = Challenge.read(stored["challenge"])
        if challenge.tries + 1 >= MOST_TRIES:
            return self._go_on(tx, move, row, answer, GIVEN_UP)
        fewer = replace(challenge, tries=challenge.tries + 1)
        number = stored["number"]
        assert isinstance(number, int)
        again = code_question(fewer, str(stored[NONCE]), number, row.language)
        times, _ = asked_before(tx, row.tenant, row.id)
        phrases = phrases_of(row.language)
        text_ = phrases.verify_unread if is_unread else phrases.verify_wrong
        labels = () if asked is None else asked.labels
        told = {name: value for name, value in answer.told.items() if name != "asked"}
        moved = move(
            tx,
            row,
            EntryKind.REQUEST_QUESTIONED,
            actor=answer.requester,
            data={
                **told,
                **questioned_data(again),
                VERIFY: WRONG,
                TIMES: times,
                TRIES: fewer.tries,
            },
            question=again,
            reply=AskedText(text=text_, labels=labels).to_text(),
        )
        assert moved is not None, "read in this very transaction"
        return moved
