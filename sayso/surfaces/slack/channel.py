"""The approvers' channel: posts a card once, updates it, and finds it again after a lost answer."""

from __future__ import annotations

from collections.abc import Mapping

from sayso.errors import Code, IntegrityError, RefusedError
from sayso.json import JsonObject, JsonValue
from sayso.surfaces.slack.blocks import check_blocks
from sayso.surfaces.slack.card import EVENT_TYPE, Message
from sayso.surfaces.slack.identity import Home
from sayso.surfaces.slack.web import SlackWeb

_PAGE = 200
_MOST_PAGES = 10
_SHARED = ("is_ext_shared", "is_shared", "is_org_shared", "is_pending_ext_shared")


class Channel:
    """One channel of Slack.

    Args:
        timeout_s: of each call.
    """

    def __init__(self, web: SlackWeb, home: Home, channel: str, timeout_s: float) -> None:
        self._web = web
        self._home = home
        self._id = channel
        self._timeout_s = timeout_s

    async def check_private(self) -> None:
        """Refuse a channel that other organisations can read (SL-11).

        Raises:
            RefusedError: `forbidden` when it is shared; whatever Slack refuses.
            RetryableError: Slack does not say now.
        """
        answer = await self._web.read(
            "conversations.info", {"channel": self._id}, timeout_s=self._timeout_s
        )
        found = answer.get("channel")
        if not isinstance(found, Mapping) or any(found.get(flag, False) for flag in _SHARED):
            raise RefusedError(
                Code.FORBIDDEN,
                "the approvers' channel is shared with another organisation",
                next_step="name a private channel of your own in `slack.channel`",
            )

    async def post(self, message: Message) -> str:
        """Post a card; returns its `ts`.

        Raises:
            OutcomeUnknownError: it may be there; look for it with `find` before posting again.
            SlackRefusedError, RetryableError: it is not there.
        """
        answer = await self._send("chat.postMessage", message, {})
        return str(answer.get("ts", ""))

    async def update(self, ts: str, message: Message) -> None:
        """Make an earlier card say what is so now.

        Raises:
            SlackRefusedError, RetryableError, OutcomeUnknownError: try again; it does no harm.
        """
        await self._send("chat.update", message, {"ts": ts})

    async def find(self, approval_id: str, since_s: int) -> str | None:
        """The `ts` of a card of ours that was posted already; None when there is none (SL-15).

        Args:
            since_s: seconds since 1970; older messages are not looked at.

        Raises:
            RetryableError: Slack does not say now, so nothing is known.
        """
        bot = await self._home.read()
        cursor = ""
        for _ in range(_MOST_PAGES):
            asked: dict[str, str | int] = {
                "channel": self._id,
                "limit": _PAGE,
                "oldest": since_s,
                "include_all_metadata": "true",
            }
            if cursor:
                asked["cursor"] = cursor
            answer = await self._web.read("conversations.history", asked, timeout_s=self._timeout_s)
            for message in _objects(answer.get("messages")):
                if message.get("user") == bot.user and _names(message, approval_id):
                    return str(message.get("ts", ""))
            metadata = answer.get("response_metadata")
            cursor = str(metadata.get("next_cursor", "")) if isinstance(metadata, Mapping) else ""
            if not cursor:
                return None
        return None

    async def _send(self, method: str, message: Message, more: JsonObject) -> JsonObject:
        problems = check_blocks(message.blocks)
        if problems:
            # INVARIANT: what Slack might refuse, or show otherwise than meant, does not leave.
            raise IntegrityError(
                Code.INTERNAL,
                f"the card of `{message.approval_id}` is not valid",
                next_step="decide it with `sayso approvals`, and report this",
                detail="; ".join(problems[:5]),
            )
        arguments: dict[str, JsonValue] = {
            "channel": self._id,
            "text": message.text,
            "blocks": list(message.blocks),
            "metadata": message.metadata,
            "unfurl_links": False,
            "unfurl_media": False,
            "mrkdwn": False,
            "parse": "none",
            "link_names": False,
            **more,
        }
        return await self._web.call(method, arguments, timeout_s=self._timeout_s)


def _objects(value: JsonValue) -> list[JsonObject]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def _names(message: JsonObject, approval_id: str) -> bool:
    metadata = message.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != EVENT_TYPE:
        return False
    payload = metadata.get("event_payload")
    return isinstance(payload, Mapping) and payload.get("approval_id") == approval_id
