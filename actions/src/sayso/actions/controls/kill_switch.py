"""The stop switch: one person stops at once, and two people let it go on.

A stop is a committed row, which every claim reads in its own transaction: so it holds in every
process from its commit on, with no cache that could be old. Each stop stands for itself, as each
lock on a machine does: whoever stops cannot be overruled by the release of somebody else's stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from sayso.actions.context import EngineContext
from sayso.actions.model.definition import Subject
from sayso.actions.model.digest import is_text, storable
from sayso.actions.model.idempotency import MAX_KEY_CHARS, check_repeated, read_by_key
from sayso.audit.authority.credentials import DECIDE, STOP
from sayso.audit.authority.state import changed_outside, check_credential, ended_credential
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.release import Word, word_about
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.store.base import Reader, Transaction
from sayso.store.rows import RowReader

EVERY_TENANT = Tenant("*")
"""The tenant of a stop of all of them."""
STOP_TOPIC = "stop"
"""Of the outbox: a stop that somebody has engaged, by its id."""
MAX_REASON_CHARS = 500
MAX_TARGET_CHARS = 200


class StopScope(StrEnum):
    """What a stop holds, widest first."""

    ALL = "all"
    """Every tenant of the database."""
    TENANT = "tenant"
    CONNECTOR = "connector"
    ACTION = "action"
    CUSTOMER = "customer"


_WITHOUT_TARGET = frozenset({StopScope.ALL, StopScope.TENANT})


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrder:
    """What is to be stopped.

    Attributes:
        home: the tenant of whoever stops; its log tells of it.
        scope: how much. target: the connector's, action's or customer's id; empty for the others.
        reason: why, for whoever looks; may be empty.
        by: who. via: the surface.
        credential: by what they showed who they are; see `Decision`.
        key: idempotency key; the same key with the same content is one stop.
    """

    home: Tenant
    scope: StopScope
    target: str
    reason: str
    by: Actor
    via: str
    credential: str
    key: str

    @property
    def tenant(self) -> Tenant:
        """Whose actions it holds: the home's, or every tenant's."""
        return EVERY_TENANT if self.scope is StopScope.ALL else self.home


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """One person's word that a stop may end; two of them end it.

    Attributes:
        credential: by what they showed who they are; see `Decision`.
        key: idempotency key: the same person's same key changes nothing twice.
    """

    tenant: Tenant
    stop_id: str
    person: str
    via: str
    credential: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRow:
    """A stop as it is stored. Times are microseconds since 1970, UTC.

    Attributes:
        tenant: whose actions it holds; `*` for everybody's. home: whose log tells of it.
        engaged_by: kind and id, such as `person:maria`.
        asked_by, released_by: ids of two distinct people.
    """

    tenant: Tenant
    id: str
    home: Tenant
    scope: StopScope
    target: str
    reason: str
    engaged_by: str
    engaged_at: int
    asked_by: str | None
    asked_at: int | None
    asked_key: str | None
    released_by: str | None
    released_at: int | None
    released_key: str | None
    last_seq: int

    @property
    def in_force(self) -> bool:
        """Whether it holds anything now."""
        return self.released_at is None

    @property
    def what(self) -> str:
        """What it holds, in words."""
        return self.scope.value if self.scope in _WITHOUT_TARGET else f"{self.scope} {self.target}"

    def what_of(self, account: str) -> str:
        """The same of an action for an account, which a stop of a linked one holds as well."""
        is_linked = self.scope is StopScope.CUSTOMER and self.target != account
        return f"{self.what}, who is the same as {account}" if is_linked else self.what


read_stop = RowReader(StopRow)
"""The typed form of a stored row."""


def get_stop(reader: Reader, tenant: Tenant, stop_id: str) -> StopRow:
    """Read one stop of a tenant, or of all.

    Raises:
        RefusedError: `not_found`.
    """
    row = reader.one("stop.by_id", tenant=tenant, id=storable(stop_id))
    if row is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"there is no stop `{storable(stop_id, 40)}`",
            next_step="`sayso stop list` shows them all",
        )
    return read_stop(row)


class Stops:
    """Engages and releases stops.

    Args:
        operator: the tenant whose people and services may stop every tenant.
        roles: a person with one of these may have a part in a resumption.
        batch: so many held actions are put back in one transaction.
    """

    def __init__(
        self,
        context: EngineContext,
        *,
        operator: Tenant,
        roles: Iterable[str],
        batch: int = 1000,
    ) -> None:
        self._store = context.store
        self._log = context.ledger.log
        self._directory = context.directory
        self._personal = context.personal
        self._clock = context.clock
        self._ids = context.ids
        self._operator = operator
        self._roles = frozenset(roles)
        self._batch = batch

    async def engage(self, order: StopOrder) -> StopRow:
        """Stop at once: when this returns, no claim that follows it makes a call under it.

        Raises:
            RefusedError: `invalid_input`, `message_too_long`; `forbidden` for another tenant's
                stop of all, and `not_an_approver` for a person without a role (both recorded);
                `idempotency_conflict`.
        """
        _check_order(order)
        engaged = await self._recorded(partial(self._engage, order=order), order.home, order.by)
        await self._directory.see(self._store, order.home)
        return engaged

    async def resume(self, resumption: Resumption) -> StopRow:
        """Ask for the end of a stop, or confirm it as another person than who asked.

        What it held is due again, the first thousand in the same transaction and the others in
        further ones, so that nobody is held up; its claims check everything anew. A crash between
        them loses nothing: each action that goes on puts back some of those that are left.

        Raises:
            RefusedError: `not_found`; `forbidden` for a stop of all from another tenant;
                `not_an_approver`, `own_request` for the same person's second word,
                `already_decided` when it has ended; each but the first is recorded.
        """
        person = Actor(kind=ActorKind.PERSON, id=resumption.person)
        work = partial(self._resume, resumption=resumption)
        row = await self._recorded(work, resumption.tenant, person)
        while not row.in_force:
            woken = await self._store.write(lambda tx: self._wake(tx, row))
            if woken < self._batch:
                break
        return row

    def _wake(self, tx: Transaction, row: StopRow) -> int:
        now = to_micros(self._clock.now())
        return tx.run("stop.wake_held", id=row.id, now=now, limit=self._batch)

    # ---- engaging ------------------------------------------------------------------------------

    def _engage(self, tx: Transaction, order: StopOrder) -> StopRow:
        known = read_by_key(tx, "stop.by_key", order.tenant, order.key)
        if known is not None:
            return _same(read_stop(known), order)
        now = to_micros(self._clock.now())
        self._check_stopper(tx, order, now)
        stop_id = self._ids.new("stp")
        seq = self._log.append(tx, order.home, self._engaged_entry(tx, order, stop_id, now))
        tx.run(
            "stop.insert",
            tenant=order.tenant,
            id=stop_id,
            home=order.home,
            scope=order.scope.value,
            target=order.target,
            reason=order.reason,
            engaged_by=f"{order.by.kind}:{order.by.id}",
            engaged_at=now,
            idempotency_key=order.key,
            last_seq=seq,
        )
        tx.run("outbox.put", tenant=order.home, topic=STOP_TOPIC, key=stop_id, now=now)
        return get_stop(tx, order.tenant, stop_id)

    def _engaged_entry(self, tx: Transaction, order: StopOrder, stop_id: str, now: int) -> Entry:
        data: dict[str, Json] = {
            "stop": stop_id,
            "scope": order.scope.value,
            "via": order.via,
            "credential": order.credential,
        }
        entry = Entry(kind=EntryKind.STOP_ENGAGED, actor=order.by, data=data)
        if order.scope is not StopScope.CUSTOMER:
            data |= {"target": order.target, "reason": order.reason}
            return entry
        self._personal.check_id(tx, order.home, order.target)
        # What is about a customer stands under their pseudonym, and their words beside the log.
        entry = replace(entry, subject=self._personal.pseudonym(tx, order.home, order.target, now))
        if not order.reason:
            return entry
        ref = self._ids.new("pii")
        pii = self._personal.seal(tx, order.home, order.target, ref, order.reason)
        return replace(entry, pii=pii)

    def _check_stopper(self, tx: Transaction, order: StopOrder, now: int) -> None:
        self._check_operator(order.tenant, order.home)
        authority = self._directory.at(tx, order.home)
        if not authority.opens(order.credential, order.by, now, {STOP, DECIDE}):
            raise ended_credential()
        if order.by.kind is not ActorKind.PERSON:
            return  # a service was given the scope for it
        person = authority.person(order.by.id)
        if person is None or not person.roles:
            raise RefusedError(
                Code.NOT_AN_APPROVER,
                "only somebody with a role may stop",
                next_step="ask any approver; each of them may",
            )

    def _check_operator(self, tenant: Tenant, home: Tenant) -> None:
        if tenant == EVERY_TENANT and home != self._operator:
            raise RefusedError(
                Code.FORBIDDEN,
                "only the operator's tenant stops and resumes every tenant",
                next_step="stop your own tenant with the scope `tenant`",
            )

    # ---- resuming ------------------------------------------------------------------------------

    def _resume(self, tx: Transaction, resumption: Resumption) -> StopRow:
        row = get_stop(tx, resumption.tenant, resumption.stop_id)
        self._check_operator(row.tenant, resumption.tenant)
        word = word_about(
            row,
            person=resumption.person,
            key=resumption.key,
            noun="stop",
            confirm=f"ask another approver to run `sayso resume {row.id}`",
            has_say=partial(self._has_say, tx, row.home),
        )
        if word is Word.REPEATS:
            return row
        self._check_resumer(tx, row, resumption)
        if word is Word.ASKS:
            return self._write(tx, row, resumption, EntryKind.STOP_RESUME_ASKED, "stop.ask")
        released = self._write(tx, row, resumption, EntryKind.STOP_RELEASED, "stop.release")
        self._wake(tx, released)
        return released

    def _has_say(self, tx: Transaction, home: Tenant, person_id: str) -> bool:
        person = self._directory.at(tx, home).person(person_id)
        return person is not None and bool(person.roles & self._roles)

    def _check_resumer(self, tx: Transaction, row: StopRow, resumption: Resumption) -> None:
        authority = self._directory.at(tx, row.home)
        # INVARIANT: who has asked stands in the log, or one person could end what needs two.
        known = authority.stops.get(row.id)
        if known is None or known.asked_by != row.asked_by:
            raise changed_outside(f"the stop {row.id}")
        check_credential(
            authority, resumption.credential, resumption.person, to_micros(self._clock.now())
        )
        if self._has_say(tx, row.home, resumption.person):
            return
        wanted = " or ".join(sorted(self._roles)) or "nobody has a role that may"
        raise RefusedError(
            Code.NOT_AN_APPROVER,
            f"you may not resume; it needs {wanted}",
            next_step="ask somebody with that role",
        )

    def _write(
        self, tx: Transaction, row: StopRow, resumption: Resumption, kind: EntryKind, query: str
    ) -> StopRow:
        data: dict[str, Json] = {
            "stop": row.id,
            "scope": row.scope.value,
            "via": storable(resumption.via),
            "credential": resumption.credential,
        }
        if kind is EntryKind.STOP_RELEASED:
            data["asked_by"] = row.asked_by
        actor = Actor(kind=ActorKind.PERSON, id=resumption.person)
        seq = self._log.append(tx, row.home, Entry(kind=kind, actor=actor, data=data))
        done = tx.run(
            query,
            tenant=row.tenant,
            id=row.id,
            was_seq=row.last_seq,
            by=resumption.person,
            at=to_micros(self._clock.now()),
            key=resumption.key,
            last_seq=seq,
        )
        assert done == 1, "read in this very transaction"
        return get_stop(tx, row.tenant, row.id)

    # ---- refusals ------------------------------------------------------------------------------

    async def _recorded(
        self, work: Callable[[Transaction], StopRow], tenant: Tenant, by: Actor
    ) -> StopRow:
        try:
            return await self._store.write(work)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                refused = Entry(
                    kind=EntryKind.STOP_REFUSED,
                    actor=replace(by, id=storable(by.id, 200)),
                    data={"code": error.code.value},
                )
                await self._store.write(lambda tx: self._log.append(tx, tenant, refused))
            raise


def _check_order(order: StopOrder) -> None:
    words = order.target + order.reason + order.key
    if not is_text(words) or "\0" in words:
        raise RefusedError(
            Code.INVALID_INPUT,
            "the target, the reason or the key holds what is not text",
            next_step="remove the lone surrogates, and NUL",
        )
    if len(order.reason) > MAX_REASON_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG, f"a reason has at most {MAX_REASON_CHARS} characters"
        )
    if not 1 <= len(order.key) <= MAX_KEY_CHARS:
        raise RefusedError(
            Code.INVALID_INPUT, f"an idempotency key has 1 to {MAX_KEY_CHARS} characters"
        )
    if (order.scope in _WITHOUT_TARGET) != (order.target == ""):
        takes = "no target" if order.target else "a target"
        raise RefusedError(
            Code.INVALID_INPUT,
            f"a stop of scope `{order.scope}` takes {takes}",
            next_step="name one connector, action or customer; or stop all, or the tenant",
        )
    if len(order.target) > MAX_TARGET_CHARS:
        raise RefusedError(
            Code.INVALID_INPUT, f"a target has at most {MAX_TARGET_CHARS} characters"
        )
    if order.scope is StopScope.CUSTOMER:
        Subject(id=order.target)


def _same(row: StopRow, order: StopOrder) -> StopRow:
    is_same = (row.scope, row.target, row.reason) == (order.scope, order.target, order.reason)
    check_repeated("stop", is_same=is_same)
    return row
