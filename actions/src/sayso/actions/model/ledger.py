"""The only functions that change the rows of actions: never without an entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sayso.actions.model.action_row import (
    COLUMNS,
    COLUMNS_WITH_ARGS,
    ActionRow,
    all_columns,
    judged_columns,
    state_columns,
)
from sayso.actions.model.digest import storable
from sayso.actions.model.idempotency import (
    CALLER_KEY,
    ahead_of_new_key,
    key_params,
    read_by_key,
    read_new_key,
    take_key,
)
from sayso.actions.model.plan import OnFailure
from sayso.actions.model.snapshot import Receipt
from sayso.actions.model.status import (
    CALLED,
    FINAL,
    NOT_DONE,
    START,
    TOLD,
    TRANSITIONS,
    Status,
)
from sayso.actions.policy.base import Outcome
from sayso.audit.authority.keyring import ROW, Keyring, sealed_bytes
from sayso.audit.authority.state import changed_outside, read_body
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, PiiRef
from sayso.audit.fields import Fields, object_in
from sayso.audit.fields import text_or_none as text_said
from sayso.audit.log import AuditLog
from sayso.audit.meaning import settle
from sayso.errors import Code, IntegrityError
from sayso.frozen import replace
from sayso.ids import Tenant
from sayso.store.base import (
    Reader,
    Row,
    SqlValue,
    Transaction,
    integer,
    integer_or_none,
    text,
    text_or_none,
)

SYSTEM = Actor(kind=ActorKind.SYSTEM, id="engine")
_STORED = "ledger/stored"
"""Under this a commit remembers the row of an action as it has stored it last."""
_ERASES = frozenset({EntryKind.SUBJECT_ERASING, EntryKind.RETENTION_SWEPT})
OUTBOX_TOPIC = "approval"
"""Surfaces that show cards read this topic of the outbox; its keys are approval ids."""


StepEnded = Callable[["Ledger", Transaction, ActionRow], None]
"""Told in the same transaction about a step that has ended, where its plan stops or undoes."""


class Following(Protocol):
    """What has to change with an action."""

    def data(self) -> dict[str, Json]:
        """What the entry says of it."""
        ...

    def write(self, tx: Transaction, seq: int, entry: Entry) -> None:
        """Write it, in the transaction and under the entry of the change."""
        ...


Follow = Callable[[Transaction, "ActionRow | None", ActionRow], "Following | None"]
"""Asked of each change of an action, the first one from None: what changes with it, if anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What is stored now of a row that is about to be moved.

    Attributes:
        held_by: what it waits for.
        told: its newest entry that says a status; None where that is pruned, or is of this unit.
        holds, joined: whether another action may wait for it, or an equal one may have joined it.
        row: as it was read, with its customer's key; None for a row that this very unit stored.
    """

    held_by: str | None
    told: Fields | None = None
    holds: bool = True
    joined: bool = True
    row: Row | None = None


class Ledger:
    """Inserts and moves actions. Each change writes its entry in the same transaction.

    Args:
        log: is written with each change.
        step_ended: see `StepEnded`.
        follow: see `Follow`.
        keyring: seals each row in its entry; None, and none is sealed or compared.
    """

    def __init__(
        self,
        log: AuditLog,
        step_ended: StepEnded | None = None,
        follow: Follow | None = None,
        keyring: Keyring | None = None,
    ) -> None:
        self._log = log
        self._keyring = keyring
        self._step_ended = step_ended
        self._follow = follow

    @property
    def log(self) -> AuditLog:
        """The audit log that is written."""
        return self._log

    def insert(self, tx: Transaction, row: ActionRow, entry: Entry) -> ActionRow:
        """Store a new action with its first entry.

        Raises:
            IntegrityError: `tampered`, when the log knows the key of a row that is not there.
        """
        check_transition(START, row.status, entry.kind)
        more: dict[str, Json] = {}
        if self._keyring is not None:
            key = row.idempotency_key
            more[CALLER_KEY] = take_key(tx, self._keyring, "action", row.tenant, key)
        following = None if self._follow is None else self._follow(tx, None, row)
        if following is not None:
            more |= following.data()
        if (
            row.created_at != row.updated_at
        ):  # the provider was asked meanwhile, and a clock may jump
            more["created_at"] = row.created_at
        columns = all_columns(row)
        entry = self._sealed(entry, more, columns)
        seq = self._log.append(tx, row.tenant, entry, at=row.updated_at)
        columns["last_seq"] = seq
        stored = replace(row, last_seq=seq, raw=columns)
        tx.run("action.insert", **columns)
        tx.remember((_STORED, row.tenant, row.id), stored)
        settle(tx, row.tenant, "action", row.id, COLUMNS_WITH_ARGS, None, stored)
        if following is not None:
            following.write(tx, seq, entry)
        return stored

    def move(
        self,
        tx: Transaction,
        row: ActionRow,
        changed: ActionRow,
        entry: Entry,
        *,
        present: Present | None = None,
    ) -> ActionRow | None:
        """Change an action from exactly the state it was read in, with the entry that tells it.

        Args:
            present: see `present_of`; read where it is None.

        Returns:
            The row as stored; None when somebody else was faster, and then nothing is written.
        """
        check_transition(row.status, changed.status, entry.kind)
        present = present or present_of(tx, row)
        if present is None:
            return None
        if entry.data.get("code") == Code.TAMPERED:
            entry = _as_told(entry, present)
        else:
            self._check_as_told(tx, row, present)
        more: dict[str, Json] = {}
        following = None if self._follow is None else self._follow(tx, row, changed)
        if following is not None:
            more |= following.data()
        if changed.called_at != row.called_at and entry.kind is not EntryKind.ACTION_INTENT:
            # An intent's own time says it; a slow call ends long after that.
            more["called_at"] = changed.called_at
        # What held it is over with the move, unless it is the move that holds it.
        blocked_by = changed.blocked_by if changed.blocked_by != row.blocked_by else None
        look_at = next_look(changed, changed.updated_at)
        due_at = changed.due_at if look_at is None else look_at
        columns = {**state_columns(changed), "blocked_by": blocked_by, "due_at": due_at}
        same = changed.snapshot is row.snapshot and changed.args is row.args
        same = same and changed.revision == row.revision
        written = columns if same else {**columns, **judged_columns(changed)}
        raw = {**(row.raw or all_columns(row)), **written}
        entry = self._sealed(entry, more, raw)
        # NOTE: the entry first: SQLite looks through all rows of the tables that refer to entries
        # when an entry is stored for which one of them waits already.
        # INVARIANT: told at the moment by which it was judged, whatever the clock does meanwhile.
        seq = self._log.append(tx, row.tenant, entry, at=changed.updated_at)
        raw["last_seq"] = seq
        stored = replace(changed, blocked_by=blocked_by, due_at=due_at, last_seq=seq, raw=raw)
        named: dict[str, SqlValue] = {"tenant": row.tenant, "id": row.id, "was_seq": row.last_seq}
        query = "action.move" if same else "action.update"
        tx.run(query, **{**written, "last_seq": seq}, **named)
        tx.remember((_STORED, row.tenant, row.id), stored)
        columns_held = COLUMNS if same else COLUMNS_WITH_ARGS
        settle(tx, row.tenant, "action", row.id, columns_held, row, stored)
        if following is not None:
            following.write(tx, seq, entry)
        wake_others(tx, row, present, stored.blocked_by, stored.updated_at)
        if row.status in CALLED and stored.status not in CALLED and present.holds:
            wake_blocked(tx, row.tenant, row.id, stored.updated_at)
        self._wake(tx, stored, was=row.status, joined=present.joined)
        planned = stored.on_failure is not OnFailure.CONTINUE or stored.undoes is not None
        if planned and stored.status in FINAL and self._step_ended is not None:
            self._step_ended(self, tx, stored)
        return stored

    def _sealed(
        self, entry: Entry, more: Mapping[str, Json], columns: Mapping[str, SqlValue]
    ) -> Entry:
        """The entry with what else it says, and a seal over the row that it leaves."""
        data = {**entry.data, **more}
        if self._keyring is not None and entry.data.get("code") != Code.TAMPERED:
            data[ROW] = self._keyring.seal_row(sealed_bytes("action", columns))
        return replace(entry, data=data)

    def _check_as_told(self, reader: Reader, row: ActionRow, present: Present) -> None:
        """Refuse a row that is not what the newest entry about it left, before it is signed on.

        Raises:
            IntegrityError: `tampered`.
        """
        body = present.told
        if self._keyring is None or body is None:
            return
        seal, seq = object_in(body, "data").get(ROW), body.get("seq")
        if seq != row.last_seq:
            is_told = isinstance(seq, int) and is_repointed(reader, row.tenant, row.last_seq, seq)
        elif row.erased_seq is not None:
            is_told = is_erasure(reader, row.tenant, row.erased_seq)
        elif seal is None:  # told by an older Sayso
            is_told = True
        else:
            columns = row.raw or all_columns(row)
            is_told = self._keyring.is_own_row(sealed_bytes("action", columns), str(seal))
        if not is_told:
            raise changed_outside(f"the action {row.id}")

    def ahead_of_insert(self, tx: Transaction, row: ActionRow) -> None:
        """Say that the row will be inserted next; see `Reader.ahead`."""
        key = row.idempotency_key
        if self._keyring is None:
            tx.ahead("action.by_key", **key_params(row.tenant, key))
        else:
            ahead_of_new_key(tx, self._keyring, row.tenant, key)
        self._log.ahead(tx, row.tenant)

    def under_key_of(self, tx: Transaction, row: ActionRow) -> Row | None:
        """What is stored under the key of a row that is to be inserted, erased or not."""
        if self._keyring is None:
            return read_by_key(tx, "action.by_key", row.tenant, row.idempotency_key)
        return read_new_key(tx, self._keyring, row.tenant, row.idempotency_key)

    def ahead(self, tx: Transaction, row: ActionRow) -> None:
        """Say that the row will be moved next; see `Reader.ahead`."""
        self._log.ahead(tx, row.tenant)
        if tx.recall((_STORED, row.tenant, row.id)) is not row:
            tx.ahead("action.version", tenant=row.tenant, id=row.id)

    def _wake(self, tx: Transaction, row: ActionRow, *, was: Status, joined: bool) -> None:
        """Make due what waited for this state: later steps, the request, and shown cards.

        Args:
            was: of an action that the customer may have been told about; they are told anew.
            joined: see `Present`.
        """
        if row.status not in TOLD:
            return
        tx.run(
            "outbox.put_for_action",
            tenant=row.tenant,
            topic=OUTBOX_TOPIC,
            action_id=row.id,
            request_id=row.request_id,
            now=row.updated_at,
        )
        changed = was in TOLD and was is not row.status
        if row.status in FINAL and joined and _may_be_joined(row):
            tx.run(
                "request.wake_joined",
                tenant=row.tenant,
                subject_id=row.subject.id,
                fingerprint=row.fingerprint,
                action_id=row.id,
                changed=int(changed),
                now=row.updated_at,
            )
        if row.request_id is None:
            return
        tx.run(
            "action.wake_dependents",
            tenant=row.tenant,
            request_id=row.request_id,
            now=row.updated_at,
        )
        tx.run("request.wake", tenant=row.tenant, id=row.request_id, now=row.updated_at)
        if changed:
            tx.run("request.wake_again", tenant=row.tenant, id=row.request_id, now=row.updated_at)


def _as_told(entry: Entry, present: Present) -> Entry:
    """The entry that ends what was tampered with: it vouches for nothing that the row says."""
    body: Fields = present.told or {}
    revision = object_in(body, "data").get("revision")
    return replace(
        entry,
        subject=text_said(body, "subject") or entry.subject,
        name=text_said(body, "name") or entry.name,
        request=text_said(body, "request") or entry.request,
        data={**entry.data, "revision": revision} if isinstance(revision, int) else entry.data,
    )


def is_repointed(reader: Reader, tenant: Tenant, last_seq: int, told_seq: int) -> bool:
    """Whether a row points behind the newest entry about it, since older ones were pruned."""
    pruned = _kind_at(reader, tenant, last_seq) == EntryKind.LOG_PRUNED
    return told_seq < last_seq and pruned


def is_erasure(reader: Reader, tenant: Tenant, seq: int) -> bool:
    """Whether an entry tells that personal parts of rows went."""
    return _kind_at(reader, tenant, seq) in _ERASES


def _kind_at(reader: Reader, tenant: Tenant, seq: int) -> str:
    found = reader.one("log.bodies", tenant=tenant, from_seq=seq, limit=1)
    body: Fields = {} if found is None else read_body(text(found, "body"))
    return str(body["kind"]) if body.get("seq") == seq else ""


def _may_be_joined(row: ActionRow) -> bool:
    """Whether people were asked about it, so that an equal one may have joined it meanwhile."""
    asked = row.judgement is not None and row.judgement.outcome is Outcome.ASK
    return asked or row.revision > 1


def present_of(reader: Reader, row: ActionRow, *, by_owner: bool = False) -> Present | None:
    """What is stored now of a row that is still what was read; an extended lease is a change.

    Args:
        by_owner: the worker asks that has claimed it, to whom the lease says nothing: whoever
            takes over moves the row.

    INVARIANT: a row is not read again that is the very object which this commit has stored: nobody
    outside of its unit has it before the commit.
    """
    if reader.recall((_STORED, row.tenant, row.id)) is row:
        return Present(held_by=row.blocked_by)
    present = reader.one("action.version", tenant=row.tenant, id=row.id)
    if present is None or integer(present, "last_seq") != row.last_seq:
        return None
    leased = row.status is Status.EXECUTING and not by_owner
    if leased and integer_or_none(present, "due_at") != row.due_at:
        return None
    told = text_or_none(present, "told")
    return Present(
        held_by=text_or_none(present, "held_by"),
        told=None if told is None else read_body(told),
        holds=present["holds"] == 1,
        joined=present["joined"] == 1,
        row=present,
    )


def wake_others(
    tx: Transaction, row: ActionRow, present: Present, blocked_by: str | None, now: int
) -> None:
    """Put back some of those that wait with a row for what it waits for no more.

    Args:
        present: see `present_of`.
        held_by: what the row waits for from here on.

    INVARIANT: by what is stored, not by what was read: parking is no entry, so that another worker
    may have parked the row behind something else meanwhile, and those that wait for that with it
    would be left behind.
    """
    held_until_now = present.held_by
    if held_until_now is not None and held_until_now != blocked_by:
        wake_blocked(tx, row.tenant, held_until_now, now)


def wake_blocked(tx: Transaction, tenant: Tenant, blocked_by: str, now: int) -> None:
    """Put back some of what is held by what is over: each that goes on comes by here again.

    INVARIANT: whatever leaves the due index has taken others along that had the same holder, so
    none is left behind, whoever dies meanwhile; and no transaction grows with how many there are.
    """
    tx.run("action.wake_held", tenant=tenant, blocked_by=blocked_by, now=now)


def entry_of(
    row: ActionRow,
    kind: EntryKind,
    *,
    actor: Actor = SYSTEM,
    pseudonym: str,
    approval: str | None = None,
    data: dict[str, Json] | None = None,
    pii: PiiRef | None = None,
) -> Entry:
    """The entry that tells an action's state as `row` has it.

    INVARIANT: whatever of the row its entries determine is rebuilt from them by
    `sayso.audit.verifier.replay`, so what changes here has to stand in an entry (invariant 3).
    """
    said: dict[str, Json] = {
        "revision": row.revision,
        "error": row.error["code"] if row.error else None,
        **(data or {}),
    }
    return Entry(
        kind=kind,
        actor=actor,
        action=row.id,
        request=row.request_id,
        approval=approval,
        subject=pseudonym,
        name=row.name,
        amount=row.amount,
        status=row.status.value,
        rule=",".join(row.judgement.rules)[:200] or None if row.judgement else None,
        digest=row.digest,
        data=said,
        pii=pii,
    )


LOOKS_S = (3600, 86_400, 7 * 86_400)
"""So long after its end it is looked up: an hour, a day, a week."""


def next_look(row: ActionRow, now: int) -> int | None:
    """When it is looked up next; None where nobody looks any more.

    Not what was never called, nor what was tampered with, since it would be looked up by what
    somebody else wrote; nor what was erased.
    """
    tampered = row.error is not None and row.error["code"] == Code.TAMPERED
    if row.status not in NOT_DONE or row.call_key is None or tampered or row.erased_seq is not None:
        return None
    looks = (row.updated_at + look_s * 1_000_000 for look_s in LOOKS_S)
    return next((at for at in looks if at > now), None)


def ended_otherwise(row: ActionRow) -> dict[str, str]:
    """The error of an action whose effect is there although it had ended without one."""
    return {
        "code": Code.LATE_EFFECT.value,
        "message": f"the provider shows that it was done, after it had ended as {row.status}",
        "next_step": "look at what people were told and did since; where it was done once more in"
        " another way, take one of them back",
    }


def unfitting(row: ActionRow, receipt: Receipt) -> dict[str, str] | None:
    """The error of an action that was done otherwise than was approved; None where it fits."""
    why = receipt.unfitting
    if not why and receipt.amount is not None and receipt.amount != row.amount:
        why = f"{row.amount or 'no money'} was approved, and the provider shows {receipt.amount}"
    if not why:
        return None
    return {
        "code": Code.DOES_NOT_FIT.value,
        "message": storable(why, 500),
        "next_step": "look at it at the provider, put right what is wrong, then end this work",
    }


def check_transition(was: Status | str, to: Status, kind: EntryKind) -> None:
    """Refuse a change of state that the table does not have.

    Raises:
        IntegrityError: `wrong_state`; it is a fault in the program, so nothing is written.
    """
    if kind not in TRANSITIONS[was].get(to, ()):
        raise IntegrityError(
            Code.WRONG_STATE, f"an action cannot go from `{was}` to `{to}` by `{kind}`"
        )
