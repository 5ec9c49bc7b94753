"""The only writer of the audit log."""

from __future__ import annotations

from typing import TypeAlias

from sayso.audit.entry import Entry
from sayso.audit.signed_note.note import Checkpoint, Verifier, open_checkpoint, sign_checkpoint
from sayso.audit.signing.keys import LogSigner, public_part
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.ids import Clock, Tenant, to_micros
from sayso.store.base import Transaction, blob, integer, text

FIRST_KEY = "signing_key/000001"
"""Under which name a database keeps the key that its first log began with."""

_Head: TypeAlias = tuple[int, bytes]
"""The size of a tree and its frontier, as they are stored."""


class AuditLog:
    """Appends entries to the tree of their tenant, inside the caller's transaction.

    Args:
        deployment: the first part of every log's origin; never changes for a database.
        signer: the key that signs the heads.
        clock: gives each entry its time.
        successor: the key that signs from the entry on that introduces it, while there is one.

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
    ) -> None:
        self._deployment = deployment
        self._clock = clock
        self._keys = (signer,) if successor is None else (signer, successor)
        self._signers: dict[str, tuple[LogSigner, ...]] = {}
        self._own: dict[Tenant, _Head] = {}
        """What this writer last signed; it may not have been committed, and then is not found."""

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

    def append(self, tx: Transaction, tenant: Tenant, entry: Entry) -> int:
        """Append one entry; returns its index in the tenant's log, from 0.

        Raises:
            ConfigError: `key_mismatch`, when the database's log was signed by another key.
            IntegrityError: `tampered` or `bad_signature`, when the tree is not the signed one.
        """
        frontier = self._grown(tx, tenant)
        seq = frontier.size
        body = entry.body(tenant=tenant, seq=seq, at_micros=to_micros(self._clock.now()))
        tx.run("log.append", tenant=tenant, seq=seq, body=body.decode())
        frontier = frontier.copy()
        frontier.append(leaf_hash(body))
        tx.remember((self, tenant), frontier)
        tx.before_commit(f"log.head/{tenant}", lambda final: self._sign(final, tenant))
        return seq

    def ahead(self, tx: Transaction, tenant: Tenant) -> None:
        """Say that the tenant's tree is read next, by `append` or `tree`; see `Reader.ahead`."""
        if not isinstance(tx.recall((self, tenant)), Frontier):
            tx.ahead("log.head", tenant=tenant)
            tx.ahead("log.key", tenant=tenant)

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
        return self._grown(tx, tenant).copy()

    def _grown(self, tx: Transaction, tenant: Tenant) -> Frontier:
        """The tree with what the units before this one have appended in the same commit."""
        # INVARIANT: whoever writes holds the database's only writing lock from its first read of
        # the head to its commit, so within a commit nobody else can have changed it.
        grown = tx.recall((self, tenant))
        if not isinstance(grown, Frontier):
            grown = self._open(tx, tenant)
            tx.remember((self, tenant), grown)
        return grown

    def _open(self, tx: Transaction, tenant: Tenant) -> Frontier:
        # One wait for both, while all other writers wait for this one.
        self.ahead(tx, tenant)
        row = tx.one("log.head", tenant=tenant)
        if row is not None:
            head = (integer(row, "size"), blob(row, "frontier"))
            signer = self._pinned_signer(tx, tenant)
            frontier = Frontier.from_bytes(*head)
            if head != self._own.get(tenant):
                self._check_signed(signer, tenant, frontier, text(row, "note"))
            return frontier
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

    def _pinned_signer(self, tx: Transaction, tenant: Tenant) -> LogSigner:
        """Whose key the database names as the newest of this log; read once in a commit."""
        known = tx.recall((self, tenant, "signer"))
        key = None if known is not None else tx.one("log.key", tenant=tenant)
        for signer in self.signers_of(tenant):
            if signer is known or (key is not None and text(key, "vkey") == signer.vkey):
                tx.remember((self, tenant, "signer"), signer)
                return signer
        raise _wrong_key()

    def _sign(self, tx: Transaction, tenant: Tenant) -> None:
        signer = self._pinned_signer(tx, tenant)
        frontier = self._grown(tx, tenant)
        encoded = frontier.to_bytes()
        checkpoint = Checkpoint(
            origin=self.origin_of(tenant), size=frontier.size, root=frontier.root()
        )
        note = sign_checkpoint(checkpoint, signer)
        tx.run("log.head_sign", tenant=tenant, note=note, size=frontier.size, frontier=encoded)
        self._own[tenant] = (frontier.size, encoded)


def _wrong_key() -> ConfigError:
    return ConfigError(
        Code.KEY_MISMATCH,
        "the signing key is not the one that this database's log was signed with",
        next_step="point `signing.key` at the key that was made with the database",
    )
