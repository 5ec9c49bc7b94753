"""Several at once: one rule, one yes with the total, each its own transaction and outcome."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import httpx
import pytest
from surfaces.console.served_console import (
    ROOT,
    WORDS,
    Packages,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    package,
    violations,
)

from sayso.audit.authority.people import KnownPerson
from sayso.money import Money
from sayso.sdk.views.bulk import MOST_IN_BULK, SolutionGroup, by_rule, rule_of

pytestmark = pytest.mark.promise("console:together")


async def waiting(console: ServedConsole, number: int = 3, words: str = WORDS) -> SolutionGroup:
    """So many solutions of one rule, which wait for a manager."""
    for customer in range(1, number + 1):
        await console.ask(words, customer=customer)
    page = await console.sayso.solutions.waiting_for(await person(console))
    (group,) = by_rule(page.items)
    assert len(group.items) == number
    return group


async def person(console: ServedConsole, name: str = "maria") -> KnownPerson:
    """Who the log says somebody is."""
    found = (await console.sayso.people.authority(console.sayso.tenant)).person(name)
    assert found is not None
    return found


def fields(group: SolutionGroup, *ticked: str) -> dict[str, str | list[str]]:
    """The form of the page, with these ticked; all unless said."""
    ids = [item.id for item in group.items]
    return {
        "rule": group.rule,
        "digest": group.digest,
        "shown": ids,
        "item": list(ticked) or ids,
        **{f"digest.{item.id}": item.digest for item in group.items},
    }


async def post(
    console: ServedConsole, form: dict[str, str | list[str]], name: str = "maria"
) -> httpx.Response:
    """Send the form."""
    async with console.client(await console.sign_in(name)) as browser:
        return await browser.post(f"{ROOT}/together", data=form)


async def statuses(console: ServedConsole, group: SolutionGroup) -> list[str]:
    """How each stands now."""
    return [(await console.sayso.solutions.get(item.id)).status for item in group.items]


async def test_one_yes_answers_each_by_itself(tmp_path: Path) -> None:
    """The inbox offers it with its total; each has an entry that names the one digest."""
    async with open_console(tmp_path) as console:
        group = await waiting(console)
        async with console.client(await console.sign_in()) as browser:
            inbox = (await browser.get(f"{ROOT}/")).text
            assert "3 of “Above the automatic $50”, $417.00" in inbox
            where = re.findall(r'href="([^"]+/together[^"]+)"', inbox)
            page = (await browser.get(unescape(where[0]))).text
        assert "Yes to 3, $417.00" in page
        assert group.digest in page
        done = await post(console, fields(group))
        assert done.status_code == 200
        assert "You said yes to 3 of 3 solutions" in done.text
        assert done.text.count("Yes. 3 of 3 steps done.") == 3
        assert await statuses(console, group) == ["approved"] * 3
        entries = await console.sayso.audit.tail(200)
        via = [
            entry.body["data"]["via"]
            for entry in entries
            if entry.kind == "action.approved" and entry.actor == "person:maria"
        ]
        assert set(via) == {f"console/together/{group.digest[:12]}"}


@pytest.mark.promise("approvals:hold")
async def test_one_yes_to_several_that_wait_says_when_each_starts(tmp_path: Path) -> None:
    """Beside the way to its card, where it can be taken back."""
    async with open_console(tmp_path, approvals={"hold": "30s"}) as console:
        group = await waiting(console, 2)
        done = await post(console, fields(group))
        assert done.text.count("; until then you can take it back.") == 2
        assert "0 of" not in done.text
        for item in group.items:
            assert f"solution/{item.id}" in done.text
            assert (await console.sayso.solutions.get(item.id)).may_take_back


async def test_nothing_is_ticked_where_each_has_a_reason_of_its_own(tmp_path: Path) -> None:
    """One yes for many begins with none of them, and each shows why it came."""
    async with open_console(tmp_path) as console:
        group = await waiting(console)
        reasons = [f"Customer for {days} days; automatic from 91" for days in (12, 40, 41)]
        items = [
            item.model_copy(update={"lead": item.lead.model_copy(update={"why": why})})
            for item, why in zip(group.items, reasons, strict=True)
        ]
        (mixed,) = by_rule(items)
        assert (group.why, mixed.why) == ("Above the automatic $50", "")
        assert (group.rule, mixed.rule) == ("small (amount)",) * 2
        (left,) = by_rule(group.items[:2])
        assert left.why == group.why


async def test_what_changed_drops_out_and_the_total_is_shown_again(tmp_path: Path) -> None:
    """Nothing is decided by that click, and no deciding button stands where it was."""
    async with open_console(tmp_path) as console:
        group = await waiting(console)
        first = group.items[0]
        await console.sayso.solutions.answer(
            first.id,
            "reject",
            token=await console.sign_in("noor"),
            revision=first.revision,
            digest=first.digest,
            reason_code="not_covered",
        )
        late = await post(console, fields(group))
        assert late.status_code == 409
        assert "nothing was decided" in late.text
        assert "$278.00" in late.text
        assert 'name="decision"' not in late.text
        assert await statuses(console, group) == ["rejected", "pending", "pending"]
        (left,) = by_rule(group.items[1:])
        assert "You said yes to 2 of 2" in (await post(console, fields(left))).text


async def test_no_more_than_twenty_are_answered_with_one_yes(tmp_path: Path) -> None:
    """The page shows so many, and a form with one more decides nothing."""
    async with open_console(tmp_path) as console:
        for customer in range(1, 22):
            subject = f"cus_{customer}"
            console.shop.books.add(f"o{customer}", subject, Money(100_000, "USD"))
            console.shop.names[subject] = "Ben"
            await console.ask(customer=customer)
        waiting = await console.sayso.solutions.waiting_for(await person(console))
        rule = rule_of(waiting.items[0])
        assert len(waiting.items) == MOST_IN_BULK + 1 == 21
        async with console.client(await console.sign_in()) as browser:
            page = (await browser.get(f"{ROOT}/together", params={"rule": rule})).text
        assert "Yes to 20, $2,780.00" in page
        forged = SolutionGroup(rule=rule, why="", items=waiting.items)
        assert "You said yes" not in (await post(console, fields(forged))).text
        assert set(await statuses(console, forged)) == {"pending"}


async def test_fewer_are_shown_with_their_total_first(tmp_path: Path) -> None:
    """A button that names the total of all decides nothing less."""
    async with open_console(tmp_path) as console:
        group = await waiting(console)
        ticked = [item.id for item in group.items[:2]]
        seen = await post(console, fields(group, *ticked))
        assert "something is unticked" in seen.text
        assert "$278.00" in seen.text
        assert await statuses(console, group) == ["pending"] * 3


@pytest.mark.parametrize("forged", ["digest", "rule", "item"])
async def test_nothing_is_decided_that_was_not_shown(tmp_path: Path, forged: str) -> None:
    """Another digest, another rule, an item with another digest, somebody without the role."""
    async with open_console(tmp_path) as console:
        group = await waiting(console, 2)
        form = fields(group)
        name = f"digest.{group.items[0].id}" if forged == "item" else forged
        form[name] = "0" * 64
        assert (await post(console, form)).status_code == 409
        assert (await post(console, fields(group), "finn")).status_code == 409
        assert (await post(console, {})).status_code == 409
        assert await statuses(console, group) == ["pending"] * 2


async def test_two_people_are_needed_for_each_as_always(tmp_path: Path) -> None:
    """A yes to several is one person's yes to each; what needs two waits for the second."""
    planner = Packages(*package(refund=70_000, letter="We are sorry."))
    async with open_console(tmp_path, planner=planner) as console:
        group = await waiting(console, 2, WORDS.replace("$129.00", "$700.00"))
        said = await post(console, fields(group))
        assert said.text.count("it waits for somebody else") == 2
        assert await statuses(console, group) == ["pending"] * 2
        page = await console.sayso.solutions.waiting_for(await person(console, "finn"))
        (second,) = by_rule(page.items)
        assert "You said yes to 2 of 2" in (await post(console, fields(second), "finn")).text
        assert await statuses(console, group) == ["approved"] * 2


@needs_chromium
async def test_it_works_without_scripts_on_a_phone(tmp_path: Path) -> None:
    """Unticked, the button of the whole is gone; with all ticked one press answers each."""
    async with open_console(tmp_path) as console, chromium() as browser:
        await waiting(console)
        phone = {"width": 360, "height": 780}
        async with await console.context(browser) as scripted:
            page = await scripted.new_page()
            await page.set_viewport_size({"width": 360, "height": 780})
            await page.goto(console.path(""))
            await page.get_by_role("link", name="3 of").click()
            assert await violations(page) == []
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 360
        context = await console.context(browser, java_script_enabled=False, viewport=phone)
        async with context:
            page = await context.new_page()
            await page.goto(console.path(""))
            await page.get_by_role("link", name="3 of").click()
            yes = page.get_by_role("button", name="Yes to 3, $417.00")
            await yes.wait_for()
            await page.get_by_role("checkbox").first.uncheck()
            await yes.wait_for(state="hidden")
            await page.get_by_role("button", name="See the smaller total…").click()
            await page.get_by_role("button", name="Yes to 2, $278.00").click()
            await page.get_by_role("heading", name="You said yes to 2 of 2 solutions").wait_for()
