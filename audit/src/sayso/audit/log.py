"""The only writer of the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from sayso.audit import meaning
from sayso.audit.authority.steps import KINDS
from sayso.audit.entry import Entry, EntryKind
from sayso.audit.limit_sums import ToldUse, told_by
from sayso.audit.place import ENDINGS, HERE, PLACE_KINDS, LogPlace, moved, place_after, place_of
from sayso.audit.signed_note.note import Checkpoint, Verifier, open_checkpoint, sign_checkpoint
from sayso.audit.signing.keys import LogSigner, public_part
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.errors import Code, ConfigError, IntegrityError, SaysoError
from sayso.frozen import quickly_made
from sayso.ids import Clock, Tenant, to_micros
from sayso.store.base import (
    Reader,
    Transaction,
    blob,
    integer,
    integer_or_none,
    text,
    text_or_none,
)
from sayso.verdicts import AccusationKind, Cause

FIRST_KEY = "signing_key/000001"
"""Under which name a database keeps the key that its first log began with."""

MENDING = frozenset(
    {
        EntryKind.REPAIR_ASKED,
        EntryKind.REPAIRED,
        EntryKind.ACCEPT_ASKED,
        EntryKind.FINDING_ACCEPTED,
        EntryKind.TOKEN_CREATED,  # of a person who has none to say yes with
    }
)
"""What a log may still tell while rows of it are wrong, or its rules were broken."""
_KEPT_HEADS = 256
MEDIUM: Final = "medium"
"""Whoever reads the whole medium, and so names the place where others only fail."""


POLICY = "policy/active"
"""Under this a commit remembers the number of the policy in force by the rows; 0 where none is."""


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A committed head of a log, as it is stored.

    Attributes:
        size: how many entries. frontier: of the tree over them. note: what was signed.
        vkey: the key that the database names as the newest of this log.
    """

    size: int
    frontier: bytes
    note: str
    vkey: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRun:
    """What this writer alone has appended to a log since somebody else wrote to it last.

    Attributes:
        heads: the frontier that it began at, and those that it has signed since, by size; some may
            not have been committed.
        noted: bodies of kinds that change what is in force, by index; likewise.
        told: what may change what is used of limits, by index; likewise.
    """

    heads: dict[int, bytes] = field(default_factory=dict[int, bytes])
    noted: dict[int, bytes] = field(default_factory=dict[int, bytes])
    told: dict[int, ToldUse] = field(default_factory=dict[int, ToldUse])

    def sign(self, size: int, frontier: bytes) -> None:
        """Keep another head; only the newest ones are."""
        self.heads[size] = frontier
        while len(self.heads) > _KEPT_HEADS:
            del self.heads[next(iter(self.heads))]


