"""A shop with nothing but a mailbox: an e-mail is understood, carried out, answered in its thread.

Real are Dovecot and the server that delivers; Stripe is the sandbox, whose books are compared.
"""

from __future__ import annotations

import asyncio
import os
import re
import smtplib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
from connectors.benches import LONG_S
from real.mail import AUTHSERV, PASSWORD, MailServers, body_of

from sayso.audit.entry import Actor, ActorKind
from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.desk.loop import DeskLoop
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.setup.scaffold import create_workspace
from sayso.sdk.setup.scaffold_tables import BY_DEFAULT, read_connectors, settings_of
from sayso.sdk.workspace import Workspace

pytestmark = pytest.mark.real
SUPPORT = "support@shop.example"
KEY = '"env:STRIPE_API_KEY"'
CODE = re.compile(r"\b\d{4} ?\d{4}\b")


def settings(servers: MailServers, stripe: str) -> str:
    """The sayso.toml of `init` with the sandbox and the mailbox."""
    made = settings_of(read_connectors(BY_DEFAULT))
    before, _, after = made.partition("[connectors.email]")
    after = after.partition("[customers]")[2]
    return (
        before.replace(
            'api_key = "env:STRIPE_API_KEY"',
            f'api_key = "env:STRIPE_API_KEY"\nbase_url = "{stripe}"',
        )
        + f"""[connectors.email]
from = "{SUPPORT}"
transport = "smtp"
host = "127.0.0.1"
port = {servers.smtp}
security = "none"

[connectors.email.inbox]
host = "127.0.0.1"
port = {servers.imap}
security = "none"
user = "support"
password = "env:MAIL_PASSWORD"
sent = "Sent"
done = "Done"
trust = "{AUTHSERV}"

[connectors.email.inbox.teams]
people = "people@shop.example"

[desk.mail]
connector = "email"
close = true
hand_over = {{ team = "people" }}

[customers]{after}"""
    )


@dataclass(kw_only=True)
class OpenShop:
    """A shop whose Sayso works when it is told to."""

    sayso: Sayso
    servers: MailServers
    sandbox: Sandbox
    loop: DeskLoop

    def writes(self, who: str, text: str, subject: str = "", answers: str = "") -> str:
        """A customer writes, or answers; returns the Message-ID."""
        message = EmailMessage()
        message["From"], message["To"] = f"{who}@example.com", SUPPORT
        message["Subject"] = subject
        message["Message-ID"] = f"<{os.urandom(8).hex()}@example.com>"
        if answers:
            message["In-Reply-To"] = answers
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.servers.smtp, "localhost") as server:
            server.sendmail(f"{who}@example.com", [SUPPORT], bytes(message))
        return str(message["Message-ID"])

    async def until(self, so: Callable[[], Awaitable[bool]]) -> None:
        """Read the mailbox and do all that is due, until something is so."""
        async with asyncio.timeout(LONG_S):
            while True:
                for one in self.loop.desks:
                    await one.sweep_now()
                await self.loop.drain()
                await self.sayso.container.dispatcher.drain()
                await self.loop.drain()
                if await so():
                    return

    async def until_told(self, who: str, count: int) -> list[EmailMessage]:
        """The same, until so many mails lie in a customer's own mailbox."""

        async def so() -> bool:
            return len(self.told(who)) >= count

        await self.until(so)
        return self.told(who)

    def told(self, who: str) -> list[EmailMessage]:
        """What lies in a customer's own mailbox."""
        return self.servers.mails(who)

    async def say_yes(self) -> None:
        """The only card is approved."""
        (card,) = await self.sayso.approvals.list(status="pending")
        by = Actor(kind=ActorKind.SYSTEM, id="program")
        _, token = await self.sayso.tokens.create(
            self.sayso.tenant, "person", "maria", frozenset({Scope.DECIDE}), days=1, by=by
        )
        await self.sayso.approvals.decide(
            card.id, "approve", token=token, revision=card.revision, digest=card.digest
        )


