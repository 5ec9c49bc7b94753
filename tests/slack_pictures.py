"""The pictures of Slack: `python tests/slack_pictures.py` plays the demo in a fake one, and draws.

What is drawn is what the fake was sent: `docs/pictures/slack.html` has the very blocks, drawn as
Slack draws them, and a browser takes the pictures of it. `test_pictures` plays it again.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from support.slack_drawing import draw_message, draw_modal, draw_page, draw_thread
from surfaces.console.served_console import chromium
from surfaces.slack.slack_team import PATIENT

from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.setup.scaffold import create_workspace
from sayso.sdk.setup.scaffold_tables import BY_DEFAULT, read_connectors, settings_of
from sayso.sdk.workspace import Workspace
from sayso.surfaces.slack import SlackApp, create_slack_app
from sayso.surfaces.slack.pace import NotifierPace
from sayso.testing.clock import FakeClock
from sayso.testing.slack import CHANNEL, SIGNING_SECRET, TEAM, TOKEN, FakeSlack, PostedMessage

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SOURCE = PICTURES / "slack.html"
NAMES = ("solution", "thread", "one-step", "decided", "no", "less")
_USERS = {"U1": "Maria Keller", "U2": "Finn Berg"}
_BEN = (
    "Please refund order 1039, the mugs came broken. Please give me a $10 credit for the late "
    "delivery. I want an apology in writing."
)
_MARCO = "I would like a full refund of order 1036, the espresso machine. It is too loud."

_PACK = """async (shot) => {
  const image = new Image();
  image.src = "data:image/png;base64," + shot;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", 0.8);
}"""
"""A third of the size, by the browser's own hand."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The demo's workspace with a channel in a Slack."""

    sayso: Sayso
    slack: FakeSlack
    app: SlackApp
    clock: FakeClock
    times: dict[str, datetime] = field(default_factory=dict[str, datetime])

    async def send(self) -> None:
        """Bring the channel up to date."""
        await self.app.notifier.drain()
        for message in self.slack.messages:
            self.times.setdefault(message.ts, self.clock.now())

    def drawn(self, message: PostedMessage, *, edited: bool = False) -> str:
        """A message of the channel."""
        return draw_message(message, _USERS, at=self.times[message.ts], edited=edited)

    async def ask(self, subject: str, words: str) -> str:
        """Have a customer write and agree to what was understood; the id of what waits."""
        request = await self.sayso.ask(subject, words, idempotency_key=words)
        while request.question is not None:
            number = request.question.number
            request = await self.sayso.requests.answer(request.id, "Yes, please.", question=number)
        approval = next(one.approval for one in request.actions if one.approval is not None)
        await self.send()
        return (await self.sayso.solutions.get(approval.id)).id

    async def click(self, approval: str, button: str) -> None:
        """Maria clicks."""
        message = self.slack.message_of(approval)
        await self.slack.click(message, f"sayso.solution.{button}", user="U1")
        await self.app.all_replied()

    async def work(self) -> None:
        """Carry out what is approved, and bring the cards up to date."""
        for _ in range(4):
            await self.sayso.container.dispatcher.drain()
            await self.send()


@asynccontextmanager
async def open_scene(folder: Path) -> AsyncGenerator[Scene]:
    """Everything on this machine, at a time that stands still."""
    clock = FakeClock()
    provider = Sandbox.start(seed="demo", clock=clock)
    try:
        with FakeSlack.start() as slack:
            for user in _USERS:
                slack.add_user(user)
            await create_workspace(folder, approver="maria", settings=_settings(provider, slack))
            environment = {"STRIPE_API_KEY": provider.api_key, "BOT": TOKEN, "SIGN": SIGNING_SECRET}
            workspace = Workspace.load(folder, environment)
            async with Sayso(workspace, mode="decide", clock=clock) as sayso:
                pace = NotifierPace(post_every_s=0, update_every_s=0)
                app = create_slack_app(sayso, pace=pace, patience=PATIENT)
                async with slack.serve(app):
                    yield Scene(sayso=sayso, slack=slack, app=app, clock=clock)
                await app.__aexit__()
    finally:
        provider.stop()


def _settings(provider: Sandbox, slack: FakeSlack) -> str:
    key = 'api_key = "env:STRIPE_API_KEY"'
    finn = f'[[people]]\nid = "finn"\nroles = ["finance"]\nslack = "{TEAM}/U2"\n'
    made = settings_of(read_connectors(BY_DEFAULT))
    changed = made.replace(key, f'{key}\nbase_url = "{provider.url}"')
    changed = changed.replace('# slack = "T0123/U0456"', f'slack = "{TEAM}/U1"')
    changed = changed.replace('roles = ["support_manager", "finance"]\n#', "#")
    changed = changed.replace(
        "[approvals]\n",
        "[approvals]\nremind_after_minutes = 240\n"
        'escalate_after_minutes = 360\nescalate_to = "finance"\n',
    )
    return (
        f'{changed}\n{finn}\n[console]\nurl = "https://sayso.example.com"\n\n[slack]\n'
        'bot_token = "env:BOT"\nsigning_secret = "env:SIGN"\n'
        f'channel = "{CHANNEL}"\napi_url = "{slack.api_url}"\n'
    )


async def play(folder: Path) -> Mapping[str, str]:
    """Each picture as HTML, by name."""
    async with open_scene(folder) as scene:
        slack = scene.slack
        ben = await scene.ask("cus_demo_ben", _BEN)
        marco = await scene.ask("cus_demo_marco", _MARCO)
        drawn = {
            "solution": scene.drawn(slack.message_of(ben)),
            "one-step": scene.drawn(slack.message_of(marco)),
        }
        for button in ("no", "less"):
            await scene.click(ben, button)
            drawn[button] = draw_modal(slack.views[-1])
        scene.clock.advance(minutes=241)
        await scene.work()
        scene.clock.advance(minutes=120)
        await scene.work()
        card = slack.message_of(ben)
        replies = [one for one in slack.messages if one.thread_ts == card.ts]
        drawn["thread"] = draw_thread(card, [scene.drawn(one) for one in replies])
        await scene.click(ben, "yes")
        await scene.work()
        drawn["decided"] = scene.drawn(slack.message_of(ben), edited=True)
    return {name: drawn[name] for name in NAMES}


def draw() -> str:
    """The page of all pictures."""
    with TemporaryDirectory() as folder:
        return draw_page(asyncio.run(play(Path(folder) / "shop")))


async def take(page_of: str) -> None:
    """Take the pictures of the page."""
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 760, "height": 900})
        await page.set_content(page_of)
        for name in NAMES:
            shot = await page.locator(f"#{name}").screenshot()
            packed: str = await page.evaluate(_PACK, base64.b64encode(shot).decode())
            place = PICTURES / f"slack-{name}.webp"
            place.write_bytes(base64.b64decode(packed.partition(",")[2]))


def main() -> None:
    """Draw them."""
    drawn = draw()
    SOURCE.write_text(drawn, encoding="utf-8")
    asyncio.run(take(drawn))


if __name__ == "__main__":
    main()
