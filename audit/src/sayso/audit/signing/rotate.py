"""Has the successor sign from here on, in every log of a database at once."""

from __future__ import annotations

from sayso.audit.entry import Actor, Entry, EntryKind
from sayso.audit.log import AuditLog
from sayso.audit.signing.keys import public_part
from sayso.audit.signing.rotation import FINISH_ROTATION, Rotation
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Transaction, text


def rotate_key(tx: Transaction, log: AuditLog, actor: Actor) -> list[Tenant]:
    """Hand every log of the database over to the log's successor.

    Args:
        log: with both keys.
        actor: who does it; recorded in every log.

    Returns:
        The tenants whose logs were handed over.

    Raises:
        RefusedError: `wrong_state`, when there is no successor, or it signs already.
        ConfigError, IntegrityError: as `AuditLog.append`.

    Guarantees: all logs change together, or none does. The head of the very commit is signed by
    the new key, and covers the entry in which the old key vouches for it.
    """
    tenants = [
        tenant
        for tenant in (Tenant(text(row, "tenant")) for row in tx.all("log.tenants"))
        if log.goes_on(tx, tenant)
    ]
    for tenant in tenants:
        _hand_over(tx, log, tenant, actor)
    newest = tx.one("log.signing_key")
    number = int(text(newest, "key").rpartition("/")[2]) if newest else 0
    key = public_part(log.signers_of(Tenant("any"))[-1].vkey)
    tx.run("log.meta_insert", key=f"signing_key/{number + 1:06d}", value=key)
    return tenants


def _hand_over(tx: Transaction, log: AuditLog, tenant: Tenant, actor: Actor) -> None:
    tree = log.tree(tx, tenant)
    old, new = log.signers_of(tenant)[0], log.signers_of(tenant)[-1]
    current = tx.one("log.key", tenant=tenant)
    if old is not new and current is not None and text(current, "vkey") == new.vkey:
        raise RefusedError(
            Code.WRONG_STATE,
            "the logs were handed over already, and `signing.next_key` signs them",
            next_step=FINISH_ROTATION,
        )
    if old is new or current is None:
        raise RefusedError(
            Code.WRONG_STATE,
            "there is no other key to change to",
            next_step="set `signing.next_key`, and start the servers again with it",
        )
    rotation = Rotation(origin=old.name, size=tree.size, root=tree.root(), vkey=new.vkey)
    entry = Entry(kind=EntryKind.KEY_ROTATED, actor=actor, data={"note": rotation.signed(old, new)})
    seq = log.append(tx, tenant, entry)
    assert seq == tree.size, "nobody else appends in this transaction"
    log.hand_over(tx, tenant, from_size=seq + 1)
