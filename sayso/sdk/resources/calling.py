"""Who is called by name: somebody gives them a card or work, or names them in a note.

Each call is a row of the outbox by `PERSON/ABOUT/ENTRY`, put in the transaction of its entry; who
calls is read from the log (`sayso.sdk.chat.calls`). Nobody gets a power by it, and whoever names
themselves is told nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sayso.ids import Tenant
from sayso.store.base import Transaction

if TYPE_CHECKING:
    from sayso.sdk.container import Container

CALLED_TOPIC = "called"
"""Of the outbox: who is to be told that they are called."""
_NAMED = re.compile(r"(?<![\w.@-])@([a-z0-9][a-z0-9_.-]{0,63})", re.IGNORECASE)
_MOST_NAMED = 20


def names_of(note: str) -> tuple[str, ...]:
    """Whom a note names, as `@maria`, in lower case; whether there is one is not asked."""
    return tuple(dict.fromkeys(one.rstrip(".-").casefold() for one in _NAMED.findall(note)))


def call(tx: Transaction, tenant: Tenant, person: str, about: str, seq: int, now: int) -> None:
    """Have somebody told that an entry calls them.

    Args:
        about: as the entry has it. now: microseconds since 1970.
    """
    key = f"{person}/{about}/{seq}"
    tx.run("outbox.put", tenant=tenant, topic=CALLED_TOPIC, key=key, now=now)


def call_named(
    tx: Transaction,
    container: Container,
    tenant: Tenant,
    note: str,
    *,
    by: str,
    about: str,
    seq: int,
    now: int,
) -> None:
    """Have everybody told whom a note names: active people, and not its author."""
    names = [one for one in names_of(note) if one != by][:_MOST_NAMED]
    authority = container.directory.at(tx, tenant) if names else None
    for name in names:
        if authority is not None and authority.person(name) is not None:
            call(tx, tenant, name, about, seq, now)
