"""Reminders reach people by e-mail: the whole solution, a link, and never a decision."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from surfaces.console.served_console import LETTER, ServedConsole, open_console
from surfaces.slack.slack_team import settings_for

from sayso.actions.approvals.reminders import REMINDER_TOPIC
from sayso.connectors.email.connector import EmailConnector
from sayso.connectors.email.message import MessageWriter
from sayso.connectors.email.transport import FileTransport
from sayso.connectors.setup import Address
from sayso.errors import Code, RefusedError, SaysoError
from sayso.ids import SystemClock
from sayso.sdk.background.telling import Telling
from sayso.sdk.client import Sayso
from sayso.sdk.resources.report_mail import deliver_report
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.mail import CHANNEL, Mailer
from sayso.surfaces.slack import create_slack_app
from sayso.testing.clock import FakeClock
from sayso.testing.slack import FakeSlack, FaultKind, SlackFault

ADDRESSES = {"maria": "maria@shop.example", "noor": "noor@shop.example"}


class Nobody:
    """Knows no customer's address."""

    async def address_of(self, subject: object) -> Address:
        """Nobody's."""
        raise RefusedError(Code.NOT_FOUND, f"there is no address of {subject}")


class Posting:
    """Sends as `sayso serve` does, when a test says so."""

    def __init__(self, sayso: Sayso, mailer: Mailer, out: Path) -> None:
        self._telling = Telling(sayso, CHANNEL, {REMINDER_TOPIC: mailer.tell})
        self._out = out

    async def step(self) -> int:
        """Send what is due; how many letters were handed over."""
        before = len(list(self._out.glob("*.eml")))
        await self._telling.step()
        return len(list(self._out.glob("*.eml"))) - before


@asynccontextmanager
async def reminded(
    folder: Path,
    *,
    slack: Mapping[str, object] | None = None,
    name: str = "Ben Okafor",
    **more: object,
) -> AsyncGenerator[tuple[ServedConsole, Posting, SolutionView, Path]]:
    """A solution of which people are reminded after an hour, and who writes to them."""
    tables: dict[str, Any] = {} if slack is None else {"slack": slack}
    clock = FakeClock()
    approvals: dict[str, object] = {"remind_after_minutes": 60, **more}
    console_section = {"url": "https://sayso.shop.example"}
    out = folder / "out"
    post = EmailConnector(
        book=Nobody,
        writer=MessageWriter(sender="sayso@shop.example"),
        transport=FileTransport(out),
        clock=SystemClock(),
    )
    async with open_console(
        folder, clock=clock, approvals=approvals, console=console_section, name=name, **tables
    ) as console:
        view = await console.ask()
        mailer = Mailer(console.sayso, post, ADDRESSES)
        yield console, Posting(console.sayso, mailer, out), view, out


async def pass_time(console: ServedConsole, minutes: int) -> None:
    """Let time pass, and the engine look."""
    console.opened.clock.advance(minutes=minutes)
    await console.sayso.container.dispatcher.drain()


def letters(out: Path) -> dict[str, EmailMessage]:
    """What was handed over, by recipient."""
    found: dict[str, EmailMessage] = {}
    for file in sorted(out.glob("*.eml")):
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        found[str(message["To"])] = message
    return found


@pytest.mark.promise("mail:no-decision")
async def test_a_reminder_shows_all_of_it_and_decides_nothing(tmp_path: Path) -> None:
    """To everybody who may answer and has an address, once; the link asks who one is."""
    async with reminded(tmp_path) as (console, mailer, view, out):
        assert await mailer.step() == 0
        await pass_time(console, 61)
        assert await mailer.step() == 2
        assert await mailer.step() == 0
        found = letters(out)
        assert set(found) == set(ADDRESSES.values())
        message = found["maria@shop.example"]
        text = message.get_content()
        assert message["Subject"] == "$139.00 to Ben Okafor: yes or no?"
        for words in (
            "The mugs came broken.",
            "not checked",
            "Why it came to people: Above the automatic $50",
            "1. Refund $129.00",
            "2. Give a gift of $10.00",
            *(line for line in LETTER.splitlines() if line),
            "No answer counts as no.",
            "in about 7 hours",
        ):
            assert words in text, text
        link = f"https://sayso.shop.example/console/solution/{view.id}"
        assert link in text
        assert text.count("://") == 1
        async with console.client() as browser:
            opened = await browser.get(f"/console/solution/{view.id}")
        assert (opened.status_code, "enter" in opened.headers.get("location", "")) == (303, True)
        assert (await console.sayso.solutions.get(view.id)).status == "pending"


