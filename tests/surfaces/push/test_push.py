"""People are told in their browsers: what, who, once, and nothing in the clear."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from actions.steps import say
from support.shop_workspace import open_shop
from surfaces.push.push_shop import PushShop, make_key, open_push_shop, tables

from sayso.audit.authority.by import By
from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.retry import RetryPolicy
from sayso.errors import Code, ConfigError, RefusedError
from sayso.sdk.background.telling import Telling
from sayso.sdk.push.browsers import Browser
from sayso.sdk.push.message import Encrypter, Pushed
from sayso.sdk.push.notices import Notice
from sayso.sdk.push.settings import PushKey
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.push import Pusher, examine, open_channel

pytestmark = pytest.mark.promise("push:told")
HOST = By(actor=Actor(kind=ActorKind.SERVICE, id="test"), credential="host", via="test")


async def test_a_card_reaches_each_browser_of_who_may_answer_and_nobody_else(
    store_url: str, tmp_path: Path
) -> None:
    """Amount, instrument and reason in the browser's language; encrypted; once for a revision."""
    async with open_push_shop(tmp_path / "shop") as shop:
        maria, phone = await shop.turn_on("maria"), await shop.turn_on("maria", "de")
        finn = await shop.turn_on("finn")
        view = await shop.ask()
        await shop.tell()
        (push,) = maria.got
        assert push.title == "$129.00 waits for your yes or no"
        assert push.body.endswith("Above the automatic $50")
        assert (push.path, push.tag) == (f"solution/{view.id}",) * 2
        assert phone.got[0].title == "129,00\u00a0$ wartet auf Ihr Ja oder Nein"
        assert "cus_" not in push.words
        assert "mug" not in push.words
        assert b"129" not in push.raw
        assert push.headers["urgency"] == "high"
        assert finn.got == []
        await shop.tell(minutes=5)
        assert len(maria.got) == 1
        noor = await shop.turn_on("noor")
        await shop.ask(by=Actor(kind=ActorKind.PERSON, id="maria"))
        await shop.tell()
        assert (len(maria.got), len(noor.got)) == (1, 1), "not whoever has asked for it"
        assert shop.service.refused == []


async def test_a_mention_and_a_gift_at_once_are_one_push_with_the_card(tmp_path: Path) -> None:
    """Whoever is called just now hears of the card by that; the note itself is not told."""
    async with open_push_shop(tmp_path / "shop") as shop:
        maria, noor = await shop.turn_on("maria"), await shop.turn_on("noor")
        view = await shop.ask()
        await shop.give(view, "maria")
        await shop.note(view, "@maria please, @maria, and @nobody: the customer is Dana Ruiz")
        await shop.tell()
        await shop.tell(minutes=5)
        (push,) = maria.got
        assert push.title == "noor gave you this, and names you in a note"
        assert push.body.startswith("$129.00 waits for your yes or no")
        assert "Dana" not in push.words
        assert [one.title for one in noor.got] == ["$129.00 waits for your yes or no"]
        await shop.note(view, "@maria again, and @noor myself", by="noor")
        await shop.tell()
        assert [one.title for one in maria.got][1:] == ["noor names you in a note"]
        await shop.give(view, "finn", by="finn")
        await shop.note(view, "an old one for @maria")
        await shop.tell(days=2)
        assert (len(maria.got), len(noor.got)) == (2, 1), "what is old calls nobody"


