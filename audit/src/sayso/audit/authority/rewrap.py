"""Wrapping customers' keys anew, under the newest key outside the database."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sayso.audit.authority.keyring import ROOT_BYTES, Keyring, place_of, pseudonym_of
from sayso.errors import Code, IntegrityError
from sayso.ids import Entropy, Tenant
from sayso.store.base import Row, Store, Transaction, blob, integer, text

BATCH = 500
"""So many keys are wrapped in one transaction, so that nobody is held up for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrapped:
    """What a run did.

    Attributes:
        wrapped: keys that were wrapped anew. current: those that were already.
    """

    wrapped: int
    current: int


async def rewrap(store: Store, keyring: Keyring, entropy: Entropy, tenant: Tenant) -> Rewrapped:
    """Wrap every customer's key of a tenant under the newest root.

    Guarantees: a crash leaves each key wrapped by one of the roots; what is run again goes on.

    Raises:
        ConfigError: `key_mismatch`, when the key that wrapped one is not among the older ones.
        IntegrityError: `tampered`, when one was changed.
    """
    wrapped = current = 0
    after = ""
    while True:
        batch = partial(_batch, keyring=keyring, entropy=entropy, tenant=tenant, after=after)
        rows, done = await store.write(batch)
        wrapped, current = wrapped + done, current + len(rows) - done
        if len(rows) < BATCH:
            return Rewrapped(wrapped=wrapped, current=current)
        after = text(rows[-1], "id")


def _batch(
    tx: Transaction, *, keyring: Keyring, entropy: Entropy, tenant: Tenant, after: str
) -> tuple[list[Row], int]:
    rows = tx.all("personal.keys", tenant=tenant, after=after, limit=BATCH)
    stale = [row for row in rows if not keyring.is_current(blob(row, "key"))]
    for row in stale:
        subject, pseudonym = text(row, "id"), text(row, "pseudonym")
        was = blob(row, "key")
        place = place_of(tenant, subject, pseudonym, integer(row, "created_at"))
        # NOTE: those of before were stored as they are; each has to fit the name in the log.
        key = was if len(was) == ROOT_BYTES else keyring.unwrap(was, place)
        if pseudonym_of(key, tenant, subject) != pseudonym:
            raise IntegrityError(
                Code.TAMPERED,
                f"the key of the customer `{pseudonym}` is not theirs",
                next_step="run `sayso audit verify`, and restore the database from a backup",
            )
        anew = keyring.wrap(key, place, entropy)
        tx.run("personal.rewrap", tenant=tenant, id=subject, key=anew, was=was)
    return rows, len(stale)