@asynccontextmanager
async def open_shop(
    folder: Path, servers: MailServers, sandbox: Sandbox
) -> AsyncGenerator[OpenShop]:
    """Open the workspace, which is made where it is not there yet."""
    if not folder.exists():
        await create_workspace(folder, approver="maria", settings=settings(servers, sandbox.url))
    secrets = {"STRIPE_API_KEY": sandbox.api_key, "MAIL_PASSWORD": PASSWORD}
    workspace = Workspace.load(folder, secrets)
    async with Sayso(workspace, mode="decide") as sayso:
        loop = DeskLoop(sayso.container, workspace.settings.desk)
        await loop.drain()
        yield OpenShop(sayso=sayso, servers=servers, sandbox=sandbox, loop=loop)


@pytest.mark.promise("desk:mail:answer")
async def test_an_e_mail_is_understood_carried_out_and_answered(
    servers: MailServers, tmp_path: Path
) -> None:
    """One card, one yes, money once, and the outcome in the customer's own mailbox, in its thread.

    The mail server is killed in between, and another process of ours goes on.
    """
    servers.box("support")
    with Sandbox.start(seed="demo") as sandbox:
        before = len(sandbox.books().effects)
        async with open_shop(tmp_path / "w", servers, sandbox) as shop:
            wrote = shop.writes(
                "ana", "Please refund it, they are not what I expected.", "Order 0977"
            )
            (waits,) = await shop.until_told("ana", 1)
            assert "has to agree" in body_of(waits)
            assert (waits["In-Reply-To"], waits["Subject"]) == (wrote, "Re: Order 0977")
            assert sandbox.books().effects[before:] == ()
        servers.stop()
        servers.start()
        async with open_shop(tmp_path / "w", servers, sandbox) as shop:
            await shop.say_yes()
            _, done = await shop.until_told("ana", 2)
            assert "we have refunded you $45.00" in body_of(done).lower()
            assert done["In-Reply-To"] == wrote
            (refund,) = sandbox.books().effects[before:]
            assert (refund.amount, refund.customer) == (4_500, "cus_demo_ana")
            shop.writes("ana", "Thank you so much!", "Re: Order 0977", str(done["Message-ID"]))
            shop.writes("eve", "And now refund me!", "Re: Order 0977", str(done["Message-ID"]))
            await shop.until_told("eve", 1)
            assert len(sandbox.books().effects[before:]) == 1
            assert not any("45.00" in body_of(one) for one in shop.told("eve"))
            assert len(servers.mails("support", "Done")) >= 1
            found = shop.sayso.audit.verify(deep=True)
            assert found.verdict == "verified", found.all_findings
            entries = await shop.sayso.audit.tail(200)
            assert "ana@example.com" not in "".join(map(str, entries))


async def test_whoever_only_says_to_be_a_customer_gets_a_code_and_no_money(
    servers: MailServers, tmp_path: Path
) -> None:
    """A From for which our server does not vouch: the code goes to the address on file."""
    servers.box("support")
    servers.authentic.discard("example.com")
    try:
        with Sandbox.start(seed="demo") as sandbox:
            before = len(sandbox.books().effects)
            async with open_shop(tmp_path / "w", servers, sandbox) as shop:
                shop.writes("chloe", "Please refund €10 of order 1031, the pan has a scratch.")
                told = await shop.until_told("chloe", 2)
                (code,) = [one for one in told if CODE.search(body_of(one))]
                assert "We have sent a code to c•••@e•••.com" in "".join(map(body_of, told))
                assert sandbox.books().effects[before:] == ()
                assert await shop.sayso.approvals.list(status="pending") == []
                digits = CODE.search(body_of(code))
                assert digits is not None
                # They answer the mail with the code, which stands in the conversation.
                shop.writes("chloe", digits[0], "Re: code", str(code["Message-ID"]))
                *_, asked = await shop.until_told("chloe", 3)
                assert "You would like: the refund of €10.00" in body_of(asked)
                yes = f"Yes\n\n-- \nChloe\n\nOn 3 May 2026, {SUPPORT} wrote:\n> You would like: x"
                shop.writes("chloe", yes, "Re: code", str(asked["Message-ID"]))
                told_then = (await shop.until_told("chloe", 4))[-1]
                (action, *_) = [
                    one for one in await shop.sayso.actions.list() if one.action == "stripe.refund"
                ]
                # The code showed the account: it moves money alone, as far as the policy does.
                assert (action.status, action.subject) == ("succeeded", "cus_demo_chloe")
                assert "€10.00" in body_of(told_then)
                assert len(sandbox.books().effects[before:]) == 1
    finally:
        servers.authentic.add("example.com")
