"""The Web API's methods: what they do, what they answer, and what they refuse, in Slack's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from sayso.block_kit import Surface, check_blocks, check_view
from sayso.json import JsonObject, JsonValue
from sayso.testing.slack.records import Ephemeral, OpenView, PostedMessage
from sayso.testing.slack.state import SlackState

BOT_USER = "UBOT"
_MAX_TEXT = 40_000


class SlackSaysNoError(Exception):
    """A call is refused; `error` is Slack's word, `messages` are its details."""

    def __init__(self, error: str, messages: Sequence[str] = ()) -> None:
        super().__init__(error)
        self.error = error
        self.messages = tuple(messages)


class WebApi:
    """Answers calls; the caller holds the state's lock."""

    def __init__(self, state: SlackState) -> None:
        self._state = state
        self._methods: dict[str, Callable[[JsonObject], JsonObject]] = {
            "auth.test": self._auth_test,
            "chat.getPermalink": self._permalink,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.members": self._members,
            "conversations.open": self._open_direct,
            "conversations.info": self._conversation,
            "conversations.replies": self._replies,
            "users.info": self._user,
            "views.open": self._open,
            "views.publish": self._publish,
        }

    def answer(self, method: str, arguments: JsonObject) -> JsonObject:
        """The answer without `ok`.

        Raises:
            SlackSaysNoError: Slack would refuse it.
        """
        work = self._methods.get(method)
        if work is None:
            raise SlackSaysNoError("unknown_method")
        return work(arguments)

    def _auth_test(self, arguments: JsonObject) -> JsonObject:
        return {"team_id": self._state.team, "user_id": BOT_USER, "bot_id": "B1"}

    def _post_message(self, arguments: JsonObject) -> JsonObject:
        channel = self._channel(arguments)
        blocks, text = _content(arguments)
        metadata = arguments.get("metadata")
        thread = str(arguments.get("thread_ts", ""))
        if thread and self._state.message(channel, thread) is None:
            raise SlackSaysNoError("thread_not_found")
        message = PostedMessage(
            ts=self._state.next_ts(),
            channel=channel,
            thread_ts=thread,
            user=BOT_USER,
            text=text,
            blocks=blocks,
            metadata=metadata if isinstance(metadata, Mapping) else {},
            arguments=arguments,
            versions=[text],
        )
        self._state.messages.append(message)
        return {"channel": channel, "ts": message.ts}

    def _update(self, arguments: JsonObject) -> JsonObject:
        channel = self._channel(arguments)
        message = self._state.message(channel, str(arguments.get("ts", "")))
        if message is None:
            raise SlackSaysNoError("message_not_found")
        if message.user != BOT_USER:
            raise SlackSaysNoError("cant_update_message")
        message.blocks, message.text = _content(arguments)
        metadata = arguments.get("metadata")
        message.metadata = metadata if isinstance(metadata, Mapping) else message.metadata
        message.arguments = arguments
        message.versions.append(message.text)
        return {"channel": channel, "ts": message.ts, "text": message.text}

    def _post_ephemeral(self, arguments: JsonObject) -> JsonObject:
        channel = self._channel(arguments)
        blocks, text = _content(arguments)
        told = Ephemeral(
            channel=channel,
            user=str(arguments.get("user", "")),
            text=text,
            blocks=blocks,
            thread_ts=str(arguments.get("thread_ts", "")),
        )
        self._state.ephemerals.append(told)
        return {"message_ts": self._state.next_ts()}

    def _history(self, arguments: JsonObject) -> JsonObject:
        channel = self._channel(arguments)
        if channel.startswith("D") and "im:history" not in self._state.scopes.split(","):
            raise SlackSaysNoError("missing_scope")
        oldest = float(str(arguments.get("oldest", "0")))
        start = int(str(arguments.get("cursor", "0")) or "0")
        limit = min(int(str(arguments.get("limit", "100"))), 999)
        with_metadata = str(arguments.get("include_all_metadata", "")).lower() == "true"
        # NOTE: our message times are made up, and all of them are later than any `oldest`.
        there = [
            message
            for message in reversed(self._state.messages)
            if message.channel == channel and not message.deleted and oldest >= 0
            if not message.thread_ts
        ]
        page: list[JsonValue] = [
            _told(message, with_metadata=with_metadata) for message in there[start : start + limit]
        ]
        after = start + limit
        cursor = str(after) if after < len(there) else ""
        return {"messages": page, "response_metadata": {"next_cursor": cursor}}

    def _replies(self, arguments: JsonObject) -> JsonObject:
        channel = self._channel(arguments)
        ts = str(arguments.get("ts", ""))
        first = self._state.message(channel, ts)
        if first is None:
            raise SlackSaysNoError("thread_not_found")
        with_metadata = str(arguments.get("include_all_metadata", "")).lower() == "true"
        below = [one for one in self._state.messages if one.thread_ts == ts and not one.deleted]
        limit = int(str(arguments.get("limit", "1000")))
        page: list[JsonValue] = [
            _told(message, with_metadata=with_metadata) for message in (first, *below)[:limit]
        ]
        return {"messages": page}

    def _conversation(self, arguments: JsonObject) -> JsonObject:
        channel = self._channel(arguments)
        return {"channel": {"id": channel, "is_private": True, **self._state.channels[channel]}}

    def _members(self, arguments: JsonObject) -> JsonObject:
        self._channel(arguments)
        inside = sorted(self._state.users.keys() - self._state.outside)
        start = int(str(arguments.get("cursor", "0")) or "0")
        after = start + min(int(str(arguments.get("limit", "100"))), 999)
        cursor = str(after) if after < len(inside) else ""
        page: list[JsonValue] = [*inside[start:after]]
        return {"members": page, "response_metadata": {"next_cursor": cursor}}

    def _open_direct(self, arguments: JsonObject) -> JsonObject:
        if "im:write" not in self._state.scopes.split(","):
            raise SlackSaysNoError("missing_scope")
        user = self._state.users.get(str(arguments.get("users", "")))
        if user is None:
            raise SlackSaysNoError("user_not_found")
        if user.deleted:
            raise SlackSaysNoError("user_disabled")
        channel = f"D{user.id}"
        self._state.channels.setdefault(channel, {})
        return {"channel": {"id": channel}}

    def _user(self, arguments: JsonObject) -> JsonObject:
        user = self._state.users.get(str(arguments.get("user", "")))
        if user is None:
            raise SlackSaysNoError("user_not_found")
        grid: JsonObject = {}
        if user.enterprise is not None:
            grid = {"enterprise_user": {"enterprise_id": user.enterprise, "teams": [user.team]}}
        return {
            "user": {
                "id": user.id,
                "team_id": user.team,
                "deleted": user.deleted,
                "is_bot": user.is_bot,
                "is_restricted": user.is_restricted,
                "is_ultra_restricted": user.is_ultra_restricted,
                "is_stranger": user.is_stranger,
                "profile": {"email": user.email},
                **grid,
            }
        }

    def _open(self, arguments: JsonObject) -> JsonObject:
        view = arguments.get("view")
        if not isinstance(view, Mapping):
            raise SlackSaysNoError("invalid_arguments", ["no view"])
        check_shown_view(view)
        whose = self._state.take_trigger(str(arguments.get("trigger_id", "")))
        if isinstance(whose, str):
            raise SlackSaysNoError(whose)
        user, team = whose
        opened = OpenView(id=f"V{len(self._state.views) + 1}", user=user, team=team, view=view)
        self._state.views.append(opened)
        return {"view": {"id": opened.id, **view}}

    def _publish(self, arguments: JsonObject) -> JsonObject:
        view, user = arguments.get("view"), str(arguments.get("user_id", ""))
        if not isinstance(view, Mapping) or view.get("type") != "home":
            raise SlackSaysNoError("invalid_arguments", ["no home"])
        if user not in self._state.users:
            raise SlackSaysNoError("invalid_arguments", ["invalid `user_id`"])
        blocks = view.get("blocks")
        if not isinstance(blocks, Sequence) or isinstance(blocks, str):
            raise SlackSaysNoError("invalid_arguments", ["no blocks"])
        _checked(blocks, "home")
        shown = OpenView(id=f"H{user}", user=user, team=self._state.team, view=view)
        self._state.homes[user] = shown
        return {"view": {"id": shown.id, **view}}

    def _permalink(self, arguments: JsonObject) -> JsonObject:
        channel, ts = self._channel(arguments), str(arguments.get("message_ts", ""))
        if self._state.message(channel, ts) is None:
            raise SlackSaysNoError("message_not_found")
        place = f"{channel}/p{ts.replace('.', '')}"
        return {"channel": channel, "permalink": f"https://acme.slack.com/archives/{place}"}

    def _channel(self, arguments: JsonObject) -> str:
        channel = str(arguments.get("channel", ""))
        if channel not in self._state.channels:
            raise SlackSaysNoError("channel_not_found")
        return channel


