"""E-mail: to the address on file, as plain text, and an exact account of every failure."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from connectors.benches import ANA, FakeAddressBook, closed_port, email_over
from support.mail_server import MailCatcher, MailFault, Step

from sayso.actions.model.snapshot import Absence, Call, Receipt
from sayso.connectors.email import (
    EmailConnector,
    FileTransport,
    MessageWriter,
    SmtpLogin,
    SmtpTransport,
    Transport,
)
from sayso.connectors.registry import Connectors
from sayso.errors import (
    Code,
    ConfigError,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.secret import Secret
from sayso.testing.clock import START

BODY = "We are sorry.\n\nSee https://shop.example/help for more.\n"
WRITER = MessageWriter(sender="support@shop.example", link_hosts=frozenset({"shop.example"}))


async def plan(
    connector: EmailConnector, title: str = "Your mug", body: str = BODY, *, number: int = 1
) -> Call:
    registry = Connectors([connector])
    action = registry.action("email.send")
    args = registry.validate_args("email.send", {"title": title, "body": body})
    return Call(
        tenant="main",
        action_id=f"act_{number}",
        action="email.send",
        subject_id=ANA.id,
        resolved=await connector.resolve(action, args, ANA),
        idempotency_key=f"{number:064x}",
    )


def smtp(mail: MailCatcher, login: SmtpLogin | None = None) -> SmtpTransport:
    return SmtpTransport(host=mail.host, port=mail.port, security="none", login=login, timeout_s=30)


@pytest.mark.promise("connectors:email:recipient")
async def test_a_message_goes_to_the_address_on_file_as_plain_text(tmp_path: Path) -> None:
    """One recipient, one sender, the configured subject line, text/plain, and nothing else."""
    connector = email_over(FileTransport(tmp_path))
    await connector.call(await plan(connector, body="Grüße 👋\n.\n" + BODY))
    (path,) = tmp_path.iterdir()
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert message["To"] == "ana@example.com"
    assert message["From"] == "The Shop <support@shop.example>"
    assert message["Subject"] == "[The Shop] Your mug"
    assert message["Cc"] is None
    assert message["Bcc"] is None
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n") == "Grüße 👋\n.\n" + BODY


async def test_the_card_shows_a_masked_address_and_the_log_gets_no_address() -> None:
    """The address is personal: it stands in `personal` only, and a short fingerprint binds it."""
    call = await plan(email_over(FileTransport(Path("unused"))))
    resolved = call.resolved
    assert resolved.payee == "a…@example.com, the address on file"
    assert resolved.personal == {"email": "ana@example.com", "name": "Ana Torres"}
    assert len(str(resolved.preconditions["address.fingerprint"])) == 8


@pytest.mark.promise("connectors:email:recipient")
async def test_a_changed_address_is_not_written_to(tmp_path: Path) -> None:
    """What was approved for one address never goes to another one."""
    book = FakeAddressBook()
    connector = email_over(FileTransport(tmp_path), book)
    call = await plan(connector)
    book.address = FakeAddressBook("mallory@evil.example").address
    with pytest.raises(RefusedError) as caught:
        await connector.call(call)
    assert caught.value.code is Code.WRONG_STATE
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "address",
    [
        "ana@example.com, mallory@evil.example",
        "ana@example.com\r\nBcc: mallory@evil.example",
        "Ana <ana@example.com>",
        "ana@example.com\u202e",
        "",
    ],
)
async def test_an_address_that_is_more_than_an_address_is_refused(address: str) -> None:
    """A name, a second recipient or a header in the provider's field goes nowhere."""
    with pytest.raises(RefusedError):
        await plan(email_over(FileTransport(Path("unused")), FakeAddressBook(address)))


@pytest.mark.parametrize(
    "title", ["a\nBcc: x@evil.example", "a\r\nb", "a\u2028b", "a\u202eb", "a\x00b", "a\ud800"]
)
def test_a_title_is_one_visible_line(title: str) -> None:
    """CR, LF and characters that hide or reorder others never reach a header."""
    with pytest.raises(RefusedError) as caught:
        WRITER.subject_line(title)
    assert caught.value.code is Code.INVALID_INPUT


@pytest.mark.promise("connectors:email:links")
@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/?q=secret",
        "HTTPS://EVIL.EXAMPLE/",
        "http://shop.example@evil.example/",
        "https://shop.example:8443/",
        "https://shop.example.evil.example/",
        "https://shop.example\\evil.example/",
        "https://[::1]/",
        "ftp://shop.example/",
        "javascript://shop.example/%0aalert(1)",
        "javascript:alert(1)",
        "mailto:x@evil.example",
        "write to x@evil.example",
        "www.evil.example",
        "evil.com",
        "evil.example/path",
        "![](https://evil.example/pixel?d=secret)",
        "<img src=https://evil.example/pixel>",
        "[click](http://evil.example)",
    ],
)
def test_links_lead_to_allowed_hosts_only(text: str) -> None:
    """Every way in which a mail program makes a link is caught."""
    with pytest.raises(RefusedError) as caught:
        WRITER.count_links("body", text)
    assert "not allowed" in caught.value.message


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("https://shop.example/a https://SHOP.example", 2),
        ("Thanks. We refunded $18.50, e.g. for the mug.Sorry again", 0),
        ("write to support@shop.example.", 1),
    ],
)
def test_allowed_links_and_plain_sentences_pass(text: str, links: int) -> None:
    """A sentence without a space after its full stop is no link."""
    assert WRITER.count_links("body", text) == links


async def test_a_file_is_written_once_per_key_and_found_by_it(tmp_path: Path) -> None:
    """A second try leaves the first file as it is; nothing half-written stays."""
    connector = email_over(FileTransport(tmp_path))
    call = await plan(connector)
    assert await connector.look_up(call) is Absence.ABSENT
    first = await connector.call(call)
    (path,) = tmp_path.iterdir()
    written = path.read_bytes()
    assert await connector.call(call) == first == await connector.look_up(call)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [written]


