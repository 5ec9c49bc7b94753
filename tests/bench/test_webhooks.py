"""The campaign that kills senders and receivers of webhooks, briefly; and its judge."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sdk.webhooks.webhook_shop import WebhookShop
from support.campaign import trials
from support.receiver import Receiver

from bench.webhooks import MUST_BE_0, judge, main

pytest_plugins = ["sdk.webhooks.conftest"]


@pytest.mark.campaign
@pytest.mark.promise("webhooks:outage")
def test_killed_senders_and_receivers_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL at random moments, of two processes on one database; the long run is the bench's."""
    kills = trials(2)
    assert main(["--kills", str(kills), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {row["case"]: row["value"] for row in report["rows"]}
    assert rows["senders killed"] == kills
    assert rows["events"] > 15
    assert [rows[case] for case in MUST_BE_0] == [0, 0, 0]


async def test_the_judge_finds_what_is_lost_or_out_of_order(
    shop: WebhookShop, receiver: Receiver
) -> None:
    """A witness that finds nothing must be able to find it."""
    await shop.add(receiver)
    await shop.propose()
    await shop.after()
    events, _ = await shop.opened.sayso.events.since(-1)

    def found() -> dict[str, float]:
        return {row.case: row.value for row in judge(events, receiver)}

    assert [found()[case] for case in (*MUST_BE_0, "told twice")] == [0, 0, 0, 0]
    first, second, third = receiver.taken
    receiver.taken[:] = [first, third, second, replace(second)]
    assert (found()["disordered"], found()["told twice"]) == (1, 1)
    receiver.taken[:] = [first, third]
    assert found()["lost"] == 1
