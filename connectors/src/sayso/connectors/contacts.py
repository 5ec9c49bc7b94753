"""Where customers are reached, and sending them codes there: what step-up needs of connectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sayso.actions.customers.account import AccountNames
from sayso.actions.customers.contact import CodeMessage, ContactOnFile, Medium
from sayso.actions.model.definition import Subject
from sayso.connectors.email_address import is_address
from sayso.connectors.person import Person
from sayso.connectors.registry import Connectors
from sayso.errors import RefusedError

_BETWEEN = re.compile(r"\(0\)|[ \u00a0().\-/]")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Contacts:
    """Asks the connectors of one tenant."""

    connectors: Connectors

    @property
    def accounts(self) -> AccountNames:
        """How account ids are read and written."""
        return self.connectors.accounts

    def provider_of(self, action: str) -> str | None:
        """Whose customers an action is for; None where it has to do with nobody's."""
        return self.connectors.provider_of(action)

    async def contact_of(self, provider: str, subject: Subject) -> ContactOnFile | None:
        """Where a customer can be reached, as their provider has it; None where it knows nobody.

        Raises:
            RetryableError: the provider cannot be read now.
        """
        try:
            person = await self.connectors.person_of(provider, subject)
            if person is None:
                email = await self.connectors.address_of(provider, subject)
                return None if email is None else ContactOnFile(email=_plain(email))
        except RefusedError:
            return None
        changed = (person.address_changed_at, person.phone_changed_at)
        return ContactOnFile(
            email=person.email,
            phone=_number(person.phone),
            email_verified=person.email_verified,
            address_changed_at=max(filter(None, changed), default=None),
        )

    async def find_people(self, provider: str, email: str) -> Sequence[Person] | None:
        """A provider's customers with that very address. Raises: as `contact_of`."""
        return await self.connectors.find_people(provider, email)

    def sends_to(self, medium: Medium) -> bool:
        """Whether a code can be sent there."""
        return self.connectors.code_sender(medium) is not None

    async def send_code(self, medium: Medium, code: CodeMessage) -> None:
        """Hand a code over. Raises: as `CodeSender.send_code`."""
        sender = self.connectors.code_sender(medium)
        if sender is not None:
            await self.connectors.send_code(sender, code)


def _number(phone: str) -> str:
    """A number that can be called from anywhere (E.164); empty for one that cannot."""
    bare = _BETWEEN.sub("", phone)
    return bare if _NUMBER.fullmatch(bare) else ""


def _plain(email: str) -> str:
    return email if is_address(email) else ""
