"""`sayso doctor --live`: each thing outside that breaks is named, with what to do."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.mail_server import MailCatcher, MailFault
from support.openid_provider import open_provider
from support.shop_workspace import STORE_URLS, open_shop
from support.tls_server import OwnCertificate, answering

from sayso.sandbox import Sandbox
from sayso.sdk.chat.finding import DoctorFinding
from sayso.sdk.client import Sayso
from sayso.sdk.setup.live import ask_outside
from sayso.sdk.setup.scaffold import create_workspace
from sayso.serving import listen
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("doctor:live")
WELL = {"/healthz": (200, b'{"status":"ok"}'), "/console/enter": (200, b"<html>")}
FILE = 'transport = "file"  # writes to outbox/; "smtp" sends\nfolder = "outbox"'


@dataclass(kw_only=True)
class Shop:
    """A workspace whose settings can be changed, and what the world says of it."""

    folder: Path
    environment: dict[str, str]

    def change(self, old: str, new: str) -> None:
        """Put other words into sayso.toml."""
        path = self.folder / "sayso.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text, old
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def add(self, text: str) -> None:
        """Put a section below."""
        path = self.folder / "sayso.toml"
        path.write_text(path.read_text(encoding="utf-8") + f"\n{text}\n", encoding="utf-8")

    def mail_by(self, port: int) -> None:
        """Have mail go out by a server of this machine."""
        lines = ('transport = "smtp"', 'host = "127.0.0.1"', f"port = {port}", 'security = "none"')
        login = ('user = "shop"', 'password = "env:MAIL_PASSWORD"')
        self.change(FILE, "\n".join((*lines, *login)))
        self.environment["MAIL_PASSWORD"] = "right"

    async def ask(self, what: str) -> DoctorFinding:
        """What is found of one thing, where all is asked."""
        async with Sayso.open(self.folder, mode="decide", environment=self.environment) as sayso:
            found = [one async for one in ask_outside(sayso)]
        (mine,) = [one for one in found if one.what == what]
        return mine


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Path, Sandbox]]:
    """One workspace as `init` makes it, and its sandbox."""
    folder = tmp_path_factory.mktemp("live") / "shop"
    asyncio.run(create_workspace(folder, approver="maria"))
    with Sandbox.start(seed="demo") as sandbox:
        yield folder, sandbox


@pytest.fixture
def shop(made: tuple[Path, Sandbox]) -> Generator[Shop]:
    """The same workspace, with its settings as they were."""
    folder, sandbox = made
    path = folder / "sayso.toml"
    before = path.read_text(encoding="utf-8")
    found = Shop(folder=folder, environment={"STRIPE_API_KEY": sandbox.api_key})
    found.change("# base_url", f'base_url = "{sandbox.url}"  #')
    found.add("[http]\nport = 0")
    yield found
    path.write_text(before, encoding="utf-8")


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def test_where_all_is_well_it_says_so(shop: Shop) -> None:
    """Nothing is to be done, and Stripe has told who we are."""
    async with Sayso.open(shop.folder, mode="decide", environment=shop.environment) as sayso:
        found = {one.what: one async for one in ask_outside(sayso)}
    assert [one for one in found.values() if not one.ok] == []
    assert "acct_" in found["connector stripe"].said
    assert {"connector email", "log key", "clock", "port"} <= found.keys()


async def test_a_key_that_stripe_refuses_is_named(shop: Shop) -> None:
    """A revoked key is no outage."""
    shop.environment["STRIPE_API_KEY"] = "sk_test_revoked"
    found = await shop.ask("connector stripe")
    assert not found.ok
    assert "key" in f"{found.said} {found.next_step}"


async def test_a_provider_that_cannot_be_reached_is_named(shop: Shop) -> None:
    """An outage is no wrong key."""
    shop.change('base_url = "', f'base_url = "http://127.0.0.1:{closed_port()}"  # "')
    assert not (await shop.ask("connector stripe")).ok


@pytest.mark.parametrize(
    ("password", "fault", "said"),
    [
        ("wrong", None, "login"),
        ("right", MailFault(step="connect", code=421), "421"),
        ("right", MailFault(step="connect"), "mail server"),
    ],
)
async def test_a_mail_server_that_takes_nothing_is_named(
    shop: Shop, password: str, fault: MailFault | None, said: str
) -> None:
    """A wrong password, a server that is busy, one that hangs up; no message is sent."""
    async with MailCatcher.start(passwords={"shop": "right"}) as mail:
        shop.mail_by(mail.port)
        assert (await shop.ask("connector email")).ok
        shop.environment["MAIL_PASSWORD"] = password
        if fault is not None:
            mail.add_faults(fault)
        found = await shop.ask("connector email")
        assert not found.ok
        assert said in f"{found.said} {found.next_step}"
        assert mail.messages == []


async def test_a_folder_of_mail_that_cannot_be_written_is_named(shop: Shop) -> None:
    """It is found before the first customer waits for an answer."""
    (shop.folder / "blocked").write_text("", encoding="utf-8")
    shop.change('folder = "outbox"', 'folder = "blocked/outbox"')
    found = await shop.ask("connector email")
    assert not found.ok
    assert "folder" in found.next_step


async def test_a_company_provider_that_is_not_itself_is_named(shop: Shop) -> None:
    """One that answers, one that describes another, one that is down."""
    async with open_provider(lambda: 0.0) as provider:
        issuer = provider.issuer
        shop.add(f'[console.oidc]\nissuer = "{issuer}"\nclient_id = "sayso"')
        assert (await shop.ask("sign-in")).ok
        provider.issuer = "https://other.example.com"
        assert "issuer" in (await shop.ask("sign-in")).next_step
    assert not (await shop.ask("sign-in")).ok


@pytest.mark.parametrize(
    ("secret", "said"),
    [("sk_test_an_api_key_of_stripe", "whsec_"), ("whsec_cut", "characters")],
)
async def test_a_webhooks_secret_that_cannot_be_one_is_named(
    shop: Shop, secret: str, said: str
) -> None:
    """An API key in its place, and half of one."""
    shop.add('[inbound.stripe]\nprovider = "stripe"\nsecret = "env:HOOK"')
    shop.environment["HOOK"] = "whsec_0123456789abcdef0123456789"
    assert (await shop.ask("webhooks of stripe")).ok
    shop.environment["HOOK"] = secret
    assert said in (await shop.ask("webhooks of stripe")).said


async def test_a_connection_that_nobody_authorised_is_named(shop: Shop) -> None:
    """What to run is said."""
    shop.add(
        '[connections.crm]\ngrant = "refresh_token"\n'
        'token_endpoint = "https://crm.example.com/token"\nclient_id = "a"\n'
        'client_secret = "env:CRM"'
    )
    shop.environment["CRM"] = "secret"
    found = await shop.ask("connection crm")
    assert not found.ok
    assert "sayso connect crm" in found.next_step


async def test_a_clock_behind_the_log_is_named(shop: Shop) -> None:
    """By so much, and that nothing goes on until it is set."""
    async with Sayso.open(shop.folder, mode="decide", environment=shop.environment) as sayso:
        here = FakeClock(sayso.now() - timedelta(hours=1))
        found = {one.what: one async for one in ask_outside(sayso, here)}["clock"]
    assert "behind the newest entry" in found.said
    assert "NTP" in found.next_step


async def test_a_clock_apart_from_the_databases_is_named(postgres_url: str, tmp_path: Path) -> None:
    """Sayso goes by the database's; what it tells people goes by this one."""
    STORE_URLS.append(postgres_url)
    try:
        async with open_shop(tmp_path, clock=FakeClock()) as opened:
            here = FakeClock(datetime.now(UTC) + timedelta(hours=1))
            found = {one.what: one async for one in ask_outside(opened.sayso, here)}["clock"]
    finally:
        STORE_URLS.pop()
    assert re.search(r"this clock and the database's are 3,\d{3} s apart", found.said), found
    assert "NTP" in found.next_step


