"""A process that serves the Slack app and kills itself at a named place: `killed.py FOLDER URL AT`.

It prints its address once it serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from support.shop import Shop
from support.shop_workspace import make_shop_workspace
from surfaces.slack.slack_team import PATIENT, PEOPLE, settings_for

from sayso.actions.approvals.answer import SolutionDecision
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.solutions import SolutionResource
from sayso.sdk.resources.work_draft import Repeated
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack import create_slack_app
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.thread import Post
from sayso.testing.clock import FakeClock
from sayso.testing.slack.server import serve_on_loopback


class DyingSolutions(SolutionResource):
    """Dies just before or just after an answer is committed."""

    at = ""

    async def answer_as(self, answer: SolutionDecision, *, wait: bool = True) -> SolutionView:
        if self.at == "before_commit":
            os.kill(os.getpid(), signal.SIGKILL)
        decided = await super().answer_as(answer, wait=wait)
        if self.at == "after_commit":
            os.kill(os.getpid(), signal.SIGKILL)
        return decided

    async def note_as(
        self,
        approval_id: str,
        note: str,
        *,
        tenant: Tenant,
        person: str,
        via: str,
        repeated: Repeated | None = None,
    ) -> None:
        if self.at == "before_note":
            os.kill(os.getpid(), signal.SIGKILL)
        await super().note_as(
            approval_id, note, tenant=tenant, person=person, via=via, repeated=repeated
        )
        if self.at == "after_note":
            os.kill(os.getpid(), signal.SIGKILL)


_say = Channel.say


async def dying_say(self: Channel, post: Post, mark: str) -> None:
    """Dies just after Slack has taken what is said below a card."""
    await _say(self, post, mark)
    os.kill(os.getpid(), signal.SIGKILL)


class DyingSayso(Sayso):
    """Takes answers with those."""

    @property
    def solutions(self) -> SolutionResource:
        return DyingSolutions(self.container, self.workspace)


async def main(folder: Path, api_url: str, at: str) -> None:
    """Serve until killed."""
    shop = Shop()
    shop.books.add("o1", "cus_o1", Money(129_00, "USD"))
    workspace = make_shop_workspace(
        folder, people=list(PEOPLE), slack=settings_for(api_url, folder)
    )
    sayso = DyingSayso(workspace, mode="decide", connectors=[shop], clock=FakeClock())
    DyingSolutions.at = at
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(sayso)
        if at == "after_post":
            Channel.say = dying_say  # type: ignore[method-assign]
        app = create_slack_app(sayso, patience=PATIENT)
        if at == "after_post":
            await stack.enter_async_context(app)
        url = await stack.enter_async_context(serve_on_loopback(app))
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
