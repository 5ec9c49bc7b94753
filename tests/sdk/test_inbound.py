"""What providers tell us: by their signature, as a hint, and once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from connectors.benches import ANA, stripe_on
from sdk.customers import MARIA, refund_of
from support.shop import Shop, ShopFault
from support.shop_workspace import POLICY, ShopWorkspace, make_shop_workspace, open_shop

from sayso.actions.model.snapshot import Finality
from sayso.audit.log import AuditLog
from sayso.connectors.markup import without_markup
from sayso.connectors.registry import Connectors
from sayso.connectors.signatures import is_signed
from sayso.errors import Code, RefusedError
from sayso.ids import SystemClock, Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.inbound.events import read_event
from sayso.secret import Secret
from sayso.surfaces.console.app import create_console
from sayso.surfaces.http.app import create_app
from sayso.testing.clock import FakeClock

KEY = "whsec_of_the_test"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
INBOUND = {
    "stripe": {"provider": "stripe", "secret": "file:keys/inbound.key"},
    "desk": {
        "provider": "intercom",
        "secret": "file:keys/inbound.key",
        "assurance": "verified",
        "customers": "shop",
    },
    "quiet": {"provider": "intercom", "secret": "file:keys/inbound.key", "ask": False},
}
FOR_STRIPE: Mapping[str, Any] = {"customers": {"default": "stripe"}}
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


async def test_who_writes_at_the_desk_is_nobody_at_the_shop(tmp_path: Path) -> None:
    """Not even where the desk's requester and a customer of the shop have the same digits."""
    shop = Shop()
    shop.books.add("order_1", "9", Money(3_000, "USD"))
    inbound = {
        "desk": {
            "provider": "zendesk",
            "secret": "file:keys/inbound.key",
            "assurance": "verified",
        }
    }
    async with open_shop(tmp_path, shop=shop, inbound=inbound) as opened:
        (tmp_path / "keys" / "inbound.key").write_text(KEY)
        body = json.dumps(
            {
                "id": "z1",
                "type": "zen:event-type:ticket.created",
                "detail": {"id": 7, "requester_id": 9, "description": "Refund order order_1"},
            }
        ).encode()
        taken = await opened.sayso.inbound.receive(
            "desk", by_zendesk(body, opened.clock.now()), body
        )
        assert taken.request is not None
        await opened.sayso.container.dispatcher.run_now("request", Tenant("main"), taken.request)
        found = await opened.sayso.requests.get(taken.request)
        assert (found.subject, found.status) == ("zendesk:9", "handed_over")
    assert shop.reads == 0
    assert shop.books.payouts == []


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


def usd(minor: int) -> JsonValue:
    """Money as JSON."""
    return {"amount_minor": minor, "currency": "USD"}


CHARGE = "ch_demo_ana_1"
STRIPE_RUNS = """
@id("stripe") @explain("small refunds at stripe run by themselves")
permit (principal, action == Action::"stripe.refund", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) };
"""


@dataclass(kw_only=True)
class Account:
    """A workspace that hears its Stripe account, a sandbox."""

    sandbox: Sandbox
    sayso: Sayso
    folder: Path
    clock: FakeClock
    url: str = ""

    def by_hand(self, path: str = "refunds", **params: str) -> dict[str, Any]:
        """What somebody does in Stripe's dashboard."""
        answer = httpx.post(
            f"{self.sandbox.url}/v1/{path}",
            data=params,
            auth=(self.sandbox.api_key, ""),
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    async def hears(
        self, kind: str, told: Mapping[str, object], sayso: Sayso | None = None
    ) -> tuple[str, ...]:
        """Which refunds became work by a webhook that is signed."""
        body = json.dumps({"id": "evt_9", "type": kind, "data": {"object": told}}).encode()
        headers = by_stripe(body, self.clock.now())
        return (await (sayso or self.sayso).inbound.receive("stripe", headers, body)).elsewhere

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Sayso]:
        """The workspace once more, as another process has it."""
        store = {"store": {"url": self.url}} if self.url else {}
        workspace = make_shop_workspace(
            self.folder, POLICY + STRIPE_RUNS, inbound=INBOUND, **FOR_STRIPE, **store
        )
        stripe = stripe_on(self.sandbox.url, self.sandbox.api_key)
        async with Sayso(
            workspace, mode="run", connectors=[Shop(), stripe], clock=self.clock
        ) as sayso:
            yield sayso