async def test_a_port_that_somebody_else_has_is_named(shop: Shop) -> None:
    """A Sayso that serves there is fine."""
    taken = listen("127.0.0.1", 0)
    taken.listen()
    shop.change("port = 0", f"port = {taken.getsockname()[1]}  #")
    waiting = asyncio.ensure_future(asyncio.to_thread(_hang_up, taken))
    found = await shop.ask("port")
    taken.close()
    await waiting
    assert not found.ok
    assert "[http]" in found.next_step

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}')
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        shop.change("\nport = ", f"\nport = {server.sockets[0].getsockname()[1]}  # ")
        assert "a Sayso serves" in (await shop.ask("port")).said


def _hang_up(taken: socket.socket) -> None:
    """Answer one caller with nothing."""
    try:
        taken.accept()[0].close()
    except OSError:
        return


@asynccontextmanager
async def in_front(
    shop: Shop, certificate: OwnCertificate, answers: dict[str, tuple[int, bytes]]
) -> AsyncGenerator[None]:
    """Something stands in front of the console, at `[console] url`."""
    async with answering(certificate, answers) as port:
        shop.add(f'[console]\nurl = "https://localhost:{port}"')
        yield


@contextmanager
def trusting(path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """This process takes a certificate for one of an authority."""
    with monkeypatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(path))
        yield


@pytest.mark.parametrize(
    ("answers", "days", "said"),
    [
        (WELL, 90, ""),
        (WELL, 7, "only"),
        (WELL, -1, "expired"),
        ({**WELL, "/healthz": (502, b"bad gateway")}, 90, "somebody else"),
        ({**WELL, "/console/enter": (400, b"not that name")}, 90, "the name is lost"),
    ],
)
async def test_what_stands_in_front_is_looked_through(
    shop: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, tuple[int, bytes]],
    days: int,
    said: str,
) -> None:
    """A certificate that ends, another program, and a proxy that hides the name."""
    certificate = OwnCertificate.make(tmp_path / "own.pem", days=days)
    with trusting(certificate.path, monkeypatch):
        async with in_front(shop, certificate, answers):
            found = await shop.ask("console address")
    assert found.ok is (said == "")
    assert said in found.said


async def test_a_certificate_that_nobody_takes_and_an_address_of_nobody_are_named(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of no authority, of another name, and nobody there."""
    certificate = OwnCertificate.make(tmp_path / "own.pem")
    async with in_front(shop, certificate, WELL):
        assert "certificate" in (await shop.ask("console address")).said
    other = OwnCertificate.make(tmp_path / "other.pem", "shop.example.com")
    async with answering(other, WELL) as port:
        shop.change('url = "https://localhost:', f'url = "https://localhost:{port}"  # "')
        with trusting(other.path, monkeypatch):
            assert "certificate" in (await shop.ask("console address")).said
    assert "cannot be reached" in (await shop.ask("console address")).said
