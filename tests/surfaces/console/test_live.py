"""Open pages that stay true: decided elsewhere, gone sessions, a server that restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    put_away,
    serving,
)

from sayso.sdk.views.solution import SolutionView

SOON_S = 60.0


async def says(page: Page, text: str) -> None:
    """Wait until the page says it, of itself."""
    await page.wait_for_selector(f"main:has-text('{text}')", timeout=SOON_S * 1000)


async def answer(
    console: ServedConsole, view: SolutionView, person: str, choice: str = "approve"
) -> None:
    """Somebody answers, somewhere else."""
    await console.sayso.solutions.answer(
        view.id,
        choice,
        token=await console.sign_in(person),
        revision=view.revision,
        digest=view.digest,
        reason_code="other" if choice == "reject" else "",
    )


@needs_chromium
@pytest.mark.promise("console:live")
async def test_what_somebody_else_decides_shows_on_open_pages(tmp_path: Path) -> None:
    """In an open solution the buttons go, and the open inbox loses its row."""
    async with open_console(tmp_path) as console, chromium() as browser:
        for number in range(2):
            console.opened.clock.advance(seconds=1)
            view = await console.ask(customer=number + 1)
            context = await console.context(browser, "maria")
            solution, inbox = await context.new_page(), await context.new_page()
            await solution.goto(console.path(f"solution/{view.id}"))
            await inbox.goto(console.path(""))
            assert await solution.is_visible("#yes")
            await says(inbox, "1 waits for you")
            for page in (solution, inbox):
                await page.wait_for_selector("body[data-following]")
            await answer(console, view, "noor")
            await says(solution, "noor said yes")
            await says(inbox, "Nothing waits")
            assert not await solution.is_visible("#yes")
            assert await solution.inner_text("#status") != ""
            await put_away(context)


@needs_chromium
@pytest.mark.promise("console:live")
async def test_what_one_is_writing_is_not_lost_when_the_page_changes(tmp_path: Path) -> None:
    """Another's first yes changes the card; the reason that is being written stays."""
    async with open_console(tmp_path) as console, chromium() as browser:
        view = await console.ask()
        page = await (await console.context(browser)).new_page()
        await page.goto(console.path(f"solution/{view.id}"))
        await page.click("#to-no")
        await page.fill("#reason", "they have used it for a year")
        await console.sayso.stops.engage("tenant", reason="drill")
        await page.wait_for_selector(".state.off", timeout=SOON_S * 1000)
        assert await page.input_value("#reason") == "they have used it for a year"


@pytest.mark.promise("console:live")
async def test_a_stream_says_changes_and_beats_and_ends_with_its_session(tmp_path: Path) -> None:
    """A revoked session loses its stream."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        cookie = await console.sign_in()
        async with console.client(cookie) as browser:
            lines: list[str] = []
            async with browser.stream("GET", f"{ROOT}/live?on={view.id}") as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                parts = stream.aiter_lines()

                async def read_until(word: str) -> None:
                    async with asyncio.timeout(SOON_S):
                        async for line in parts:
                            lines.append(line)
                            if word in line:
                                return

                await read_until("id: ")
                await answer(console, view, "noor")
                await read_until("event: changed")
                session = await console.sayso.sessions.check(cookie)
                await console.sayso.sessions.end(session)
                await read_until("event: ended")
        assert lines[0] == "retry: 1000"


@pytest.mark.promise("console:live")
async def test_who_was_cut_off_is_told_what_was_missed(tmp_path: Path) -> None:
    """By the last mark that a page has seen; without one there is nothing to have missed."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        async with console.client(await console.sign_in()) as browser:

            async def first(seen: str) -> list[str]:
                headers = {"Last-Event-ID": seen} if seen else {}
                path, lines = f"{ROOT}/live?on={view.id}", list[str]()
                async with browser.stream("GET", path, headers=headers) as stream:
                    async for line in stream.aiter_lines():
                        lines.append(line)
                        if line.startswith("data: "):
                            break
                return lines

            fresh = await first("")
            assert "event: changed" not in fresh
            (mark,) = [line.removeprefix("id: ") for line in fresh if line.startswith("id: ")]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(first(mark), 1)
            await answer(console, view, "noor")
            assert "event: changed" in await asyncio.wait_for(first(mark), SOON_S)