async def test_a_mention_says_that_a_card_waits_for_you_only_where_it_does(tmp_path: Path) -> None:
    """Not to whom it never asked, nor to who has agreed, nor once it is decided."""
    async with open_push_shop(tmp_path / "shop") as shop:
        people = {one: await shop.turn_on(one) for one in ("maria", "noor", "finn")}

        async def heard(note: str, by: str) -> dict[str, str]:
            await shop.tell()  # first what the card itself has told
            await shop.note(view, note, by=by)
            await shop.tell()
            named = {
                name: [one for one in soft.got if "note" in one.title][-1:]
                for name, soft in people.items()
                if name != by
            }
            return {name: one.body.partition(" · ")[0] for name, (one,) in named.items()}

        waits = "{} waits for your yes or no"
        view = await shop.ask(600_00)
        assert await heard("@noor @finn", "maria") == dict.fromkeys(
            ("noor", "finn"), waits.format("$600.00")
        )
        card = (await shop.sayso.actions.get(view.steps[0].action_id)).approval
        assert card is not None
        await shop.sayso.approvals.decide_as(say(card, "maria"))
        assert (await heard("@maria @finn", "noor"))["maria"] == "$600.00", "she has agreed"
        view = await shop.ask()
        said = await heard("@noor @finn", "maria")
        assert said == {"noor": waits.format("$129.00"), "finn": "$129.00"}
        card = (await shop.sayso.actions.get(view.steps[0].action_id)).approval
        assert card is not None
        await shop.sayso.approvals.decide_as(say(card, "maria"))
        assert set((await heard("@noor @finn", "maria")).values()) == {"$129.00"}


async def test_a_stop_reaches_everybody_with_a_role_but_who_stopped(tmp_path: Path) -> None:
    """In words, without the reason; of one that has ended meanwhile nothing."""
    async with open_push_shop(tmp_path / "shop") as shop:
        maria, finn = await shop.turn_on("maria"), await shop.turn_on("finn")
        token = await shop.sayso.tokens.create(
            shop.sayso.tenant, "person", "maria", frozenset({Scope.STOP}), days=1, by=HOST.actor
        )
        by = Actor(kind=ActorKind.PERSON, id="maria")
        await shop.sayso.stops.engage(
            "connector", "shop", reason="Dana Ruiz", by=by, credential=token[0].id
        )
        await shop.tell()
        (push,) = finn.got
        assert push.title == "Stopped: shop"
        assert push.body.startswith("maria stopped it")
        assert (push.path, maria.got) == ("stop", [])
        assert "Dana" not in push.words


async def test_one_that_is_gone_is_forgotten_and_one_that_fails_holds_up_no_other(
    tmp_path: Path,
) -> None:
    """404 and 410 end it; 503 is tried again later, and who was told is not told twice."""
    async with open_push_shop(tmp_path / "shop") as shop:
        gone, lost = await shop.turn_on("maria"), await shop.turn_on("maria")
        well, ill = await shop.turn_on("noor"), await shop.turn_on("noor")
        gone.status, lost.status, ill.status = 410, 404, 503
        await shop.ask()
        await shop.tell()
        assert await shop.sayso.browsers.list("maria") == []
        assert (len(well.got), ill.tries) == (1, 3)
        ill.status = 201
        await shop.tell(minutes=3)
        assert (len(well.got), len(ill.got)) == (1, 1)
        assert (gone.tries, lost.tries) == (1, 1)
        ill.status = 403  # refused for good: not tried again
        await shop.ask()
        await shop.tell()
        await shop.tell(minutes=3)
        assert ill.tries == 5


class Choosy(Encrypter):
    """It cannot encrypt for one of the browsers."""

    def make(self, browser: Browser, key: PushKey, notice: Notice) -> tuple[bytes, dict[str, str]]:
        """As it does for every other one."""
        if "broken" in browser.endpoint:
            raise ValueError(browser.endpoint)
        return super().make(browser, key, notice)


