"""The owner of the messages: brings what the channel shows to what the store says, and only that.

A row of the outbox per approval says that something changed; its version rises with each change,
and only the newest state is ever sent. Slack being down decides nothing: the row
stays due, and is tried again with longer and longer pauses.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from sayso.actions.approvals.repository import OUTBOX_TOPIC, ApprovalStatus
from sayso.errors import (
    OutcomeUnknownError,
    RetryableError,
    SaysoError,
    logged,
    logged_with_frames,
)
from sayso.sdk.chat.card import is_blank
from sayso.sdk.chat.shown import shown_now
from sayso.sdk.client import Sayso
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack.calls import CallMessages
from sayso.surfaces.slack.canaries import CanaryCards
from sayso.surfaces.slack.card import SlackMessage, build_message
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.direct import DirectMessages
from sayso.surfaces.slack.identity import Home, Identities
from sayso.surfaces.slack.pace import Bucket, NotifierPace
from sayso.surfaces.slack.reminding import News, all_news
from sayso.surfaces.slack.thread import Post, build_evidence
from sayso.surfaces.slack.web import SlackRefusedError, SlackWeb
from sayso.surfaces.slack.work import WorkCards

logger = logging.getLogger("sayso.slack")

CHANNEL_FRESH_S = 300.0
_BATCH = 1000
"""So many customers' oldest cards are looked at."""
_MOST_SERVED = 20_000
_LONGEST_LEASE_S = 60.0
_LOOK_ANYWAY_S = 1.0
"""Rows also become due by the mere passing of time, which no commit announces."""
_LONGEST_PAUSE_S = 60.0
"""Between two tries while nothing can be sent at all, such as with a token that was revoked."""


class Turns:
    """Whose card is next: of whoever asked, and of the customer, that had none for the longest.

    So one that floods, be it a token or a customer, waits behind itself and not before others.
    """

    def __init__(self) -> None:
        self._served: dict[tuple[str, ...], int] = {}
        self._count = 0

    def next_of(self, rows: Sequence[OutboxRow]) -> OutboxRow:
        """One of these, which now has had its turn; money before what moves none, then by age."""
        chosen = min(rows, key=self._rank)  # the first of equals, and they come oldest first
        self._count += 1
        if len(self._served) > _MOST_SERVED:
            self._served.clear()
        self._served[(chosen.asker,)] = self._count
        self._served[(chosen.asker, chosen.customer)] = self._count
        return chosen

    def _rank(self, row: OutboxRow) -> tuple[int, int, bool]:
        asker = self._served.get((row.asker,), 0)
        customer = self._served.get((row.asker, row.customer), 0)
        return asker, customer, not row.moves_money


