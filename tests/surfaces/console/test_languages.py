"""The console in a reader's language: chosen, complete, and nobody else's words changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from surfaces.console.every_page import Foreign, every_page, open_everything
from surfaces.console.served_console import open_console

from sayso.sdk.localization.languages import LANGUAGES, language
from sayso.surfaces.console.render import Times, shown

SAME = {
    *("Sayso", "Audit", "Enter", "Status", "Digest", "Stripe", "maria", "noor", "finn", "ada"),
    *("UTC", "English", "Deutsch", "Español", "Français", "Italiano", "Nederlands", "Português"),
    *("Chats", "Passkey", "Passkeys", "shop-bot", "finance", "support manager"),
    *("off", "shadow", "suggest", "auto", "Gifts", "day", "policy.cedar", "limits.toml"),
    *("← Audit", "paid", "order", "limit day"),
    *("CSV", "USD", "gift", "letter", "manager"),
    *("Audit · Sayso", "Code", "Token", "Export", "139 Mia 2026-11", "100USD", "sayso.toml"),
    *("other", "agent", "sdk", "engine", "people", "console", "console:enter", "inbound:stripe"),
    *("csk_…", "title", "text", "Your order", "shop", "the card that paid", "maria,"),
}
"""What is alike in both, or is somebody's name, or a value of the shop of these tests."""
OTHERS = re.compile(
    r"F-|[“”].*(?:mugs|person\.)|The mugs came|Dear Ben|This is where your request|Thank you for"
    r"|We asked|order o\d|^: tok_|^rollout\.|\d{4}-\d\d-\d\d|cus_\d|shop\.|Give a gift of"
    r"|Pay back an order|by (?:itself|themselves)|once two people say yes|^service:bot"
    r"|Write to the cust|(?:sub|tok|act|req)_[0-9a-z]|^[a-z]+_[a-z0-9_]+(?:, packages)?$"
    r"|^actions:propose|^\. [a-z]+_\d"
)
"""What customers, colleagues, letters and the shop of these tests say in their own words."""
SPOKEN = {"aria-label", "placeholder", "title", "data-news"}
EMPTY = {"meta", "link", "input", "br", "rect", "line"}


class Words(HTMLParser):
    """The words that a page says, in pieces; what is code says none."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What its attributes say."""
        self.said |= {" ".join(value.split()) for name, value in attrs if name in SPOKEN and value}
        if tag not in EMPTY:
            mono = any(name == "class" and "mono" in (value or "") for name, value in attrs)
            self._inside.append("code" if mono else tag)

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        if self._inside and tag not in EMPTY:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """What stands between tags."""
        if not {"script", "style", "code", "pre"} & set(self._inside):
            self.said.add(" ".join(data.split()))


def words_of(page: str) -> set[str]:
    """Each piece of what a page says."""
    reader = Words()
    reader.feed(page)
    return reader.said


@pytest.mark.promise("console:languages")
async def test_no_english_is_left_on_any_page(tmp_path: Path) -> None:
    """Every page in each of its states, in German beside English."""
    foreign, left = Foreign(), dict[str, str]()
    async with open_everything(tmp_path, foreign) as console:
        pages = [*await every_page(console, foreign), "audit?verify=1"]
        pages += [f"audit/questions/{one.name}" for one in console.sayso.audit.questions()]
        async with console.client(await console.sign_in()) as browser:
            for where in dict.fromkeys(one.partition("#")[0] for one in pages):
                english = await browser.get(f"/console/{where}")
                german = await browser.get(f"/console/{where}", headers={"accept-language": "de"})
                assert '<html lang="de" dir="ltr">' in german.text, where
                for one in words_of(english.text) & words_of(german.text):
                    if re.search("[A-Za-z]{3}", one) and one not in SAME and not OTHERS.search(one):
                        left.setdefault(one, where)
    assert left == {}


@pytest.mark.promise("console:languages")
async def test_a_language_is_chosen_once_and_changes_no_answer(tmp_path: Path) -> None:
    """What is chosen wins over what the browser asks; a yes on a German card is the same yes."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        async with console.client(await console.sign_in()) as browser:
            german = {"accept-language": "de-AT,en;q=0.5"}
            form = {"do": "language", "language": "fr"}
            assert "auf Sie" in (await browser.get("/console/", headers=german)).text
            kept = await browser.post("/console/me", data=form)
            assert "sayso_language=fr" in kept.headers["set-cookie"]
            assert "vous attend" in (await browser.get("/console/", headers=german)).text
            await browser.post("/console/me", data={**form, "language": "tlh"})
            page = (await browser.get(f"/console/solution/{view.id}", headers=german)).text
            shown = re.search('name="shown" value="([^"]*)"', page)
            assert shown is not None
            assert shown[1] == " + ".join(map(str, view.totals))
            answer = {"decision": "yes", "revision": str(view.revision), "digest": view.digest}
            said = await browser.post(f"/console/solution/{view.id}/decision", data=answer)
            assert said.status_code == 303
        after = await console.sayso.solutions.get(view.id)
        assert after.status == "approved"


@pytest.mark.promise("console:languages")
async def test_the_sign_in_speaks_each_language(tmp_path: Path) -> None:
    """Before anybody is known, by what the browser asks; else by the workspace's setting."""
    said = dict[str, set[str]]()
    setting = {"language": "nl"}
    async with open_console(tmp_path, console=setting) as console, console.client() as browser:
        assert '<html lang="nl"' in (await browser.get("/console/enter")).text
        for code in LANGUAGES:
            page = await browser.get("/console/enter", headers={"accept-language": code})
            assert f'<html lang="{code}"' in page.text
            said[code] = {one for one in words_of(page.text) if " " in one}
    for code in set(LANGUAGES) - {"en"}:
        assert not said[code] & said["en"], code


@pytest.mark.promise("console:languages")
def test_a_time_in_a_sentence_is_an_element_in_the_readers_zone() -> None:
    """Where none can stand it is its words; what somebody else has marked so is no fault."""
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    times = Times(now=now, zone=ZoneInfo("Europe/Berlin"), language=language("de"))
    mark = times.told("2026-11-24T17:05:00Z")
    page = times.in_sentences(f'<title>{mark}</title><p title="{mark}">Erledigt {mark}.</p>')
    assert page == (
        '<title>heute um 18:05</title><p title="heute um 18:05">Erledigt <time datetime="'
        '2026-11-24T17:05:00Z" title="2026-11-24 17:05:00 UTC">heute um 18:05</time>.</p>'
    )
    for odd in ("2026-99-99T17:05:00Z", "0001-01-01T00:00:00Z", '"><script>'):
        forged = f"\ue000a{odd}\ue001"
        assert all(one.kind != "text" or "\ue000" not in one.text for one in shown(forged))
        assert "<time" not in times.in_sentences(f"<p>{forged}</p>")


@pytest.mark.promise("console:languages")
@pytest.mark.parametrize(
    "text",
    [
        "erased",
        "Not done: erased.",
        "what is meant is in a state in which that cannot be done",
        "it starts after 30 s; until then the yes can be taken back.",
    ],
)
def test_what_few_cards_say_is_said_in_each_language(text: str) -> None:
    """Of an erased customer, of what cannot be done, and under a hold."""
    for code in set(LANGUAGES) - {"en"}:
        said = language(code).say(text)
        assert not {"erased", "until", "which"} & {*said.strip(".").split()}, said
        assert said != text, code
