"""A real commerce server, which has somebody else pay: its acquirer's books and our ledger agree.

Vendure of npm's, unchanged; what is ours is its payment handler, which keeps books outside of its
database. It is skipped only where npm cannot be reached, and never in CI.
"""

from __future__ import annotations

import os
import random
from collections.abc import Generator
from pathlib import Path
from threading import Event

import pytest
from real.asking import (
    MANIFEST,
    NEEDED,
    ask_in_a_process,
    make_workspace,
    opened,
    propose,
    refund_of,
)
from real.shop import PAY_S, NoNpmError, RealShop, run_shop, wait_until
from support.postgres_server import PostgresServer

from sayso.actions.model.status import Status
from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.testing.clock import FakeClock

WHOLE = os.environ.get("SAYSO_STORIES", "") == "1"
"""By `./run stories`; else fewer die, in each of the same ways."""
KILLS_OF_SAYSO, UNDER_WAY = (25, 10) if WHOLE else (10, 6)
AT_ONCE = 5
KILLS_OF_THE_SHOP = int(os.environ.get("SAYSO_REAL_SHOP_KILLS", "2"))
"""Of processes of it, which take long to boot; `UNDER_WAY` payments are, all in all. With 10 each
one of them is killed by itself; on a busy machine that takes `-o faulthandler_timeout=1800`."""
DAY_S = (1, 5, 30, 60, 100, 200, 300, 400, 900, *[3600] * 8)
"""Every moment at which the engine may look, or call again."""

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def shop(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[RealShop]:
    """The shop, with an order for each thing that goes wrong."""
    folder = tmp_path_factory.mktemp("vendure")
    try:
        with run_shop(postgres_server, folder, 2 + KILLS_OF_SAYSO + UNDER_WAY) as running:
            yield running
    except NoNpmError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI has to run this: {error}")
        pytest.skip(f"Vendure cannot be installed here: {error}")


async def live_on(sayso: Sayso, clock: FakeClock, view: ActionView) -> ActionView:
    """Let a day pass, at each moment of which the engine may do something."""
    for seconds in DAY_S:
        clock.advance(seconds=seconds)
        row = await sayso.container.engine.advance(Tenant("main"), view.id)
        if row.status is Status.SUCCEEDED and row.due_at is None:
            break
    return await sayso.actions.get(view.id)


async def assert_agreed(sayso: Sayso, shop: RealShop, view: ActionView) -> None:
    """Paid once at most, told as it is, and with a person where nobody can know."""
    paid = shop.refunds(view.id)
    assert len(paid) <= 1, (view.status, paid)
    work = {one.about for one in await sayso.work.list(limit=200)}
    match view.status:
        case "succeeded":
            assert view.amount is not None
            assert [minor for _, minor in paid] == [view.amount.amount_minor]
        case "unknown":
            assert view.id in work
        case _:
            assert view.status in {"refused", "stale", "approved", "pending_approval"}
            assert paid == []


@pytest.mark.promise("engine:after-paying:real")
async def test_what_the_shop_pays_and_cannot_write_down_is_paid_once(
    shop: RealShop, tmp_path: Path
) -> None:
    """It pays, its INSERT fails, and it answers an error: $5 were paid eight times so."""
    folder, clock = (
        make_workspace(tmp_path / "w", shop.servers[0].url, MANIFEST.replace(NEEDED, "")),
        FakeClock(),
    )
    async with opened(folder, shop.key, clock) as sayso:
        view = await live_on(sayso, clock, await propose(sayso, *refund_of(shop, 0, 500)))
        assert shop.refunds(view.id) == [(shop.orders[0].code, 500)]
        assert view.status == "unknown"
        await assert_agreed(sayso, shop, view)
        assert sayso.audit.verify(deep=True).verdict == "verified"


@pytest.mark.promise("engine:after-paying:real")
async def test_a_refund_that_works_is_found_in_the_books(shop: RealShop, tmp_path: Path) -> None:
    """The manifest does what it says at a real server."""
    clock = FakeClock()
    async with opened(make_workspace(tmp_path / "w", shop.servers[0].url), shop.key, clock) as one:
        view = await propose(one, *refund_of(shop, 1, 700))
        assert view.status == "succeeded"
        await assert_agreed(one, shop, view)


@pytest.mark.promise("engine:after-paying:real")
async def test_a_killed_shop_has_paid_once(shop: RealShop, tmp_path: Path) -> None:
    """kill -9 between its payment handler and its commit: its database knows nothing of it."""
    each = UNDER_WAY // KILLS_OF_THE_SHOP
    for kill in range(KILLS_OF_THE_SHOP):
        server, clock, before = shop.add_server(), FakeClock(), len(shop.refunds())
        folder = make_workspace(tmp_path / str(kill), server.url)
        server.slow.touch()
        wanted = [refund_of(shop, 2 + kill * each + number, 400) for number in range(each)]
        asking = [ask_in_a_process(folder, shop.key, *one) for one in wanted]
        wait_until(
            lambda: len(shop.refunds()) == before + each,  # noqa: B023  (called here)
            PAY_S,
            "the acquirer pays",
        )
        server.kill()
        for one in asking:
            one.join(PAY_S)
        settings = folder / "sayso.toml"
        settings.write_text(settings.read_text().replace(server.url, shop.servers[0].url))
        async with opened(folder, shop.key, clock) as sayso:
            views = await sayso.actions.list(limit=200)
            views = [await live_on(sayso, clock, view) for view in views]
            assert [view.status for view in views] == ["unknown"] * each
            for view in views:
                await assert_agreed(sayso, shop, view)
                assert len(shop.refunds(view.id)) == 1
            assert sayso.audit.verify(deep=True).verdict == "verified"


@pytest.mark.promise("engine:after-paying:real")
async def test_a_killed_sayso_has_paid_once(shop: RealShop, tmp_path: Path) -> None:
    """kill -9 of processes that ask: while the acquirer pays, and at any other moment."""
    server, clock, drawn = shop.servers[0], FakeClock(), random.Random(23)
    folder = make_workspace(tmp_path / "w", server.url)
    first = 2 + UNDER_WAY
    for begin in range(0, KILLS_OF_SAYSO, AT_ONCE):
        numbers = range(first + begin, first + begin + AT_ONCE)
        before, held = len(shop.refunds()), begin % 2 == 0
        if held:
            server.slow.touch()
        asking = [
            ask_in_a_process(folder, shop.key, *refund_of(shop, number, 300)) for number in numbers
        ]
        if held:
            wait_until(
                lambda: len(shop.refunds()) == before + AT_ONCE,  # noqa: B023  (called here)
                PAY_S,
                "the acquirer pays",
            )
        for one in asking:
            Event().wait(0.0 if held else drawn.uniform(0.1, 0.5))
            one.kill()
            one.join(PAY_S)
        server.slow.unlink(missing_ok=True)
    clock.advance(hours=1)
    async with opened(folder, shop.key, clock) as sayso:
        views = await sayso.actions.list(limit=200)
        assert len(views) >= KILLS_OF_SAYSO // 2
        for view in views:
            await assert_agreed(sayso, shop, await live_on(sayso, clock, view))
        assert sayso.audit.verify(deep=True).verdict == "verified"