@pytest.mark.promise("slack:fail-closed")
async def test_slack_being_down_holds_up_no_letter_and_no_inbox(tmp_path: Path) -> None:
    """Nothing is approved meanwhile; whoever has an address is written to, as ever."""
    with FakeSlack.start() as slack:
        slack.add_faults(SlackFault(kind=FaultKind.SERVER_ERROR, times=None))
        section = settings_for(slack.api_url, tmp_path)
        async with reminded(tmp_path, slack=section) as (console, mailer, view, out):
            async with create_slack_app(console.sayso) as app:
                await pass_time(console, 61)
                with pytest.raises(SaysoError, match="slack"):
                    await app.notifier.drain()
                assert await mailer.step() == 2
            assert set(letters(out)) == set(ADDRESSES.values())
            async with console.client(await console.sign_in()) as browser:
                assert "1 waits for you" in (await browser.get("/console/")).text
            assert (await console.sayso.solutions.get(view.id)).status == "pending"
            assert slack.messages == []


@pytest.mark.promise("people:away")
async def test_who_is_away_is_not_called(tmp_path: Path) -> None:
    """Somebody else is; the absence ends by itself, and is an entry that gives nobody a power."""
    async with reminded(tmp_path, escalate_after_minutes=120, escalate_to="finance") as (
        console,
        mailer,
        _,
        out,
    ):
        people, tenant, now = console.sayso.people, console.sayso.tenant, console.sayso.now()
        async with console.client(await console.sign_in("maria")) as browser:
            form = {"do": "away", "until": f"{now:%Y-%m-%d}", "to": "noor"}
            assert (await browser.post("/console/me", data=form)).status_code == 303
            page = (await browser.get("/console/me")).text
            assert "You are away until" in page
            assert "noor is called in your place" in page
            assert "noor is called instead" in (await browser.get("/console/people")).text
        await pass_time(console, 61)
        assert await mailer.step() == 1
        assert set(letters(out)) == {"noor@shop.example"}
        called = await people.called(
            tenant, frozenset({"support_manager"}), frozenset(), console.sayso.now()
        )
        assert [one.id for one in called] == ["noor"]
        console.opened.clock.advance(hours=13)
        assert not await people.away(tenant, console.sayso.now())
        assert not console.sayso.audit.verify(tenant=tenant).exit_status


@pytest.mark.promise("people:away")
async def test_only_who_has_the_same_roles_is_called_instead(tmp_path: Path) -> None:
    """And nobody for longer than ninety days; whoever is back says so."""
    async with reminded(tmp_path) as (console, _, _, _):
        async with console.client(await console.sign_in("maria")) as browser:
            for form in (
                {"do": "away", "until": "2026-11-26", "to": "finn"},
                {"do": "away", "until": "2026-11-26", "to": "maria"},
                {"do": "away", "until": "2027-11-26"},
                {"do": "away", "until": "soon"},
            ):
                assert (await browser.post("/console/me", data=form)).status_code in {409, 422}
            said = {"do": "away", "until": "2026-11-26"}
            assert (await browser.post("/console/me", data=said)).status_code == 303
            assert (await browser.post("/console/me", data={"do": "back"})).status_code == 303
        away = await console.sayso.people.away(console.sayso.tenant, console.sayso.now())
        assert dict(away) == {}


@pytest.mark.promise("mail:no-decision")
async def test_foreign_text_brings_no_link_and_no_hidden_character(tmp_path: Path) -> None:
    """What a customer writes, and their name, stays text on its own lines, also in a header."""
    name = "Ben\r\nBcc: y@evil.example\r\n\r\nhttps://evil.example \u202eabc\U000e0041"
    words = (
        "Please refund $129.00 of my order. http://evil.example \u202eabc\r\nBcc: x@evil.example"
    )
    async with reminded(tmp_path, name=name) as (console, mailer, _, out):
        await console.ask(f"{words} I want a gift of $10.00. Send me a letter.", customer=2)
        await pass_time(console, 61)
        assert await mailer.step() == 4
        assert len(list(out.glob("*.eml"))) == 4
        for file in out.glob("*.eml"):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            assert message["Bcc"] is None
            assert isinstance(message, EmailMessage)
            text = message.get_content()
            assert text.count("://") == 1
            for hidden in ("\u202e", "\U000e0041"):
                assert hidden not in text + str(message["Subject"])


async def test_the_report_goes_out_in_words_with_what_a_limit_refuses(tmp_path: Path) -> None:
    """One plain letter to one address of ours, which leads to the figures."""
    async with reminded(tmp_path) as (console, _, _, out):
        post = EmailConnector(
            book=Nobody,
            writer=MessageWriter(sender="sayso@shop.example"),
            transport=FileTransport(out),
            clock=SystemClock(),
        )
        sent = await deliver_report(console.sayso, post, ADDRESSES["maria"], 12)
        letter = letters(out)["maria@shop.example"]
        assert letter["Subject"] == sent.title
        text = letter.get_content()
        assert "asked for this week so far" in text
        assert "All figures: https://sayso.shop.example/console/figures" in text
