"""What machines leave to people has a name on it, notes, and an end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.sql import run_sql
from surfaces.console.served_console import ROOT, ServedConsole, open_console

from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("work:kept")


@asynccontextmanager
async def handed_over(folder: Path) -> AsyncGenerator[tuple[ServedConsole, str]]:
    """A workspace in which one request was handed over to people; its id."""
    async with open_console(folder, clock=FakeClock()) as console:
        request = await console.sayso.ask("cus_1", "I want to talk to a person")
        assert request.status == "handed_over"
        yield console, request.id


async def test_it_is_listed_until_somebody_ends_it(tmp_path: Path) -> None:
    """Taken, given away, noted, ended: each an entry by whoever said it, and nothing is lost."""
    async with handed_over(tmp_path) as (console, about):
        work = console.sayso.work
        maria, noor = await console.sign_in("maria"), await console.sign_in("noor")
        (found,) = await work.list()
        assert (found.about, found.kind, found.assignee) == (about, "handed_over", None)
        assert (await work.take(about, token=maria)).assignee == "maria"
        assert await work.list(assignee="noor") == []
        assert (await work.take(about, token=maria, person="noor")).assignee == "noor"
        noted = await work.note(about, "Called them; they call back.", token=noor)
        assert [(note.person, note.text) for note in noted.notes] == [
            ("noor", "Called them; they call back.")
        ]
        ended = await work.end(about, "They have their money.", token=noor)
        assert ended.ended
        assert await work.list() == []
        assert (await work.get(about)).ended
        kinds = [entry.kind for entry in await console.sayso.audit.tail(20)]
        assert [kind for kind in reversed(kinds) if kind.startswith("work.")] == [
            "work.taken",
            "work.taken",
            "work.noted",
            "work.ended",
        ]
        assert not console.sayso.audit.verify(tenant=console.sayso.tenant).exit_status


async def test_it_may_be_given_to_whoever_the_log_knows(tmp_path: Path) -> None:
    """Also to somebody who does not stand in sayso.toml, and to nobody who is gone."""
    async with handed_over(tmp_path) as (console, about):
        sayso, by = console.sayso, By(actor=Actor(kind=ActorKind.SERVICE, id="test"))
        await sayso.people.add(sayso.tenant, "zoe", ("finance",), by=by)
        await sayso.people.deactivate(sayso.tenant, "finn", by=by)
        async with console.client(await console.sign_in()) as browser:
            page = (await browser.get(f"{ROOT}/request/{about}")).text
            assert "<option>zoe</option>" in page
            assert "<option>finn</option>" not in page
            form = {"do": "give", "person": "zoe"}
            assert (await browser.post(f"{ROOT}/work/{about}", data=form)).status_code == 303
        assert (await sayso.work.get(about)).assignee == "zoe"


async def test_what_is_ended_stays_ended(tmp_path: Path) -> None:
    """Nothing is said about it afterwards; nothing is taken that is nobody's work."""
    async with handed_over(tmp_path) as (console, about):
        work, maria = console.sayso.work, await console.sign_in("maria")
        await work.end(about, "done by telephone", token=maria)
        for say in (
            work.take(about, token=maria),
            work.note(about, "more", token=maria),
            work.end(about, "again", token=maria),
        ):
            with pytest.raises(RefusedError) as caught:
                await say
            assert caught.value.code is Code.ALREADY_IN_STATE
        for nothing in ("req_none", "act_none", ""):
            with pytest.raises(RefusedError) as caught:
                await work.take(nothing, token=maria)
            assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("note", ["", "  ", "x" * 2001, "\0"])
async def test_a_note_is_some_text(tmp_path: Path, note: str) -> None:
    """Empty, too long, or no text: refused, and nothing is stored."""
    async with handed_over(tmp_path) as (console, about):
        maria = await console.sign_in("maria")
        with pytest.raises(RefusedError) as caught:
            await console.sayso.work.end(about, note, token=maria)
        assert caught.value.code in {Code.INVALID_INPUT, Code.MESSAGE_TOO_LONG}
        assert len(await console.sayso.work.list()) == 1


