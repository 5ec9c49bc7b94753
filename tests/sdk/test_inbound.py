"""What providers tell us: by their signature, as a hint, and once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sdk.customers import refund_of
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.model.snapshot import Finality
from sayso.connectors.secret import Secret
from sayso.connectors.signatures import is_signed
from sayso.money import Money
from sayso.sdk.inbound.events import read_event, without_markup
from sayso.surfaces.http.app import create_app

KEY = "whsec_of_the_test"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
INBOUND = {
    "stripe": {"provider": "stripe", "secret": "file:keys/inbound.key"},
    "desk": {"provider": "intercom", "secret": "file:keys/inbound.key", "assurance": "verified"},
    "quiet": {"provider": "intercom", "secret": "file:keys/inbound.key", "ask": False},
}
Headers = dict[str, str]


def sha256(message: bytes) -> bytes:
    """By the test's key."""
    return hmac.new(KEY.encode(), message, hashlib.sha256).digest()


def by_stripe(body: bytes, now: datetime) -> Headers:
    """Stripe's header."""
    at = str(int(now.timestamp()))
    return {"stripe-signature": f"t={at},v1={sha256(at.encode() + b'.' + body).hex()},v0=x"}


def by_intercom(body: bytes) -> Headers:
    """Intercom's header."""
    return {"x-hub-signature": f"sha1={hmac.new(KEY.encode(), body, hashlib.sha1).hexdigest()}"}


def by_zendesk(body: bytes, now: datetime) -> Headers:
    """Zendesk's headers."""
    at = now.isoformat().replace("+00:00", "Z")
    signed = base64.b64encode(sha256(at.encode() + body)).decode()
    return {
        "x-zendesk-webhook-signature": signed,
        "x-zendesk-webhook-signature-timestamp": at,
    }


@pytest.mark.promise("inbound:signed")
def test_each_provider_signs_in_its_own_way() -> None:
    """The right signature is taken; another body, key, time or header is not."""
    body, key = b'{"id": "evt_1"}', Secret(KEY)
    shopify = {"x-shopify-hmac-sha256": base64.b64encode(sha256(body)).decode()}
    given = {
        "stripe": by_stripe(body, NOW),
        "shopify": shopify,
        "zendesk": by_zendesk(body, NOW),
        "intercom": by_intercom(body),
    }
    for provider, headers in given.items():
        assert is_signed(provider, key, headers, body, NOW), provider  # type: ignore[arg-type]
        for wrong in (
            is_signed(provider, key, headers, body + b" ", NOW),  # type: ignore[arg-type]
            is_signed(provider, Secret("other"), headers, body, NOW),  # type: ignore[arg-type]
            is_signed(provider, key, {}, body, NOW),  # type: ignore[arg-type]
            is_signed(provider, key, dict.fromkeys(headers, ""), body, NOW),  # type: ignore[arg-type]
            is_signed(provider, key, dict.fromkeys(headers, "t=é,v1=é"), body, NOW),  # type: ignore[arg-type]
        ):
            assert not wrong, provider
    later = NOW + timedelta(minutes=6)
    assert not is_signed("stripe", key, given["stripe"], body, later)
    assert not is_signed("zendesk", key, given["zendesk"], body, later)


def intercom_says(topic: str, event: str = "notif_1", who: str = "ana") -> bytes:
    """A conversation, as Intercom's webhook has it."""
    item = {
        "id": "1042",
        "source": {"body": "<p>Please refund <b>order 1</b>.</p><script>x</script>"},
        "contacts": {"contacts": [{"id": "c1", "external_id": who}]},
    }
    return json.dumps({"id": event, "topic": topic, "data": {"item": item}}).encode()


def test_only_what_a_customer_writes_is_a_ticket() -> None:
    """No internal note, nothing of the staff's; markup is words."""
    event = read_event("intercom", {}, intercom_says("conversation.user.created"))
    assert event is not None
    assert event.ticket is not None
    assert event.ticket.text == "Please refund order 1."
    assert (event.ticket.subject, event.ticket.conversation) == ("ana", "intercom:1042")
    event = read_event("intercom", {}, intercom_says("conversation.admin.replied"))
    assert event is not None
    assert event.ticket is None
    comment = {"body": "hello", "is_public": True, "author": {"is_staff": False}}
    base = {
        "id": "z1",
        "type": "zen:event-type:ticket.comment_added",
        "detail": {"id": 7, "requester_id": 9},
    }
    changes: tuple[tuple[dict[str, object], str | None], ...] = (
        ({}, "hello"),
        ({"is_public": False}, None),
        ({"author": {"is_staff": True}}, None),
        ({"author": {}}, None),
    )
    for change, wanted in changes:
        body = json.dumps(base | {"event": {"comment": comment | change}}).encode()
        event = read_event("zendesk", {}, body)
        assert event is not None
        assert (event.ticket.text if event.ticket is not None else None) == wanted
    assert read_event("stripe", {}, b"[" * 100_000) is None
    assert read_event("stripe", {}, b'"act"') is None
    assert without_markup("a < b") == "a < b"


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[tuple[ShopWorkspace, httpx.AsyncClient]]:
    """A workspace that hears providers, over its HTTP API."""
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "inbound.key").write_text(KEY)
    async with open_shop(folder, work=True, inbound=INBOUND) as opened:
        transport = httpx.ASGITransport(app=create_app(opened.sayso))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield opened, client


