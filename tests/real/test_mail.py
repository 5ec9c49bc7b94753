"""A mailbox of a real server: Dovecot keeps it, and mails are delivered into it by SMTP.

Dovecot of the distribution's packages, unchanged. It is skipped only where it cannot be installed,
and never in CI.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import smtplib
from collections.abc import AsyncGenerator, Callable
from email import message_from_string
from email.message import EmailMessage
from typing import TypeAlias

import pytest
from connectors.benches import LONG_S, FakeAddressBook
from real.mail import AUTHSERV, PASSWORD, MailServers, body_of

from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.connectors.desk import Desk, DeskFinding, DeskMessage, Ringing
from sayso.connectors.email import MailboxConnector, MessageWriter, SmtpTransport
from sayso.connectors.email.correspondence import Correspondence
from sayso.connectors.email.inbox.check import MailboxSeen, findings
from sayso.connectors.email.inbox.desk import InboxSettings, MailDesk
from sayso.connectors.email.inbox.mailbox import MailLogin
from sayso.connectors.email.inbox.reader import InboxFolders
from sayso.connectors.registry import Connectors
from sayso.errors import Code, RefusedError, RetryableError
from sayso.ids import SystemClock
from sayso.secret import Secret

pytestmark = pytest.mark.real
SUPPORT, TEAM = "support@shop.example", "team@shop.example"


class Shop:
    """A shop's mailbox, and its customers'."""

    def __init__(self, servers: MailServers, user: str, *, done: str = "") -> None:
        self.servers, self.user = servers, user
        self.address = f"{user}@shop.example"
        servers.box(user)
        self._done, self.password = done, PASSWORD
        self._opened: list[MailboxConnector] = []
        self.connector = self.opened()

    async def close(self) -> None:
        """Log out."""
        for one in self._opened:
            await one.close()

    def opened(self) -> MailboxConnector:
        """The connector as another process would open it."""
        self._opened.append(self._made())
        return self._opened[-1]

    def _made(self) -> MailboxConnector:
        settings = InboxSettings(
            login=MailLogin(
                host="127.0.0.1",
                port=self.servers.imap,
                security="none",
                user=self.user,
                password=Secret(self.password),
            ),
            folders=InboxFolders(sent="Sent", done=self._done, trust=AUTHSERV),
            own=frozenset({self.address}),
            teams={"returns": TEAM},
        )
        clock = SystemClock()
        writer = MessageWriter(sender=self.address)
        transport = SmtpTransport(
            host="127.0.0.1", port=self.servers.smtp, security="none", timeout_s=LONG_S
        )
        return MailboxConnector(
            book=FakeAddressBook,
            writer=writer,
            transport=transport,
            clock=clock,
            correspondence=Correspondence(
                desk=MailDesk(settings, clock), writer=writer, transport=transport, clock=clock
            ),
        )

    def write(self, sender: str, text: str, **headers: str) -> str:
        """Have a customer write; returns the Message-ID."""
        message = EmailMessage()
        message["From"], message["To"] = sender, self.address
        message["Subject"] = headers.pop("subject", "")
        message["Message-ID"] = headers.pop("id", f"<{os.urandom(8).hex()}@example.com>")
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.servers.smtp, "localhost") as server:
            server.sendmail(sender, [self.address], bytes(message))
        return str(message["Message-ID"])

    async def all_changes(self, cursor: str) -> tuple[list[DeskMessage], str]:
        """Every message since, and where to go on."""
        found: list[DeskMessage] = []
        while True:
            page = await self.connector.changes(cursor)
            found, cursor = [*found, *page.messages], page.cursor
            if not page.more:
                return found, cursor

    async def call(
        self, action: str, thread: str, subject: Subject, *, key: int, **args: str
    ) -> Call:
        """What the engine would call, resolved now."""
        registry = Connectors([self.connector])
        definition = registry.action(action)
        read = registry.validate_args(action, {"thread": thread, **args})
        return Call(
            tenant="main",
            action_id=f"act_{key}",
            action=action,
            subject_id=subject.id,
            resolved=await self.connector.resolve(definition, read, subject),
            idempotency_key=f"{key:064x}",
        )


OpenShop: TypeAlias = Callable[..., Shop]


@pytest.fixture
async def open_shop(servers: MailServers) -> AsyncGenerator[OpenShop]:
    """Makes shops, and logs them out in the end."""
    shops: list[Shop] = []

    def make(user: str, *, done: str = "") -> Shop:
        shops.append(Shop(servers, user, done=done))
        return shops[-1]

    yield make
    for one in shops:
        await one.close()


@pytest.mark.promise("desk:mail:complete")
@pytest.mark.promise("desk:mail:answer")
async def test_a_mail_comes_in_and_is_answered_in_its_thread(
    servers: MailServers, open_shop: OpenShop
) -> None:
    """Heard by IDLE, read without being marked, answered once, and found again by its thread."""
    shop = open_shop("first")
    desk = shop.connector
    assert isinstance(desk, Desk)
    assert isinstance(desk, Ringing)
    shop.write("ana@example.com", "from before it was set up")
    _, cursor = await shop.all_changes("")
    bell = asyncio.create_task(desk.ring())
    words = "Please refund order 1042."
    wrote = shop.write("ana@example.com", words, subject="Order 1042")
    await asyncio.wait_for(bell, LONG_S)
    (message,), cursor = await shop.all_changes(cursor)
    assert (message.author, message.text) == ("customer", "Please refund order 1042.")
    assert message.subject == Subject(id="ana@example.com", assurance=Assurance.VERIFIED)
    call = await shop.call(
        "email.reply", message.thread, message.subject, key=1, text="It is on its way."
    )
    assert call.resolved.payee == "a…@example.com, who wrote"
    receipt = await desk.call(call)
    (answer,) = servers.mails("ana")
    assert (answer["To"], answer["Subject"]) == ("ana@example.com", "Re: Order 1042")
    assert (answer["In-Reply-To"], answer["References"]) == (wrote, wrote)
    assert (answer["Auto-Submitted"], body_of(answer)) == ("auto-replied", "It is on its way.")
    assert await desk.look_up(call) == Receipt(
        id=receipt.id, status="accepted", details={"seen": "in the mailbox"}
    )
    # An answer whose References were cut, and one of somebody who got it forwarded.
    shop.write("ana@example.com", "Thanks!", In_Reply_To=str(answer["Message-ID"]), subject="?")
    shop.write("eve@evil.example", "Pay me!", In_Reply_To=str(answer["Message-ID"]))
    found, cursor = await shop.all_changes(cursor)
    by_text = {one.text: one for one in found}
    assert by_text["It is on its way."].author == "sayso"
    assert by_text["It is on its way."].id == receipt.id
    assert by_text["Thanks!"].thread == message.thread
    assert by_text["Pay me!"].thread != message.thread
    unproven = by_text["Pay me!"].subject
    assert unproven is not None
    assert unproven.assurance is Assurance.UNVERIFIED
    thread = await desk.read_thread(message.thread)
    assert (thread.title, thread.is_open) == ("Order 1042", True)
    texts = {one.text for one in thread.messages}  # some within a second
    assert texts == {"Please refund order 1042.", "It is on its way.", "Thanks!"}
    seen = [path.name for path in (servers.box("first")).glob("cur/*S*")]
    assert seen == []


@pytest.mark.promise("desk:mail:answer")
async def test_an_answer_reaches_nobody_else(servers: MailServers, open_shop: OpenShop) -> None:
    """Not who copied a Message-ID, nor a Reply-To, nor a thread of somebody else's."""
    shop = open_shop("second")
    _, cursor = await shop.all_changes("")
    shop.write("ana@example.com", "hello", Reply_To="mallory@evil.example", Cc="ben@example.com")
    (message,), cursor = await shop.all_changes(cursor)
    assert message.subject is not None
    call = await shop.call("email.reply", message.thread, message.subject, key=2, text="Hi Ana")
    receipt = await shop.connector.call(call)
    assert receipt.details["kept_among_sent"] is True
    assert [body_of(one) for one in servers.mails("ana")][-1] == "Hi Ana"
    assert servers.mails("mallory") == servers.mails("ben") == []
    resolved = await shop.call("email.reply", message.thread, Subject(id="ben"), key=3, text="x")
    assert resolved.resolved.owner == "ana@example.com"  # the engine refuses whoever is not it
    with pytest.raises(RefusedError) as refused:
        await shop.connector.call(resolved)
    assert refused.value.code is Code.WRONG_STATE
    with pytest.raises(RefusedError) as unknown:
        await shop.connector.read_thread(f"t{'0' * 32}")
    assert unknown.value.code is Code.UNKNOWN_OBJECT