async def test_one_that_cannot_be_called_holds_up_no_other_and_a_silent_service_waits_once(
    tmp_path: Path,
) -> None:
    """Whoever has a broken address, or one that never answers, delays nobody's other rows."""
    async with open_push_shop(tmp_path / "shop") as shop:
        noor, keys = await shop.turn_on("noor"), json.loads((await shop.turn_on("finn")).said)
        for url in (
            "https://broken.example",
            "https://silent.example/1",
            "https://silent.example/2",
        ):
            await shop.sayso.browsers.add("maria", json.dumps({**keys, "endpoint": url}))
        called: list[str] = []

        async def over(browser: Browser, body: bytes, headers: dict[str, str]) -> Pushed:
            called.append(browser.endpoint)
            silent = "silent" in browser.endpoint
            return Pushed(problem="no answer in time" * silent, again=silent, silent=silent)

        settings = shop.sayso.browsers.settings
        assert settings is not None
        once = RetryPolicy(attempts=1)
        pusher = Pusher(
            *(shop.sayso, settings),
            policy=once,
            over=over,
            encrypter=Choosy(settings.contact),
            at_once=1,
        )
        channel = Telling(shop.sayso, "push", pusher.tells)
        for rows in (2, 1):
            for _ in range(rows):
                await shop.ask()
            await channel.step()
            shop.opened.clock.advance(seconds=121)
        assert called.count(noor.endpoint) == 3
        assert sum("silent" in one for one in called) == 2, "once in each of both rounds"


async def test_who_leaves_is_told_nothing_and_comes_back_without_browsers(
    store_url: str, tmp_path: Path
) -> None:
    """In the transaction that takes their powers; by sayso.toml with the next push."""
    async with open_push_shop(tmp_path / "shop") as shop:
        maria, noor = await shop.turn_on("maria"), await shop.turn_on("noor")
        tenant = shop.sayso.tenant
        await shop.sayso.people.deactivate(tenant, "noor", by=HOST)
        assert await shop.sayso.browsers.list("noor") == []
        await shop.sayso.people.add(tenant, "noor", ("support_manager",), by=HOST)
        await shop.ask()
        await shop.tell()
        assert (len(maria.got), noor.got) == (1, [])
        with pytest.raises(RefusedError) as caught:
            await shop.turn_on("idle")
        assert caught.value.code is Code.NOT_FOUND


async def test_a_row_counts_for_its_person_and_tenant_alone(tmp_path: Path) -> None:
    """Whoever writes the database has nothing pushed elsewhere, and another tenant sees none."""
    async with open_push_shop(tmp_path / "shop") as shop:
        finn = await shop.turn_on("finn")
        (row,) = await shop.sayso.browsers.list()
        assert await shop.sayso.browsers.list(tenant="other") == []
        await shop.sayso.container.store.write(
            lambda tx: tx.run("push.forget_person", tenant=row.tenant, person="finn")
        )
        sealed = b"\0" * 40
        await shop.sayso.container.store.write(
            lambda tx: tx.run(
                "push.insert",
                tenant=row.tenant,
                id=row.id,
                person="maria",
                endpoint_sha256="0" * 64,
                sealed=sealed,
                now=row.created_at,
            )
        )
        await shop.ask()
        await shop.tell()
        assert (await shop.sayso.browsers.list(), finn.got) == ([], [])


BAD = {
    "no subscription": "{}",
    "no JSON": "endpoint",
    "a private host": '{"endpoint": "https://10.0.0.1/x", KEYS}',
    "no https": '{"endpoint": "http://push.example/x", KEYS}',
    "a user": '{"endpoint": "https://a:b@push.example/x", KEYS}',
    "a host that is a number": '{"endpoint": "https://2130706433/x", KEYS}',
    "a name that IDNA forbids": '{"endpoint": "https://xn--/x", KEYS}',
    "metadata": '{"endpoint": "https://169.254.169.254/x", KEYS}',
    "no keys": '{"endpoint": "https://push.example/x", "keys": {"p256dh": "AA", "auth": "AA"}}',
    "long": '{"endpoint": "https://push.example/' + "x" * 5000 + '", KEYS}',
}


