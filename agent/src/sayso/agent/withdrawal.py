"""Taking a request back: what has not begun is stopped, and what has is told as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sayso.actions.engine.withdrawal import Withdrawals
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Subject
from sayso.actions.model.status import CALLED, Status
from sayso.agent.base import Message
from sayso.agent.conversation import check_messages
from sayso.agent.reply import followed, was_touched
from sayso.agent.request_row import (
    Moves,
    RequestRow,
    RequestStatus,
    actions_of,
    get_request,
    read_request,
)
from sayso.audit.entry import Actor, EntryKind, Json
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Reader, Store, Transaction

Written: TypeAlias = Callable[[Transaction, RequestRow], None]
UNDER_WAY = CALLED | {Status.ACCEPTED}
"""States in which nobody can stop an action any more."""
_OVER = frozenset({RequestStatus.ANSWERED, RequestStatus.WITHDRAWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """Who takes a request back, and what the customer wrote.

    Attributes:
        content: their own words; may be empty.
        subject: the customer, where somebody signs for them anew.
        told: what the entry says beside, of how it came in.
    """

    requester: Actor
    content: str = ""
    subject: Subject | None = None
    told: Mapping[str, Json] = field(default_factory=dict[str, Json])


def open_in_thread(
    reader: Reader, tenant: Tenant, subject_id: str, conversation: str
) -> list[RequestRow]:
    """The requests of a thread in which something may still happen, the newest first."""
    rows = reader.all(
        "request.open_in_thread",
        tenant=tenant,
        subject_id=subject_id,
        conversation=conversation,
    )
    return [read_request(row) for row in rows]


def theirs_in_thread(
    reader: Reader, tenant: Tenant, writer: Subject, conversation: str
) -> list[RequestRow]:
    """Those of them that whoever writes may take back."""
    rows = open_in_thread(reader, tenant, writer.id, conversation)
    return [row for row in rows if is_as_sure(writer, row.subject)]


def is_as_sure(writer: Subject, asked: Subject) -> bool:
    """Whether it is known at least as well who writes as it was who asked.

    INVARIANT: a forged sender answers nothing, and takes nothing back, in the name of a customer
    who was signed in.
    """
    return writer.assurance.is_as_sure(asked.assurance)


def show_in_thread(tx: Transaction, row: RequestRow, written: Written | None) -> None:
    """Have the open cards of a request's thread show what was written in it since.

    Not by whoever is known less surely than who asked: people read that for itself.

    Args:
        written: has the cards of an earlier request made anew; None where nobody does.
    """
    if row.conversation is None or written is None:
        return
    for other in open_in_thread(tx, row.tenant, row.subject.id, row.conversation):
        before = other.id != row.id and other.created_at <= row.created_at
        if before and other.is_acting and is_as_sure(row.subject, other.subject):
            written(tx, other)


class RequestWithdrawals:
    """Takes requests back, each in one transaction with all that it stops."""

    def __init__(self, store: Store, move: Moves, withdrawals: Withdrawals) -> None:
        """`move`: see `Requests.move`."""
        self._store = store
        self._move = move
        self._withdrawals = withdrawals

    async def withdraw(self, tenant: Tenant, request_id: str, said: TakenBack) -> RequestRow:
        """Stop all of a request that has not begun; when it returns, that is durable.

        Once more changes nothing, and so does one to a request that has ended.

        Raises:
            RefusedError: `not_found`; `unauthenticated`, where `said.subject` is another customer;
                `message_too_long`.
        """
        if said.content:
            check_messages((Message(role="customer", content=said.content),))

        def open_now(reader: Reader) -> list[ActionRow]:
            return self._actions(reader, get_request(reader, tenant, request_id))

        await self._withdrawals.settle_called(await self._store.read(open_now))
        return await self._store.write(
            lambda tx: self.withdraw_in(tx, get_request(tx, tenant, request_id), said), about=tenant
        )

    def withdraw_in(self, tx: Transaction, row: RequestRow, said: TakenBack) -> RequestRow:
        """The same in the caller's transaction; returns the request as it stands then."""
        if said.subject is not None and said.subject.id != row.subject.id:
            raise RefusedError(
                Code.UNAUTHENTICATED,
                "the assertion names another customer",
                next_step="pass the platform's own for the customer who takes it back",
            )
        if row.status in _OVER or row.erased_seq is not None:
            return row
        actions = self._actions(tx, row)
        # NOTE: the actions first: the end of the last one would wake a request that is taken back.
        stopped = self._withdrawals.stop(tx, actions, said.requester)
        begun = [action for action in actions if action.status in UNDER_WAY]
        if row.status is RequestStatus.ACTING and not stopped and not begun:
            return row  # all of it has ended, and is about to be told
        turn: list[Json] | None = ["customer", said.content, None] if said.content else None
        data: dict[str, Json] = {
            "stopped": [action.id for action in stopped],
            "under_way": [action.id for action in begun],
            **said.told,
        }
        moved = self._move(
            tx, row, EntryKind.REQUEST_WITHDRAWN, data=data, actor=said.requester, turn=turn
        )
        assert moved is not None, "read in this very transaction"
        return moved

    def is_begun(self, reader: Reader, row: RequestRow) -> bool:
        """Whether something of a request that was taken back was under way by then, or done."""
        return any(was_touched(action) for action in self._actions(reader, row))

    @staticmethod
    def _actions(reader: Reader, row: RequestRow) -> list[ActionRow]:
        """Its actions, and those that they have joined: who takes one back wants neither."""
        meant: list[ActionRow] = []
        for own in actions_of(reader, row):
            other = followed(reader, own)
            is_theirs = other is not None and is_as_sure(row.subject, other.subject)
            meant.append(other if other is not None and is_theirs else own)
        return meant
