"""Blocking: an approved action that must not be called now waits, and loses nothing by it.

Two things hold an action: a stop, until two people release it, and another action that has the
same object at the provider in its hands, until that one is settled. What is held is off the due
index, keeps its yes, and is put back by the very transaction that ends what holds it; then its
claim checks everything again.

INVARIANT: no two actions hold each other for ever. An action is held only by a stop, which people
end, or by one that is `executing` or `unknown`; and such a one waits for no action: its lease ends,
its look-ups go on, or a person settles it. Steps of a plan wait for earlier steps only, so neither
those arrows nor these can close a circle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sayso.actions.approvals.repository import ApprovalStatus, approval_of, show_again
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.customers.accounts import Accounts
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.attempt import Try
from sayso.actions.model.ledger import present_of, wake_others
from sayso.actions.model.status import Status
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.state import changed_outside
from sayso.audit.entry import EntryKind, Json
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.store.base import (
    Reader,
    Row,
    SqlValue,
    Transaction,
    integer,
    integer_or_none,
    text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """What keeps an action from being called now.

    Attributes:
        id: of the stop, or of the action that has the object in its hands.
        code: `stopped` or `object_locked`.
    """

    id: str
    code: Code


def obstacle_to(reader: Reader, row: ActionRow) -> Obstacle | None:
    """What keeps an action from being called now; a stop comes first.

    Guarantees: reads the committed rows each time, so a stop holds from its commit on; whatever
    goes wrong with the read goes wrong with the claim, and then nothing is called.
    """
    found = reader.all("stop.obstacles", **_obstacle_params(row))
    first = min(found, key=_place, default=None)
    return None if first is None else Obstacle(id=text(first, "id"), code=Code(text(first, "code")))


def stop_beside(
    reader: Reader, directory: Directory, accounts: Accounts, row: ActionRow
) -> Obstacle | None:
    """A stop of another account of the same customer's, by the links in force now.

    It reads the log's own stops, so that nobody takes one away by its row; and no link at all
    while there is no stop of any customer.

    Raises:
        RefusedError: `too_many_accounts`.
        IntegrityError: `tampered`.
    """
    stops = directory.at(reader, row.tenant).stops.values()
    theirs = {stop.subject: stop for stop in stops if stop.scope == "customer"}
    beside = accounts.linked(reader, row.tenant, row.subject.id) if theirs else ()
    found = [theirs[end.pseudonym] for end in beside if end.pseudonym in theirs]
    first = min(found, key=lambda stop: stop.seq, default=None)
    return None if first is None else Obstacle(id=first.id, code=Code.STOPPED)


def check_stops_of_log(tx: Transaction, directory: Directory, row: ActionRow, subject: str) -> None:
    """Refuse to go on under a stop that the log has and the rows have not.

    Args:
        subject: the customer's pseudonym.

    Raises:
        IntegrityError: `tampered`; whoever can write the database can take a stop's row away.
    """
    stop = directory.stop_on(tx, row.tenant, row.name, subject)
    if stop is not None:
        raise changed_outside(f"the stop {stop.id}, which is in force by the log,")


def _place(row: Row) -> tuple[bool, int, str]:
    """Stops before actions, the older ones first."""
    return text(row, "code") != Code.STOPPED, integer(row, "engaged_at"), text(row, "id")


def _obstacle_params(row: ActionRow) -> dict[str, SqlValue]:
    return {
        "tenant": row.tenant,
        "connector": row.name.partition(".")[0],
        "name": row.name,
        "subject_id": row.subject.id,
        "occupies": row.object_key,
        "action_id": row.id,
    }


def ahead_of_obstacles(tx: Transaction, row: ActionRow) -> None:
    """Say that `obstacle_to` will be asked next; see `Reader.ahead`."""
    tx.ahead("stop.obstacles", **_obstacle_params(row))


def settled_since(reader: Reader, row: ActionRow, since: int) -> int:
    """Index of the newest entry with which another action for the same customer was settled.

    Args:
        since: microseconds since 1970; those from before do not count.

    Returns:
        -1 for none.

    INVARIANT: what was read at the provider before may be what it was before that one's effect. No
    provider has to check it again: two credits are two credits.
    """
    found = reader.one("action.settled_since", **_since_params(row, since))
    assert found is not None, "an aggregate always has a row"
    newest = integer_or_none(found, "last_seq")
    return -1 if newest is None else newest


def ahead_of_settled(tx: Transaction, row: ActionRow, since: int) -> None:
    """Say that `settled_since` will be asked next; see `Reader.ahead`."""
    tx.ahead("action.settled_since", **_since_params(row, since))


def _since_params(row: ActionRow, since: int) -> dict[str, SqlValue]:
    return {"tenant": row.tenant, "subject_id": row.subject.id, "id": row.id, "since": since}


def stop_on(reader: Reader, row: ActionRow) -> Obstacle | None:
    """The stop that holds an action, if there is one."""
    found = obstacle_to(reader, row)
    return found if found is not None and found.code is Code.STOPPED else None


def stop_of_customer(
    reader: Reader, directory: Directory, accounts: Accounts, row: ActionRow
) -> Obstacle | None:
    """The stop that holds an action: its own, or one of another account of the customer's.

    Raises: as `stop_beside`.
    """
    return stop_on(reader, row) or stop_beside(reader, directory, accounts, row)


def stop_shown(
    directory: Directory, accounts: Accounts, reader: Reader, row: ActionRow
) -> Obstacle | None:
    """The stop that holds an action now, for whoever looks; also one of a linked account."""
    try:
        return stop_of_customer(reader, directory, accounts, row)
    except (RefusedError, IntegrityError):  # its claim says so; it is shown all the same
        return stop_on(reader, row)


class Blocking:
    """Holds actions as part of the caller's transaction."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    def hold(self, tx: Transaction, row: ActionRow, obstacle: Obstacle) -> ActionRow | None:
        """Take an approved action off the due index until the obstacle is gone.

        Returns:
            The held row; None when somebody else was faster.
        """
        if obstacle.code is Code.OBJECT_LOCKED or obstacle.id == row.blocked_by:
            # A wait of moments, or one that the log tells of already.
            return self._park(tx, row, obstacle)
        return self._move(tx, row, Status.APPROVED, EntryKind.ACTION_HELD, obstacle)

    def take_back(
        self, tx: Transaction, row: ActionRow, obstacle: Obstacle, which: Try
    ) -> ActionRow | None:
        """Hold a claimed action whose call has surely not begun, or an unknown one.

        An earlier call of the same intent may have had its effect, so such a one stays unknown,
        and is looked up again before anything else once it is put back.
        """
        if obstacle.id == row.blocked_by:
            # Put back early along with others; a move would take it for one that is over.
            return self._park(tx, row, obstacle)
        if which is Try.FIRST:
            return self._move(tx, row, Status.APPROVED, EntryKind.ACTION_HELD, obstacle)
        return self._move(tx, row, Status.UNKNOWN, EntryKind.ACTION_UNKNOWN, obstacle)

    def _park(self, tx: Transaction, row: ActionRow, obstacle: Obstacle) -> ActionRow | None:
        present = present_of(tx, row)
        if present is None:
            return None
        tx.run(
            "action.hold",
            tenant=row.tenant,
            id=row.id,
            last_seq=row.last_seq,
            blocked_by=obstacle.id,
        )
        wake_others(tx, row, present, obstacle.id, self._transitions.now())
        self._show(tx, row)
        return replace(row, due_at=None, blocked_by=obstacle.id)

    def _move(
        self, tx: Transaction, row: ActionRow, to: Status, kind: EntryKind, obstacle: Obstacle
    ) -> ActionRow | None:
        now = self._transitions.now()
        error = row.error
        if to is Status.UNKNOWN and error is None:
            error = {"code": Code.OUTCOME_UNKNOWN.value, "message": "no answer came"}
        moved = replace(
            row, status=to, due_at=None, blocked_by=obstacle.id, error=error, updated_at=now
        )
        data: dict[str, Json] = {"code": obstacle.code.value, "held_by": obstacle.id}
        stored = self._transitions.move(tx, row, moved, kind, data)
        if stored is not None:
            self._show(tx, stored)
        return stored

    def _show(self, tx: Transaction, row: ActionRow) -> None:
        """Have the surfaces say on a decided card that its action waits."""
        approval = approval_of(tx, row)
        if approval is not None and approval.status is ApprovalStatus.APPROVED:
            show_again(tx, row.tenant, approval.id, self._transitions.now())