@asynccontextmanager
async def heard_account(folder: Path, url: str = "") -> AsyncGenerator[Account]:
    """A Stripe account with the demo's customers, and a workspace that hears it.

    Args:
        url: of a PostgreSQL database; SQLite without.
    """
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "inbound.key").write_text(KEY)
    with Sandbox.start(seed="demo") as sandbox:
        clock = FakeClock(SystemClock().now())
        nobody = cast("Sayso", None)
        account = Account(sandbox=sandbox, sayso=nobody, folder=folder, clock=clock, url=url)
        async with account.opened() as sayso:
            account.sayso = sayso
            yield account


@pytest.mark.promise("inbound:elsewhere")
async def test_a_refund_by_hand_becomes_one_piece_of_work(tmp_path: Path) -> None:
    """Read from Stripe, told once, by any of the events; what the webhook says counts nothing."""
    async with heard_account(tmp_path) as account:
        made = account.by_hand(charge=CHARGE, amount="500")
        lie = {**made, "amount": 99_999, "metadata": {"sayso_action": "x", "sayso_tenant": "main"}}
        assert await account.hears("refund.created", lie) == (made["id"],)
        assert await account.hears("refund.created", made) == ()
        assert await account.hears("refund.updated", made) == ()
        charge = {"object": "charge", "id": CHARGE}
        assert await account.hears("charge.refunded", charge) == ()
        second = account.by_hand(charge=CHARGE, amount="700")
        assert await account.hears("charge.refunded", charge) == (second["id"],)
        work = await account.sayso.work.list()
        assert [(one.about, one.kind, one.amount, one.subject) for one in work] == [
            (second["id"], "elsewhere", Money(700, "USD"), ANA.id),
            (made["id"], "elsewhere", Money(500, "USD"), ANA.id),
        ]
        assert work[1].why.startswith("$5.00 of ")
        assert "was refunded outside Sayso" in work[1].why
        after = await account.sayso.work.list(kinds=("elsewhere",), limit=1)
        older = await account.sayso.work.list(kinds=("elsewhere",), after=after[0].about)
        assert [one.about for one in older] == [made["id"]]
        bodies = str([entry.body for entry in await account.sayso.audit.tail(50)])
        assert "effect.seen" in bodies
        assert ANA.id not in bodies
        assert account.sayso.audit.verify().exit_status == 0
        _, maria = await account.sayso.sessions.begin("maria", via="token")
        await account.sayso.work.end(made["id"], "It was me.", token=maria)
        assert await account.hears("refund.created", made) == ()
        assert [one.about for one in await account.sayso.work.list()] == [second["id"]]


@pytest.mark.promise("inbound:elsewhere")
async def test_what_is_ours_or_is_not_there_is_no_work(tmp_path: Path) -> None:
    """Our own refund, a forged call, a refund that Stripe does not have, and an old one."""
    async with heard_account(tmp_path) as account:
        view = await account.sayso.propose(
            "stripe.refund", {"charge": CHARGE, "amount": usd(300)}, subject=ANA.id
        )
        assert view.status == "succeeded", view.error
        charge = {"object": "charge", "id": CHARGE}
        assert await account.hears("charge.refunded", charge) == ()
        for odd in (
            {"object": "refund", "id": "re_nobody"},
            {"object": "refund", "id": "../v1/account"},
            {"object": "refund", "id": 7},
            {"object": "charge", "id": "ch_nobody"},
            {"object": "payout", "id": "po_1"},
            {},
        ):
            assert await account.hears("charge.refunded", odd) == (), odd
        made = account.by_hand(charge=CHARGE, amount="500")
        body = json.dumps({"type": "refund.created", "data": {"object": made}}).encode()
        headers = by_stripe(body + b" ", account.clock.now())
        with pytest.raises(RefusedError) as refused:
            await account.sayso.inbound.receive("stripe", headers, body)
        assert refused.value.code is Code.UNAUTHENTICATED
        assert await account.sayso.work.list() == []
        account.clock.advance(days=8)
        assert await account.hears("refund.created", made) == ()


