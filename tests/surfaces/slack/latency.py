"""How long Slack waits for an acknowledgement: `PYTHONPATH=tests python -m surfaces.slack.latency`.

200 cards, 20 clicks a second by ten people, one SQLite file with full fsync, all in one process
with the fake Slack and the people who click. Prints one line.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from surfaces.slack.slack_team import APPROVE, SlackTeam, open_team

from sayso.sdk.views.rows import ApprovalView
from sayso.surfaces.slack.pace import AnswerTimeouts
from sayso.testing.slack import FakeSlack

CARDS = 200
EVERY_S = 0.05


async def one(team: SlackTeam, number: int, approval: ApprovalView) -> float:
    """Seconds until one click is acknowledged."""
    await asyncio.sleep(number * EVERY_S)
    delivery = await team.slack.click(team.card(approval), APPROVE, user=f"UM{number % 10}")
    assert delivery.acknowledged
    return delivery.latency_s


async def main() -> None:
    """Measure and print."""
    with FakeSlack.start() as slack, tempfile.TemporaryDirectory() as folder:
        async with open_team(Path(folder), slack, patience=AnswerTimeouts()) as team:
            approvals = [await team.ask_quietly(60_00 + number) for number in range(CARDS)]
            await team.send()
            clicks = [one(team, number, approval) for number, approval in enumerate(approvals)]
            found = sorted(await asyncio.gather(*clicks))
    p99 = found[int(len(found) * 0.99) - 1]
    sys.stdout.write(
        f"{len(found)} acknowledgements at {1 / EVERY_S:.0f}/s: "
        f"p50 {1000 * statistics.median(found):.1f} ms, p99 {1000 * p99:.1f} ms, "
        f"max {1000 * found[-1]:.1f} ms\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
