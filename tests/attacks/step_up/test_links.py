"""A link beside the code: its page shows a button, and nothing but the button acts."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from attacks.step_up.links import press, tries_of, visit
from support.step_up import open_counter

from sayso.errors import RetryableError
from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.gate import Gate, Gates

URL = "https://help.shop.example"


@pytest.mark.promise("customers:step-up:link")
async def test_the_button_does_what_the_code_does(tmp_path: Path) -> None:
    """The page says whom for, in the customer's language; a second press does no harm."""
    async with open_counter(tmp_path, url=URL, shop="Ada's & Co") as counter:
        asked = await counter.ask(words="Bitte erstatten Sie 20,00 USD der Zahlung p1")
        path = await counter.post.link()
        (page,) = await visit(counter, path, "GET")
        assert path.startswith("/confirm/de/")
        assert "an Ada&#x27;s &amp; Co geschrieben" in page.text
        assert "<form method=post><button>Ja, das war ich</button>" in page.text
        assert not re.search(r"<script|src=|https?:", page.text)
        done, again = await visit(counter, path, "POST", "POST")
        assert (done.status_code, again.status_code) == (200, 410)
        assert "Danke. Sie können diese Seite schließen" in done.text
        told = await counter.sayso.requests.get(asked.id)
        assert told.status == "answered", (told.error, told.actions)
        log = await counter.sayso.audit.about_request(asked.id)
        assert {one.body["data"].get("verified_by") for one in log} == {None, "link"}
        (known,) = [one for one in log if one.kind == "customer.verified"]
        assert known.body["data"]["by"] == "link"
    assert counter.paid == 1


@pytest.mark.promise("customers:step-up:link")
async def test_a_link_ties_accounts_as_a_code_does(tmp_path: Path) -> None:
    """By the proof `code`, for this request."""
    async with open_counter(tmp_path, url=URL) as counter:
        asked = await counter.ask("desk:7723", known=True)
        assert await press(counter, await counter.post.link()) == 200
        log = await counter.sayso.audit.about_request(asked.id)
        assert [one.body["data"]["proof"] for one in log if one.kind == "customer.linked"] == [
            "code"
        ]
    assert counter.paid == 1


@pytest.mark.promise("customers:step-up:link")
async def test_the_page_keeps_to_itself(tmp_path: Path) -> None:
    """Nothing is loaded, run, framed, kept, indexed or told to another site."""
    async with open_counter(tmp_path, url=URL) as counter:
        await counter.ask()
        (page,) = await visit(counter, await counter.post.link(), "GET")
    told = page.headers
    assert told["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    for rule in ("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in told["Content-Security-Policy"]
    assert told["Referrer-Policy"] == "no-referrer"
    assert told["Cache-Control"] == "no-store"
    assert "noindex" in told["X-Robots-Tag"]
    assert "set-cookie" not in told


@pytest.mark.promise("customers:step-up:link")
async def test_a_secret_stands_nowhere(tmp_path: Path) -> None:
    """Neither the link nor its secret is in a row, an entry or a view."""
    async with open_counter(tmp_path, url=URL) as counter:
        asked = await counter.ask()
        token = (await counter.post.link()).rpartition("/")[2]
        link = counter.sayso.container.agent.links.read(token)
        assert link is not None
        await counter.sayso.confirmations.press(token, "en")
        await counter.sayso.container.dispatcher.drain()
        seen = [(await counter.sayso.requests.get(asked.id)).model_dump_json()]
        seen += [one.model_dump_json() for one in await counter.sayso.audit.query(limit=500)]
    held = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    for secret in (token, token[:43], link.secret):
        assert not [one for one in seen if secret in one]
        assert secret.encode() not in held


@pytest.mark.promise("customers:step-up:link")
async def test_nothing_counts_while_the_provider_cannot_be_read(tmp_path: Path) -> None:
    """Whether the address still is the one on file is unknown then; no try is lost by it."""
    async with open_counter(tmp_path, url=URL) as counter:
        asked = await counter.ask()
        code, path = await counter.post.code(), await counter.post.link()
        counter.trio.pay.is_away = True
        (page,) = await visit(counter, path, "POST")
        assert page.status_code == 503
        assert "try again in a minute" in page.text
        with pytest.raises(RetryableError):
            await counter.answer(asked, code)
        assert await tries_of(counter, asked) == 0
        counter.trio.pay.is_away = False
        assert await press(counter, path) == 200
    assert counter.paid == 1


async def test_without_an_address_there_is_the_code_alone(tmp_path: Path) -> None:
    """And a link of another workspace leads nowhere here."""
    async with open_counter(tmp_path / "one", url=URL) as other:
        await other.ask()
        path = await other.post.link()
        async with open_counter(tmp_path / "two") as counter:
            await counter.ask()
            await counter.post.code()
            assert "/confirm/" not in counter.post.sent[0].text
            assert await press(counter, path) == 410


async def test_whoever_opens_too_many_pages_waits(tmp_path: Path) -> None:
    """Each call is counted by its address, whatever cookie comes with it."""
    async with open_counter(tmp_path, url=URL) as counter:
        gate = Gate(create_app(counter.sayso), Gates(held_s=0), monotonic_s=lambda: 0.0)
        transport = httpx.ASGITransport(gate)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as web:
            told = [
                (await web.get("/confirm/en/x", headers={"Cookie": "a=b"})).status_code
                for _ in range(60)
            ]
    assert told == [410] * 50 + [429] * 10
