"""Linking an account of a chat: offered there to it alone, taken in the console by a person.

So both halves are shown: whoever reads the offer has the account, and whoever takes it is signed
in. An address or a name that somebody says in a chat makes nobody somebody.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta

from sayso.audit.authority.by import By
from sayso.audit.authority.credentials import SLACK
from sayso.audit.authority.people import KnownPerson
from sayso.errors import Code, RefusedError
from sayso.ids import to_micros
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.people import by_account
from sayso.sdk.resources.sessions import Session

LASTS = timedelta(minutes=10)
UNLINK_SLACK = "sayso people slack ID none"
_CONTEXT = b"sayso/account-link/v1\0"
_MOST_CHARS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAccount:
    """An account that may become somebody's; `chat` is the channel's name."""

    chat: str
    account: str


class AccountLinkResource(Resource):
    """Offers and takes links of accounts in chats."""

    def offer(self, chat: str, account: str) -> str:
        """What the account is to open in the console; for ten minutes, and for itself alone.

        Args:
            account: such as Slack's `TEAM/USER`, as the chat itself has shown it.
        """
        until = to_micros(self._container.clock.now() + LASTS)
        said = json.dumps([chat, account, until]).encode()
        seal = self._container.keyring.seal_note(_CONTEXT + said)
        return f"{_to_text(said)}.{_to_text(seal)}"

    def account_of(self, offer: str) -> OfferedAccount:
        """The account that an offer was made to.

        Raises:
            RefusedError: `unauthenticated`, for one of nobody's, or an old one.
        """
        head, _, tail = offer.partition(".")
        try:
            said, seal = _of_text(head), _of_text(tail)
        except ValueError:
            said = seal = b""
        keyring = self._container.keyring
        if len(offer) > _MOST_CHARS or not keyring.is_own_note(_CONTEXT + said, seal):
            raise _over()
        chat, account, until = json.loads(said)
        if to_micros(self._container.clock.now()) > until:
            raise _over()
        return OfferedAccount(chat=str(chat), account=str(account))

    async def link(self, session: Session, offer: str) -> KnownPerson:
        """Have the account's clicks be the word of who is signed in, by an entry of the log.

        Raises:
            RefusedError: `unauthenticated`; `already_in_state`, for an account that is linked.
        """
        offered, people = self.account_of(offer), self._container.people
        chat, account = offered.chat, offered.account
        tenant = session.token.tenant
        if by_account(await people.authority(tenant), chat, account) is not None:
            unlink = f"sayso people link ID {chat} none" if chat != SLACK else UNLINK_SLACK
            raise RefusedError(
                Code.ALREADY_IN_STATE,
                "that account is linked already",
                next_step=f"nothing; or have somebody unlink it: `{unlink}`",
            )
        by = By(actor=session.token.actor, credential=session.token.id, via="console")
        if chat == SLACK:
            return await people.change(tenant, session.person, slack=account, by=by)
        return await people.change(tenant, session.person, accounts={chat: account}, by=by)


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _of_text(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _over() -> RefusedError:
    return RefusedError(
        Code.UNAUTHENTICATED,
        "this link is of no account, or older than ten minutes",
        next_step="click on a card once more, and take the link that it answers with",
    )
