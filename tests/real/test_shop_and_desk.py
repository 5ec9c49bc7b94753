"""A real help desk and a real shop at once: from a customer's mail to the money and the answer.

Request Tracker and Vendure, each unchanged, know nothing of each other. `./run stories` runs it.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest
from real.asking import MANIFEST
from real.desk_story import agree, rt_at, settle
from real.shop import NoNpmError, RealShop, run_shop, wait_until
from real.test_tracker import customer, words_of
from real.tracker import Tracker
from sdk.customers import MARIA
from support.postgres_server import PostgresServer
from support.shop_workspace import PLAYBOOK, make_shop_workspace

from sayso.connectors.base import Connector
from sayso.connectors.manifest.connector import Connected
from sayso.connectors.manifest.people import connector_of
from sayso.connectors.manifest.source import read_source
from sayso.ids import Clock, SystemClock
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.desk.loop import DeskLoop
from sayso.secret import Secret
from sayso.testing.clock import FileClock

pytestmark = [pytest.mark.real, pytest.mark.promise("desks:real")]
ANA = "Ana <ana@example.com>"
POLICY = """
@id("manager") @explain("once a support manager says yes")
permit (principal, action == Action::"vendure.refund", resource)
when { context.approvedBy.contains("support_manager") };
"""


@pytest.fixture(scope="module")
def shop(
    tracker: Tracker, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[RealShop]:
    """The shop, with two orders of Ana's; it isn't started where there is no help desk."""
    assert tracker.token
    try:
        with run_shop(postgres_server, tmp_path_factory.mktemp("vendure"), 2) as running:
            yield running
    except NoNpmError as error:
        pytest.skip(f"Vendure cannot be installed here: {error}")


def vendure_at(shop: RealShop, clock: Clock) -> Connector:
    """The manifest's connector at the real shop."""

    async def secret() -> Secret:
        return Secret(shop.key)

    def peer(_: str) -> Connector:
        raise AssertionError("it has no peer")

    return connector_of(
        read_source(MANIFEST.encode(), "connectors/vendure.toml"),
        Connected(
            settings={"shop": "loopback"},
            secret=secret,
            clock=clock,
            peer=peer,
            loopback=shop.servers[0].url,
        ),
    )


async def test_a_mail_is_refunded_in_the_shop_after_one_yes_and_answered_in_its_ticket(
    tracker: Tracker, shop: RealShop, tmp_path: Path
) -> None:
    """Read at one, found and paid at the other, agreed to once, told once; the books agree."""
    tracker.write(ANA, "Are you open on Sundays?")
    begun = SystemClock().now()
    wait_until(lambda: (SystemClock().now() - begun).total_seconds() > 2, 10, "another second")
    clock, order = FileClock(tmp_path / "clock", begun + timedelta(seconds=1)), shop.orders[0]
    desk = rt_at(tracker.url, tracker.token, clock)
    ana = await customer(desk, "ana@example.com")
    section = {"assurance": "verified", "hand_over": {"queue": tracker.escalated}}
    workspace = make_shop_workspace(tmp_path, POLICY, desk={"rt": section})
    playbook = PLAYBOOK.replace("shop.refund", "vendure.refund")
    (tmp_path / "playbooks" / "shop.toml").write_text(playbook)
    connectors = [vendure_at(shop, clock), desk]
    async with Sayso(workspace, mode="decide", connectors=connectors, clock=clock) as sayso:
        loop = DeskLoop(sayso.container, workspace.settings.desk)
        await loop.drain()
        pair = f"rt:{ana.id}", f"vendure:{order.customer}"
        await sayso.customers.link(*pair, reason="the number of her order, by phone", by=MARIA)
        words = f"Please refund $5.00 of order {order.code}"
        ticket = tracker.write(ANA, words, subject="A scratch")
        await settle(sayso, loop)
        assert shop.refunds() == []
        (asked,) = await sayso.actions.list(status="pending_approval")
        assert (asked.action, asked.amount) == ("vendure.refund", Money(500, "USD"))
        await agree(sayso)
        await settle(sayso, loop)
        assert shop.refunds(asked.id) == shop.refunds() == [(order.code, 500)]
        assert (await sayso.actions.get(asked.id)).status == "succeeded"
        thread = await desk.read_thread(ticket)
        told = [one.text for one in thread.messages if one.author == "sayso" and one.public]
        assert len(told) == 2
        assert "$5.00" in told[1]
        assert "$5.00" in words_of(tracker.mailed("ana@example.com")[-1])
        await settle(sayso, loop)
        assert len((await desk.read_thread(ticket)).messages) == len(thread.messages)
        assert sayso.audit.verify(deep=True).verdict == "verified"
