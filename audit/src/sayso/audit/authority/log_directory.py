"""Who may do what, as every process of a workspace goes by it: what the log says, once it is told.

What the workspace's files say of people counts from the entry on that tells it. So whoever writes
first after a change tells it, in the very transaction in which it counts for the first time.

A process trusts only a head that the log's own key signed. It hashes the entries up to that head,
so that none can be left out, put in or changed. A process that wrote the newest entries itself need
not read them; another one reads what was added since it looked last.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import orjson

from sayso.audit.authority.files import Files, passkey_from, untold, wanted_rule
from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.known_limits import KnownLimits, LimitsNow, recall_by
from sayso.audit.authority.note import Followed, decode_note, encode_note
from sayso.audit.authority.passkeys import PasskeyRule, Tier, is_looser
from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import NOTHING, Authority, OpenStop, PolicyInForce
from sayso.audit.authority.steps import KINDS, after
from sayso.audit.entry import Entry, EntryKind
from sayso.audit.event import Event
from sayso.audit.limit_sums import LimitSums, told_in
from sayso.audit.log import AuditLog, Head, rolled_back
from sayso.audit.segments.rows import read_segments
from sayso.audit.segments.sealed import frontier_at, pruned_size
from sayso.audit.signed_note.note import Verifier, open_checkpoint
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.errors import Code, IntegrityError, SaysoError
from sayso.frozen import replace
from sayso.ids import Tenant
from sayso.store.base import Reader, Store, Transaction, blob, integer, text

_PAGE = 1000
_WORTH_A_NOTE = 1000
"""So many entries further, another note is worth its write."""
_AT_ONCE = 50_000
"""So many entries are read in one unit when a process begins: a fraction of a second."""


class LogDirectory:
    """A `Directory` over the logs of a database.

    Args:
        operator: the tenant whose log has the stops of every tenant.
    """

    def __init__(self, follower: Follower, log: AuditLog, operator: Tenant, files: Files) -> None:
        self.follower = follower
        self._log = log
        self._operator = operator
        self._files = files
        self._followed: dict[Tenant, tuple[int, int]] = {}
        self._told: dict[Tenant, Authority] = {}

    async def begin(
        self, store: Store, tenant: Tenant, now: Callable[[], int], *, tells: bool = True
    ) -> None:
        """Follow a log, once the files are read, and have it say what they say.

        Args:
            now: microseconds since 1970.
            tells: False for a log that goes on in another database.

        Raises:
            IntegrityError: see `Follower.at`.
        """
        state = await self.follower.catch_up(store, tenant)
        self._followed[tenant] = (self.follower.size(tenant), now())
        if tells and next(self._untold(tenant, state), None) is not None:
            await store.write(lambda tx: self.at(tx, tenant), about=tenant)

    def at(self, reader: Reader, tenant: Tenant) -> Authority:
        """What is in force; in a transaction, what the files say is told first.

        Raises:
            IntegrityError: see `Follower.at`.
        """
        state = self.follower.at(reader, tenant)
        if not reader.writes or self._told.get(tenant) is state:
            return state
        missing = list(self._untold(tenant, state))
        for entry in missing:
            self._append(cast("Transaction", reader), tenant, entry)
        if missing:
            return self.follower.at(reader, tenant)
        self._told[tenant] = state
        return state

    def _append(self, tx: Transaction, tenant: Tenant, entry: Entry) -> None:
        now = self._log.now()
        seq = self._log.append(tx, tenant, entry, at=now)
        if entry.kind is EntryKind.TOKEN_REVOKED:
            token = str(entry.data["token"])
            tx.run("token.revoke", tenant=tenant, id=token, now=now, last_seq=seq)

    async def see(self, store: Store, tenant: Tenant) -> None:
        """See `Follower.see`."""
        await self.follower.see(store, tenant)

    def statement_of(self, person: str) -> str:
        """By which it is told whether the file says something else of somebody from now on."""
        stated = self._files.people.get(person)
        return "" if stated is None else stated.sha256

    def policy(self, reader: Reader, home: Tenant) -> PolicyInForce | None:
        """See `Directory`; of what `home` and the operator's own log tell, the newer one."""
        own = self.follower.at(reader, self._operator).policy
        if home == self._operator:
            return own
        # A workspace that was called otherwise before, or that shares a database.
        other = self.follower.at(reader, home).policy
        return max((own, other), key=lambda one: 0 if one is None else one.number)

    def stop_on(
        self, reader: Reader, tenant: Tenant, name: str, subject: str | None
    ) -> OpenStop | None:
        """See `Directory`."""
        own = self.at(reader, tenant).stop_on(name, subject)
        if own is not None or tenant == self._operator:
            return own
        others = self.follower.at(reader, self._operator).stops.values()
        return next((stop for stop in others if stop.scope == "all"), None)

    def _untold(self, tenant: Tenant, state: Authority) -> Iterator[Entry]:
        return untold(self._files, state, lambda known: self._is_newer(tenant, known))

    def looser_passkeys(self, state: Authority) -> Tier | None:
        """What the files say of passkeys where it takes somebody with a passkey to sign it."""
        wanted = wanted_rule(self._files)
        present = replace(wanted, amounts=passkey_from(self._files, state.passkey_rule))
        return wanted.amounts if is_looser(present, wanted) else None

    def _is_newer(self, tenant: Tenant, known: KnownPerson | PasskeyRule) -> bool:
        """Whether somebody who read the files later has said what is said there."""
        read_at = self._files.read_at
        stated_at = known.at if isinstance(known, PasskeyRule) else known.stated_at
        if tenant not in self._followed:
            return stated_at > read_at
        # NOTE: the log's order tells it, whatever the clocks say; only what was said while this
        # process began is told by its time. A clock that was put back must not keep a person who
        # has left in power.
        size, at = self._followed[tenant]
        return known.seq >= size or read_at < stated_at <= at


