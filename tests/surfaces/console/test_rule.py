"""A rule written in the page: what it does first, then who signs it."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    violations,
)
from surfaces.console.test_rollout import BOT, TABLE

pytestmark = pytest.mark.promise("console:rule")
_TAG = re.compile(r"<[^<>]*>")
_SHA = re.compile(r'name="sha256" value="([0-9a-f]{64})"')
LOOSER = TABLE.replace("9,000", "9,500").replace("9000", "9500")
VAIN = """
[[never]]
id   = "most"
say  = "Never over $9,500"
over = 9500
"""
TIGHTER = TABLE.replace("9,000", "8,000").replace("9000", "8000")


async def _open(folder: Path) -> dict[str, object]:
    (folder / "refunds.toml").write_text(TABLE)
    return {"files": ["policy.cedar", "refunds.toml"]}


async def _post(console: ServedConsole, who: str, **form: str) -> httpx.Response:
    async with console.client(await console.sign_in(who)) as browser:
        data = {"file": "refunds.toml", "version": "1", "do": "look", **form}
        return await browser.post(f"{ROOT}/policy/rule", data=data)


async def _inbox(console: ServedConsole, who: str) -> str:
    async with console.client(await console.sign_in(who)) as browser:
        return (await browser.get(f"{ROOT}/")).text


async def _looked(console: ServedConsole, who: str, content: str, version: str = "1") -> str:
    """Look at it until last month is played; the digest of what may be signed."""
    for _ in range(20):
        page = await _post(console, who, content=content, version=version)
        if found := _SHA.search(page.text):
            return found.group(1)
        assert "Last month is being played" in page.text, page.text
    raise AssertionError("it is played for ever")


async def test_what_loosens_waits_for_a_second_one_though_the_policy_asks_for_one(
    tmp_path: Path,
) -> None:
    """Its effect is read before the button is there; the second one signs it where it waits."""
    async with open_console(tmp_path, policy_section=await _open(tmp_path)) as console:
        policy = console.sayso.policy
        await policy.begin(by=BOT, via="test")
        sha256 = await _looked(console, "maria", LOOSER)
        page = (await _post(console, "maria", content=LOOSER)).text
        order = (
            "This loosens",
            "For example",
            "The difference",
            "tests",
            "Last month",
            "two people sign",
        )
        places = [page.index(words) for words in order]
        assert places == sorted(places)
        assert "-over = 9000" in page
        sign = {"do": "sign", "content": LOOSER, "sha256": sha256, "note": "spring"}
        assert (await _post(console, "ada", **sign)).status_code == 409
        sent = await _post(console, "maria", **sign)
        assert sent.headers["location"] == "/console/policy?moved=waits"
        await _post(console, "maria", **sign)
        (waits,) = await policy.changes()
        assert waits.asked_by == "maria"
        assert (await policy.history())[0].version == 1
        # Whoever may be the second one reads of it where they look first; who asked does not.
        inboxes = {who: await _inbox(console, who) for who in ("maria", "noor", "finn")}
        item = f'href="/console/policy#{waits.id}"'
        assert {who for who, text in inboxes.items() if item in text} == {"noor", "finn"}
        assert inboxes["noor"].index(item) < inboxes["noor"].index('class="tabs"')
        assert "“spring”" in inboxes["noor"]
        async with console.client(await console.sign_in("noor")) as browser:
            where = f"{ROOT}/policy/change/{waits.id}"
            yes = {"answer": "confirm", "sha256": waits.sha256}
            strange = await browser.post(where, data={**yes, "answer": "sign"})
            assert strange.status_code == 409, "an answer that there is not ends no change"
            assert (await browser.post(where, data=yes)).status_code == 303
        now = await policy.in_force()
        assert now is not None
        assert "9500" in now.files["refunds.toml"]
        assert item not in await _inbox(console, "finn")
        late = await _post(console, "noor", **sign)
        assert late.status_code == 409
        assert "version 2 came into force since you opened the page" in late.text
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_nothing_is_signed_that_was_not_shown_or_does_not_say_what_it_does(
    tmp_path: Path,
) -> None:
    """Another text, an old sentence, no TOML, no such file; what tightens needs one."""
    async with open_console(tmp_path, policy_section=await _open(tmp_path)) as console:
        await console.sayso.policy.begin(by=BOT, via="test")
        sha256 = await _looked(console, "maria", TIGHTER)
        for content, words in (
            (LOOSER, "This is not what was shown to you"),
            (TABLE.replace("9000", "8000"), "still has the sentence of whoever wrote it before"),
            ("[[never]\n<b>", "It cannot be read"),
            (TIGHTER + "# \u202eyes", "characters that nobody sees"),
            (TIGHTER + VAIN, "Rows that are in vain"),
            (TIGHTER + VAIN, "refunds.most: it changes nothing: `refunds.much` says all of it"),
            (TABLE, "Nothing is changed"),
        ):
            page = await _post(console, "maria", do="sign", content=content, sha256=sha256)
            assert words in " ".join(_TAG.sub("", html.unescape(page.text)).split()), words
            assert "<b>" not in page.text.partition("<textarea")[2].partition("</textarea")[0]
        strange = await _post(console, "maria", file="../sayso.toml", content=TIGHTER)
        assert strange.status_code == 404
        assert (await console.sayso.policy.history())[0].version == 1
        done = await _post(console, "maria", do="sign", content=TIGHTER, sha256=sha256)
        assert done.headers["location"] == "/console/policy?moved=now"
        assert (await console.sayso.policy.history())[0].version == 2


async def test_a_table_is_written_row_by_row_as_fields(tmp_path: Path) -> None:
    """A first table of an action, a row of it changed, one taken away; it is signed as any text."""
    async with open_console(tmp_path, policy_section=await _open(tmp_path)) as console:
        await console.sayso.policy.begin(by=BOT, via="test")
        new = "policies/shop-gift.toml"
        async with console.client(await console.sign_in("maria")) as browser:
            assert f'<option value="{new}">' in (await browser.get(f"{ROOT}/policy")).text
            page = (await browser.get(f"{ROOT}/policy/rule?file={new}")).text
            assert 'value="tenure_days"' in page or 'value="count_30d"' in page
            row: dict[str, str | list[str]] = {
                "file": new,
                "version": "1",
                "content": _content(page),
                "do": "row",
                "was": "",
                "sort": "never",
                "say": "Never over $40 <b>at night</b>",
                "amount": "40",
                "name": ["hour", ""],
                "how": ["between", "is"],
                "value": ["22 to 6", ""],
            }
            page = (await browser.post(f"{ROOT}/policy/rule", data=row)).text
            text = _content(page)
            assert "hour = { from = 22, to = 6 }" in text
            assert 'id = "never-over-40-b-at-night-b"' in text
            assert "This tightens" in page
            assert "Above" not in page or "nobody asked" in page
            base = {"file": new, "version": "1", "content": text}
            opened = {**base, "do": "open:never-over-40-b-at-night-b"}
            page = (await browser.post(f"{ROOT}/policy/rule", data=opened)).text
            assert 'name="amount" maxlength="80" value="40"' in page
            wrong = {**row, "content": text, "was": "never-over-40-b-at-night-b", "amount": "much"}
            answer = await browser.post(f"{ROOT}/policy/rule", data=wrong)
            assert answer.status_code == 422
            assert "is no amount above zero" in html.unescape(answer.text)
            for people in ("0", "x", "\u0663", "9"):
                asks = {**wrong, "sort": "ask", "amount": "40", "by": "finance", "people": people}
                answer = await browser.post(f"{ROOT}/policy/rule", data=asks)
                assert answer.status_code == 422, "one person is not what was written"
                assert "`people` is no number from 1 to 5" in html.unescape(answer.text)
            gone = {**base, "do": "drop:never-over-40-b-at-night-b"}
            page = (await browser.post(f"{ROOT}/policy/rule", data=gone)).text
            assert "[[never]]" not in _content(page)
            strange = await browser.get(f"{ROOT}/policy/rule?file=policies/other.toml")
            assert strange.status_code == 404
            found = None
            for _ in range(20):
                page = (await browser.post(f"{ROOT}/policy/rule", data={**base, "do": "look"})).text
                if found := _SHA.search(page):
                    break
            assert found is not None
            sign = {**base, "do": "sign", "sha256": found.group(1)}
            done = await browser.post(f"{ROOT}/policy/rule", data=sign)
            assert done.headers["location"] == "/console/policy?moved=now"
        now = await console.sayso.policy.in_force()
        assert now is not None
        assert now.files[new] == text


def _content(page: str) -> str:
    """What stands in the field of the file's text."""
    found = re.search(r'<textarea id="content"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    assert found is not None, page
    return html.unescape(found.group(1))


@needs_chromium
async def test_it_is_written_with_scripts_off_on_a_phone(tmp_path: Path) -> None:
    """From the policy to the signature, without a fault of access."""
    async with (
        open_console(tmp_path, policy_section=await _open(tmp_path)) as console,
        chromium() as browser,
    ):
        await console.sayso.policy.begin(by=BOT, via="test")
        await _looked(console, "maria", LOOSER)
        maria = await console.context(browser, viewport={"width": 390, "height": 844})
        page = await maria.new_page()
        await page.goto(console.path("policy/rule?file=refunds.toml"))
        await page.fill("#content", LOOSER)
        await page.get_by_role("button", name="Show what it does", exact=True).click()
        while not await page.get_by_role("button", name="Sign it").count():
            await page.get_by_role("button", name="Show what it does", exact=True).click()
            await page.wait_for_load_state()
        assert await violations(page) == []
        await page.get_by_role("button", name="Sign it").click()
        await page.wait_for_url(console.path("policy?moved=waits"))