async def test_a_note_is_sealed_with_the_customer(tmp_path: Path) -> None:
    """Invariant 8: the log says that there is one; the text goes with the customer's key."""
    async with handed_over(tmp_path) as (console, about):
        maria = await console.sign_in("maria")
        await console.sayso.work.note(about, "Their new address is 1 High Street", token=maria)
        entries = await console.sayso.audit.tail(20)
        assert "High Street" not in str([entry.body for entry in entries])


async def test_nobody_strange_takes_work(tmp_path: Path) -> None:
    """Only an active person of the workspace, and only by their own token."""
    async with handed_over(tmp_path) as (console, about):
        maria = await console.sign_in("maria")
        with pytest.raises(RefusedError) as caught:
            await console.sayso.work.take(about, token=maria, person="mallory")
        assert caught.value.code is Code.NOT_FOUND
        with pytest.raises(RefusedError) as caught:
            await console.sayso.work.take(about, token="nonsense")
        assert caught.value.code is Code.UNAUTHENTICATED


async def test_the_console_takes_notes_and_ends_it_without_a_script(tmp_path: Path) -> None:
    """The page of the request has the form; the inbox says who has taken it, and then nothing."""
    async with (
        handed_over(tmp_path) as (console, about),
        console.client(await console.sign_in("maria")) as browser,
    ):
        page = await browser.get("/console/?tab=handed-over")
        assert "Nobody has it" in page.text
        for fields in ({"do": "take"}, {"do": "note", "note": "Called <b>them</b>"}):
            answer = await browser.post(f"/console/work/{about}", data=fields)
            assert answer.status_code == 303
        page = await browser.get(f"/console/request/{about}")
        assert "Taken by maria" in page.text
        assert "Called &lt;b&gt;them&lt;/b&gt;" in page.text
        page = await browser.get("/console/?tab=handed-over")
        assert "You have it" in page.text
        answer = await browser.post(f"/console/work/{about}", data={"do": "end", "note": ""})
        assert answer.status_code == 409
        await browser.post(f"/console/work/{about}", data={"do": "end", "note": "done"})
        page = await browser.get("/console/?tab=handed-over")
        assert "Nobody waits for a person" in page.text
        assert "Ended" in (await browser.get(f"/console/request/{about}")).text
        page = await browser.get("/console/")
        assert page.status_code == 200


NOTED = (
    "update work_note set person = 'noor'",
    "update work_note set at = at - 86400000000",
    "update work_note set ref = (select ref from personal where ref <> work_note.ref limit 1)",
    "update work_note set about = 'req_00000000000000000000000000'",
    "delete from work_note",
    "insert into work_note select tenant, about, 0, 'noor', at, ref from work_note",
    "insert into work_note select tenant, about, seq + 1, 'noor', at, ref from work_note",
    "update work_note set person = ''",
    "update work set ended_at = 1",
    "update work set assignee = 'noor'",
    "update work set last_seq = last_seq - 1",
    "delete from work",
)
"""What somebody does to a note, who can write the database."""


@pytest.mark.promise("work:authors")
@pytest.mark.tampers("with the rows of notes")
@pytest.mark.parametrize("edit", NOTED)
async def test_nobody_puts_words_into_a_mouth_by_a_row(tmp_path: Path, edit: str) -> None:
    """Who noted what, and when, is read from the log; and the verifier says what was changed."""
    async with handed_over(tmp_path) as (console, about):
        work, maria = console.sayso.work, await console.sign_in("maria")
        await work.take(about, token=maria)
        (noted,) = (await work.note(about, "Called them.", token=maria)).notes
        run_sql("sqlite", console.opened, edit)
        for note in (await work.get(about)).notes:
            assert (note.person, note.text, note.at) == ("maria", "Called them.", noted.at)
        assert console.sayso.audit.verify(tenant=console.sayso.tenant).exit_status == 1
