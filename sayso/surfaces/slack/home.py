"""The app's Home: what waits for whoever opens it, with the way to each card; nothing is decided.

Slack keeps what was published until it is opened again, so no name of a customer stands there:
one who is erased meanwhile would stay. Amount, action and times tell the cards apart.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sayso.actions.approvals.repository import OUTBOX_TOPIC
from sayso.audit.authority.people import KnownPerson
from sayso.block_kit import check_blocks
from sayso.errors import Code, IntegrityError, SaysoError, logged
from sayso.json import JsonObject, JsonValue
from sayso.sdk.chat.moment import Moment
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CANARY_TOPIC
from sayso.sdk.views.solution import SolutionView
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.slack.card import context, elements_of, section
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.identity import Home, Identities
from sayso.surfaces.slack.linking import Linking
from sayso.surfaces.slack.pace import NotifierPace
from sayso.surfaces.slack.payload import SlackAccount
from sayso.surfaces.slack.web import SlackWeb
from sayso.surfaces.slack.wording import fit, link_blocks

logger = logging.getLogger("sayso.slack")

MOST_SHOWN = 40
"""Of Slack's 100 blocks; each is one."""
_MOST_READ = 100
"""Those that end soonest, of which the longest waits come first."""
_MOST_ASKED = 15
"""Of links to messages, each of which Slack is asked for."""


class HomeTab:
    """Publishes what waits for a person, each time they open the app's Home.

    Args:
        channel: where the cards stand.
    """

    def __init__(
        self,
        sayso: Sayso,
        web: SlackWeb,
        home: Home,
        identities: Identities,
        channel: Channel,
        linking: Linking,
        pace: NotifierPace,
    ) -> None:
        self._sayso = sayso
        self._web = web
        self._home = home
        self._identities = identities
        self._channel = channel
        self._linking = linking
        self._pace = pace
        self._at_it: set[SlackAccount] = set()

    async def publish(self, account: SlackAccount) -> None:
        """Show this account its queue, or how it is linked; what fails is done when opened again.

        Guarantees: one at a time for each account, so that what is shown last is the newest.
        """
        if account in self._at_it:
            return
        self._at_it.add(account)
        try:
            if account.owner not in (await self._home.read()).places:
                return
            await self._show(account, await self._blocks(account))
        except SaysoError as error:
            logger.warning("the home of an account could not be shown: %s", logged(error))
        finally:
            self._at_it.discard(account)

    async def _blocks(self, account: SlackAccount) -> list[JsonValue]:
        who = await self._identities.identify(account)
        if who.person is not None:
            return await self._queue(who.person)
        named = f"{account.owner}/{account.user}"
        said = f"Nothing waits for you here: {fit(who.refusal, 200)}."
        link = await self._linking.link_for(account)
        if link:
            return link_blocks(said, link)
        step = f"Whoever runs Sayso links it: sayso people slack PERSON {fit(named, 100)}"
        return [section(said), context(step)]

    async def _queue(self, person: KnownPerson) -> list[JsonValue]:
        """The longest wait first; a test card stands among them as any other."""
        page = await self._sayso.solutions.waiting_for(person, limit=_MOST_READ)
        tests = await self._sayso.canaries.waiting_for(person)
        topics = dict.fromkeys((one.id for one in tests), CANARY_TOPIC)
        found = {view.id: view for view in (*page.items, *tests)}
        waits = sorted(found.values(), key=lambda view: (view.created_at, view.id))
        more = "+" if page.after is not None else ""
        count = f"{len(waits)}{more}"
        title = f"{count} {'waits' if count == '1' else 'wait'} for you"
        head = title if waits else "Nothing waits for you"
        blocks: list[JsonValue] = [
            {"type": "header", "text": {"type": "plain_text", "text": head, "emoji": False}}
        ]
        shown = waits[:MOST_SHOWN]
        for place, view in enumerate(shown):
            link = await self._link(view, topics.get(view.id, OUTBOX_TOPIC), place)
            blocks.append(_line(view, link))
        if more or len(waits) > len(shown):
            blocks.append(context(f"{len(waits) - len(shown)}{more} more wait; these come first."))
        blocks.append(context("A yes or no is said on the card. Open this again to renew it."))
        return blocks

    async def _link(self, view: SolutionView, topic: str, place: int) -> str:
        """Where a card is read and answered: in the console, else in the channel."""
        url = self._sayso.workspace.settings.console.url
        if url:
            return f"{url}{CONSOLE_PATH}/solution/{view.id}"
        row = await self._sayso.outbox.find(topic, view.id) if place < _MOST_ASKED else None
        ts = row.state.get("ts") if row is not None else None
        if row is None or row.state.get("channel") != self._channel.id or not isinstance(ts, str):
            return ""
        return await self._channel.link_to(ts)

    async def _show(self, account: SlackAccount, blocks: Sequence[JsonValue]) -> None:
        objects = [one for one in blocks if isinstance(one, dict)]
        problems = check_blocks(objects, surface="home")
        if problems:
            # INVARIANT: as with cards, what Slack might show otherwise does not leave.
            raise IntegrityError(
                Code.INTERNAL, "what stands in a home is not valid", detail="; ".join(problems[:5])
            )
        view: JsonObject = {"type": "home", "blocks": list(blocks)}
        arguments: JsonObject = {"user_id": account.user, "view": view}
        await self._web.call_again(
            "views.publish", arguments, timeout_s=self._pace.timeout_s, sleep=self._pace.sleep
        )


def _line(view: SolutionView, link: str) -> JsonObject:
    """One that waits: how much, what, since when, until when, and the way to it."""
    money = " + ".join(map(str, view.totals)) or "No money moves"
    actions = ", ".join(dict.fromkeys(step.action for step in view.steps))
    elements: list[JsonValue] = [
        {"type": "text", "text": fit(money, 100), "style": {"bold": True}},
        *elements_of(
            (
                f" · {fit(actions, 150)}\nWaits since ",
                Moment(at=view.created_at),
                ", counts as no at ",
                Moment(at=view.expires_at),
            )
        ),
    ]
    if link:
        elements += elements_of((" · ",))
        elements.append({"type": "link", "url": link, "text": "Open ↗"})
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }
