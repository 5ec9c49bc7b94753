"""Every page in a real browser: by axe, narrow, dark, without scripts, by keys, and light."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, Request
from surfaces.console.every_page import Foreign, every_page, open_everything
from surfaces.console.served_console import (
    ROOT,
    WORDS,
    Packages,
    ServedConsole,
    chromium,
    needs_chromium,
    open_console,
    package,
    put_away,
    violations,
)

pytestmark = needs_chromium
WIDTHS = ({"width": 1280, "height": 900}, {"width": 360, "height": 640})


@pytest.mark.promise("console:accessible")
@pytest.mark.promise("console:narrow")
@pytest.mark.promise("console:light")
async def test_every_page_has_no_fault_fits_a_phone_and_is_light(tmp_path: Path) -> None:
    """By axe, wide and light, narrow and dark; nothing sideways; within 60 kB gz, from one host."""
    async with open_everything(tmp_path, Foreign()) as console, chromium() as browser:
        pages = await every_page(console, Foreign())
        found: dict[str, list[str]] = {}
        hosts: set[str] = set()
        for size, scheme in zip(WIDTHS, ("light", "dark"), strict=True):
            context = await console.context(browser, viewport=size, color_scheme=scheme)
            page = await context.new_page()
            page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
            for where in pages:
                await page.goto(console.path(where))
                wide = await page.evaluate("document.documentElement.scrollWidth")
                assert wide <= size["width"], where
                wrong = await violations(page)
                if wrong:
                    found[f"{where} {scheme}"] = wrong
            if size is WIDTHS[-1]:
                await page.goto(console.path(_solution(pages)))
                await fits_above_the_buttons(page)
            await put_away(context)
        assert found == {}
        assert hosts == {urlsplit(console.url).netloc}
        await weighs_little(console, pages)


def _solution(pages: Sequence[str]) -> str:
    return next(one for one in pages if one.startswith("solution/"))


async def fits_above_the_buttons(page: Page) -> None:
    """What is read in the first five seconds stands above the buttons, on a phone."""
    bottom = await page.evaluate("document.querySelector('.lead').getBoundingClientRect().bottom")
    thumb = await page.evaluate("document.querySelector('.thumb').getBoundingClientRect().top")
    yes = await page.evaluate("document.getElementById('yes').getBoundingClientRect().bottom")
    assert bottom <= thumb + 8, "what is read first is not covered by the buttons"
    assert yes <= 640


async def weighs_little(console: ServedConsole, pages: Sequence[str]) -> None:
    """Each page with everything that it loads."""
    weights: dict[str, int] = {}
    async with console.client(await console.sign_in()) as plain:

        async def weight(asset: str) -> int:
            if asset not in weights:
                found = await plain.get(asset)
                assert found.status_code == 200
                assert "immutable" in found.headers["cache-control"]
                weights[asset] = len(gzip.compress(found.content))
            return weights[asset]

        heaviest = 0
        for where in pages:
            answer = await plain.get(f"{ROOT}/{where}")
            whole = len(gzip.compress(answer.content))
            for asset in re.findall(r'(?:href|src)="(/console/static/[^"]+)"', answer.text):
                whole += await weight(asset)
            heaviest = max(heaviest, whole)
        assert heaviest < 60_000
        assert heaviest < 35_000, "and far below it"
        answer = await plain.get(f"{ROOT}/", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"


LONG_NAME = "Maximilian Alexander von Hohenlohe-Langenburg"
CARDS: tuple[tuple[str, int, int, str, str], ...] = (
    ("Ben Okafor", 12_900, 1000, "", "Above the automatic $50"),
    ("Zoë Müller-Lüdenscheidt", 8450, 500, "It came scratched. ", "Above the automatic $50"),
    ("Al", 6000, 4999, "Late. ", "Above the automatic $50"),
    (LONG_NAME, 90_000, 2500, "I am so angry. " * 60, "Above $500"),
    ("O'Brien & Sons <Ltd>", 70_000, 1000, "We paid too much. ", "Above $500"),
)
TYPEFACES = "/usr/share/fonts/truetype"
FONTS = {
    "dejavu": "fonts-dejavu-core",
    "liberation": "fonts-liberation",
    "noto": "fonts-noto-core",
}
"""Folders of Debian, and the packages that bring them."""
FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{dir}</dir><cachedir>{cache}</cachedir>
<include ignore_missing="yes">/etc/fonts/conf.d</include></fontconfig>
"""


@needs_chromium
@pytest.mark.promise("console:narrow")
@pytest.mark.parametrize(("name", "refund", "gift", "words", "why"), CARDS)
async def test_amount_payee_reason_and_risk_are_seen_above_the_buttons(
    tmp_path: Path, name: str, refund: int, gift: int, words: str, why: str
) -> None:
    """At 360 by 640, without scrolling, also for long names, long words and two people."""
    await seen_above_the_buttons(tmp_path, None, name, refund, gift, words, why)


@needs_chromium
@pytest.mark.promise("console:narrow")
@pytest.mark.parametrize("card", [CARDS[3], CARDS[4]], ids=["a long name", "two people"])
@pytest.mark.parametrize("family", FONTS)
async def test_they_are_seen_with_each_machines_fonts(
    tmp_path: Path, family: str, card: tuple[str, int, int, str, str]
) -> None:
    """Where one family is all that is installed."""
    folder = Path(TYPEFACES, family)
    if not folder.is_dir():
        pytest.skip(f"these fonts are not here: apt-get install {FONTS[family]}")
    file = tmp_path / "fonts.conf"
    file.write_text(FONTCONFIG.format(dir=folder, cache=tmp_path / "cache"), encoding="utf-8")
    await seen_above_the_buttons(tmp_path, file, *card)


async def seen_above_the_buttons(
    tmp_path: Path, fonts: Path | None, name: str, refund: int, gift: int, words: str, why: str
) -> None:
    money = (f"${refund / 100:.2f}", f"${gift / 100:.2f}")
    said = f"{words}Please refund {money[0]} of my order. I want a gift of {money[1]}."
    steps = package(refund=refund, credit=gift)[:2]
    async with (
        open_console(tmp_path / "shop", planner=Packages(*steps), name=name) as console,
        chromium(fonts) as browser,
    ):
        view = await console.ask(said)
        context = await console.context(browser, viewport={"width": 360, "height": 640})
        page = await context.new_page()
        await page.goto(console.path(f"solution/{view.id}"))
        thumb = await page.evaluate("document.querySelector('.thumb').getBoundingClientRect().top")
        total = f"${(refund + gift) / 100:,.2f}"
        seen = {
            ".lead .sum": f"{total} to {name}",
            ".signs > div:first-child > p": why,
            ".signs > div:last-child > :is(p, ul)": "Nothing",
        }
        for selector, text in seen.items():
            part = page.locator(selector).first
            box = await part.bounding_box()
            assert text in await part.inner_text()
            assert box is not None
            assert box["y"] + box["height"] <= thumb, selector
        assert await page.locator("#yes").inner_text() == f"Yes, {total}"


@pytest.mark.promise("console:no-script")
async def test_a_manager_without_scripts_answers_everything(tmp_path: Path) -> None:
    """Yes, no with its reason, some, and less, each by links and forms alone."""
    async with open_console(tmp_path) as console, chromium() as browser:
        views = [await console.ask(customer=number) for number in (1, 2, 3, 4)]
        context = await console.context(browser, java_script_enabled=False)
        page = await context.new_page()

        async def opened(number: int) -> None:
            await page.goto(console.path(f"solution/{views[number].id}"))

        await opened(0)
        await page.click("#yes")
        assert await page.inner_text(".note strong") == "You said yes today at 12:00."
        await opened(1)
        await page.click("#to-no")
        assert not await page.is_visible("#yes"), "no yes beside the form of a no"
        await page.select_option("#reason_code", "not_covered")
        await page.click("text=No, nothing moves")
        assert await page.inner_text(".note strong") == "You said no today at 12:00."
        await opened(2)
        await page.uncheck("#step-s2")
        assert not await page.is_visible("#yes"), "the whole is not what is ticked"
        await page.click("text=See it smaller")
        assert await page.inner_text("#yes") == "Yes, $129.00"
        await page.click("#yes")
        await opened(3)
        await page.click("#to-less")
        await page.fill("#lower-s1", "43.00")
        await page.click("button:has-text('See the smaller card')")
        assert await page.inner_text("#yes") == "Yes, $53.00"
        await page.click("#yes")
        after = [await console.sayso.solutions.get(view.id) for view in views]
        assert [[step.status for step in view.steps] for view in after] == [
            ["succeeded"] * 3,
            ["rejected"] * 3,
            ["succeeded", "rejected", "rejected"],
            ["succeeded"] * 3,
        ]
        assert console.shop.books.paid_out_minor == 2 * 12_900 + 4300


async def count_posts(page: Page) -> list[str]:
    """Every POST that the page makes from here on."""
    posts: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            posts.append(request.url)

    page.on("request", note)
    return posts


@pytest.mark.promise("console:keys")
async def test_keys_move_the_focus_and_none_of_them_decides(tmp_path: Path) -> None:
    """J and k walk the rows, y n l go to the answers; every key there is sends nothing."""
    async with open_console(tmp_path) as console, chromium() as browser:
        first, second = await console.ask(customer=1), await console.ask(customer=2)
        page = await (await console.context(browser)).new_page()
        posts = await count_posts(page)
        await page.goto(console.path(""))

        async def focused() -> str:
            return str(await page.evaluate("document.activeElement.getAttribute('href') || ''"))

        seen: list[str] = []
        for key in "jjjkk":
            await page.keyboard.press(key)
            seen.append((await focused()).rpartition("/")[2])
        ids = sorted([first.id, second.id])
        assert seen == [ids[0], ids[1], ids[1], ids[0], ids[0]]
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/solution/*")
        for key, name in (("y", "yes"), ("l", "lower-s1"), ("n", "reason_code")):
            await page.evaluate("document.activeElement.blur()")
            await page.keyboard.press(key)
            assert await page.evaluate("document.activeElement.id") == name
        for code in range(33, 127):
            if chr(code) in "ijk":
                continue  # they lead to another page: test_queue
            await page.evaluate("document.activeElement.blur()")
            await page.keyboard.press(chr(code) if chr(code) != " " else "Space")
        await page.keyboard.press("Escape")
        assert posts == []
        assert (await console.sayso.solutions.get(first.id)).status == "pending"
        await page.goto(console.path(f"solution/{first.id}"))
        await page.keyboard.press("y")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=You said yes")
        assert len(posts) == 1


@pytest.mark.promise("console:keys")
async def test_keys_can_be_switched_off(tmp_path: Path) -> None:
    """WCAG 2.1.4: for who speaks to their machine."""
    async with open_console(tmp_path) as console, chromium() as browser:
        await console.ask()
        page = await (await console.context(browser)).new_page()
        await page.goto(console.path("me"))
        await page.click("text=Switch keys off")
        await page.goto(console.path(""))
        await page.keyboard.press("j")
        assert await page.evaluate("document.activeElement === document.body")


HOSTILE = (
    "<script>fetch('/console/stop',{method:'POST'})</script>",
    "<img src=x onerror=alert(1)>",
    "<button hx-post=/console/stop hx-trigger=load hx-include=form>",
    '"><form action=/console/leave method=post id=pwn><input autofocus onfocus=submit()>',
    "<!channel> <@U1> <https://evil|bank.com> *bold* `code`",
    "\u202eDECREVER\u202c \U000e0041\U000e0042 \u200bzero \u2800braille \u3164filler",
    "javascript:alert(1)//{{7*7}}{%raw%}",
    "p\u0430ypal \u0397ell\u043e",
    "]]></script><svg onload=alert(1)>",
)


@pytest.mark.promise("console:hostile-text")
async def test_hostile_text_in_every_field_is_text(tmp_path: Path) -> None:
    """0 rendered, 0 POSTs without a click: in words, names, letters, reasons and queries."""
    bad = " ".join(HOSTILE)
    async with open_console(tmp_path, name=bad) as console, chromium() as browser:
        view = await console.ask(f"{WORDS} {bad} {'x ' * 500}")
        await console.sayso.stops.engage("action", "shop.refund", reason=bad)
        page = await (await console.context(browser)).new_page()
        posts = await count_posts(page)
        said: list[str] = []
        page.on("dialog", lambda dialog: said.append(dialog.message))
        action = view.steps[0].action_id
        query = "audit?q=" + "".join(f"%{byte:02x}" for byte in bad.encode()[:300])
        for where in ("", f"solution/{view.id}", f"action/{action}", "audit", query, "stop"):
            await page.goto(console.path(where))
            await page.wait_for_timeout(250)
            made = await page.evaluate(
                "document.querySelectorAll('main script, main img, main svg[onload], #pwn, "
                "[hx-post], [onerror], [onfocus], [onload], [onclick]').length"
            )
            assert made == 0, where
            text = await page.inner_text("main")
            for hidden in ("\u202e", "\u200b", "\u2800", "\u3164", "\U000e0041"):
                assert hidden not in text, where
        await page.goto(console.path(f"solution/{view.id}"))
        shown = await page.inner_text("main")
        assert "U+202E" in shown
        assert "U+E0041" in shown
        assert "<img src=x" in shown
        assert "mixed letters" in shown
        assert posts == []
        assert said == []
        assert (await console.sayso.solutions.get(view.id)).status == "pending"


@pytest.mark.promise("console:hostile-text")
async def test_an_injected_element_still_runs_nothing(tmp_path: Path) -> None:
    """Finding 9: even where escaping had failed, no markup makes a request: there is no htmx."""
    async with open_console(tmp_path) as console, chromium() as browser:
        view = await console.ask()
        page = await (await console.context(browser)).new_page()
        posts = await count_posts(page)
        await page.goto(console.path(f"solution/{view.id}"))
        blocked: list[str] = []
        page.on("console", lambda message: blocked.append(message.text))
        await page.evaluate(
            """decision => {
              const hole = document.createElement('div');
              document.querySelector('main').append(hole);
              const tags = ['script', 'img', 'iframe', 'button', 'object'];
              for (const tag of tags) {
                const one = document.createElement(tag);
                one.setAttribute('hx-post', decision);
                one.setAttribute('hx-trigger', 'load');
                one.setAttribute('hx-include', '#card');
                for (const [name, value] of [
                  ['onload', 'document.forms[0].submit()'],
                  ['onerror', 'document.forms[0].submit()'],
                  ['src', 'data:text/javascript,alert(1)'],
                ]) {
                  try { one.setAttribute(name, value); } catch (no) { console.log('' + no); }
                }
                hole.append(one);
              }
            }""",
            console.path(f"solution/{view.id}/decision"),
        )
        await page.wait_for_timeout(600)
        assert posts == []
        assert blocked, "the browser says what it has not run"


async def test_the_browser_itself_is_there(tmp_path: Path) -> None:
    """What the pages are judged by is a real one."""
    async with chromium() as browser:
        assert isinstance(browser, Browser)
        assert int(browser.version.split(".")[0]) > 100