@pytest.mark.promise("inbound:elsewhere")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_it_is_one_piece_of_work_whatever_dies_or_runs_beside(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """Two workers hear it at once; one that ends in between is told again, and tells it then."""
    url = "" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    async with heard_account(tmp_path, url) as account, account.opened() as other:
        made = account.by_hand(charge=CHARGE, amount="500")
        with pytest.MonkeyPatch.context() as patch:

            def dies(*_: object, **__: object) -> int:
                raise MemoryError

            patch.setattr(AuditLog, "append", dies)
            with pytest.raises(MemoryError):
                await account.hears("refund.created", made)
        assert await account.sayso.work.list() == []
        both = await asyncio.gather(
            *(account.hears("refund.created", made, by) for by in (account.sayso, other) * 3)
        )
        assert sorted(both) == [(), (), (), (), (), (made["id"],)]
        (work,) = await other.work.list()
        assert await other.work.list(kinds=("elsewhere",), after=work.about) == []
        assert other.audit.verify().exit_status == 0


@pytest.mark.promise("inbound:elsewhere")
async def test_it_goes_with_its_customer_and_counts_for_the_next_refund(tmp_path: Path) -> None:
    """The policy's facts have it, an erasure takes it, and nobody is told of it again."""
    async with heard_account(tmp_path) as account:
        made = account.by_hand(charge=CHARGE, amount="500")
        assert await account.hears("refund.created", made) == (made["id"],)
        stripe = Connectors([stripe_on(account.sandbox.url, account.sandbox.api_key)])
        args = stripe.validate_args("stripe.refund", {"charge": CHARGE, "amount": usd(100)})
        read = await stripe.resolve(stripe.action("stripe.refund"), args, ANA)
        await stripe.close()
        assert read.facts["refunded_total"] == Money(500, "USD")
        assert read.facts["refunded_before"] == 1
        erased = await account.sayso.privacy.erase(ANA.id, reason="subject_request", by=MARIA)
        assert erased is not None
        assert await account.sayso.work.list() == []
        with pytest.raises(RefusedError) as gone:
            await account.sayso.work.get(made["id"])
        assert gone.value.code is Code.NOT_FOUND
        assert await account.hears("refund.created", made) == ()
        assert account.sayso.audit.verify().exit_status == 0


@pytest.mark.promise("inbound:elsewhere")
async def test_a_refund_of_nobody_is_told_without_a_name(tmp_path: Path) -> None:
    """A payment on which no customer stands: people see the charge."""
    async with heard_account(tmp_path) as account:
        card = {"amount": "900", "currency": "usd", "source": "tok_visa"}
        charge = account.by_hand("charges", **card)
        made = account.by_hand(charge=charge["id"])
        assert await account.hears("refund.created", made) == (made["id"],)
        (work,) = await account.sayso.work.list()
        assert (work.subject, work.amount) == (charge["id"], Money(900, "USD"))
        assert "names no customer" in work.why


@pytest.mark.promise("inbound:elsewhere")
async def test_people_take_and_end_it_in_the_console(tmp_path: Path) -> None:
    """It is in the inbox, has a page of its own, and shop's words there are text."""
    async with heard_account(tmp_path) as account:
        card = {"amount": "900", "currency": "usd", "source": "tok_visa"}
        charge = account.by_hand("charges", description="Order <b>1047</b>", **card)
        made = account.by_hand(charge=charge["id"])
        await account.hears("refund.created", made)
        _, maria = await account.sayso.sessions.begin("maria", via="token")
        transport = httpx.ASGITransport(app=create_console(account.sayso))
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://127.0.0.1",
            cookies={"sayso_session": maria},
            headers={"Sec-Fetch-Site": "same-origin"},
        ) as browser:
            inbox = await browser.get("/?tab=unknown")
            assert "1 unknown, failed, or done outside Sayso" in inbox.text
            assert f"work/{made['id']}" in inbox.text
            page = await browser.get(f"/work/{made['id']}")
            assert page.status_code == 200
            assert "Order &lt;b&gt;1047&lt;/b&gt; was refunded outside Sayso" in page.text
            taken = await browser.post(f"/work/{made['id']}", data={"do": "take"})
            assert taken.headers["location"].endswith(f"/work/{made['id']}")
            page = await browser.get(f"/work/{made['id']}")
            assert "Taken by maria" in page.text
            await browser.post(f"/work/{made['id']}", data={"do": "end", "note": "by Ada"})
        assert await account.sayso.work.list() == []
        assert account.sayso.audit.verify().exit_status == 0
