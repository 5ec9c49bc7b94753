"""Who is called by name is told in private, once: given a card or work, or named in a note."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sayso.errors import OutcomeUnknownError, RetryableError, SaysoError, logged
from sayso.sdk.chat.calls import Summons, call_of, together
from sayso.sdk.client import Sayso
from sayso.sdk.resources.calling import CALLED_TOPIC
from sayso.sdk.resources.outbox import OutboxRow
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.slack.card import elements_of
from sayso.surfaces.slack.direct import DirectMessages
from sayso.surfaces.slack.pace import Bucket, NotifierPace
from sayso.surfaces.slack.thread import Post
from sayso.surfaces.slack.wording import fit

logger = logging.getLogger("sayso.slack")

_BATCH = 20


class CallMessages:
    """Tells people of one workspace, wherever their Slack account is linked.

    Args:
        posts: shared with the cards, since Slack counts both.
    """

    def __init__(
        self, sayso: Sayso, pace: NotifierPace, posts: Bucket, direct: DirectMessages
    ) -> None:
        self._sayso = sayso
        self._pace = pace
        self._posts = posts
        self._direct = direct

    async def due(self) -> Sequence[OutboxRow]:
        """What is to be told now, oldest first."""
        return await self._sayso.outbox.due(CALLED_TOPIC, limit=_BATCH)

    async def tell(self, row: OutboxRow) -> None:
        """Tell one person of all that calls them to the same thing; what fails is due again."""
        outbox = self._sayso.outbox
        if not await outbox.lease(row, self._pace.lease_of(row.attempts)):
            return
        try:
            rows = await together(self._sayso, CALLED_TOPIC, row)
            call = await call_of(self._sayso, rows)
            if call is not None and call.person.slack:
                self._posts.take()
                url = self._sayso.workspace.settings.console.url
                mark = f"{CALLED_TOPIC}:{row.key}"
                await self._direct.call(call.person, _post(call, url), mark, begun=row.attempts > 0)
        except OutcomeUnknownError as error:
            logger.info("somebody may have been told: %s", logged(error))
            return
        except RetryableError as error:
            self._posts.pause(error.retry_after_s or 0.0)
            return
        except SaysoError as error:
            logger.warning("somebody is told later: %s", logged(error))
            return
        for one in rows:
            await outbox.sent(one, {"told": True})


def _post(call: Summons, url: str) -> Post:
    said = call.text(fit)
    elements = elements_of((said,))
    if url:
        link = {"type": "link", "url": f"{url}{CONSOLE_PATH}/{call.path}", "text": "Open ↗"}
        elements += [*elements_of((" · ",)), link]
    section = {"type": "rich_text_section", "elements": elements}
    return Post(text=said, blocks=({"type": "rich_text", "elements": [section]},))