async def test_a_folder_that_cannot_be_written_is_no_message(tmp_path: Path) -> None:
    """Nothing was done, so it may be tried again once the folder is there."""
    (tmp_path / "taken").write_text("a file, not a folder")
    connector = email_over(FileTransport(tmp_path / "taken"))
    with pytest.raises(RetryableError):
        await connector.call(await plan(connector))


async def outcome_of(transport: Transport) -> Receipt | SaysoError:
    connector = email_over(transport)
    call = await plan(connector)
    try:
        return await connector.call(call)
    except SaysoError as error:
        return error


@pytest.mark.parametrize("step", ["connect", "mail", "rcpt", "data", "end"])
@pytest.mark.parametrize(
    ("code", "kind"), [(451, RetryableError), (550, RefusedError)], ids=["451", "550"]
)
async def test_a_server_that_says_no_took_nothing(
    step: Step, code: int, kind: type[SaysoError]
) -> None:
    """4xx may be tried again and 5xx not, at every step (RFC 5321 §4.2.1)."""
    async with MailCatcher.start() as mail:
        mail.add_faults(MailFault(step=step, code=code))
        assert isinstance(await outcome_of(smtp(mail)), kind)
        assert not mail.messages


@pytest.mark.parametrize("step", ["connect", "mail", "rcpt", "data"])
async def test_a_connection_lost_before_the_text_sent_nothing(step: Step) -> None:
    """Without its last line there is no message (RFC 5321 §4.1.1.4)."""
    async with MailCatcher.start() as mail:
        mail.add_faults(MailFault(step=step))
        assert isinstance(await outcome_of(smtp(mail)), RetryableError)
        assert not mail.messages


@pytest.mark.parametrize("keep", [True, False])
async def test_a_connection_lost_after_the_text_is_unknown(keep: bool) -> None:
    """Delivered or not, it looks the same (RFC 1047): never a failure, never a second try."""
    async with MailCatcher.start() as mail:
        mail.add_faults(MailFault(step="end", keep=keep))
        connector = email_over(smtp(mail))
        call = await plan(connector)
        with pytest.raises(OutcomeUnknownError):
            await connector.call(call)
        assert await connector.look_up(call) is Absence.CANNOT_TELL
        assert len(mail.messages) == keep


async def test_dots_and_line_ends_arrive_as_they_were_written() -> None:
    """A line of one dot does not end the message early, so nothing can be smuggled behind it."""
    body = "one\n.\nMAIL FROM:<x@evil.test>\n..two\n"
    async with MailCatcher.start() as mail:
        loose = MessageWriter(sender="support@shop.example", link_hosts=frozenset({"evil.test"}))
        letter = loose.write(
            title="t",
            body=body,
            recipient="ana@example.com",
            key="k",
            now=START,
            reference="act_1",
        )
        await smtp(mail).send(letter)
        (delivered,) = mail.messages
    assert delivered.message.get_content().replace("\r\n", "\n") == body
    assert delivered.recipients == ("ana@example.com",)


async def test_a_password_or_a_bearer_opens_the_mailbox() -> None:
    """PLAIN, and XOAUTH2 with a token of the broker, which Gmail and Microsoft 365 demand."""

    async def bearer() -> Secret:
        return Secret("at-1")

    async with MailCatcher.start(passwords={"ann": "pw"}, bearers={"bot": "at-1"}) as mail:
        for login in (
            SmtpLogin(user="ann", password=Secret("pw")),
            SmtpLogin(user="bot", bearer=bearer),
        ):
            assert isinstance(await outcome_of(smtp(mail, login)), Receipt)
        assert mail.logins == ["ann", "bot"]


async def test_a_refused_login_says_what_to_do_and_shows_no_secret() -> None:
    """535 is final; neither password nor token stands in the error."""

    async def bearer() -> Secret:
        return Secret("hunter2-token")

    async with MailCatcher.start(passwords={"ann": "pw"}) as mail:
        for login in (
            SmtpLogin(user="ann", password=Secret("hunter2")),
            SmtpLogin(user="ann", bearer=bearer),
        ):
            outcome = await outcome_of(smtp(mail, login))
            assert isinstance(outcome, RefusedError)
            assert outcome.code is Code.NEEDS_REAUTH
            assert "hunter2" not in f"{outcome} {outcome.detail} {outcome.__cause__!r}"
        assert not mail.messages


async def test_no_mail_server_means_nothing_was_sent() -> None:
    """A closed port is retryable."""
    with closed_port() as closed:
        transport = SmtpTransport(host="127.0.0.1", port=closed, security="none")
        assert isinstance(await outcome_of(transport), RetryableError)


async def test_a_server_without_trusted_encryption_gets_nothing() -> None:
    """STARTTLS is not offered: refused before login and text, never sent in the clear."""
    async with MailCatcher.start() as mail:
        transport = SmtpTransport(host=mail.host, port=mail.port, security="starttls")
        assert isinstance(await outcome_of(transport), RefusedError)
        assert not mail.messages


def test_mail_in_the_clear_stays_on_this_machine() -> None:
    """`security = none` elsewhere is a wrong setting."""
    with pytest.raises(ConfigError):
        SmtpTransport(host="smtp.example.com", port=25, security="none")


def test_the_message_id_does_not_give_the_key_away() -> None:
    """Every try carries the same one, from which the idempotency key cannot be read."""
    one, two = WRITER.message_id("k1"), WRITER.message_id("k2")
    assert one == WRITER.message_id("k1") != two
    assert one.endswith("@shop.example>")
    assert "k1" not in one