def _told(message: PostedMessage, *, with_metadata: bool) -> JsonObject:
    metadata: JsonObject = {"metadata": message.metadata} if with_metadata else {}
    return {"ts": message.ts, "user": message.user, "text": message.text, **metadata}


def check_shown_view(view: JsonObject) -> None:
    """Refuse a form that Slack would refuse.

    Raises:
        SlackSaysNoError: `invalid_arguments`.
    """
    problems = check_view(view)
    blocks = view.get("blocks")
    if isinstance(blocks, Sequence) and not isinstance(blocks, str):
        problems += _by_slack_sdk(blocks)
    if problems:
        raise SlackSaysNoError("invalid_arguments", problems)


def _content(arguments: JsonObject) -> tuple[tuple[JsonObject, ...], str]:
    """The checked blocks and text of a message."""
    text = str(arguments.get("text", ""))
    blocks = arguments.get("blocks")
    if len(text) > _MAX_TEXT:
        raise SlackSaysNoError("msg_too_long")
    if not blocks:
        if not text:
            raise SlackSaysNoError("no_text")
        return (), text
    if not isinstance(blocks, Sequence) or isinstance(blocks, str):
        raise SlackSaysNoError("invalid_blocks_format")
    return _checked(blocks, "message"), text


def _checked(blocks: Sequence[JsonValue], surface: Surface) -> tuple[JsonObject, ...]:
    objects = tuple(block for block in blocks if isinstance(block, Mapping))
    problems = check_blocks(cast("Sequence[JsonObject]", blocks), surface=surface, ours=False)
    problems += _by_slack_sdk(blocks)
    if problems:
        too_long = any("characters in all" in problem for problem in problems)
        raise SlackSaysNoError("msg_blocks_too_long" if too_long else "invalid_blocks", problems)
    return objects


def _by_slack_sdk(blocks: Sequence[JsonValue]) -> list[str]:
    """What slack_sdk's own validators say: a second opinion, by somebody else."""
    problems: list[str] = []
    for place, block in enumerate(blocks):
        try:
            fields = dict(block) if isinstance(block, Mapping) else {}
            # slack_sdk leaves the parameters of its own types open.
            parsed = Block.parse(fields)  # pyright: ignore[reportUnknownMemberType]
            if parsed is None:
                problems.append(f"/blocks/{place}: slack_sdk knows no such block")
            else:
                parsed.to_dict()  # pyright: ignore[reportUnknownMemberType]
        except SlackObjectFormationError as error:
            problems.append(f"/blocks/{place}: {error}")
    return problems
