"""With every logger at DEBUG, no secret and no personal word of a customer is written."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from connectors.benches import ANA, email_over
from connectors.oauth_office import open_office
from connectors.stripe_account import open_account
from connectors.test_email import plan as plan_letter
from connectors.test_email import smtp
from support.mail_server import MailCatcher

from sayso.connectors.email import FileTransport, SmtpLogin
from sayso.errors import SaysoError
from sayso.json import JsonObject
from sayso.sandbox import API_KEY, Fault
from sayso.secret import Secret

REFUND: JsonObject = {"charge": "ch_demo_ana_1"}


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def written(caplog: pytest.LogCaptureFixture) -> str:
    assert caplog.records or logging.getLogger("httpx").level, "nothing was logged or quietened"
    return caplog.text


@pytest.mark.promise("secrets:logs")
async def test_stripe_logs_no_key_and_no_customer(caplog: pytest.LogCaptureFixture) -> None:
    """Reads, a call, a lost answer and a look-up."""
    async with open_account() as account:
        call = await account.plan("stripe.refund", REFUND)
        account.sandbox.add_faults(Fault(kind="drop_after"))
        await account.outcome(call)
        await account.look_up(call)
        await account.connectors.list_records(ANA)
    for canary in (API_KEY, "ana@example.com", "Torres"):
        assert canary not in written(caplog)


@pytest.mark.promise("secrets:logs")
async def test_the_broker_logs_no_token(caplog: pytest.LogCaptureFixture) -> None:
    """A refresh that works and one that is refused."""
    async with open_office() as office:
        await office.authorised()
        office.clock.advance(hours=2)
        bearer = await office.broker().bearer(office.connection)
        row = await office.store.read(office.connection.id)
        assert row is not None
        assert row.token is not None
        assert row.token.refresh is not None
        refresh = row.token.refresh.reveal()
        office.idp.revoke(refresh)
        office.clock.advance(hours=2)
        with pytest.raises(SaysoError):
            await office.broker().bearer(office.connection)
    for canary in (bearer.reveal(), refresh, "not a secret"):
        assert canary not in written(caplog)


@pytest.mark.promise("secrets:logs")
async def test_email_logs_no_password_and_no_address(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Over SMTP with a login, and into a folder."""
    logging.getLogger(__name__).debug("the log is open")
    async with MailCatcher.start(passwords={"ann": "hunter2"}) as mail:
        for transport in (
            smtp(mail, SmtpLogin(user="ann", password=Secret("hunter2"))),
            FileTransport(tmp_path),
        ):
            connector = email_over(transport)
            await connector.call(await plan_letter(connector))
    for canary in ("hunter2", "ana@example.com", "Torres"):
        assert canary not in written(caplog)
