"""Connecting an account in the browser: to the provider and back, each answer once."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from support.identity_provider import CLIENT_ID, CLIENT_SECRET, FakeIdp
from surfaces.console.served_console import ROOT, open_console

from sayso.sdk.workspace import write_secret_file

pytestmark = pytest.mark.promise("console:connect")
_THERE = re.compile(r'href="([^"]+)" target="_blank"')
BACK = "http://127.0.0.1:8765/callback"


async def test_an_answer_counts_once_and_for_whoever_began(tmp_path: Path) -> None:
    """Pasted or led back; of somebody else, too late, twice, or a no: nothing is kept."""
    secret = tmp_path / "keys" / "mail.secret"
    secret.parent.mkdir()
    write_secret_file(secret, CLIENT_SECRET)
    async with FakeIdp.start(lifetime_s=3600) as idp:
        mail: dict[str, object] = {
            "grant": "refresh_token",
            "token_endpoint": idp.token_endpoint,
            "authorization_endpoint": f"{idp.url}/authorize",
            "redirect_uri": BACK,
            "client_id": CLIENT_ID,
            "client_secret": "file:keys/mail.secret",
        }
        async with (
            open_console(tmp_path, connections={"mail": mail}) as console,
            console.client(await console.sign_in("maria")) as maria,
            console.client(await console.sign_in("noor")) as noor,
            console.client(await console.sign_in("ada")) as ada,
        ):
            assert "Connect…" in (await maria.get(f"{ROOT}/people")).text
            assert "Connect…" not in (await ada.get(f"{ROOT}/people")).text
            begin, end = f"{ROOT}/people/connect", f"{ROOT}/people/connected"
            assert (await ada.post(begin, data={"name": "mail"})).status_code == 409
            assert (await maria.post(begin, data={"name": "post"})).status_code == 409

            async def state() -> str:
                page = await maria.post(begin, data={"name": "mail"})
                found = _THERE.search(page.text)
                assert found is not None, page.text
                asked = parse_qs(urlsplit(html.unescape(found.group(1))).query)
                assert asked["code_challenge_method"] == ["S256"]
                return asked["state"][0]

            first = {"code": "c1", "state": await state()}
            strange = await noor.post(end, data={"answer": urlencode(first)})
            assert strange.status_code == 409
            assert "you have begun nothing" in strange.text
            no = {"error": "access_denied", "state": await state()}
            assert "access_denied" in (await maria.post(end, data={"answer": urlencode(no)})).text
            empty = await maria.post(end, data={"answer": urlencode({"state": await state()})})
            assert "`no code`" in empty.text, "and no provider is asked"
            late = {"code": "c2", "state": await state()}
            console.opened.clock.advance(minutes=11)
            assert (await maria.post(end, data={"answer": urlencode(late)})).status_code == 409
            assert idp.calls == 0
            led = {"code": "c3", "state": await state()}
            shown = await maria.get(f"{end}?{urlencode(led)}")
            assert "The provider has answered" in shown.text
            assert idp.calls == 0, "looking connects nothing"
            done = await maria.post(end, data={"answer": f"{BACK}?{urlencode(led)}"})
            assert done.headers["location"].startswith("/console/people?said=connected")
            (mailbox,) = await console.sayso.accounts.connections()
            assert mailbox.problem == ""
            again = await maria.post(end, data={"answer": f"{BACK}?{urlencode(led)}"})
            assert again.status_code == 409
            assert idp.calls == 1
            assert "Connect anew…" in (await maria.get(f"{ROOT}/people")).text
