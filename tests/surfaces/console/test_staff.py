"""People and tokens in the browser: whoever gives a power needs a second one who may."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
from surfaces.console.served_console import ROOT, ServedConsole, open_console
from surfaces.console.test_passkeys import by_link, enrol

from sayso.errors import Code, RefusedError
from sayso.sdk.resources.staff import LASTS
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.cli.console_link import first_lines

pytestmark = pytest.mark.promise("console:staff")
_SECRET = re.compile(r'<textarea id="secret"[^>]*>([^<]+)</textarea>')


def _secret(page: httpx.Response) -> str:
    found = _SECRET.search(page.text)
    assert found is not None, page.text
    return html.unescape(found.group(1))


def _path(url: str) -> str:
    return url.partition("/console/")[2]


async def _post(console: ServedConsole, who: str, path: str, **form: object) -> httpx.Response:
    async with console.client(await console.sign_in(who)) as browser:
        return await browser.post(f"{ROOT}/{path}", data=form)


async def _get(console: ServedConsole, who: str, path: str) -> httpx.Response:
    async with console.client(await console.sign_in(who)) as browser:
        return await browser.get(f"{ROOT}/{path}")


async def test_two_people_invite_somebody_who_then_signs_in_once(tmp_path: Path) -> None:
    """Who asked cannot agree; the link opens one session, and the log names both."""
    async with open_console(tmp_path) as console:
        wanted = {"do": "add", "person": "bob", "role": ["finance"]}
        asked = await _post(console, "maria", "people/person", **wanted)
        assert "A second person has to agree" in asked.text
        where = _path(_secret(asked))
        authority = await console.sayso.people.authority(console.sayso.tenant)
        assert "bob" not in authority.people
        assert "Somebody else has to agree" in (await _get(console, "maria", where)).text
        assert (await _post(console, "maria", where)).status_code == 409
        assert (await _post(console, "ada", where)).status_code == 409, "she has no role"
        assert "<b>finance</b>" in (await _get(console, "noor", where)).text
        done = await _post(console, "noor", where)
        link = _path(_secret(done))
        assert (await _post(console, "finn", where)).status_code == 409, "it is done"
        async with console.client() as browser:
            key = link.partition("key=")[2]
            entered = await browser.post(f"{ROOT}/enter", data={"token": key})
            assert entered.status_code == 303
            again = await browser.post(f"{ROOT}/enter", data={"token": key})
            assert again.status_code == 401
        bob = (await console.sayso.people.authority(console.sayso.tenant)).person("bob")
        assert bob is not None
        assert bob.roles == {"finance"}
        (entry,) = await console.sayso.audit.query("kind:person.added actor:noor")
        assert entry.actor == "person:noor"
        assert entry.body["data"]["asked_by"] == "maria"
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_what_takes_a_power_counts_at_once_but_for_the_last_two(tmp_path: Path) -> None:
    """Nobody becomes the only one who may; a form from before a change is not counted."""
    policy = {"files": ["policy.cedar"], "follow": "files", "activate": ["support_manager"]}
    async with open_console(tmp_path, policy_section=policy) as console:
        known = (await console.sayso.people.authority(console.sayso.tenant)).people
        seen = str(known["finn"].seq)
        role = {"do": "role", "person": "finn", "seen": seen}
        assert (await _post(console, "finn", "people/person", **role)).status_code == 409
        assert (await _post(console, "maria", "people/person", **role)).status_code == 303
        stale = await _post(console, "noor", "people/person", **role, role=["finance"])
        assert stale.status_code == 409
        assert "was changed since you opened the page" in stale.text
        for who, person, words in (
            ("maria", "noor", "fewer than two people"),
            ("maria", "maria", "you cannot remove yourself"),
            ("maria", "nobody", "is no active person"),
            ("ada", "finn", "you may not change who works here"),
        ):
            refused = await _post(console, who, "people/person", do="remove", person=person)
            assert words in html.unescape(refused.text), (who, person)
        gone = await _post(console, "maria", "people/person", do="remove", person="finn")
        assert gone.status_code == 303
        text = (await _get(console, "maria", "people?said=removed")).text
        assert "Nobody is finance" in text
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_an_offer_is_of_this_workspace_for_a_day_and_for_what_was_so(tmp_path: Path) -> None:
    """A changed one, an old one, and one whose asker may no more: nothing is done."""
    async with open_console(tmp_path) as console:
        more = {"do": "role", "person": "ada", "role": ["finance"]}
        known = (await console.sayso.people.authority(console.sayso.tenant)).people
        offers = [
            _path(
                _secret(
                    await _post(console, who, "people/person", **more, seen=str(known["ada"].seq))
                )
            )
            for who in ("maria", "finn")
        ]
        forged = offers[0][:-8] + ("A" * 8)
        assert (await _post(console, "noor", forged)).status_code == 409
        await _post(console, "maria", "people/person", do="remove", person="finn")
        refused = await _post(console, "noor", offers[1])
        assert "who asked for it, may not any more" in html.unescape(refused.text)
        console.opened.clock.advance(seconds=LASTS.total_seconds() + 1)
        assert "more than a day ago" in (await _post(console, "noor", offers[0])).text
        ada = (await console.sayso.people.authority(console.sayso.tenant)).person("ada")
        assert ada is not None
        assert not ada.roles


async def test_tokens_are_shown_once_and_ended_by_whose_they_are(tmp_path: Path) -> None:
    """One of one's own opens no more than the session; a program's never decides."""
    async with open_console(tmp_path) as console:
        mine = {"do": "make", "once": "a", "days": "30", "scope": ["approvals:decide"]}
        made = await _post(console, "ada", "people/token", **mine)
        secret = _secret(made)
        token = await console.sayso.sessions.enter(secret)
        assert token[0].person == "ada"
        twice = await _post(console, "ada", "people/token", **mine)
        assert twice.status_code == 409
        assert "It was made already" in twice.text
        assert secret not in (await _get(console, "ada", "people")).text
        wrong: tuple[tuple[dict[str, object], str], ...] = (
            ({"scope": ["admin"]}, "opens no more than"),
            ({"scope": []}, "opens nothing"),
            ({"scope": ["approvals:decide"], "service": "bot"}, "may not change who works here"),
            ({"days": "900"}, "a token lives 1 to 90 days"),
        )
        for bad, words in wrong:
            refused = await _post(
                console, "ada", "people/token", **{**mine, "once": str(bad), **bad}
            )
            assert words in html.unescape(refused.text), bad
        bot = {"do": "make", "once": "b", "days": "5", "service": "bot", "for": "service"}
        no = await _post(console, "maria", "people/token", **bot, scope=["approvals:decide"])
        assert "never decide" in no.text
        bot["once"] = "c"
        program = _secret(
            await _post(console, "maria", "people/token", **bot, scope=["actions:read"])
        )
        found = await console.sayso.tokens.check(program)
        assert found.scopes == {Scope.READ}
        strange = await _post(console, "ada", "people/token", do="end", token=found.id)
        assert strange.status_code == 409
        ended = await _post(console, "maria", "people/token", do="end", token=found.id)
        assert ended.status_code == 303
        again = await _post(console, "maria", "people/token", do="end", token=found.id)
        assert again.status_code == 404
        assert console.sayso.audit.verify(deep=True).exit_status == 0


@pytest.mark.promise("console:first")
async def test_the_first_one_signs_in_by_a_link_that_nobody_gets_later(tmp_path: Path) -> None:
    """Not even once the session has ended; and no line of a server has it but in a terminal."""
    async with open_console(tmp_path) as console:
        sayso = console.sayso
        assert await sayso.staff.first() == "maria"
        link = await sayso.sessions.make_link("maria")
        assert await sayso.staff.first() == "maria", "a link that nobody opened signs nobody in"
        session, _ = await sayso.sessions.enter(link)
        assert await sayso.staff.first() is None
        await sayso.sessions.end(session)
        console.opened.clock.advance(days=40)
        assert await sayso.staff.first() is None
        shown = "\n".join(first_lines("http://127.0.0.1:80", "maria", "csk_1"))
        assert "http://localhost:80/console/enter?key=csk_1" in shown
        assert "signs maria in, once, within ten minutes" in shown
        assert first_lines("http://x", None, "csk_1") == []
        assert "`sayso console --person maria`" in first_lines("http://x", "maria", "")[0]


async def test_nobody_takes_away_a_colleagues_passkey_by_having_signed_in(tmp_path: Path) -> None:
    """A session opens much, and the roles say what of it is one's to do."""
    policy = {"files": ["policy.cedar"], "follow": "files", "activate": ["finance"]}
    async with open_console(tmp_path, host="localhost", policy_section=policy) as console:
        key = await enrol(console, "maria")
        noor, _ = await by_link(console, "noor")
        with pytest.raises(RefusedError) as caught:
            await console.sayso.passkeys.remove(noor, key.name)
        assert caught.value.code is Code.NOT_AN_APPROVER
        finn, _ = await by_link(console, "finn")
        await console.sayso.passkeys.remove(finn, key.name)
        assert (await console.sayso.passkeys.list()).passkeys == ()
