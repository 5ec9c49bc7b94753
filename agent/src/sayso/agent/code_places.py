"""Where a code went, held against where its account is reached when the code comes back.

A mailbox that somebody has lost may still be read by others: a code counts while it went to the
address that is on file now. That is read at the provider between two tries of one transaction, for
every answer alike, whether it is right and whether there is such an account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sayso.actions.customers.account import AccountNames
from sayso.actions.customers.contact import ContactOnFile, Medium
from sayso.actions.model.definition import Subject
from sayso.store.base import Store, Transaction

T = TypeVar("T")
Seen = tuple[str, ...] | None
"""The addresses on file of a question's accounts, in its order; None where nobody has looked."""


class ContactBook(Protocol):
    """Who knows where customers are reached."""

    @property
    def accounts(self) -> AccountNames:
        """How account ids are read and written."""
        ...

    async def contact_of(self, provider: str, subject: Subject) -> ContactOnFile | None:
        """Where a customer can be reached; None where nobody knows. Raises: `RetryableError`."""
        ...


class ContactUnreadError(Exception):
    """An answer cannot be judged before somebody looks where its accounts are reached.

    Args:
        accounts: as they are stored; empty for one that was erased.
    """

    def __init__(self, accounts: Sequence[str], to: Medium) -> None:
        super().__init__("where a code went has to be read first")
        self.accounts = tuple(accounts)
        self.to: Medium = to


async def write_seen(
    store: Store, book: ContactBook | None, work: Callable[[Transaction, Seen], T]
) -> T:
    """Run a unit of work; once more where it needs to know where customers are reached.

    Raises:
        RetryableError: the provider cannot be read now; nothing was stored.
    """
    try:
        return await store.write(lambda tx: work(tx, None))
    except ContactUnreadError as unread:
        reads = [_reached(book, account, unread.to) for account in unread.accounts]
    seen = tuple(await asyncio.gather(*reads))
    return await store.write(lambda tx: work(tx, seen))


async def _reached(book: ContactBook | None, account: str, to: Medium) -> str:
    if book is None or not account:
        return ""
    provider = book.accounts.stored(account).provider
    found = await book.contact_of(provider, Subject(id=account))
    return address_of(found, to)


def address_of(contact: ContactOnFile | None, to: Medium) -> str:
    """The address, or the number; empty for none."""
    if contact is None:
        return ""
    return contact.email if to == "email" else contact.phone