@pytest.mark.promise("push:guarded")
async def test_what_is_no_subscription_of_a_browser_is_refused(tmp_path: Path) -> None:
    """Its address is foreign: https alone, of a public host, also when it is connected to."""
    async with open_push_shop(tmp_path / "shop") as shop:
        good = await shop.turn_on("maria")
        keys = f'"keys": {json.dumps(json.loads(good.said)["keys"])}'
        for what, said in BAD.items():
            with pytest.raises(RefusedError) as caught:
                await shop.sayso.browsers.add("maria", said.replace("KEYS", keys))
            assert caught.value.code is Code.INVALID_INPUT, what
        for _ in range(9):
            await shop.turn_on("maria")
        with pytest.raises(RefusedError, match="at most 10"):
            await shop.turn_on("maria")
        assert not await shop.sayso.browsers.remove("noor", "psh_1"), "another's is not found"
        # Without `local`, what was turned on before is called no more: each connection is judged.
        section = {"key": "file:keys/push.key", "contact": "ops@shop.example"}
        async with open_shop(tmp_path / "shop", channels={"push": section}) as opened:
            again = PushShop(opened=opened, service=shop.service, orders=shop.orders)
            await again.ask()
            await again.tell()
            assert good.tries == 0
            with pytest.raises(RefusedError, match="on this machine"):
                await opened.sayso.browsers.add("noor", good.said)


async def test_a_new_key_leaves_browsers_of_the_older_one_told(tmp_path: Path) -> None:
    """By `older_keys`; without it they are told nothing, and the doctor says so."""
    folder = tmp_path / "shop"
    async with open_push_shop(folder) as shop:
        maria = await shop.turn_on("maria")
        service = shop.service
        first = shop.sayso.workspace.settings.channels["push"]
        newer = {**first, "key": make_key(folder, "next"), "older_keys": [first["key"]]}
        for section, told in ((newer, 1), ({**newer, "older_keys": []}, 1)):
            more: dict[str, Any] = {
                "channels": {"push": section},
                "webhooks": {"local": True},
            }
            async with open_shop(folder, **more) as opened:
                again = PushShop(opened=opened, service=service, orders=shop.orders)
                await again.ask()
                await again.tell()
                assert len(maria.got) == told
                found = {one.what: one for one in await examine(opened.sayso)}["browsers"]
                assert found.ok is bool(section["older_keys"])
                assert found.ok or "older_keys" in found.next_step
        assert service.refused == []


@pytest.mark.promise("push:extra")
async def test_the_extra_is_named_where_it_is_missing_and_loaded_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the doctor, at the start, and to whoever turns it on; never imported before a push."""
    folder = tmp_path / "shop"
    async with open_shop(folder, **tables(folder)) as opened:
        sayso = opened.sayso
        assert {one.what for one in await examine(sayso) if not one.ok} == {"address"}
        sys.modules.pop("webpush", None)
        async with open_channel(sayso):
            await Telling(sayso, "push", {}).step()
        assert "webpush" not in sys.modules
        monkeypatch.setitem(sys.modules, "webpush", None)
        (missing,) = [one for one in await examine(sayso) if one.what == "extra"]
        assert "--extra push" in missing.next_step or "webpush" in missing.next_step
        with pytest.raises(ConfigError) as caught:
            async with open_channel(sayso):
                pytest.fail("it was opened")
        assert caught.value.code is Code.MISSING_EXTRA


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"contact": "ops"}, "contact"),
        ({"key": "file:keys/log.key"}, "P-256"),
        ({"key": "file:keys/none.key"}, "none.key"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_section_that_is_wrong_is_refused_with_the_next_step(
    tmp_path: Path, section: dict[str, object], said: str
) -> None:
    """Before anything is served."""
    folder = tmp_path / "shop"
    async with open_shop(folder, **tables(folder, **section)) as opened:
        with pytest.raises(ConfigError) as caught:
            _ = opened.sayso.browsers.settings
        assert said in f"{caught.value.message} {caught.value.next_step}"
        assert caught.value.next_step
