"""How somebody reads at one provider, and who bears an address there.

INVARIANT: a provider is asked about its own account ids alone, and what it answers is believed only
of those that it was asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from sayso.actions.model.definition import Subject
from sayso.connectors.email_address import is_address, is_same_address, masked
from sayso.errors import Code, RetryableError
from sayso.text import plain

MOST_PEOPLE = 10
"""So many a search by address gives at most; two are already more than one."""
MOST_IDS = 100
_NAME, _PHONE, _PLACE, _ID = 120, 40, 100, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """How somebody reads at one provider: personal text, which never gets into the log.

    Attributes:
        id: the provider's id, without the provider's name.
        name: empty where the provider has none.
        email: a plain address, or empty.
        email_verified: whether the provider itself has seen that they read mail at this address; no
            where it only says that somebody typed it.
        phone: as the provider writes it, or empty.
        since: when the provider came to know them, microseconds since 1970.
        address_changed_at: when the e-mail address last changed, likewise; None where the provider
            does not tell it. phone_changed_at: the same of the number.
        ids: what the record holds of other systems, by place, such as
            `{"external_id": "cus_9", "metadata.shopify_customer": "7723"}`; only of places that the
            shop alone can write, as they stand there.
    """

    id: str
    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    email_verified: bool = False
    phone: str = field(default="", repr=False)
    since: int | None = None
    address_changed_at: int | None = None
    phone_changed_at: int | None = None
    ids: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def masked(self) -> str:
        """The e-mail address as cards show it, such as `a…@example.com`; empty for none."""
        return masked(self.email) if self.email else ""


@runtime_checkable
class PersonBook(Protocol):
    """A connector that can say who a customer of its own is."""

    async def person_of(self, subject: Subject) -> Person:
        """How the customer of that id reads. Changes nothing.

        Raises:
            RefusedError: `unknown_subject`.
            RetryableError: the provider cannot be read now.
        """
        ...


@runtime_checkable
class PersonSearch(Protocol):
    """A connector that can find its customers by their e-mail address."""

    async def find_people(self, email: str) -> Sequence[Person]:
        """Those whose e-mail address is this one, ten at most; empty for nobody. Changes nothing.

        Never by a part of it, nor by another of their addresses: that it is one person's alone is
        what a link may rest on, so an index that lags behind or a list cut short is no answer.

        Raises:
            RetryableError: the provider cannot be read now.
        """
        ...


def checked_person(who: str, subject: Subject, person: Person) -> Person:
    """What a connector said of the customer that it was asked about, tidied.

    Raises:
        RetryableError: `connector_failed`, where it speaks of somebody else.
    """
    if person.id != subject.id:
        raise _wrong(who, "it was asked about one customer and answered about another")
    return _tidied(person)


def checked_people(who: str, email: str, people: Sequence[Person]) -> tuple[Person, ...]:
    """Those whom a connector found by an address, tidied.

    Raises:
        RetryableError: `connector_failed`, where one of them has another address, or one comes
            twice: whoever counts them would count wrongly.
    """
    tidied = tuple(_tidied(one) for one in people)
    if any(not is_same_address(one.email, email) for one in tidied):
        raise _wrong(who, "it was asked for an address and found somebody with another one")
    if len({one.id for one in tidied}) < len(tidied):
        raise _wrong(who, "it found the same customer twice")
    return tidied[:MOST_PEOPLE]


def _tidied(person: Person) -> Person:
    """What people wrote about themselves, on one line each and of a length that can be shown."""
    email = person.email if is_address(person.email) else ""
    ids = {
        place: held
        for place, held in list(person.ids.items())[:MOST_IDS]
        if held and len(place) <= _PLACE and len(held) <= _ID
    }
    return replace(
        person,
        name=plain(person.name, limit=_NAME),
        email=email,
        email_verified=person.email_verified is True and email != "",
        phone=plain(person.phone, limit=_PHONE),
        ids=ids,
    )


def _wrong(who: str, problem: str) -> RetryableError:
    # INVARIANT: neither id nor address, since both would name somebody.
    return RetryableError(
        Code.CONNECTOR_FAILED,
        f"the connector `{who}` is not believed: {problem}",
        next_step="repair the connector, or the manifest's [person]; nobody was linked",
    )