class Notifier:
    """Sends cards of one workspace to one channel. Any number of processes may run one.

    Args:
        identities: whose account is told something in private. channel: the channel's id.
        pace: how fast.
    """

    def __init__(
        self,
        sayso: Sayso,
        web: SlackWeb,
        home: Home,
        identities: Identities,
        channel: str,
        *,
        pace: NotifierPace | None = None,
    ) -> None:
        self.pace = pace or NotifierPace()
        self._sayso = sayso
        self._channel_id = channel
        self._channel = Channel(web, home, channel, self.pace.timeout_s)
        self._posts = Bucket(self.pace.post_every_s, self.pace.monotonic)
        self._updates = Bucket(self.pace.update_every_s, self.pace.monotonic)
        direct = DirectMessages(web, home, identities, self._channel, self.pace.timeout_s)
        self._news = all_news(sayso, self._channel, self.pace, self._posts, direct)
        self._tests = CanaryCards(sayso, self._channel, self.pace, self._posts)
        self._calls = CallMessages(sayso, self.pace, self._posts, direct)
        self._work = WorkCards(sayso, self._channel, self.pace, self._posts)
        self._checked_until = 0.0
        self._tried: set[int] = set()
        self._turns = Turns()

    async def run(self) -> None:
        """Serve until cancelled."""
        seen, look_at, pause_s = -1, 0.0, 0.0
        while True:
            wait_s = self.pace.look_every_s
            try:
                version = await self._sayso.version()
                if version != seen or self.pace.monotonic() >= look_at:
                    next_s = await self.step()
                    look_at = self.pace.monotonic() + (_LOOK_ANYWAY_S if next_s is None else next_s)
                    seen = version if next_s is None else -1
                    # One kind may have to pause for long, and then the other becomes due.
                    wait_s = wait_s if next_s is None else min(next_s, _LOOK_ANYWAY_S)
                pause_s = 0.0
            except SaysoError as error:
                logger.warning("cards cannot be sent now: %s", error)
                pause_s = min(max(2 * pause_s, self.pace.look_every_s), _LONGEST_PAUSE_S)
                wait_s = max(pause_s, getattr(error, "retry_after_s", None) or 0.0)
            except Exception as error:  # noqa: BLE001
                # The edge of the process: one strange card must not stop all others; its row is
                # leased, so it is tried again later.
                told = logged_with_frames(error)
                logger.error("a card could not be made: %s", told)  # noqa: TRY400
            await self.pace.sleep(wait_s)

    async def drain(self) -> None:
        """Send until nothing is due now; what failed is due again later."""
        while (wait_s := await self.step()) is not None:
            await self.pace.sleep(wait_s)

    async def step(self) -> float | None:
        """Send at most one new card and one changed card, of those that are due.

        Returns:
            Seconds until the next step is worth it; None when nothing is due now.
        """
        waits: list[float] = []
        due = await self._sayso.outbox.due_cards(OUTBOX_TOPIC, limit=_BATCH)
        others: tuple[News | CanaryCards | WorkCards | CallMessages, ...]
        others = (*self._news, self._tests, self._work, self._calls)
        told = [(one, rows[0]) for one in others if (rows := await one.due())]
        if due or told:
            await self._check_channel()
        for bucket, rows in (
            (self._updates, [row for row in due if self._ts(row) is not None]),
            (self._posts, [row for row in due if self._ts(row) is None]),
        ):
            if not rows:
                continue
            if bucket.wait_s <= 0:
                await self._try(self._turns.next_of(rows), bucket)
            waits.append(bucket.wait_s)
        # A card that waits goes first: a reminder or a note of it stands in its thread.
        for news, row in told:
            if self._posts.wait_s <= 0:
                await news.tell(row)
            waits.append(self._posts.wait_s)
        return min(waits) if waits else None

    async def _check_channel(self) -> None:
        """Make sure that nobody else reads the channel; what is known is used for five minutes."""
        now = self.pace.monotonic()
        if now < self._checked_until:
            return
        await self._channel.check_private()
        self._checked_until = now + CHANNEL_FRESH_S

    def _ts(self, row: OutboxRow) -> str | None:
        """Where the card stands in the channel; None when that is not known."""
        ts = row.state.get("ts")
        # A card in another channel, from before the settings were changed, is left alone.
        ours = row.state.get("channel") == self._channel_id
        return ts if ours and isinstance(ts, str) else None

    async def _try(self, row: OutboxRow, bucket: Bucket) -> None:
        """Lease one row and send it; failures leave it due again when the lease is over."""
        if not await self._sayso.outbox.lease(row, self.pace.lease_of(row.attempts)):
            return
        lead = await self._lead(row)
        if lead != row.key:
            # One card for all of a plan: whatever changes about a step is shown there.
            await self._sayso.approvals.show_again(lead, tenant=row.tenant)
            await self._sent(row, None)
            return
        mine = row.id in self._tried
        self._tried.add(row.id)
        if self._ts(row) is None and row.attempts > 0 and not mine:
            # Another process began to post it, and may be at it still: one lease later its call is
            # over, and whatever it posted is found.
            return
        if self._ts(row) is None and row.attempts == 0 and not await self._asks(row):
            await self._sent(row, None)
            return
        bucket.take()
        try:
            ts = await self._send(row)
        except RetryableError as error:
            bucket.pause(error.retry_after_s or 0.0)
            logger.info("a card is sent later: %s", logged(error))
        except SaysoError as error:
            logger.warning("a card could not be sent: %s", _loggable(error))
        else:
            await self._sent(row, ts, await self._tell_evidence(row, ts))

    async def _tell_evidence(self, row: OutboxRow, ts: str) -> str:
        """Say below a plan's card what is known of it, once; the message that says so.

        What may be there although its answer was lost is not said again, as with reminders.
        """
        told = row.state.get("evidence")
        if isinstance(told, str) and told == ts:
            return ts
        view = await self._sayso.solutions.get(row.key, tenant=row.tenant)
        if len(view.steps) < 2 or view.id != row.key or view.status != ApprovalStatus.PENDING:
            return ""
        talk = await self._sayso.solutions.conversation(view)
        text, blocks = build_evidence(view, [(turn.role, turn.content) for turn in talk])
        post, mark = Post(text=text, blocks=blocks, below=ts), f"evidence:{row.key}:{ts}"
        try:
            if row.attempts > 0 and await self._channel.is_posted(post, mark):
                return ts
            await self.pace.sleep(self._posts.wait_s)
            self._posts.take()
            await self._channel.say(post, mark)
        except OutcomeUnknownError as error:
            logger.info("evidence may have been told: %s", logged(error))
        except SaysoError as error:
            logger.info("evidence is told later: %s", _loggable(error))
            return ""
        return ts

    async def _lead(self, row: OutboxRow) -> str:
        """The approval on whose card this one is shown; its own where it has one already."""
        if self._ts(row) is not None:
            return row.key
        return (await self._sayso.solutions.get(row.key, tenant=row.tenant)).id

    async def _asks(self, row: OutboxRow) -> bool:
        """Whether people can still decide; what was decided unseen needs no card afterwards."""
        view = await self._sayso.solutions.get(row.key, tenant=row.tenant)
        return view.status == ApprovalStatus.PENDING

    async def _send(self, row: OutboxRow) -> str:
        """Bring one card up to date; returns its `ts`."""
        view, message = await self._message(row)
        ts = self._ts(row)
        if ts is not None:
            stands = await self._channel.update(ts, message)
            if stands == ts and is_blank(view):
                await self._channel.blank_below(ts)
            return stands
        if row.attempts > 0:
            found = await self._channel.find(row.key, view.created_at)
            if found is not None:
                return await self._channel.update(found, message)
        return await self._channel.post(message)

    async def _message(self, row: OutboxRow) -> tuple[SolutionView, SlackMessage]:
        # NOTE: read after the row, so what is sent is never older than the version it is sent for.
        view, outcome = await shown_now(self._sayso, row.key, row.tenant)
        url = self._sayso.workspace.settings.console.url
        return view, build_message(view, outcome, url=url)

    async def _sent(self, row: OutboxRow, ts: str | None, evidence: str = "") -> None:
        known = {} if ts is None else {"channel": self._channel_id, "ts": ts}
        if evidence:
            known["evidence"] = evidence
        await self._sayso.outbox.sent(row, known)
        self._tried.discard(row.id)


def _loggable(error: SaysoError) -> str:
    """What the log holds of it: Slack's own word, but no sentence of Slack's, which may quote."""
    word = error.error if isinstance(error, SlackRefusedError) else ""
    return f"{logged(error)} {word}" if re.fullmatch("[a-z_]{1,80}", word) else logged(error)
