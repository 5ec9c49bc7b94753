"""Sending the report: to people of ours alone, at the addresses that sayso.toml has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.errors import Code, RefusedError
from sayso.ids import to_micros
from sayso.sdk.resources.report import SentReport, lines_of, subject_of
from sayso.sdk.words.figures import unnamed_words
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.connectors.email.connector import EmailConnector
    from sayso.sdk.client import Sayso


def address_of(sayso: Sayso, person: str) -> str | None:
    """Where a person is written to; None where they have no address, or no e-mail is set up."""
    people = sayso.workspace.settings.people
    found = next((one.email for one in people if one.id == person), None)
    return found if sayso.post is not None else None


async def send_report(sayso: Sayso, person: str, weeks: int) -> SentReport:
    """Write it and hand it over; see `Sayso.send_report`."""
    post, address = sayso.post, address_of(sayso, person)
    if post is None:
        raise RefusedError(
            Code.WRONG_STATE,
            "no e-mail is set up here",
            next_step="set up `[connectors.email]` in sayso.toml",
        )
    if address is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"`{plain(person, limit=40)}` has no e-mail address here",
            next_step="give the person an `email` in sayso.toml",
        )
    return await deliver_report(sayso, post, address, weeks)


async def deliver_report(
    sayso: Sayso, post: EmailConnector, address: str, weeks: int
) -> SentReport:
    """Write the report, and hand it over for an address of ours.

    Raises:
        RefusedError, RetryableError, OutcomeUnknownError: as `EmailConnector.tell`.
    """
    found = await sayso.report(weeks=weeks)
    statistics = await sayso.statistics.read(days=7)
    lines = [*lines_of(found), *filter(None, map(unnamed_words, statistics.refused))]
    url = sayso.workspace.settings.console.url
    if url:
        lines += ["", f"All figures: {url}{CONSOLE_PATH}/figures"]
    title = subject_of(found)
    await post.tell(
        recipient=address,
        title=title,
        text="\n".join(plain(line, limit=500) for line in lines),
        key=f"report/{address}/{found.until}/{to_micros(sayso.now())}",
        about=f"report-{found.until}",
    )
    return SentReport(recipient=address, title=title)