@pytest.mark.promise("console:idle")
async def test_idle_pages_ask_the_database_nothing(tmp_path: Path) -> None:
    """An open page to which nothing happens costs a look at shared memory, as do twenty."""
    async with open_console(tmp_path) as console:
        asked, opened = asyncio.Event(), asyncio.Semaphore(0)
        store = console.sayso.container.store
        read = store.read

        async def noticing(*args: object, **kwargs: object) -> object:
            asked.set()
            return await read(*args, **kwargs)  # type: ignore[arg-type]

        view = await console.ask()
        async with console.client(await console.sign_in()) as browser:

            async def listen(on: str) -> None:
                async with browser.stream("GET", f"{ROOT}/live?on={on}") as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("id: "):
                            opened.release()

            tasks = [asyncio.create_task(listen(on)) for on in ("inbox", view.id) * 10]
            for _ in tasks:
                await asyncio.wait_for(opened.acquire(), SOON_S)
            object.__setattr__(store, "read", noticing)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asked.wait(), 6)  # longer than a session is trusted
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@needs_chromium
@pytest.mark.promise("console:restart")
async def test_a_click_while_the_server_restarts_is_neither_lost_nor_double(
    tmp_path: Path,
) -> None:
    """The page keeps the click and sends it until somebody answers; it counts once."""
    async with open_console(tmp_path) as console, chromium() as browser:
        views = [await console.ask(customer=number) for number in (1, 2, 3)]
        for number, view in enumerate(views):
            cookie = await console.sign_in("maria")
            async with serving(console.sayso) as url:
                port = urlsplit(url).port or 0
                context = await browser.new_context()
                await context.add_cookies([{"url": url, "name": "sayso_session", "value": cookie}])
                page = await context.new_page()
                await page.goto(f"{url}{ROOT}/solution/{view.id}")
                await page.wait_for_selector("#yes")
            await page.click("#yes")
            await page.wait_for_function("document.getElementById('status').textContent")
            if number == 1:
                await page.click("#yes")  # a nervous second one
            assert (await console.sayso.solutions.get(view.id)).status == "pending"
            assert await page.is_visible("#offline")
            async with serving(console.sayso, port):
                await page.wait_for_selector("text=You said yes", timeout=SOON_S * 1000)
            await put_away(context)
        assert len(console.shop.books.payouts) == 3


@needs_chromium
@pytest.mark.promise("console:races")
async def test_two_browsers_and_another_surface_at_once_make_one_decision(
    tmp_path: Path,
) -> None:
    """Whoever is first decides; each of the others is told who it was."""
    async with open_console(tmp_path) as console, chromium() as browser:
        people = ("maria", "noor")
        contexts = [await console.context(browser, person) for person in people]
        yes = 0
        for number in range(6):
            view = await console.ask(customer=number + 1)
            pages = [await context.new_page() for context in contexts]
            for page in pages:
                await page.goto(console.path(f"solution/{view.id}"))
                await page.wait_for_selector("#yes")
            token = await console.sign_in("noor")

            async def elsewhere(view: SolutionView = view, token: str = token) -> None:
                await console.sayso.solutions.answer(
                    view.id,
                    "reject",
                    token=token,
                    revision=view.revision,
                    digest=view.digest,
                    reason_code="other",
                )

            others = (elsewhere(),) if number % 2 else ()
            await asyncio.gather(
                # By script: a click of the mouse would wait for a button that is taken away.
                *(page.evaluate("document.querySelector('#yes')?.click()") for page in pages),
                *others,
                return_exceptions=True,
            )
            for page in pages:
                await says(page, " said ")
                assert not await page.is_visible("#yes")
                await put_away(page)
            after = await console.sayso.solutions.get(view.id)
            assert len({vote.decision for vote in after.votes}) == 1
            assert len(after.votes) == 1, "one decision"
            assert len({step.status for step in after.steps}) == 1, "never half of it"
            yes += after.status == "approved"
        orders = [payout.order for payout in console.shop.books.payouts]
        assert len(orders) == len(set(orders)) == yes
