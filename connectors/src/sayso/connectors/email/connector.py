"""The connector that the engine sees: it finds the address on file, and hands a message over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from sayso.actions.customers.contact import CodeMessage
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.connectors.customers import OWN
from sayso.connectors.desk import Changes, DeskFinding, DeskParts, Thread
from sayso.connectors.email.actions import MessageArgs, actions_with, desk_actions
from sayso.connectors.email.inbox.threads import address_in
from sayso.connectors.email.message import MessageWriter
from sayso.connectors.email.smtp import Security, SmtpLogin, SmtpTransport
from sayso.connectors.email.transport import FileTransport, Transport
from sayso.connectors.email_address import is_address, masked
from sayso.connectors.person import Person
from sayso.connectors.setup import Address, AddressBook, Setup
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Clock
from sayso.text import plain

if TYPE_CHECKING:  # they need the extra `mail`, which only a mailbox needs
    from sayso.connectors.email.correspondence import Correspondence
    from sayso.connectors.email.inbox.desk import MailDesk

ADDRESS_FROM = "stripe"
"""The connector that knows the customers' addresses, unless a setting says otherwise."""
_ADDRESS_ON_FILE = "address.fingerprint"
_TO_ADDRESS_ON_FILE = frozenset({"email.send", "email.send_apology"})


