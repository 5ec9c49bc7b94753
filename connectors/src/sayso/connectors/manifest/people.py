"""The customers of a manifest's provider: where they are reached, who they are, who has an address.

`connector_of` makes the connector that can say as much as its manifest does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sayso.actions.model.definition import Subject
from sayso.connectors.email_address import is_same_address
from sayso.connectors.manifest.connector import Connected, ManifestConnector
from sayso.connectors.manifest.pages import items_of
from sayso.connectors.manifest.picks import PickError, as_failure, moment
from sayso.connectors.manifest.schema import Contact, PersonTable, Read
from sayso.connectors.manifest.scope import bare_id, subject_names
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.person import MOST_PEOPLE, Person
from sayso.connectors.setup import Address
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue
from sayso.reading import ReadingError, read

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ContactConnector(ManifestConnector):
    """One whose provider knows where customers are reached, and who is one."""

    async def knows(self, subject: Subject) -> bool:
        """See `SubjectBook.knows`."""
        try:
            await self._reached(subject)
        except RefusedError as error:
            if error.code is Code.UNKNOWN_SUBJECT:
                return False
            raise
        return True

    async def address_of(self, subject: Subject) -> Address:
        """See `AddressBook.address_of`."""
        told = await self._reached(subject)
        if "email" not in told:
            raise self._nothing("e-mail address")
        return Address(email=told["email"], name=told.get("name", ""))

    async def phone_of(self, subject: Subject) -> str:
        """See `PhoneBook.phone_of`."""
        told = await self._reached(subject)
        if "phone" not in told:
            raise self._nothing("phone number")
        return told["phone"]

    async def _reached(self, subject: Subject) -> Mapping[str, str]:
        """`email`, `phone` and `name`, as far as the provider has them."""
        table = self.manifest.contact
        assert table is not None, "`connector_of` has looked"
        return _contact(table, await self._about("contact", table, subject))

    async def _about(self, name: str, table: Read, subject: Subject) -> JsonValue:
        """What the provider answers about a customer.

        Raises:
            RefusedError: `unknown_subject`.
            RetryableError: it cannot be read now.
        """
        self.check_subject(subject)
        names = {
            "subject": subject_names(subject.id, self.manifest.connection.subject),
            "settings": dict(self.settings),
        }
        try:
            return await self.provider.read(name, table, names)
        except RefusedError as error:
            if error.code is not Code.UNKNOWN_OBJECT:
                raise
            raise RefusedError(
                Code.UNKNOWN_SUBJECT, f"{self.name} knows no such customer"
            ) from error

    def _nothing(self, what: str) -> RefusedError:
        return RefusedError(
            Code.WRONG_STATE,
            f"{self.name} has no {what} of this customer",
            next_step="add it to the customer at the provider",
        )


class PersonConnector(ContactConnector):
    """One that can say who a customer is."""

    async def person_of(self, subject: Subject) -> Person:
        """See `PersonBook.person_of`."""
        found = await self._about("person", self._table, subject)
        try:
            return self._person(found)
        except (PickError, ReadingError) as error:
            raise as_failure(error, "person") from error

    async def _reached(self, subject: Subject) -> Mapping[str, str]:
        """INVARIANT: nobody is written to at the address of somebody else's record."""
        found = await self._about("person", self._table, subject)
        try:
            if self._person(found).id != subject.id:
                raise ReadingError("it speaks of another customer")
            return _contact(self._table, found)
        except (PickError, ReadingError) as error:
            raise as_failure(error, "person") from error

    @property
    def _table(self) -> PersonTable:
        table = self.manifest.person
        assert table is not None, "`connector_of` has looked"
        return table

    def _person(self, answer: JsonValue) -> Person:
        table = self._table
        told = _contact(table, answer)
        return Person(
            id=self._id(answer),
            name=told.get("name", ""),
            email=told.get("email", ""),
            email_verified=_flag(table.email_verified, answer),
            phone=told.get("phone", ""),
            since=_micros(table.since, answer),
            address_changed_at=_micros(table.address_changed, answer),
            phone_changed_at=_micros(table.phone_changed, answer),
            ids=dict(_ids(table, answer)),
        )

    def _id(self, answer: JsonValue) -> str:
        written = _text(read(self._table.id, answer))
        found = bare_id(written, self.manifest.connection.subject) if written else None
        if found is None:
            raise ReadingError(f"`{self._table.id}` is no id of a customer")
        return found


