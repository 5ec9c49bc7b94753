"""The switch in the browser, and the forms of the roll-out that were made of an older page."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from actions.limits.limit_work import refund
from surfaces.console.served_console import ROOT, ServedConsole, open_console
from surfaces.console.test_rollout import move, rolled_out, stage

_ONCE = re.compile(r'name="once" value="([^"]+)"')


async def _post(console: ServedConsole, who: str, path: str, **form: str) -> tuple[int, str]:
    async with console.client(await console.sign_in(who)) as browser:
        answer = await browser.post(f"{ROOT}/{path}", data=form)
        return answer.status_code, html.unescape(answer.text)


async def _page(console: ServedConsole, who: str, path: str = "stop") -> str:
    async with console.client(await console.sign_in(who)) as browser:
        return html.unescape((await browser.get(f"{ROOT}/{path}")).text)


@pytest.mark.promise("console:commands")
async def test_what_is_stopped_is_chosen_by_name_and_once(tmp_path: Path) -> None:
    """It lists what there is; a slip of the pen, no reason and no name stop nothing."""
    async with open_console(tmp_path) as console:
        page = await _page(console, "ada")
        for name in ("shop", "shop.refund"):
            assert f'<option value="{name}">' in page
        found = _ONCE.search(page)
        assert found is not None
        refused = await _post(console, "ada", "stop", scope="tenant", reason="odd")
        assert refused[0] == 409
        assert "only somebody with a role may stop" in refused[1]
        for form, said in (
            ({"scope": "tenant", "reason": " "}, "A stop says why"),
            ({"scope": "action", "reason": "odd"}, "It was not said which one"),
            ({"scope": "action", "target": "shop.refnd", "reason": "odd"}, "shop.refund"),
            ({"scope": "connector", "target": "stripe", "reason": "odd"}, "stripe"),
            ({"scope": "everything", "target": "x", "reason": "odd"}, ""),
        ):
            status, text = await _post(console, "maria", "stop", **form)
            assert status >= 400, form
            assert said in text, form
        assert await console.sayso.stops.list() == []
        once = {"scope": "action", "target": "shop.refund", "reason": "odd", "once": found[1]}
        sent = [await _post(console, "maria", "stop", **once) for _ in range(2)]
        assert [status for status, _ in sent] == [303, 303], sent[0][1]
        (stop,) = await console.sayso.stops.list()
        assert (stop.engaged_by, stop.reason) == ("person:maria", "odd")


@pytest.mark.promise("console:commands")
async def test_two_people_let_it_go_on_and_the_page_names_whose_turn_it_is(tmp_path: Path) -> None:
    """Who asked has no second button; the roles are named before anything is stopped."""
    async with open_console(tmp_path) as console:
        assert "Two people let it go on: support manager, finance" in await _page(console, "maria")
        await _post(console, "maria", "stop", scope="tenant", reason="odd")
        (stop,) = await console.sayso.stops.list()
        assert (await _post(console, "ada", f"stop/{stop.id}/resume"))[0] == 409
        assert (await _post(console, "maria", f"stop/{stop.id}/resume"))[0] == 303
        mine, other = await _page(console, "maria"), await _page(console, "noor")
        assert "Somebody else has to agree" in mine
        assert f'action="{ROOT}/stop/{stop.id}/resume"' not in mine
        assert "Yours is the second word" in other
        await _post(console, "maria", f"stop/{stop.id}/resume")
        assert len(await console.sayso.stops.list()) == 1
        assert (await _post(console, "noor", f"stop/{stop.id}/resume"))[0] == 303
        assert await console.sayso.stops.list() == []
        assert "maria and" in await _page(console, "noor")


@pytest.mark.promise("console:rollout")
async def test_a_form_of_an_older_page_moves_nothing(tmp_path: Path) -> None:
    """Neither a dial nor a limit; one of the page as it is does."""
    async with rolled_out(tmp_path) as console:
        old = {"dial": "gifts", "stage": "off", "share": "100", "version": "1"}
        assert await move(console, "maria", **old) == 303
        for path, form in (
            ("policy/dial", {**old, "dial": "refunds"}),
            ("policy/limit", {"limit": "day", "cap-USD": "100", "version": "1"}),
        ):
            status, text = await _post(console, "maria", path, **form)
            assert status == 409
            assert "version 2 came into force since you opened the page" in text
        assert await stage(console, "refunds") == ("suggest", 100)
        now = {"dial": "refunds", "stage": "off", "share": "100", "version": "2"}
        assert await move(console, "maria", **now) == 303
        assert await stage(console, "refunds") == ("off", 100)


@pytest.mark.promise("console:rollout")
async def test_what_was_wrong_is_said_on_its_page(tmp_path: Path) -> None:
    """Of what was done, in one of three words; the page says how many were wrong of how many."""
    async with open_console(tmp_path) as console:
        done = await refund(console.opened, 2_000, customer="cus_a0", order="a0")
        where = f"action/{done.id}/wrong"
        status, text = await _post(console, "maria", where, how="mistaken")
        assert (status, "It is noted" in text) == (200, True), text
        assert (await _post(console, "maria", where, how="ugly"))[0] >= 400
        assert (await _post(console, "maria", "action/act_0/wrong", how="mistaken"))[0] == 404
        waits = await refund(console.opened, 12_900, customer="cus_a1", order="a1")
        assert (await _post(console, "maria", f"action/{waits.id}/wrong", how="reversed"))[0] == 409
