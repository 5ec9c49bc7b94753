"""What a message goes on from that puts right, or adds to, what was asked in its thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sayso.actions.model.definition import Subject
from sayso.agent.conversation import MAX_CONVERSATION_CHARS, MAX_MESSAGES, read_turns
from sayso.agent.incoming import Ask
from sayso.agent.reply import HandedOver, write_hand_over
from sayso.agent.request_row import Moves, RequestRow, RequestStatus, read_request
from sayso.agent.withdrawal import (
    RequestWithdrawals,
    TakenBack,
    Written,
    is_as_sure,
    theirs_in_thread,
)
from sayso.audit.entry import EntryKind, Json
from sayso.audit.personal import Personal
from sayso.errors import Code
from sayso.ids import Tenant
from sayso.store.base import Transaction

_BEGUN = "the customer has corrected what was under way or done already"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRight:
    """What was asked before in the thread, as far as a message bears on it.

    Attributes:
        turns: the sealed turns of it, oldest first; they are read again with the message.
        begun: the request that the message corrects, where something of it was begun or done.
        shown: requests whose cards have to show the message before anybody says yes to them.
    """

    turns: tuple[list[Json], ...] = ()
    begun: RequestRow | None = None
    shown: tuple[RequestRow, ...] = ()


def read_earlier(
    tx: Transaction, ask: Ask, request_id: str, personal: Personal, withdrawals: RequestWithdrawals
) -> PutRight:
    """What a message goes on from; what it corrects is taken back with this very transaction.

    INVARIANT: once the message is stored nobody can say yes to what it corrects. The newest open
    request of its thread is; each other one shows the message on its card first. What is done
    already is not done once more: a person has the correction then.

    Args:
        request_id: of the message, which the entry about what it corrects names.
    """
    if ask.bearing is None or ask.conversation is None:
        return PutRight()
    rows = _bearing_on(tx, ask.tenant, ask.subject, ask.conversation)
    if not rows:
        return PutRight()
    newest, *others = rows
    turns = _turns(tx, ask, newest, personal)
    if ask.bearing == "adds":
        return PutRight(turns=turns)
    said = TakenBack(
        requester=ask.requester,
        content=ask.messages[-1].content,
        subject=ask.subject,
        told={"corrected_by": request_id},
    )
    taken = withdrawals.withdraw_in(tx, newest, said)
    return PutRight(
        turns=turns,
        begun=taken if withdrawals.is_begun(tx, taken) else None,
        shown=tuple(one for one in others if one.is_acting),
    )


def _bearing_on(
    tx: Transaction, tenant: Tenant, writer: Subject, conversation: str
) -> list[RequestRow]:
    """What goes on in the thread, the newest first; where nothing does, what was told last."""
    rows = theirs_in_thread(tx, tenant, writer, conversation)
    rows = [row for row in rows if row.status is RequestStatus.RECEIVED or row.is_acting]
    if rows:
        return rows
    found = tx.one(
        "request.answered_in_thread",
        tenant=tenant,
        subject_id=writer.id,
        conversation=conversation,
    )
    told = None if found is None else read_request(found)
    return [] if told is None or not is_as_sure(writer, told.subject) else [told]


def _turns(
    tx: Transaction, ask: Ask, row: RequestRow, personal: Personal
) -> tuple[list[Json], ...]:
    """The turns before the message; none where they are too many, or were written by another.

    INVARIANT: what somebody wrote who was known less surely never counts as this customer's words.
    """
    if row.subject.assurance is not ask.subject.assurance:
        return ()
    turns = read_turns(tx, row, personal)
    chars = sum(len(str(turn[1])) for turn in turns) + len(ask.messages[-1].content)
    if len(turns) >= MAX_MESSAGES or chars > MAX_CONVERSATION_CHARS:
        return ()
    return tuple(cast("list[list[Json]]", turns))


def show_to(tx: Transaction, rows: Sequence[RequestRow], written: Written | None) -> None:
    """Have cards made anew that have to show what was written."""
    if written is not None:
        for row in rows:
            written(tx, row)


def leave_begun(tx: Transaction, move: Moves, row: RequestRow, begun: RequestRow) -> RequestRow:
    """Leave a correction that came too late to a person, and tell what it came too late for."""
    handed = HandedOver(
        reason=_BEGUN,
        reply=write_hand_over(begun.language),
        language=begun.language,
        about=(begun.id,),
    )
    moved = move(
        tx,
        row,
        EntryKind.REQUEST_HANDED_OVER,
        data={"planner": "", "code": Code.NOT_UNDERSTOOD.value},
        reply=handed.to_text(),
    )
    assert moved is not None, "stored in this very transaction"
    return moved