class EmailConnector:
    """E-mails to customers.

    Args:
        book: gives whoever knows the customers' addresses; asked at every call.
        writer: the sender, the subject line, and where links may lead.
        transport: how messages leave.
        clock: for the Date header.
        customers_of: the connector that knows the addresses: its customers are written to.
    """

    def __init__(
        self,
        *,
        book: Callable[[], AddressBook],
        writer: MessageWriter,
        transport: Transport,
        clock: Clock,
        customers_of: str = ADDRESS_FROM,
    ) -> None:
        self._address_from = customers_of
        self._book = book
        self._writer = writer
        self._transport = transport
        self._clock = clock
        self._actions: tuple[Action, ...] = actions_with(transport.guarantee)

    @property
    def customers_of(self) -> str:
        """The connector that knows the addresses."""
        return self._address_from

    @property
    def name(self) -> str:
        """`email`."""
        return "email"

    @property
    def version(self) -> str:
        """Changes when the same approval would send something else."""
        return "1"

    @property
    def actions(self) -> Sequence[Action]:
        """`email.send` and `email.send_apology`."""
        return self._actions

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        assert isinstance(args, MessageArgs)
        line, text = self._writer.subject_line(args.title), self._writer.text(args.body)
        links = self._writer.count_links("body", text)
        address = await self._address(subject)
        return Resolved(
            args={"title": args.title, "body": text},
            object_kind="mailbox",
            object_id=subject.id,
            owner=subject.id,
            owner_proof="the address on file",
            account=f"{self._writer.sender} by {self._transport.title}",
            payee=f"{masked(address.email)}, the address on file",
            preconditions={_ADDRESS_ON_FILE: _fingerprint(subject, address)},
            fields={"title": line, "text": text},
            facts={"length": len(text), "links": links},
            personal=_personal(address),
        )

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        args = MessageArgs.model_validate(dict(call.resolved.args))
        subject = Subject(id=call.subject_id)
        address = await self._address(subject)
        # INVARIANT: the address is not in the log, so it is read again and has to be the one that
        # was judged and shown.
        if call.resolved.preconditions.get(_ADDRESS_ON_FILE) != _fingerprint(subject, address):
            raise RefusedError(
                Code.WRONG_STATE,
                "the customer's address on file was changed since this was approved",
                next_step="ask for it anew",
            )
        letter = self._writer.write(
            title=args.title,
            body=args.body,
            recipient=address.email,
            key=call.idempotency_key,
            now=self._clock.now(),
            reference=call.action_id,
        )
        return await self._transport.send(letter)

    async def tell(self, *, recipient: str, title: str, text: str, key: str, about: str) -> None:
        """Write to somebody of ours, by the same server and sender; see `MessageWriter.note`.

        Raises:
            RefusedError, RetryableError, OutcomeUnknownError: see `Transport.send`.
        """
        letter = self._writer.note(
            title=title,
            text=text,
            recipient=recipient,
            key=key,
            now=self._clock.now(),
            reference=about,
        )
        await self._transport.send(letter)

    @property
    def sends_to(self) -> Literal["email"]:
        """See `CodeSender.sends_to`."""
        return "email"

    async def send_code(self, code: CodeMessage) -> None:
        """See `CodeSender.send_code`."""
        if not is_address(code.recipient):
            raise RefusedError(Code.WRONG_STATE, "the address on file is no plain e-mail address")
        await self.tell(
            recipient=code.recipient,
            title=code.title,
            text=code.text,
            key=code.key,
            about=code.about,
        )

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        return await self._transport.look_up(self._writer.message_id(call.idempotency_key))

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Nothing: e-mails are no records."""
        return ()

    async def reach(self) -> str:
        """See `Reachable.reach`."""
        await self._transport.check()
        return f"{self._transport.title} would take a message"

    async def close(self) -> None:
        """Nothing is held open."""

    async def _address(self, subject: Subject) -> Address:
        address = await self._book().address_of(subject)
        if not is_address(address.email):
            raise RefusedError(
                Code.WRONG_STATE,
                "the customer's address on file is no plain e-mail address",
                next_step="correct it at the provider",
            )
        return address


class MailboxConnector(EmailConnector):
    """E-mails to customers, and the mailbox that they write to.

    Whoever writes is a customer of the mailbox's own, by their address.

    Args:
        correspondence: the mailbox.
    """

    def __init__(
        self,
        *,
        book: Callable[[], AddressBook],
        writer: MessageWriter,
        transport: Transport,
        clock: Clock,
        correspondence: Correspondence,
        customers_of: str = ADDRESS_FROM,
    ) -> None:
        super().__init__(
            book=book, writer=writer, transport=transport, clock=clock, customers_of=customers_of
        )
        self._correspondence = correspondence
        hands_over = correspondence.parts.hand_over != ""
        self._actions += desk_actions(transport.guarantee, hands_over=hands_over)

    @property
    def customers_of(self) -> str:
        """Its own, by their addresses."""
        return OWN

    def customers_of_action(self, action: str) -> str:
        """Of what goes to an address on file: the customers of whoever knows the addresses."""
        return self._address_from if action in _TO_ADDRESS_ON_FILE else OWN

    @property
    def desk(self) -> DeskParts | None:
        """See `Desk.desk`."""
        return self._correspondence.parts

    @property
    def mailbox(self) -> MailDesk:
        """The mailbox that customers write to."""
        return self._correspondence.desk

    async def changes(self, cursor: str, begun: datetime | None = None) -> Changes:
        """See `Desk.changes`."""
        return await self.mailbox.changes(cursor, begun)

    async def read_thread(self, thread: str) -> Thread:
        """See `Desk.read_thread`."""
        return await self.mailbox.read_thread(thread)

    async def ring(self) -> None:
        """See `Ringing.ring`."""
        await self.mailbox.ring()

    async def check(self) -> Sequence[DeskFinding]:
        """See `SelfChecking.check`."""
        return await self._correspondence.check()

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        if action.name in _TO_ADDRESS_ON_FILE:
            return await super().resolve(action, args, subject)
        return await self._correspondence.resolve(action, args, subject)

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        if call.action in _TO_ADDRESS_ON_FILE:
            return await super().call(call)
        return await self._correspondence.call(call)

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        if call.action in _TO_ADDRESS_ON_FILE:
            return await super().look_up(call)
        return await self._correspondence.look_up(call)

    async def send_code(self, code: CodeMessage) -> None:
        """See `CodeSender.send_code`: into the conversation that its recipient wrote in last."""
        if not is_address(code.recipient):
            raise RefusedError(Code.WRONG_STATE, "the address on file is no plain e-mail address")
        await self._correspondence.send_code(code)

    async def knows(self, subject: Subject) -> bool:
        """See `SubjectBook.knows`: whoever has an address can write."""
        return address_in(subject.id) != ""

    async def person_of(self, subject: Subject) -> Person:
        """See `PersonBook.person_of`: an account of the mailbox is an address, and nothing else.

        It is verified, since what is answered to the account is read at that address alone; how
        surely a mail is from there is told with each (`DeskMessage.subject`).
        """
        address = address_in(subject.id)
        return Person(id=subject.id, email=address, email_verified=address != "")

    async def close(self) -> None:
        """Log out of the mailbox."""
        await self.mailbox.close()


def _personal(address: Address) -> dict[str, str]:
    named = {"email": address.email}
    if address.name:
        named["name"] = plain(address.name)
    return named


def _fingerprint(subject: Subject, address: Address) -> str:
    """Enough to notice another address, too little to name it: 32 bits fit many addresses."""
    text = f"sayso/address/v1\0{subject.id}\0{address.email}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def connect(setup: Setup) -> EmailConnector:
    """Make the connector from `[connectors.email]`.

    Settings: `from`, `from_name`, `title` (the subject line with `{title}`), `links` (hosts),
    `address_from` (a connector), `transport` (`file` or `smtp`), `folder`; for SMTP `host`, `port`,
    `security`, `user`, `password` (a reference) or `token` (a connection of the token broker);
    `inbox`, the mailbox that customers write to (`inbox_settings`).

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`.
    """
    sender, template = setup.text("from"), setup.text("title", "{title}")
    if not is_address(sender):
        raise setup.invalid("from", "a plain e-mail address")
    if "{title}" not in template or "\n" in template or "\r" in template:
        raise setup.invalid("title", "one line with `{title}` in it")
    writer = MessageWriter(
        sender=sender,
        sender_name=plain(setup.text("from_name", ""), limit=60),
        title_template=template,
        link_hosts=frozenset(host.lower() for host in setup.texts("links")),
    )
    source = setup.text("address_from", ADDRESS_FROM)

    def book() -> AddressBook:
        peer = setup.peer(source)
        if not isinstance(peer, AddressBook):
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the connector `{source[:40]}` knows no addresses",
                next_step="set `address_from` to one that does, such as `stripe`",
            )
        return peer

    transport = _transport(setup)
    if "inbox" not in setup.settings:
        setup.also("inbox")
        return EmailConnector(
            book=book,
            writer=writer,
            transport=transport,
            clock=setup.clock,
            customers_of=source,
        )
    # Imported here for the extra `mail`, which nothing else needs.
    from sayso.connectors.email.inbox_settings import correspondence_of

    return MailboxConnector(
        book=book,
        writer=writer,
        transport=transport,
        clock=setup.clock,
        customers_of=source,
        correspondence=correspondence_of(setup, writer, transport),
    )


def _transport(setup: Setup) -> Transport:
    kind = setup.text("transport", "file")
    if kind == "file":
        if "host" in setup.settings and "transport" not in setup.settings:
            # Else mail would lie in a folder unnoticed.
            raise setup.invalid("transport", "`smtp`, which `host` is for")
        setup.also("host", "port", "security", "user", "password", "token")
        return FileTransport(setup.base / Path(setup.text("folder", "outbox")))
    setup.also("folder")
    security = setup.text("security", "starttls")
    if kind != "smtp":
        raise setup.invalid("transport", "`file` or `smtp`")
    if security not in get_args(Security):
        raise setup.invalid("security", "`starttls`, `tls` or `none`")
    return SmtpTransport(
        host=setup.text("host"),
        port=int(setup.number("port", 465 if security == "tls" else 587)),
        security=cast("Security", security),
        login=_login(setup),
    )


def _login(setup: Setup) -> SmtpLogin | None:
    if not [name for name in ("user", "password", "token") if name in setup.settings]:
        return None
    user = setup.text("user")
    if "token" in setup.settings:
        connection = setup.text("token")
        return SmtpLogin(user=user, bearer=lambda: setup.bearer(connection))
    return SmtpLogin(user=user, password=setup.secret_at("password"))