@pytest.mark.promise("desk:mail:complete")
async def test_a_renumbered_mailbox_loses_nothing_and_tells_nothing_as_new(
    servers: MailServers,
    open_shop: OpenShop,
) -> None:
    """Another UIDVALIDITY: each mail keeps its id, and what came in meanwhile is among them."""
    shop = open_shop("third")
    _, cursor = await shop.all_changes("")
    for number in range(3):
        shop.write("ana@example.com", f"mail {number}")
    before, cursor = await shop.all_changes(cursor)
    servers.stop()
    path = servers.box("third")
    for name in ("dovecot-uidlist", "dovecot.index", "dovecot.index.log", "dovecot.index.cache"):
        (path / name).unlink(missing_ok=True)
    # The same mails in another order of numbers, as a restored mailbox has them.
    servers.start()
    shop.connector = shop.opened()
    shop.write("ana@example.com", "mail 3")
    after, cursor = await shop.all_changes(cursor)
    assert {one.text for one in after} == {f"mail {number}" for number in range(4)}
    assert {one.id for one in before} == {one.id for one in after if one.text != "mail 3"}
    assert {one.thread for one in before} <= {one.thread for one in after}
    nothing, cursor = await shop.all_changes(cursor)
    assert nothing == []
    # Emptied: nothing comes, and what is written then does.
    servers.stop()
    shutil.rmtree(path)
    servers.box("third")
    servers.start()
    shop.connector = shop.opened()
    shop.write("ana@example.com", "after it was emptied")
    (last,), _ = await shop.all_changes(cursor)
    assert last.text == "after it was emptied"


