"""The people page: what was used last, and whose accounts and connections are used."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.parcel_shop import ParcelShop
from surfaces.console.served_console import ROOT, open_console

from sayso.connectors.setup import AccountSeen
from sayso.errors import Code, RefusedError
from sayso.sdk.resources.accounts import AccountState
from sayso.sdk.workspace import write_secret_file

pytestmark = pytest.mark.promise("console:figures")
MAIL: dict[str, object] = {
    "grant": "refresh_token",
    "token_endpoint": "https://mail.example.com/token",
    "authorization_endpoint": "https://mail.example.com/authorize",
    "redirect_uri": "http://127.0.0.1:8765/callback",
    "client_id": "sayso",
    "client_secret": "file:keys/mail.secret",
}


class NamedShop(ParcelShop):
    """A shop that says whose account it is."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.refusal: RefusedError | None = None

    async def who_am_i(self) -> AccountSeen:
        """See `AccountBook`."""
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        return AccountSeen(id="acct_1", title="<b>Acme</b>", live=False)


async def test_a_session_says_when_it_was_used_last(tmp_path: Path) -> None:
    """To the minute; a link that nobody has opened says so."""
    async with open_console(tmp_path) as console:
        secret = await console.sign_in()
        console.opened.clock.advance(minutes=5)
        async with console.client(secret) as browser:
            assert (await browser.get(f"{ROOT}/")).status_code == 200
        session = await console.sayso.sessions.check(secret)
        seen = (await console.sayso.sessions.seen())[session.token.id]
        assert seen == session.started_at + 5 * 60 * 1_000_000
        await console.sayso.sessions.make_link("noor")
        async with console.client(secret) as browser:
            text = (await browser.get(f"{ROOT}/people")).text
        assert "12:05" in text
        assert "not yet" in text


async def test_a_connection_that_gives_no_token_says_how_to_connect_it(tmp_path: Path) -> None:
    """Without asking a provider."""
    secret = tmp_path / "keys" / "mail.secret"
    secret.parent.mkdir()
    write_secret_file(secret, "s3cret")
    async with open_console(tmp_path, connections={"mail": MAIL}) as console:
        (found,) = await console.sayso.accounts.connections()
        assert found.problem
        async with console.client(await console.sign_in()) as browser:
            text = (await browser.get(f"{ROOT}/people")).text
        assert found.name in text
        assert found.problem in text.replace("&#39;", "'")


async def test_a_provider_is_asked_whose_account_it_is_only_when_somebody_wants_to_know(
    tmp_path: Path,
) -> None:
    """And what it says is text; what it refuses is said."""
    shop = NamedShop()
    async with open_console(tmp_path, shop=shop) as console:
        accounts = console.sayso.accounts
        assert await accounts.accounts(ask=False) == [AccountState(name="shop")]
        assert shop.asked == 0
        async with console.client(await console.sign_in()) as browser:
            text = (await browser.get(f"{ROOT}/people?accounts=1")).text
        assert "acct_1 (&lt;b&gt;Acme&lt;/b&gt;)" in text
        assert "test account" in text
        shop.refusal = RefusedError(Code.NEEDS_REAUTH, "the key was revoked", next_step="make one")
        (found,) = await accounts.accounts(ask=True)
        assert found.problem == "the key was revoked; make one"
