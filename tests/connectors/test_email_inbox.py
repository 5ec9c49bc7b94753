"""`[connectors.email.inbox]`: what it makes of the connector, and each wrong setting by name."""

from __future__ import annotations

import imaplib
from pathlib import Path
from typing import cast

import pytest
from connectors.benches import stripe_on

from sayso.actions.model.definition import Subject
from sayso.connectors.base import Connector
from sayso.connectors.email import EmailConnector, MailboxConnector
from sayso.connectors.email.inbox.mailbox import ImapSession
from sayso.connectors.registry import Connectors
from sayso.errors import ConfigError
from sayso.json import JsonValue
from sayso.secret import Secret
from sayso.testing.clock import FakeClock


def connect_with(**inbox: JsonValue) -> MailboxConnector:
    """The connector of a sayso.toml with such an inbox."""
    given: dict[str, JsonValue] = {"host": "127.0.0.1", "security": "none", "user": "s"}
    given |= {"password": "env:MAIL", **inbox}
    table = {name: value for name, value in given.items() if value is not None}
    found = Connectors.load(
        {"email": {"from": "s@shop.example", "inbox": table}},
        clock=FakeClock(),
        secret=lambda reference: Secret(reference),
        base=Path("unused"),
    )
    connector = found.connector("email")
    assert isinstance(connector, MailboxConnector)
    return connector


def test_an_inbox_makes_a_desk_with_customers_of_its_own() -> None:
    """Whoever writes has an account there; an address on file is another provider's."""
    connector = connect_with(teams={"returns": "r@shop.example"})
    parts = connector.desk
    assert parts is not None
    assert (parts.reply, parts.hand_over, parts.note) == ("email.reply", "email.hand_over", "")
    found = Connectors([connector, *_shop()])
    assert found.provider_of("email.reply") == "email"
    assert found.provider_of("email.send") == "stripe"
    assert set(found.account_names("stripe").providers) == {"email", "stripe"}
    assert connect_with().desk != parts
    without = Connectors.load(
        {"email": {"from": "s@shop.example"}}, clock=FakeClock(), secret=Secret, base=Path("unused")
    ).connector("email")
    assert isinstance(without, EmailConnector)
    assert (isinstance(without, MailboxConnector), without.customers_of) == (False, "stripe")


def test_who_answers_from_a_teams_address_is_no_customer() -> None:
    """A team is ours, however its address is written."""
    assert "r@shop.example" in connect_with(teams={"r": "R@shop.example"}).mailbox.settings.own


def _shop() -> list[Connector]:
    return [stripe_on("http://127.0.0.1:1", "sk_test")]


@pytest.mark.parametrize(
    ("inbox", "said"),
    [
        ({"hots": "x"}, "connectors.email.inbox.hots"),
        ({"host": None}, "`host`"),
        ({"host": "mail.shop.example"}, "unencrypted"),
        ({"security": "ssl"}, "`security`"),
        ({"password": None}, "password"),
        ({"own": ["shop.example"]}, "`own`"),
        ({"teams": {"a": "no address"}}, "`teams`"),
        ({"teams": {"Ä": "a@shop.example"}}, "`teams`"),
        ({"keep_sent": "no"}, "`keep_sent`"),
    ],
)
def test_a_wrong_setting_of_the_inbox_is_named(inbox: dict[str, JsonValue], said: str) -> None:
    """Each with its name, before anything is opened."""
    with pytest.raises(ConfigError) as refused:
        connect_with(**inbox)
    assert said in f"{refused.value.message} {refused.value.next_step}"


async def test_who_a_customer_of_the_mailbox_is() -> None:
    """Their address, which is verified, since what is answered is read there alone."""
    connector = connect_with()
    person = await connector.person_of(Subject(id="ana@example.com"))
    assert (person.email, person.email_verified) == ("ana@example.com", True)
    nobody = await connector.person_of(Subject(id="cus_9"))
    assert (nobody.email, nobody.email_verified) == ("", False)
    assert await connector.knows(Subject(id="ana@example.com"))
    assert await connector.list_records(Subject(id="ana@example.com")) == ()


class _Answers:
    """A server's client that gets one answer to whatever is asked."""

    def __init__(self, *data: object) -> None:
        self._data = data

    def uid(self, *_: str) -> tuple[str, list[object]]:
        """The answer, as the standard library hands it on."""
        return "OK", list(self._data)


class _Session(ImapSession):
    """A session with such a server."""

    def __init__(self, *data: object) -> None:
        self._answers = cast("imaplib.IMAP4", _Answers(*data))

    @property
    def client(self) -> imaplib.IMAP4:
        """The one that is played."""
        return self._answers


SEEN = b"1 (UID 5 FLAGS (\\Seen))"


@pytest.mark.promise("desk:mail:complete")
@pytest.mark.parametrize("is_first", [True, False])
def test_flags_that_the_server_tells_meanwhile_are_no_mail(is_first: bool) -> None:
    """A colleague opens a mail while it is read: it is not taken for an empty one of 1970."""

    def among(*told: object) -> _Session:
        return _Session(*((SEEN, *told) if is_first else (*told, SEEN)))

    assert among((b"1 (UID 5 BODY[] {5}", b"hello"), b")").wholes([5]) == {5: b"hello"}
    assert among(b'1 (UID 5 BODY[] "a\\"b")').whole(5) == b'a"b'
    told = b'1 (UID 5 RFC822.SIZE 42 INTERNALDATE "30-Nov-2026 10:00:00 +0000")'
    assert [(one.size, one.at.year) for one in among(told).sizes([5])] == [(42, 2026)]
    assert among().whole(5) is None