@pytest.mark.promise("inbound:hint")
async def test_a_lost_answer_is_looked_up_when_the_provider_speaks_of_it(tmp_path: Path) -> None:
    """Its webhook settles nothing by itself: the provider is asked, at once and not in an hour."""
    async with served(tmp_path) as (opened, client):
        opened.shop.books.add("o1", "ana", Money(3_000, "USD"))
        opened.shop.faults += [ShopFault.LOST_AFTER]
        view = await opened.sayso.propose("shop.refund", refund_of("o1", 1_000), subject="ana")
        assert view.status == "unknown"
        told = {"id": "evt_1", "type": "refund.updated", "data": {"metadata": {"a": view.id}}}
        body = json.dumps(told).encode()
        for headers in ({}, by_stripe(body + b" ", opened.clock.now())):
            refused = await client.post("/v1/inbound/stripe", content=body, headers=headers)
            assert refused.status_code == 401
        assert (await opened.sayso.actions.get(view.id)).status == "unknown"
        signed = by_stripe(body, opened.clock.now())
        heard = await client.post("/v1/inbound/stripe", content=body, headers=signed)
        assert heard.json() == {"event": "evt_1", "looked_up": [view.id], "request": None}
        settled = await opened.sayso.actions.wait(view.id, 20)
        assert settled.status == "succeeded"
        again = await client.post("/v1/inbound/stripe", content=body, headers=signed)
        assert again.json()["looked_up"] == []
        assert opened.sayso.audit.verify().exit_status == 0


@pytest.mark.promise("inbound:hint")
@pytest.mark.parametrize("returned", ["", "the account is closed"])
async def test_what_is_on_its_way_is_looked_up_when_the_provider_speaks_of_it(
    tmp_path: Path, returned: str
) -> None:
    """A refund that the bank has taken on: its end is found at once, and not tomorrow."""
    async with served(tmp_path) as (opened, client):
        opened.shop.books.add("o1", "ana", Money(3_000, "USD"))
        opened.shop.finality = Finality.PENDING
        view = await opened.sayso.propose("shop.refund", refund_of("o1", 1_000), subject="ana")
        assert view.status == "accepted"
        told = {"id": "evt_2", "type": "refund.updated", "data": {"metadata": {"a": view.id}}}
        body = json.dumps(told).encode()
        signed = by_stripe(body, opened.clock.now())
        opened.shop.finality, opened.shop.came_back = Finality.FINAL, returned
        heard = await client.post("/v1/inbound/stripe", content=body, headers=signed)
        assert heard.json()["looked_up"] == [view.id]
        wanted = "failed" if returned else "succeeded"
        async for change in opened.sayso.follow(view.id):
            if change.status == wanted:
                break
        assert opened.sayso.audit.verify().exit_status == 0


@pytest.mark.promise("inbound:once")
async def test_a_customers_words_become_one_request(tmp_path: Path) -> None:
    """Delivered twice, it is one request, in the platform's thread, and the customer is named."""
    async with served(tmp_path) as (opened, client):
        opened.shop.books.add("o1", "ana", Money(3_000, "USD"))
        body = intercom_says("conversation.user.created")
        first = await client.post("/v1/inbound/desk", content=body, headers=by_intercom(body))
        assert first.status_code == 200, first.text
        request = first.json()["request"]
        again = await client.post("/v1/inbound/desk", content=body, headers=by_intercom(body))
        assert again.json()["request"] == request
        view = await opened.sayso.requests.get(request)
        assert view.subject == "ana"
        listed = await opened.sayso.requests.list()
        assert [one.id for one in listed] == [request]
        quiet = await client.post("/v1/inbound/quiet", content=body, headers=by_intercom(body))
        assert quiet.json()["request"] is None
        odd = intercom_says("conversation.user.created", "n2", who="../etc")
        taken = await client.post("/v1/inbound/desk", content=odd, headers=by_intercom(odd))
        assert (taken.status_code, taken.json()["request"]) == (200, None)
        nobody = await client.post("/v1/inbound/nobody", content=body, headers=by_intercom(body))
        assert nobody.status_code == 404
        bad = await client.post("/v1/inbound/desk", content=b"x", headers=by_intercom(b"x"))
        assert bad.status_code == 400