class FindingConnector(PersonConnector):
    """One that can find a customer by their address, too."""

    async def find_people(self, email: str) -> Sequence[Person]:
        """See `PersonSearch.find_people`.

        A provider that answers with more than was asked for is no fault: whoever has another
        address is left out, and so is a record that has no id of a customer. Whoever is left has to
        be all there are, so a list that goes on is one.
        """
        find = self._table.find
        assert find is not None, "`connector_of` has looked"
        people: dict[str, Person] = {}
        names = {"find": {"email": email}, "settings": dict(self.settings)}
        is_whole = True
        try:
            async for page in self.provider.pages("person.find", find, names, items=find.items):
                people |= {one.id: one for one in self._bearers(page.items, email)}
                if len(people) >= MOST_PEOPLE:
                    break
                is_whole = page.is_last
            if not is_whole:
                raise ReadingError("it goes on after the last page that is read")
        except (PickError, ReadingError) as error:
            raise as_failure(error, "person.find") from error
        return list(people.values())[:MOST_PEOPLE]

    def _bearers(self, items: Sequence[JsonValue], email: str) -> Iterator[Person]:
        for item in items:
            if _text(read(self._table.id, item)):
                person = self._person(item)
                if is_same_address(person.email, email):
                    yield person


def _contact(table: Contact, answer: JsonValue) -> dict[str, str]:
    told: dict[str, str] = {}
    for name in ("email", "phone", "name"):
        path: str | None = getattr(table, name)
        value = read(path, answer) if path is not None else None
        if isinstance(value, str) and value:
            told[name] = value
    return told


def _text(value: JsonValue) -> str:
    """A text or a number as a text; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return ""
    return str(value)


def _flag(path: str | None, answer: JsonValue) -> bool:
    found = None if path is None else read(path, answer)
    if found is not None and not isinstance(found, bool):
        raise ReadingError(f"`{path}` is neither true nor false")
    return found is True


def _micros(path: str | None, answer: JsonValue) -> int | None:
    found = None if path is None else read(path, answer)
    if path is None or found is None:
        return None
    return (moment(path, found) - _EPOCH) // timedelta(microseconds=1)


def _ids(table: PersonTable, answer: JsonValue) -> Iterator[tuple[str, str]]:
    """Each place that holds something, and what stands there; what is no text is no id."""
    for place, path in table.ids.items():
        found = read(path, answer)
        held = _entries(path, found) if place.endswith(".*") else {"": found}
        for key, value in held.items():
            if text := _text(value):
                yield place.removesuffix("*") + key, text


def _entries(path: str, found: JsonValue) -> Mapping[str, JsonValue]:
    """A table as it is, or a list of `{key, value}`."""
    if found is None or isinstance(found, Mapping):
        return found or {}
    entries: dict[str, JsonValue] = {}
    for one in items_of("@", found):
        key = one.get("key") if isinstance(one, Mapping) else None
        if not isinstance(one, Mapping) or not isinstance(key, str):
            raise ReadingError(f"`{path}` is neither a table nor a list of `key` and `value`")
        entries[key] = one.get("value")
    return entries


def connector_of(source: ManifestSource, connected: Connected) -> ManifestConnector:
    """The connector of a manifest.

    Raises:
        ConfigError: `invalid_manifest`, `invalid_action`.
    """
    person = source.manifest.person
    if person is not None:
        kind = PersonConnector if person.find is None else FindingConnector
        return kind(source, connected)
    is_plain = source.manifest.contact is None
    return (ManifestConnector if is_plain else ContactConnector)(source, connected)