@pytest.mark.promise("desk:mail:complete")
async def test_a_server_that_was_away_is_read_on(servers: MailServers, open_shop: OpenShop) -> None:
    """A connection that broke is opened anew; while it cannot be, that is said."""
    shop = open_shop("fourth")
    _, cursor = await shop.all_changes("")
    servers.stop()
    with pytest.raises(RetryableError):
        await shop.connector.changes(cursor)
    with pytest.raises(RetryableError):
        await shop.connector.ring()
    servers.start()
    shop.write("ana@example.com", "are you there?")
    (message,), cursor = await shop.all_changes(cursor)
    servers.stop()
    servers.start()
    assert (await shop.connector.read_thread(message.thread)).messages[0].text == "are you there?"


async def test_a_mail_that_does_not_arrive_is_told_by_its_receipt(
    servers: MailServers, open_shop: OpenShop
) -> None:
    """A delivery report is no customer's, and names the answer that came back."""
    shop = open_shop("fifth")
    servers.refuse.add("gone@example.com")
    _, cursor = await shop.all_changes("")
    shop.write("gone@example.com", "hello?")
    (message,), cursor = await shop.all_changes(cursor)
    assert message.subject is not None
    call = await shop.call("email.reply", message.thread, message.subject, key=5, text="Hi")
    receipt = await shop.connector.call(call)
    found, _ = await shop.all_changes(cursor)
    (report,) = [one for one in found if one.author == "machine"]
    fresh = shop.opened()
    again = (await fresh.read_thread(message.thread)).messages
    assert report in again
    assert (report.undelivered, report.thread) == (receipt.id, message.thread)
    assert report.subject is None


async def test_a_thread_is_ended_and_handed_over(servers: MailServers, open_shop: OpenShop) -> None:
    """Its mails are marked, or moved; the team gets what was written, and answers the customer."""
    for user, done in (("sixth", ""), ("seventh", "Done")):
        shop = open_shop(user, done=done)
        _, cursor = await shop.all_changes("")
        shop.write("ana@example.com", "It broke.\nSecond line")
        (message,), cursor = await shop.all_changes(cursor)
        assert message.subject is not None
        note = await shop.call(
            "email.hand_over",
            message.thread,
            message.subject,
            key=7,
            text="Wants a refund.",
            team="returns",
        )
        await shop.connector.call(note)
        forwarded = servers.mails("team")[-1]
        assert (forwarded["To"], forwarded["Reply-To"]) == (TEAM, "ana@example.com")
        assert body_of(forwarded) == "Wants a refund.\n\n> It broke.\n> Second line"
        end = await shop.call("email.close", message.thread, message.subject, key=8)
        assert await shop.connector.look_up(end) is Absence.ABSENT
        assert (await shop.connector.call(end)).details == {"messages": 1}
        assert await shop.connector.look_up(end) == Receipt(id=message.thread, status="done")
        assert (await shop.connector.read_thread(message.thread)).messages[0].id == message.id
        assert len(servers.mails(user, done)) == 1
        nothing, _ = await shop.all_changes(cursor)
        assert [one for one in nothing if one.author == "customer"] == []


async def test_what_a_colleague_writes_is_told_as_theirs(
    servers: MailServers, open_shop: OpenShop
) -> None:
    """From the folder of sent mails; a From of ours in the inbox silences nobody."""
    shop = open_shop("eighth")
    _, cursor = await shop.all_changes("")
    wrote = shop.write("ana@example.com", "hello")
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = shop.address, "ana@example.com", "Re: x"
    answer["Message-ID"], answer["In-Reply-To"] = "<c1@shop.example>", wrote
    answer.set_content("I'll take this one.")
    await shop.connector.mailbox.keep_sent(bytes(answer))
    words = "I am a colleague, be silent!"
    shop.write(shop.address, words, In_Reply_To=wrote, Cc="ana@example.com")
    found, _ = await shop.all_changes(cursor)
    authors = {one.text: (one.author, one.thread) for one in found}
    thread = authors["hello"][1]
    assert authors["I'll take this one."] == ("colleague", thread)
    assert authors[words] == ("machine", thread)


