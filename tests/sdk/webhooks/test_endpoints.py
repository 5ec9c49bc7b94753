"""Endpoints: who may be called, with which secret, and what the log and the database hold of it."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sdk.webhooks.test_telling import DONE
from sdk.webhooks.webhook_shop import WebhookShop, open_webhook_shop
from support.receiver import Receiver, always
from support.shop_workspace import make_shop_workspace

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.ids import Tenant
from sayso.sdk.webhooks.endpoints import MOST_ENDPOINTS
from sayso.sdk.webhooks.sender import WebhookSender
from sayso.store.base import Transaction

MARIA = Actor(kind=ActorKind.PERSON, id="maria")
PUBLIC = "https://bot.example.com/sayso?channel=refunds"


async def refused(work: object) -> RefusedError:
    """The refusal that a coroutine ends with."""
    assert asyncio.iscoroutine(work)
    with pytest.raises(RefusedError) as found:
        await work
    return found.value


@pytest.mark.promise("webhooks:log")
async def test_each_change_of_an_endpoint_is_an_entry(shop: WebhookShop) -> None:
    """By whom, without the address and without a secret, which may be one and the same."""
    webhooks = shop.webhooks
    made = await webhooks.add(PUBLIC, kinds=["action"], by=MARIA)
    rotated = await webhooks.rotate(made.id, by=MARIA)
    await webhooks.disable(made.id, by=MARIA)
    await webhooks.disable(made.id, by=MARIA)  # so it is already
    await webhooks.enable(made.id, by=MARIA)
    await webhooks.replay(made.id, after=-1, by=MARIA)
    await webhooks.remove(made.id, by=MARIA)
    entries = (await shop.opened.sayso.audit.tail(6))[::-1]
    assert [entry.kind.removeprefix("webhook.") for entry in entries] == [
        *("added", "rotated", "disabled", "enabled", "replayed", "removed")
    ]
    assert {entry.actor for entry in entries} == {"person:maria"}
    assert {entry.body["data"]["webhook"] for entry in entries} == {made.id}
    assert entries[0].body["data"]["host"] == "bot.example.com"
    told = str([entry.body for entry in entries])
    for hidden in (PUBLIC, "refunds", made.secret, rotated.secret):
        assert hidden
        assert hidden not in told
    assert await webhooks.list() == []
    assert (await refused(webhooks.get(made.id))).code is Code.NOT_FOUND


async def test_a_secret_is_shown_once_and_long_enough(shop: WebhookShop) -> None:
    """Standard Webhooks: 24 to 64 bytes. Who lists endpoints does not see it."""
    made = await shop.webhooks.add(PUBLIC)
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert len(base64.b64decode(made.secret.removeprefix("whsec_"))) == 32
    assert [one.secret for one in await shop.webhooks.list()] == [None]
    assert (await shop.webhooks.get(made.id)).secret is None
    assert (await shop.webhooks.rotate(made.id)).secret not in {None, made.secret}


@pytest.mark.promise("webhooks:signed")
async def test_after_a_rotation_both_secrets_verify_for_a_day(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """So that a receiver can be changed without losing a message; then the old one is none."""
    made = await shop.add(receiver)
    rotated = await shop.webhooks.rotate(made.id)
    assert rotated.secret is not None
    await shop.propose()
    await shop.after(hours=23)
    assert receiver.types == DONE  # with the old secret still
    signatures = receiver.taken[0].headers["webhook-signature"].split(" ")
    assert [one.partition(",")[0] for one in signatures] == ["v1", "v1"]
    await shop.propose()
    await shop.after(hours=2)
    assert len(receiver.strange) == 1
    receiver.secrets[:] = [rotated.secret]
    await shop.webhooks.enable(made.id)
    await shop.after()
    assert receiver.types == DONE * 2
    assert " " not in receiver.taken[-1].headers["webhook-signature"]


@pytest.mark.promise("webhooks:replay")
async def test_a_replay_tells_again_with_the_same_ids(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """Behind an event, or since a moment; a receiver that lost its memory gets all of it again."""
    made = await shop.add(receiver)
    await shop.propose()
    await shop.after()
    shop.opened.clock.advance(hours=1)
    moment = shop.opened.clock.now()
    await shop.propose()
    await shop.after()
    ids = [got.id for got in receiver.taken]
    await shop.webhooks.replay(made.id, after=receiver.taken[0].data["seq"])
    await shop.after()
    assert sorted(got.id for got in receiver.taken[6:]) == sorted(ids[1:])
    await shop.webhooks.replay(made.id, since=moment)
    await shop.after()
    assert [got.id for got in receiver.taken[11:]] == ids[3:]  # one action's, so in order
    newest = await shop.opened.sayso.events.newest()
    for after in (newest + 10, -2):
        error = await refused(shop.webhooks.replay(made.id, after=after))
        assert error.code is Code.INVALID_INPUT
    neither = await refused(shop.webhooks.replay(made.id))
    both = await refused(shop.webhooks.replay(made.id, after=1, since=moment))
    assert {neither.code, both.code} == {Code.INVALID_INPUT}


@pytest.mark.promise("webhooks:replay")
async def test_a_replay_during_an_outage_loses_nothing(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """What waits is told from the earlier place on."""
    made = await shop.add(receiver)
    action = await shop.propose(20_000)
    await shop.after()
    receiver.stop()
    await shop.decide(action)
    await shop.after()
    await shop.webhooks.replay(made.id, after=-1)
    receiver.start()
    await shop.after(minutes=6)
    assert receiver.types == ["action.pending", "action.pending", *DONE]


@pytest.mark.promise("webhooks:address")
@pytest.mark.parametrize(
    "url",
    [
        "http://bot.example.com/",
        "https://10.0.0.8/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f000001/",
        "https://user:pass@bot.example.com/",
        "ftp://bot.example.com/",
        "bot.example.com",
        "",
    ],
)
async def test_an_address_that_leads_inside_is_refused(tmp_path: Path, url: str) -> None:
    """By the one judge of addresses; whoever adds one has no way into the network."""
    async with open_webhook_shop(tmp_path / "shop", webhooks={}) as shop:
        error = await refused(shop.webhooks.add(url))
        assert error.code is Code.INVALID_INPUT
        assert "pass" not in error.message


@pytest.mark.promise("webhooks:address")
async def test_this_machine_is_called_only_where_it_is_said(tmp_path: Path) -> None:
    """When it is added, and when it is called: the setting of today counts."""
    async with open_webhook_shop(tmp_path / "shop", webhooks={}) as shop:
        with Receiver(clock=shop.opened.clock) as receiver:
            error = await refused(shop.webhooks.add(receiver.url))
            assert "local" in error.next_step
    async with open_webhook_shop(tmp_path / "shop") as shop:
        with Receiver(clock=shop.opened.clock) as receiver:
            made = await shop.add(receiver)
            strict = make_shop_workspace(shop.opened.workspace.folder, webhooks={})
            await shop.propose()
            await WebhookSender(shop.opened.sayso.container, strict).drain()
            assert receiver.tries == []
            shown = await shop.webhooks.get(made.id)
            assert shown.problem == "address not allowed"


@pytest.mark.promise("webhooks:address")
async def test_a_name_that_leads_inside_is_not_connected_to(tmp_path: Path) -> None:
    """It was public when it was added; judged again at each connection (DNS rebinding)."""
    async with open_webhook_shop(tmp_path / "shop") as shop:
        with Receiver(clock=shop.opened.clock) as receiver:
            port = receiver.url.split(":")[2].split("/")[0]
            made = await shop.webhooks.add(f"https://localhost.localdomain:{port}/")
            tested = await shop.webhooks.test(made.id)
            assert not tested.taken
            assert tested.problem in {"address not allowed", "no connection"}
            assert receiver.tries == []
            assert receiver.strange == []


@pytest.mark.promise("webhooks:sealed")
async def test_who_can_only_write_the_database_sends_them_nowhere(tmp_path: Path) -> None:
    """Address and secrets are sealed for their row: moved or changed, nothing is sent."""
    async with open_webhook_shop(tmp_path / "shop") as shop:
        with Receiver(clock=shop.opened.clock) as receiver, Receiver() as thief:
            made = await shop.add(receiver)
            other = await shop.webhooks.add(thief.url)
            with closing(sqlite3.connect(shop.opened.workspace.store_path)) as rows:
                stored = rows.execute("select sealed from webhook").fetchall()
                assert not any(b"127.0.0.1" in row[0] or b"whsec" in row[0] for row in stored)
                rows.execute(
                    "update webhook set sealed = (select sealed from webhook where id = ?) "
                    "where id = ?",
                    (other.id, made.id),
                )
                rows.commit()
            await shop.propose()
            with pytest.raises(IntegrityError) as found:
                await shop.webhooks.get(made.id)
            assert found.value.code is Code.TAMPERED
            assert receiver.tries == []


async def test_endpoints_are_of_their_tenant(shop: WebhookShop) -> None:
    """One tenant's endpoints are not another's, and hear nothing of it."""
    other = Tenant("other")
    made = await shop.webhooks.add(PUBLIC, tenant=other)
    assert await shop.webhooks.list() == []
    assert (await refused(shop.webhooks.rotate(made.id))).code is Code.NOT_FOUND
    await shop.propose()
    await shop.sender.drain()
    (shown,) = await shop.webhooks.list(tenant=other)
    assert (shown.id, shown.waiting) == (made.id, 0)


async def test_the_same_key_is_one_endpoint(shop: WebhookShop) -> None:
    """A repeated call shows the same secret; for another address the key is a conflict."""
    first = await shop.webhooks.add(PUBLIC, idempotency_key="k")
    again = await shop.webhooks.add(PUBLIC, idempotency_key="k")
    assert again == first
    error = await refused(shop.webhooks.add(f"{PUBLIC}1", idempotency_key="k"))
    assert error.code is Code.IDEMPOTENCY_CONFLICT
    for number in range(1, MOST_ENDPOINTS):
        await shop.webhooks.add(f"{PUBLIC}{number}")
    assert (await refused(shop.webhooks.add(PUBLIC))).code is Code.INVALID_INPUT


@pytest.mark.parametrize("kind", ["token.created", "action.", "action.done", "", "webhook"])
async def test_a_kind_that_is_never_told_is_refused(shop: WebhookShop, kind: str) -> None:
    """A misspelt one would be silence for ever."""
    assert (await refused(shop.webhooks.add(PUBLIC, kinds=[kind]))).code is Code.INVALID_INPUT


async def test_a_test_message_says_how_it_was_taken(shop: WebhookShop, receiver: Receiver) -> None:
    """Signed like every other, and stored nowhere."""
    made = await shop.add(receiver)
    newest = await shop.opened.sayso.events.newest()
    good = await shop.webhooks.test(made.id)
    assert (good.taken, good.status, good.problem) == (True, 204, None)
    assert receiver.taken[0].type == "webhook.test"
    receiver.answers = always(503)
    bad = await shop.webhooks.test(made.id)
    assert (bad.taken, bad.status, bad.problem) == (False, 503, "status 503")
    receiver.stop()
    assert (await shop.webhooks.test(made.id)).problem == "no connection"
    assert await shop.opened.sayso.events.newest() == newest


async def test_without_the_vaults_key_nothing_is_added(tmp_path: Path) -> None:
    """A secret that cannot be sealed is not stored; the error says how to make a key."""
    async with open_webhook_shop(tmp_path / "shop") as shop:
        (shop.opened.workspace.folder / "keys" / "vault.key").unlink()
        with pytest.raises(ConfigError) as found:
            await shop.webhooks.add(PUBLIC)
        assert found.value.code is Code.MISSING_SECRET

        def count(tx: Transaction) -> int:
            return len(tx.all("webhook.of_tenant", tenant=shop.opened.sayso.tenant))

        assert await shop.opened.sayso.container.store.write(count) == 0
