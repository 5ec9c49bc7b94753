"""E-mails to people who may decide: reminders and escalations, each with the whole solution.

    async with open_channel(sayso):  # while it is open, what is due is sent
        ...

INVARIANT: nothing is decided by an e-mail. Its link leads to the solution's page, where whoever
opens it has to be signed in; it has no token, and whoever forwards it gives nothing away but words.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from sayso.actions.approvals.reminders import REMINDER_TOPIC
from sayso.actions.approvals.repository import ApprovalStatus
from sayso.errors import OutcomeUnknownError, RefusedError, logged
from sayso.sdk.background.telling import telling
from sayso.sdk.client import Sayso
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.words.letter import letter_of
from sayso.settings.surfaces import CONSOLE_PATH

logger = logging.getLogger("sayso.mail")

CHANNEL = "mail"


class MailSender(Protocol):
    """What hands an e-mail over: the connector of `[connectors.email]`."""

    async def tell(self, *, recipient: str, title: str, text: str, key: str, about: str) -> None:
        """Hand it over; see `EmailConnector.tell`."""
        ...


class Mailer:
    """Writes to people about one row.

    Args:
        addresses: e-mail addresses by person, as sayso.toml has them.
    """

    def __init__(self, sayso: Sayso, post: MailSender, addresses: Mapping[str, str]) -> None:
        self._sayso = sayso
        self._post = post
        self._addresses = addresses

    async def tell(self, row: OutboxRow) -> None:
        """Write to everybody who may decide about a solution that still waits."""
        sayso = self._sayso
        view = await sayso.solutions.get(row.key, tenant=row.tenant)
        # Each step of a plan is reminded of, at the same time; people are written to once.
        if view.status == ApprovalStatus.PENDING and view.id == row.key:
            roles = frozenset(view.roles)
            if view.escalated is not None:
                roles |= {view.escalated.role}
            people = await sayso.people.called(
                row.tenant, roles, frozenset(view.agreed), sayso.now()
            )
            url = sayso.workspace.settings.console.url
            link = f"{url}{CONSOLE_PATH}/solution/{view.id}" if url else ""
            letter = letter_of(view, sayso.now(), link)
            for person in people:
                address = self._addresses.get(person.id)
                if address is None:
                    continue
                what = "escalated" if view.escalated is not None else "reminded"
                key = f"{view.id}/{view.revision}/{what}/{person.id}"
                try:
                    await self._post.tell(
                        recipient=address,
                        title=letter.title,
                        text=letter.text,
                        key=key,
                        about=view.id,
                    )
                except (RefusedError, OutcomeUnknownError) as error:
                    # Not taken, or perhaps taken: neither is better for being sent again.
                    logger.warning("an e-mail was not confirmed: %s", logged(error))


@contextlib.asynccontextmanager
async def open_channel(sayso: Sayso) -> AsyncGenerator[tuple[()]]:
    """Send while the block runs; nothing where nobody has an address, or no e-mail is set up."""
    addresses = {one.id: one.email for one in sayso.workspace.settings.people if one.email}
    post = sayso.post
    if not addresses or post is None:
        yield ()
        return
    async with telling(sayso, CHANNEL, {REMINDER_TOPIC: Mailer(sayso, post, addresses).tell}):
        yield ()