class AuditLog:
    """Appends entries to the tree of their tenant, inside the caller's transaction.

    Args:
        deployment: the first part of every log's origin; never changes for a database.
        signer: the key that signs the heads.
        clock: gives each entry its time.
        successor: the key that signs from the entry on that introduces it, while there is one.
        copies: logs of which the database only has a copy, each with where it goes on.
        database: its name among those of the workspace.

    Guarantees: an entry, its leaf in the tree and the signed head are committed with the state
    change that they tell, or none of them is. Units that share a commit share one signature.
    A head that this key has not signed is never built upon: entries that were put beside it, by
    whoever can write the database, are not signed along.
    """

    def __init__(
        self,
        deployment: str,
        signer: LogSigner,
        clock: Clock,
        *,
        successor: LogSigner | None = None,
        copies: Mapping[str, str] | None = None,
        database: str = "",
    ) -> None:
        self._database = database
        self._deployment = deployment
        self._clock = clock
        self._keys = (signer,) if successor is None else (signer, successor)
        self._signers: dict[str, tuple[LogSigner, ...]] = {}
        self._own: dict[Tenant, tuple[int, bytes]] = {}
        """What this writer last signed; it may not have been committed, and then is not found."""
        self._copies = copies or {}
        self._places: dict[Tenant, LogPlace] = {}
        """Where each log goes on, by the head that this writer last signed."""
        self._runs: dict[Tenant, OwnRun] = {}
        self._seen: dict[Tenant, int] = {}
        """How many entries each log surely had."""
        self._refused: dict[Tenant, tuple[IntegrityError, AccusationKind]] = {}
        """Why nothing more is signed of a log, and what of it is wrong."""
        self._halted: dict[tuple[Cause, str], SaysoError] = {}
        """Why nothing is signed of any log, as long as the cause is there."""

    @property
    def deployment(self) -> str:
        """The first part of every log's origin."""
        return self._deployment

    def origin_of(self, tenant: Tenant) -> str:
        """The origin line of a tenant's log: `<deployment>/<tenant>`."""
        return f"{self._deployment}/{tenant}"

    def signers_of(self, tenant: Tenant) -> tuple[LogSigner, ...]:
        """The keys at hand under the tenant's name: the signer, then its successor if any."""
        origin = self.origin_of(tenant)
        if origin not in self._signers:
            self._signers[origin] = tuple(key.named(origin) for key in self._keys)
        return self._signers[origin]

    def vkey_of(self, tenant: Tenant) -> str:
        """The public key that verifies the tenant's heads, as an auditor pins it."""
        return self.signers_of(tenant)[0].vkey

    # ---- a log that does not verify --------------------------------------------------------------

    def refuse(self, tenant: Tenant, why: IntegrityError, sort: AccusationKind) -> None:
        """Sign nothing more on top of a log that does not verify, until it is accepted again."""
        self._refused[tenant] = (why, sort)

    def accept(self, tenant: Tenant) -> None:
        """Sign a log again, which verifies."""
        self._refused.pop(tenant, None)

    @property
    def refused(self) -> Mapping[Tenant, tuple[IntegrityError, AccusationKind]]:
        """Of which logs nothing is signed, why, and what of them is wrong."""
        return self._refused

    def halt(self, cause: Cause, why: SaysoError, by: str) -> None:
        """Sign nothing of any log while this is so; it accuses nobody.

        Args:
            by: who found it, and will say when it is so no more.
        """
        self._halted[cause, by] = why

    def go_on(self, cause: Cause, by: str) -> None:
        """That is so no more, as far as who found it can tell."""
        self._halted.pop((cause, by), None)

    def is_halted(self, cause: Cause, by: str) -> bool:
        """Whether nothing is signed for this cause, as they have found it."""
        return (cause, by) in self._halted

    def check_not_halted(self) -> None:
        """Whether any log may grow.

        Raises:
            ConfigError: `damaged`, `key_mismatch`, `older_build`, as it was halted.
        """
        if not self._halted:
            return
        halted = sorted(self._halted.items(), key=lambda one: one[0][1] != MEDIUM)
        for _, why in halted[:1]:
            raise ConfigError(why.code, why.message, next_step=why.next_step, detail=why.detail)

    def check_accepted(self, tenant: Tenant) -> None:
        """Whether the log may grow.

        Raises:
            IntegrityError: `tampered`, as it was refused.
            ConfigError: as `check_not_halted`.
        """
        self.check_not_halted()
        refused = self._refused.get(tenant)
        if refused is not None:
            why, _ = refused
            raise IntegrityError(why.code, why.message, next_step=why.next_step)

    def now(self) -> int:
        """The time that an entry has which is appended now; microseconds since 1970."""
        return to_micros(self._clock.now())

    def append(
        self,
        tx: Transaction,
        tenant: Tenant,
        entry: Entry,
        *,
        at: int | None = None,
        mends: bool = False,
    ) -> int:
        """Append one entry; returns its index in the tenant's log, from 0.

        Args:
            at: microseconds since 1970, of the row that it tells of; the clock's when None.
            mends: a log that is accused for its rows or by the rules takes it all the same, since
                it tells of the repair or of the acceptance by two people, or of a token for one of
                them. The caller has judged the log's bytes a moment ago, and this very tree.

        Raises:
            ConfigError: `key_mismatch`, when the database's log was signed by another key.
            IntegrityError: `tampered` or `bad_signature`, when the tree is not the signed one.
            RetryableError: `tenant_moving`, `tenant_moved`.
        """
        if mends:
            assert entry.kind in MENDING, "nothing else is told of a log that is accused"
            self._check_may_mend(tenant)
            tx.remember((self, tenant, "mends"), True)
        else:
            self.check_accepted(tenant)
        frontier = self._grown(tx, tenant)
        self._check_place(tx, tenant, entry)
        seq = frontier.size
        at_micros = self.now() if at is None else at
        body = entry.body(tenant=tenant, seq=seq, at_micros=at_micros)
        tx.run("log.append", tenant=tenant, seq=seq, body=body.decode())
        self._note(tx, tenant, entry, seq, body)
        self._tell(tx, tenant, told_by(entry, seq, at_micros), seq)
        meaning.note(tx, tenant, body, seq)
        frontier = frontier.copy()
        frontier.append(leaf_hash(body))
        tx.remember((self, tenant), frontier)
        tx.before_commit(f"log.head/{tenant}", lambda final: self._sign(final, tenant))
        return seq

    def _check_place(self, tx: Transaction, tenant: Tenant, entry: Entry) -> None:
        """Whether the log goes on here, with such an entry."""
        place = cast("LogPlace", tx.recall((self, tenant, "place")) or HERE)
        if place is not HERE:
            ends = (self, tenant, "ends")
            ended = tx.recall(ends) is not None
            place.check(tenant, entry.kind, here=self._database, ends=ended)
            if entry.kind in ENDINGS:
                tx.remember(ends, True)
        if entry.kind in PLACE_KINDS:
            tx.remember((self, tenant, "place"), place_after(entry.kind, entry.data))

    def _note(self, tx: Transaction, tenant: Tenant, entry: Entry, seq: int, body: bytes) -> None:
        """Have it known in this commit, and in this process, what is in force from here on."""
        run = self._runs.get(tenant)
        if entry.kind not in KINDS:
            if run is not None and run.noted:
                run.noted.pop(seq, None)  # of a commit that failed
            return
        if run is not None:
            run.noted[seq] = body
        tx.remember((self, tenant, "noted"), (*self.noted(tx, tenant), (seq, body)))

    def noted(self, reader: Reader, tenant: Tenant) -> Sequence[tuple[int, bytes]]:
        """What this unit, and those before it in its commit, have appended of such kinds."""
        found = reader.recall((self, tenant, "noted"))
        return cast("Sequence[tuple[int, bytes]]", found) if isinstance(found, tuple) else ()

    def _tell(self, tx: Transaction, tenant: Tenant, told: ToldUse | None, seq: int) -> None:
        """Have it known in this commit, and in this process, what is used of limits."""
        run = self._runs.get(tenant)
        if told is None:
            if run is not None and run.told:
                run.told.pop(seq, None)  # of a commit that failed
            return
        if run is not None:
            run.told[seq] = told
        tx.remember((self, tenant, "told"), (*self.told(tx, tenant), told))

    def told(self, reader: Reader, tenant: Tenant) -> Sequence[ToldUse]:
        """What this unit, and those before it in its commit, may have changed of limits."""
        found = reader.recall((self, tenant, "told"))
        return cast("Sequence[ToldUse]", found) if isinstance(found, tuple) else ()

    def saw(self, tenant: Tenant, size: int) -> None:
        """Take in how many entries a log had, signed by its key: it never has fewer again."""
        self._seen[tenant] = max(size, self._seen.get(tenant, 0))

    def own_run(self, tenant: Tenant) -> OwnRun | None:
        """What this writer alone has appended; None before it has appended anything."""
        return self._runs.get(tenant)

    def committed(self, reader: Reader, tenant: Tenant, *, anew: bool = False) -> Head | None:
        """The head as it was committed last; None before the log has begun.

        Args:
            anew: read it again: of a tenant that the unit does not hold, it may have grown.
        """
        known = None if anew else reader.recall((self, tenant, "head"))
        if isinstance(known, Head):
            return known
        row = reader.one("log.head", tenant=tenant)
        if row is None:
            return None
        head = Head(
            size=integer(row, "size"),
            frontier=blob(row, "frontier"),
            note=text(row, "note"),
            vkey=text_or_none(row, "vkey"),
        )
        if reader.writes:
            tx = cast("Transaction", reader)
            tx.remember((self, tenant, "head"), head)
            if not anew:
                tx.remember(POLICY, integer_or_none(row, "policy") or 0)
        return head

    def ahead(self, tx: Transaction, tenant: Tenant) -> None:
        """Say that the tenant's tree is read next, by `append` or `tree`; see `Reader.ahead`."""
        if not isinstance(tx.recall((self, tenant)), Frontier):
            self.ahead_of_head(tx, tenant)

    def ahead_of_head(self, reader: Reader, tenant: Tenant) -> None:
        """Say that the tenant's head is read next, as whoever asks who may do what does."""
        if reader.recall((self, tenant, "head")) is None:
            reader.ahead("log.head", tenant=tenant)

    def is_copy(self, tenant: Tenant) -> bool:
        """Whether the database only has a copy of the log, which goes on in another one."""
        return tenant in self._copies

    def goes_on(self, reader: Reader, tenant: Tenant) -> bool:
        """Whether the log goes on in this database, and not in another one alone."""
        place = read_place(reader, tenant)
        leaves = place.kind is EntryKind.TENANT_LEAVING
        gone = place.kind is EntryKind.TENANT_MOVED or (leaves and place.to == self._database)
        return not self.is_copy(tenant) and not gone

    def hand_over(self, tx: Transaction, tenant: Tenant, *, from_size: int) -> None:
        """Have the successor sign the tenant's heads from this commit on."""
        successor = self.signers_of(tenant)[-1]
        tx.run("log.key_insert", tenant=tenant, vkey=successor.vkey, from_size=from_size)
        tx.remember((self, tenant, "signer"), successor)

    def tree(self, tx: Transaction, tenant: Tenant) -> Frontier:
        """The tenant's tree as it is in this transaction; a copy.

        Raises:
            ConfigError, IntegrityError: as `append`.
        """
        self.check_accepted(tenant)
        return self._grown(tx, tenant).copy()

    def _grown(self, tx: Transaction, tenant: Tenant) -> Frontier:
        """The tree with what the units before this one have appended in the same commit."""
        # INVARIANT: whoever writes holds the tenant's only writing lock from its first read of the
        # head to its commit, so within a commit nobody else can have changed it.
        grown = tx.recall((self, tenant))
        if not isinstance(grown, Frontier):
            grown = self._open(tx, tenant)
            tx.remember((self, tenant), grown)
        return grown

    def _open(self, tx: Transaction, tenant: Tenant) -> Frontier:
        if tenant in self._copies:
            raise moved(tenant, self._copies[tenant])
        # One wait for both, while all other writers wait for this one.
        self.ahead(tx, tenant)
        head = self.committed(tx, tenant)
        if head is not None:
            signer = self._pinned_signer(tx, tenant, head.vkey)
            frontier = Frontier.from_bytes(head.size, head.frontier)
            if (head.size, head.frontier) != self._own.get(tenant):
                self._check_signed(signer, tenant, frontier, head.note)
                if head.size < self._seen.get(tenant, 0):
                    raise rolled_back(tenant, self._seen[tenant], head.size)
                self._runs[tenant] = OwnRun(heads={head.size: head.frontier})
                self._places[tenant] = read_place(tx, tenant)
            place = self._places.get(tenant, HERE)
            tx.remember((self, tenant, "place"), place)
            return frontier
        if self._seen.get(tenant):
            raise rolled_back(tenant, self._seen[tenant], 0)
        self._runs[tenant] = OwnRun(heads={0: b""})
        tx.run("log.meta_insert", key="deployment", value=self._deployment)
        known = tx.one("log.meta", key="deployment")
        if known is None or text(known, "value") != self._deployment:
            raise ConfigError(
                Code.KEY_MISMATCH,
                f"this database belongs to another workspace than `{self._deployment}`",
                next_step="keep `workspace.name` as it was when the database was made",
            )
        vkey = self._first_vkey(tx, tenant)
        tx.run("log.head_insert", tenant=tenant, size=0, frontier=b"")
        tx.run("log.key_insert", tenant=tenant, vkey=vkey, from_size=0)
        self._pinned_signer(tx, tenant, vkey)
        return Frontier()

    def _first_vkey(self, tx: Transaction, tenant: Tenant) -> str:
        # INVARIANT: one key signs all logs of a database, so a process that holds another one
        # cannot begin a log here either.
        signers = self.signers_of(tenant)
        tx.run("log.meta_insert", key=FIRST_KEY, value=public_part(signers[0].vkey))
        known = tx.one("log.signing_key")
        for signer in signers:
            if known is not None and text(known, "value") == public_part(signer.vkey):
                return signer.vkey
        raise _wrong_key()

    def _check_signed(
        self, signer: LogSigner, tenant: Tenant, frontier: Frontier, note: str
    ) -> None:
        # INVARIANT: what another process left is built upon only as far as our key signed it, or
        # an entry that was put there by hand would be signed with the next one.
        signed = open_checkpoint(note, [Verifier.parse(signer.vkey)])
        present = Checkpoint(
            origin=self.origin_of(tenant), size=frontier.size, root=frontier.root()
        )
        if signed != present:
            raise IntegrityError(
                Code.TAMPERED,
                f"the log of `{tenant}` was changed by another program than Sayso",
                next_step="run `sayso audit verify`, and restore the database from a backup",
                detail=f"signed at {signed.size} entries, found {present.size}",
            )

    def _pinned_signer(self, tx: Transaction, tenant: Tenant, vkey: str | None) -> LogSigner:
        """Whose key the database names as the newest of this log; remembered for this commit."""
        for signer in self.signers_of(tenant):
            if signer.vkey == vkey:
                tx.remember((self, tenant, "signer"), signer)
                return signer
        raise _wrong_key()

    def _check_may_mend(self, tenant: Tenant) -> None:
        """Whether what is wrong with a log, if anything, is not its bytes."""
        self.check_not_halted()
        refused = self._refused.get(tenant)
        if refused is not None and refused[1] is AccusationKind.BYTES:
            self.check_accepted(tenant)

    def _sign(self, tx: Transaction, tenant: Tenant) -> None:
        if tx.recall((self, tenant, "mends")):
            self._check_may_mend(tenant)
        else:
            self.check_accepted(tenant)
        # Whoever appends has read the head, and with it whose key signs.
        signer = cast("LogSigner", tx.recall((self, tenant, "signer")))
        frontier = self._grown(tx, tenant)
        encoded = frontier.to_bytes()
        checkpoint = Checkpoint(
            origin=self.origin_of(tenant), size=frontier.size, root=frontier.root()
        )
        note = sign_checkpoint(checkpoint, signer)
        tx.run("log.head_sign", tenant=tenant, note=note, size=frontier.size, frontier=encoded)
        self._own[tenant] = (frontier.size, encoded)
        self._places[tenant] = cast("LogPlace", tx.recall((self, tenant, "place")) or HERE)
        self._runs[tenant].sign(frontier.size, encoded)


def read_place(reader: Reader, tenant: str) -> LogPlace:
    """Where a log goes on, by its newest entry about that.

    NOTE: who appends has the head checked, and with it every entry; who only looks has not.
    """
    row = reader.one("log.newest_place", tenant=tenant)
    return place_of(None if row is None else text(row, "body"))


def rolled_back(tenant: Tenant, size: int, present: int) -> IntegrityError:
    """What to say of a log that is shorter than it was."""
    return IntegrityError(
        Code.TAMPERED,
        f"the log of `{tenant}` had {size} entries, and now it has {present}",
        next_step="run `sayso audit verify`, and restore the database from a backup",
    )


def _wrong_key() -> ConfigError:
    return ConfigError(
        Code.KEY_MISMATCH,
        "the signing key is not the one that this database's log was signed with",
        next_step="point `signing.key` at the key that was made with the database",
    )
