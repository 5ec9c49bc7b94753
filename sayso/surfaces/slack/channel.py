"""The approvers' channel: what we post there, and how it is found again when an answer was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sayso.block_kit import check_blocks
from sayso.errors import Code, IntegrityError, RefusedError, RetryableError
from sayso.ids import to_micros
from sayso.json import JsonObject, JsonValue
from sayso.surfaces.slack.card import EVENT_TYPE, SlackMessage, context
from sayso.surfaces.slack.identity import Home
from sayso.surfaces.slack.thread import Post
from sayso.surfaces.slack.web import SlackRefusedError, SlackWeb

TOLD_TYPE = "sayso_told"
"""`metadata.event_type` of what we say beside the cards."""
_BLANK = "What stood here went with its customer."
_PAGE = 200
_MOST_PAGES = 10
_BEFORE_S = 120
"""How far Slack's clock may be behind ours when an earlier post is looked for."""
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_SHARED = ("is_ext_shared", "is_shared", "is_org_shared", "is_pending_ext_shared")


class Channel:
    """One channel of Slack: what stands in it, as far as we wrote it.

    Args:
        channel: its id. timeout_s: of each call.
    """

    def __init__(self, web: SlackWeb, home: Home, channel: str, timeout_s: float) -> None:
        self._web = web
        self._home = home
        self.id = channel
        self._timeout_s = timeout_s

    async def check_private(self) -> None:
        """Refuse a channel that other organisations can read.

        Raises:
            RefusedError: `forbidden` when it is shared; whatever Slack refuses.
            RetryableError: Slack does not say now.
        """
        answer = await self._web.read(
            "conversations.info", {"channel": self.id}, timeout_s=self._timeout_s
        )
        found = answer.get("channel")
        if not isinstance(found, Mapping) or any(found.get(flag, False) for flag in _SHARED):
            raise RefusedError(
                Code.FORBIDDEN,
                "the approvers' channel is shared with another organisation",
                next_step="name a private channel of your own in `slack.channel`",
            )

    async def post(self, message: SlackMessage) -> str:
        """Post a card; returns its `ts`.

        Raises:
            OutcomeUnknownError: it may be there; look for it with `find` before posting again.
            SlackRefusedError, RetryableError: it is not there.
        """
        answer = await self._send("chat.postMessage", message, {})
        return str(answer.get("ts", ""))

    async def say(self, post: Post, mark: str) -> None:
        """Post something that is no card, in a thread or in the channel itself.

        Args:
            mark: by which `said` finds it again.

        Raises:
            OutcomeUnknownError: it may be there; look with `said` before saying it again.
            SlackRefusedError, RetryableError: it is not.
        """
        problems = check_blocks(post.blocks)
        if problems:
            # INVARIANT: as with cards, what Slack might show otherwise does not leave.
            raise IntegrityError(
                Code.INTERNAL, "what is to be told is not valid", detail="; ".join(problems[:5])
            )
        metadata: JsonObject = {"event_type": TOLD_TYPE, "event_payload": {"mark": mark}}
        arguments = _arguments(self.id, post.text, post.blocks, metadata)
        if post.below:
            arguments["thread_ts"] = post.below
        await self._web.call("chat.postMessage", arguments, timeout_s=self._timeout_s)

    async def is_posted(self, post: Post, mark: str) -> bool:
        """Whether it stands there already, where it would be posted; the newest are looked at.

        Raises:
            RetryableError: Slack does not say now, so nothing is known.
        """
        place = {"ts": post.below} if post.below else {}
        method = "conversations.replies" if post.below else "conversations.history"
        bot = await self._home.read()
        found = await self._page(method, {**place, "limit": _PAGE})
        return any(
            one.get("user") == bot.user and _payload(one, TOLD_TYPE).get("mark") == mark
            for one in found[0]
        )

    async def blank_below(self, ts: str, words: str = _BLANK) -> None:
        """Leave nothing but these words of what we have said below a card.

        Raises:
            SlackRefusedError, RetryableError, OutcomeUnknownError: try again; it does no harm.
        """
        bot = await self._home.read()
        found, _ = await self._page("conversations.replies", {"ts": ts, "limit": _PAGE})
        for one in found:
            if one.get("user") != bot.user or one.get("ts") == ts or one.get("text") == words:
                continue
            arguments = _arguments(self.id, words, [context(words)], {})
            said = {**arguments, "ts": one.get("ts")}
            await self._web.call("chat.update", said, timeout_s=self._timeout_s)

    async def card_at(self, ts: str) -> str:
        """The approval whose card a message is; empty for one that is no card of ours.

        Raises:
            RetryableError: Slack does not say now.
        """
        bot = await self._home.read()
        found, _ = await self._page("conversations.replies", {"ts": ts, "limit": 1})
        if not found or found[0].get("user") != bot.user:
            return ""
        named = _payload(found[0], EVENT_TYPE).get("approval_id")
        return named if isinstance(named, str) else ""

    async def members(self) -> frozenset[str]:
        """The users who are in it, of the first thousands.

        Raises:
            SlackRefusedError, RetryableError: Slack does not say.

        Source: Slack docs, conversations.members: `groups:read` for a private channel.
        """
        found: set[str] = set()
        asked: dict[str, str | int] = {"channel": self.id, "limit": _PAGE}
        for _ in range(_MOST_PAGES):
            answer = await self._web.read("conversations.members", asked, timeout_s=self._timeout_s)
            users = answer.get("members")
            found.update(map(str, users if isinstance(users, list) else ()))
            metadata = answer.get("response_metadata")
            cursor = metadata.get("next_cursor") if isinstance(metadata, Mapping) else ""
            if not cursor:
                break
            asked["cursor"] = str(cursor)
        return frozenset(found)

    async def link_to(self, ts: str) -> str:
        """The address of a message; empty where Slack does not say.

        Source: Slack docs, chat.getPermalink, which needs no scope.
        """
        arguments = {"channel": self.id, "message_ts": ts}
        try:
            answer = await self._web.read("chat.getPermalink", arguments, timeout_s=self._timeout_s)
        except (SlackRefusedError, RetryableError):
            return ""
        link = answer.get("permalink")
        return link if isinstance(link, str) and link.startswith("https://") else ""

    async def update(self, ts: str, message: SlackMessage) -> str:
        """Make an earlier card say what is so now; returns where it stands.

        Raises:
            SlackRefusedError, RetryableError, OutcomeUnknownError: try again; it does no harm.
        """
        try:
            await self._send("chat.update", message, {"ts": ts})
        except SlackRefusedError as error:
            if error.error not in _GONE:
                raise
            # Somebody deleted it, and a decision that waits must not be lost with it.
            return await self.post(message)
        return ts

    async def find(self, approval_id: str, created_at: str) -> str | None:
        """The `ts` of a card of ours that was posted already; None when there is none.

        Args:
            created_at: of what it is about, in RFC 3339; messages from before are not looked at.

        Raises:
            RetryableError: Slack does not say now, so nothing is known.
        """
        bot = await self._home.read()
        since_s = to_micros(datetime.fromisoformat(created_at)) // 1_000_000 - _BEFORE_S
        cursor = ""
        for _ in range(_MOST_PAGES):
            asked: dict[str, str | int] = {"limit": _PAGE, "oldest": since_s}
            if cursor:
                asked["cursor"] = cursor
            found, cursor = await self._page("conversations.history", asked)
            for message in found:
                named = _payload(message, EVENT_TYPE).get("approval_id")
                if message.get("user") == bot.user and named == approval_id:
                    return str(message.get("ts", ""))
            if not cursor:
                return None
        return None

    async def _page(
        self, method: str, asked: Mapping[str, str | int]
    ) -> tuple[list[JsonObject], str]:
        """Messages with their metadata, and where the next page begins."""
        arguments = {**asked, "channel": self.id, "include_all_metadata": "true"}
        answer = await self._web.read(method, arguments, timeout_s=self._timeout_s)
        found = answer.get("messages")
        metadata = answer.get("response_metadata")
        cursor = str(metadata.get("next_cursor", "")) if isinstance(metadata, Mapping) else ""
        if not isinstance(found, list):
            return [], cursor
        return [one for one in found if isinstance(one, Mapping)], cursor

    async def _send(self, method: str, message: SlackMessage, more: JsonObject) -> JsonObject:
        problems = check_blocks(message.blocks)
        if problems:
            # INVARIANT: what Slack might refuse, or show otherwise than meant, does not leave.
            raise IntegrityError(
                Code.INTERNAL,
                f"the card of `{message.approval_id}` is not valid",
                next_step="decide it with `sayso approvals`, and report this",
                detail="; ".join(problems[:5]),
            )
        arguments = _arguments(self.id, message.text, message.blocks, message.metadata)
        return await self._web.call(method, {**arguments, **more}, timeout_s=self._timeout_s)


def _arguments(
    channel: str, text: str, blocks: Sequence[JsonObject], metadata: JsonObject
) -> dict[str, JsonValue]:
    return {
        "channel": channel,
        "text": text,
        "blocks": list(blocks),
        "metadata": metadata,
        "unfurl_links": False,
        "unfurl_media": False,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
    }


def _payload(message: JsonObject, event_type: str) -> JsonObject:
    metadata = message.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != event_type:
        return {}
    payload = metadata.get("event_payload")
    return payload if isinstance(payload, Mapping) else {}