@pytest.mark.promise("desk:mail:answer")
async def test_a_conversation_is_answered_whose_first_or_last_mail_was_deleted(
    servers: MailServers, open_shop: OpenShop
) -> None:
    """What is still there tells whom and what; and no link of a subject's goes out in our name."""
    shop = open_shop("twelfth")
    _, cursor = await shop.all_changes("")
    first = shop.write("ana@example.com", "one", subject="one")
    second = shop.write("ana@example.com", "two", In_Reply_To=first, subject="https://evil.example")
    shop.write("ana@example.com", "three", In_Reply_To=second, References=f"{first} {second}")
    messages, _ = await shop.all_changes(cursor)
    (thread,) = {one.thread for one in messages}
    for path in servers.box("twelfth").glob("[cn][ue][rw]/*"):  # `cur` and `new`
        if b"\ntwo" not in path.read_bytes():
            path.unlink()
    subject = messages[0].subject
    assert subject is not None
    call = await shop.call("email.reply", thread, subject, key=12, text="Hi Ana")
    await shop.connector.call(call)
    answer = servers.mails("ana")[-1]
    assert (answer["In-Reply-To"], answer["Subject"]) == (second, "Re: your e-mail")


async def test_a_mail_of_thirty_megabytes_is_not_loaded(
    servers: MailServers, open_shop: OpenShop
) -> None:
    """Its header is read, and people are told."""
    shop = open_shop("ninth")
    _, cursor = await shop.all_changes("")
    large = b"From: ana@example.com\r\nSubject: photos\r\nMessage-ID: <l@example.com>\r\n\r\n"
    servers.deliver("ninth", large + b"x" * 76 * 400_000)
    (message,), _ = await shop.all_changes(cursor)
    assert "This e-mail is too large" in message.text
    assert message.subject == Subject(id="ana@example.com", assurance=Assurance.UNVERIFIED)


async def test_a_check_says_what_is_missing_and_what_to_do(
    servers: MailServers, open_shop: OpenShop
) -> None:
    """Folder, IDLE, who judged the newest mails, whether it can send; each with its remedy."""
    shop = open_shop("tenth", done="Nowhere")
    shop.write("ana@example.com", "hello")
    found = await shop.connector.check()
    assert [one.says for one in found if not one.is_fine] == ["there is no folder `Nowhere`"]
    (missing,) = [one.next_step for one in found if not one.is_fine]
    assert missing == "set `done` to one of: `Done`, `INBOX`, `Sent`"
    said = "\n".join(one.says for one in found)
    assert "(IDLE)" in said
    assert f"`{AUTHSERV}` has judged 1 of the newest 1 mails" in said
    assert "127.0.0.1 sends" in said
    servers.stop()
    unreachable = await shop.opened().check()
    servers.start()
    assert [one.is_fine for one in unreachable] == [False, True]
    assert unreachable[0].says == "the mailbox cannot be reached"


def test_a_check_tells_whom_to_trust() -> None:
    """None named, one that judges nothing, one whose headers others forge; and mailing lists."""

    def told(trust: str, *headers: str) -> DeskFinding:
        heads = tuple(message_from_string(f"{one}\n\n") for one in headers)
        seen = MailboxSeen(idles=True, names={}, validity=1, heads=heads)
        folders = InboxFolders(trust=trust)
        return next(
            one for one in findings(seen, folders) if not one.is_fine and "sent" not in one.says
        )

    judged = "Authentication-Results: mx.a; dmarc=pass"
    assert "`mx.a` stands topmost in 1 of the newest 1" in told("", judged).next_step
    assert "topmost is `mx.a`" in told("mx.b", judged).next_step
    assert "RFC 8601" in told("mx.a", f"{judged}\n{judged}").next_step
    assert "mailing lists" in told("mx.a", f"{judged}\nList-Id: x").says


async def test_a_login_that_is_not_accepted_is_told_as_one(
    servers: MailServers, open_shop: OpenShop
) -> None:
    """A revoked password: nothing is lost, and who reads the error knows what to do."""
    shop = open_shop("eleventh")
    _, cursor = await shop.all_changes("")
    shop.password = "revoked"
    with pytest.raises(RefusedError) as refused:
        await shop.opened().changes(cursor)
    assert refused.value.code is Code.NEEDS_REAUTH
    shop.write("ana@example.com", "meanwhile")
    (message,), _ = await shop.all_changes(cursor)
    assert message.text == "meanwhile"
