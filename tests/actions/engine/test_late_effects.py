"""What a provider denied and shows after its action has ended is told, and not repeated."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from actions.controls.test_manual_resolution import found
from actions.engine.test_unknown import counted
from actions.shy_shop import ENDINGS, HIDDEN, Ended, Shy
from actions.steps import MAIN, advance, assert_verified, bodies, decide, propose, say, shown, stock
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sdk.customers import MARIA
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.definition import at_most_once, idempotent
from sayso.actions.model.snapshot import Absence, Call
from sayso.errors import Code, RetryableError
from sayso.sdk.views.rows import ActionView
from sayso.sdk.words.approval_outcome import outcome_of
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.show import show_action
from sayso.surfaces.slack.card import build_message
from sayso.telemetry import Telemetry

AWAY = RetryableError(Code.PROVIDER_UNAVAILABLE, "closed")


async def row_of(workspace: ShopWorkspace, view: ActionView) -> ActionRow:
    """The action as it is stored."""
    return await workspace.sayso.container.store.read(
        lambda reader: get_action(reader, MAIN, view.id)
    )


async def _resolved(workspace: ShopWorkspace, shop: Shy) -> ActionView:
    stock(workspace)
    shop.faults.append(ShopFault.LOST_AFTER)
    shop.answers = list(HIDDEN)
    view = await propose(workspace, 2000)
    await workspace.sayso.container.settlements.settle(found(view, "failed", receipt=""))
    return await workspace.sayso.actions.get(view.id)


@pytest.mark.promise("engine:one-effect:late")
@pytest.mark.parametrize(
    ("status", "ended"),
    [*ENDINGS.items(), ("failed", _resolved)],
    ids=[*ENDINGS, "by a person"],
)
@pytest.mark.parametrize("shows", [{"hours": 1}, {"days": 1}, {"days": 7}], ids=str)
async def test_an_effect_that_shows_after_the_end_is_told_once_and_not_repeated(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: str,
    ended: Ended,
    shows: dict[str, int],
) -> None:
    """Invariant 3: the row and the log say in the end what the provider's books say, and people
    are told that it is another thing than they were told before."""
    reader = InMemoryMetricReader()
    telemetry = Telemetry(meters=MeterProvider(metric_readers=[reader]))
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop, telemetry=telemetry) as workspace:
        view = await ended(workspace, shop)
        assert (view.status, len(shop.books.payouts)) == (status, 1)
        calls = len(shop.books.calls)
        shop.answers = list(HIDDEN)
        workspace.clock.advance(minutes=59)
        assert (await advance(workspace, view)).status == status
        workspace.clock.advance(**shows)
        shop.answers = []
        with caplog.at_level(logging.ERROR, "sayso.engine"):
            for _ in range(2):
                view = await advance(workspace, view)
        assert (view.status, view.error and view.error.code) == ("succeeded", "late_effect")
        assert view.error is not None
        assert f"had ended as {status}" in view.error.message
        assert view.receipt is not None
        assert (len(shop.books.payouts), len(shop.books.calls)) == (1, calls)
        assert bodies(workspace)[-1]["kind"] == "action.reconciled"
        told = f"shop.refund {view.id} had ended as {status}, and the provider shows that"
        assert [record.getMessage() for record in caplog.records] == [f"{told} it was done"]
        assert counted(reader, "sayso.actions.late") == {"shop.refund": 1}
        assert_verified(workspace)


async def test_what_never_shows_is_looked_up_three_times_more(tmp_path: Path) -> None:
    """After an hour, a day and a week, also where one of the look-ups breaks off; without entries,
    and then nobody looks any more."""
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await ENDINGS["failed"](workspace, shop)
        entries = len(bodies(workspace))
        shop.answers = [Absence.ABSENT, AWAY, Absence.ABSENT]
        for left in (2, 1, 0):
            due_at = (await row_of(workspace, view)).due_at
            assert due_at is not None
            workspace.clock.advance(days=8 if left == 0 else 0, minutes=60 if left == 2 else 1440)
            assert (await advance(workspace, view)).status == "failed"
            assert len(shop.answers) == left
        assert (await row_of(workspace, view)).due_at is None
        assert len(bodies(workspace)) == entries


async def test_nothing_is_looked_up_of_what_was_never_called(tmp_path: Path) -> None:
    """What no call was made for, and what no look-up can find, ends for good."""
    async with open_shop(tmp_path, shop=Shy(idempotent(hours=24))) as workspace:
        stock(workspace)
        view = await propose(workspace)
        await decide(workspace, say(await shown(workspace, view), choice=DecisionChoice.REJECT))
        view = await workspace.sayso.actions.get(view.id)
        assert (view.status, (await row_of(workspace, view)).due_at) == ("rejected", None)
    async with open_shop(tmp_path / "other", shop=Shy(at_most_once())) as workspace:
        stock(workspace)
        workspace.shop.faults.append(ShopFault.SAYS_NO)
        view = await propose(workspace, 2000)
        workspace.clock.advance(hours=2)
        await advance(workspace, view)
        assert (await row_of(workspace, view)).due_at is None


async def test_nothing_is_looked_up_of_a_customer_who_was_erased(tmp_path: Path) -> None:
    """Whose it was is not known any more, so a look-up could only be wrong."""
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await ENDINGS["failed"](workspace, shop)
        await workspace.sayso.privacy.erase("cus_1", reason="asked", by=MARIA)
        assert (await row_of(workspace, view)).due_at is None


async def test_an_effect_that_is_found_while_the_customer_is_erased_is_not_written(
    tmp_path: Path,
) -> None:
    """It would bring back what was erased, and give the customer a new key."""
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await ENDINGS["failed"](workspace, shop)
        shop.answers = []
        workspace.clock.advance(hours=1)

        async def erase(call: Call) -> None:
            await workspace.sayso.privacy.erase("cus_1", reason="subject_request", by=MARIA)

        shop.on_look_up = erase
        view = await advance(workspace, view)
        assert view.status == "failed"
        row = await row_of(workspace, view)
        assert (row.receipt, row.due_at, row.erased_seq is None) == (None, None, False)
        assert_verified(workspace)


async def test_cards_and_the_command_line_say_that_it_was_done_after_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who said no sees it on the same card, and an operator with what to do about it."""
    shop = Shy(idempotent(hours=24))
    async with open_shop(tmp_path, shop=shop) as workspace:
        view = await ENDINGS["rejected"](workspace, shop)
        workspace.clock.advance(hours=2)
        shop.answers = []
        view = await advance(workspace, view)
        assert view.approval is not None
        solution = await workspace.sayso.solutions.get(view.approval.id)
        message = str(build_message(solution, outcome_of(view.approval, view)))
        assert "Done after all" in message
        assert "had ended as rejected" in message
        show_action(Out(as_json=False), view)
        out = capsys.readouterr().out
        assert "late      the provider shows that it was done" in out
        assert "next: look at what people were told" in out