class Follower:
    """Follows the logs of a database.

    Args:
        log: knows whose key signs, and what this process has written itself.
        keyring: seals the notes that the next process begins with.
    """

    def __init__(self, log: AuditLog, keyring: Keyring) -> None:
        self._log = log
        self._keyring = keyring
        self._lock = threading.Lock()
        self._known: dict[Tenant, Followed] = {}
        self._limits = KnownLimits(log)
        self._noted: dict[Tenant, int] = {}

    def at(self, reader: Reader, tenant: Tenant) -> Authority:
        """What is in force at this moment, with what this unit and those before it have added.

        Raises:
            IntegrityError: `tampered` or `bad_signature`, when the entries are not those that the
                log's key has signed; then nobody has any power.
        """
        state = self._present(reader, tenant).state
        for seq, body in self._log.noted(reader, tenant):
            state = after(state, _event(seq, body))
        return state

    def _present(self, reader: Reader, tenant: Tenant) -> Followed:
        """How far the log was when this commit began."""
        remembered = reader.recall((self, tenant))
        if isinstance(remembered, Followed):
            return remembered
        followed = self._followed(reader, tenant)
        if reader.writes:
            cast("Transaction", reader).remember((self, tenant), followed)
        return followed

    def limits(self, tx: Transaction, tenant: Tenant) -> LimitsNow:
        """What is used of limits by a log at this moment, with what this commit has told.

        Raises:
            IntegrityError: see `at`.
        """
        self._present(tx, tenant)
        return self._limits.at(tx, tenant)

    async def see(self, store: Store, tenant: Tenant) -> None:
        """Take in what this process has just changed, so that it knows a log that is put back.

        What cannot be read now is read with the next call.
        """
        with contextlib.suppress(SaysoError):
            await store.read(lambda reader: self.at(reader, tenant), brief=True)

    def latest(self, tenant: Tenant) -> Authority:
        """What was in force when this process looked last; asked again wherever it counts."""
        known = self._known.get(tenant)
        return NOTHING if known is None else known.state

    def size(self, tenant: Tenant) -> int:
        """How far this process has followed a log."""
        known = self._known.get(tenant)
        return 0 if known is None else known.size

    async def catch_up(self, store: Store, tenant: Tenant) -> Authority:
        """Follow a log to its head, however long it is, without holding anybody up.

        Raises:
            IntegrityError: see `at`.
        """
        part = await store.read(lambda reader: self._step(reader, tenant, None))
        while part is not None:
            part = await store.read(partial(self._step, tenant=tenant, part=part))
        await self._leave_note(store, tenant)
        return self.latest(tenant)

    # ---- following -----------------------------------------------------------------------------

    def _followed(self, reader: Reader, tenant: Tenant) -> Followed:
        head = self._log.committed(reader, tenant)
        known = self._begin(reader, tenant)
        if head is None or not head.size:
            return known
        if known.size > head.size and reader.writes:
            # Of a log that this unit does not hold: it has grown since, and another unit saw it.
            head = self._log.committed(reader, tenant, anew=True) or head
        followed = self._over(reader, tenant, known, head)
        self._keep(reader, tenant, followed)
        return followed

    def _over(self, reader: Reader, tenant: Tenant, known: Followed, head: Head) -> Followed:
        """What is known once a head is reached."""
        if known.size > head.size:
            # INVARIANT: a log only grows. An older snapshot of a reader is no such case, and what
            # is in force is what was read last.
            if reader.writes:
                raise rolled_back(tenant, known.size, head.size)
            return known
        if (known.size, known.frontier) == (head.size, head.frontier):
            return known
        return self._over_own(known, head, tenant) or self._read_on(reader, tenant, known, head)

    def _step(self, reader: Reader, tenant: Tenant, part: Followed | None) -> Followed | None:
        """Follow a part of what is left; None once the head is reached.

        INVARIANT: a part is unproven until then, so it counts for nothing but for going on.
        """
        head = self._log.committed(reader, tenant)
        known = self._begin(reader, tenant) if part is None else part
        if head is None or not head.size:
            return None
        if head.size - known.size > _AT_ONCE and self._over_own(known, head, tenant) is None:
            return self._grown(reader, tenant, known, known.size + _AT_ONCE)[1]
        self._keep(reader, tenant, self._over(reader, tenant, known, head))
        return None

    def _grown(
        self, reader: Reader, tenant: Tenant, known: Followed, end: int
    ) -> tuple[Frontier, Followed]:
        """What is known once the entries up to `end` are read, of which nothing is proven yet."""
        frontier, state = Frontier.from_bytes(known.size, known.frontier), known.state
        told, begun = list(known.told), known.begun
        sums, recall = begun or self._limits.of(tenant), recall_by(reader, tenant)
        for body in self._bodies(reader, tenant, known.size, end):
            seq = frontier.size
            frontier.append(leaf_hash(body))
            if _MARK.search(body):
                state = after(state, _event(seq, body))
            elif found := told_in(body, seq, counts=bool(told) or sums.counts):
                # What is read apart from what is known here is nobody else's until it is proven.
                told.append(found) if begun is None else begun.take(found, recall)
        if begun is not None:
            begun.size = frontier.size
        size, encoded = frontier.size, frontier.to_bytes()
        return frontier, Followed(size=size, frontier=encoded, state=state, told=told, begun=begun)

    def _begin(self, reader: Reader, tenant: Tenant) -> Followed:
        """Where this process goes on: its own memory, a note, or the first entry that is there."""
        with self._lock:
            known = self._known.get(tenant)
        if known is not None:
            return known
        row = reader.one("authority.note", tenant=tenant)
        if row is not None:
            note = text(row, "note").encode()
            if self._keyring.is_own_note(note, blob(row, "seal")):
                found = decode_note(tenant, note)
                if found is not None:
                    self._noted[tenant] = found.size
                    return found
        sealed = read_segments(reader, tenant)
        size = pruned_size(list(sealed))
        frontier = frontier_at(sealed, size) if size else Frontier()
        return Followed(
            size=size, frontier=frontier.to_bytes(), state=NOTHING, begun=LimitSums(size=size)
        )

    def _over_own(self, known: Followed, head: Head, tenant: Tenant) -> Followed | None:
        """The state at a head that this process has signed, of which it wrote all that is new."""
        run = self._log.own_run(tenant)
        if run is None or run.heads.get(head.size) != head.frontier:
            return None
        # INVARIANT: what is known lies on the way that this process went, or a log that was put
        # back and has grown anew would pass for the one that was known.
        if run.heads.get(known.size) != known.frontier:
            return None
        state = known.state
        for seq in sorted(run.noted.copy()):
            body = run.noted.get(seq)
            if body is not None and known.size <= seq < head.size:
                state = after(state, _event(seq, body))
        told = [*known.told]
        if run.told:
            told += filter(None, map(run.told.get, range(known.size, head.size)))
        return Followed(
            size=head.size, frontier=head.frontier, state=state, told=told, begun=known.begun
        )

    def _read_on(self, reader: Reader, tenant: Tenant, known: Followed, head: Head) -> Followed:
        verifiers = [Verifier.parse(one.vkey) for one in self._log.signers_of(tenant)]
        signed = open_checkpoint(head.note, verifiers)
        frontier, followed = self._grown(reader, tenant, known, head.size)
        same = (signed.origin, signed.size, signed.root) == (
            self._log.origin_of(tenant),
            frontier.size,
            frontier.root(),
        )
        if not same:
            raise _changed(tenant)
        return followed

    def _bodies(self, reader: Reader, tenant: Tenant, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            limit = min(_PAGE, end - start)
            page = reader.all("log.bodies", tenant=tenant, from_seq=start, limit=limit)
            for row in page:
                if integer(row, "seq") != start:
                    raise _changed(tenant)
                start += 1
                yield text(row, "body").encode()
            if not page:
                raise _changed(tenant)

    def _keep(self, reader: Reader, tenant: Tenant, followed: Followed) -> None:
        with self._lock:
            known = self._known.get(tenant)
            if known is None or known.size < followed.size:
                told, begun = followed.told, followed.begun
                self._limits.count(reader, tenant, followed.size, told, begun)
                self._known[tenant] = replace(followed, told=(), begun=None)
                self._log.saw(tenant, followed.size)

    # ---- notes ---------------------------------------------------------------------------------

    async def leave_notes(self, store: Store, *, worth: int = _WORTH_A_NOTE) -> None:
        """Write down how far each log was followed, where that is worth it.

        Args:
            worth: so many entries further.
        """
        for tenant in list(self._known):
            await self._leave_note(store, tenant, worth)

    async def _leave_note(self, store: Store, tenant: Tenant, worth: int = _WORTH_A_NOTE) -> None:
        known = self._known.get(tenant)
        if known is None or known.size - self._noted.get(tenant, 0) < worth:
            return
        with self._lock:
            known = self._known[tenant]
            note = encode_note(tenant, known, self._limits.of(tenant))
        seal = self._keyring.seal_note(note)
        await store.write(
            lambda tx: tx.run(
                "authority.leave", tenant=tenant, size=known.size, note=note.decode(), seal=seal
            ),
            about=tenant,
        )
        self._noted[tenant] = known.size


_MARK = re.compile(
    b'"kind":"(?:%s)[.]' % b"|".join(sorted({kind.partition(".")[0].encode() for kind in KINDS}))
)
"""Tells an entry that may be of such a kind without reading it as JSON."""


def _event(seq: int, body: bytes) -> Event:
    return Event.of(orjson.loads(body), seq)


def _changed(tenant: Tenant) -> IntegrityError:
    return IntegrityError(
        Code.TAMPERED,
        f"the log of `{tenant}` is not what its key has signed, so nobody may do anything there",
        next_step="run `sayso audit verify`, and restore the database from a backup",
    )
