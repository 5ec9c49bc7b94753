"""`FakeSlack`: Slack's Web API on a loopback port, and the people who click and submit."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Self

import httpx
import orjson
from starlette.types import ASGIApp

from sayso.errors import Code, ConfigError
from sayso.ids import monotonic_s
from sayso.json import JsonObject
from sayso.testing.slack.interactions import (
    PATIENCE_S,
    InteractionDelivery,
    click_payload,
    encode,
    opened_payload,
    send,
    sign,
    submission_payload,
    written_payload,
)
from sayso.testing.slack.records import (
    ApiCall,
    Ephemeral,
    OpenView,
    PostedMessage,
    SlackFault,
    SlackUser,
)
from sayso.testing.slack.server import api_app, loopback, serve_on_loopback
from sayso.testing.slack.state import SlackState
from sayso.testing.slack.web_api import check_shown_view

TEAM = "T1"
CHANNEL = "C1"
# Names that everybody may know: they open nothing but a fake.
TOKEN = "xoxb-fake"  # noqa: S105
SIGNING_SECRET = "fake-signing-secret"  # noqa: S105

_START_TIMEOUT_S = 30.0


class FakeSlack:
    """A fake Slack; make one with `start`, and use it as a context manager.

    Attributes:
        api_url: for `[slack] api_url`.
        events_url: where clicks are sent; `serve` sets it.
        signing_secret: what they are signed with.
    """

    def __init__(self, team: str, channel: str, signing_secret: str, patience_s: float) -> None:
        self._state = SlackState(team, channel, patience_s)
        self._patience_s = patience_s
        self._listener = loopback()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake-slack", daemon=True)
        self.api_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/"
        self.events_url = ""
        self.signing_secret = signing_secret
        self.by_socket = False

    @classmethod
    def start(
        cls,
        *,
        team: str = TEAM,
        channel: str = CHANNEL,
        signing_secret: str = SIGNING_SECRET,
        patience_s: float = PATIENCE_S,
    ) -> Self:
        """Start serving on a free port of 127.0.0.1, in a thread of its own.

        Args:
            patience_s: how long it waits for an answer, and how long a click may open a form.

        Raises:
            ConfigError: `internal`, when it does not come up.
        """
        fake = cls(team, channel, signing_secret, patience_s)
        fake._thread.start()
        if not fake._ready.wait(_START_TIMEOUT_S):
            raise ConfigError(Code.INTERNAL, "the fake slack did not start", next_step="try again")
        return fake

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with serve_on_loopback(api_app(self._state), self._listener):
            self._ready.set()
            await self._stop.wait()

    def stop(self) -> None:
        """Close the port. A second call does nothing."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @contextlib.asynccontextmanager
    async def serve(self, app: ASGIApp) -> AsyncGenerator[str]:
        """Serve the app under test in the running event loop, and send clicks there.

        Yields:
            its address, such as `http://127.0.0.1:40123`.
        """
        async with serve_on_loopback(app) as url:
            self.events_url = f"{url}/slack/events"
            yield url

    # ---- what is there -----------------------------------------------------------------------

    @property
    def messages(self) -> list[PostedMessage]:
        """The messages that are there, oldest first."""
        with self._state.changed:
            return [message for message in self._state.messages if not message.deleted]

    @property
    def ephemerals(self) -> list[Ephemeral]:
        """What single users were told, oldest first."""
        with self._state.changed:
            return list(self._state.ephemerals)

    @property
    def views(self) -> list[OpenView]:
        """The forms that were opened, oldest first; closed ones too."""
        with self._state.changed:
            return list(self._state.views)

    def calls(self, method: str) -> list[ApiCall]:
        """The calls of one method, refused ones too, oldest first."""
        with self._state.changed:
            return [call for call in self._state.calls if call.method == method]

    @property
    def delayed(self) -> int:
        """How many calls have met a delay (`FaultKind.DELAYED`) so far."""
        with self._state.changed:
            return self._state.delayed

    def message_of(self, approval_id: str) -> PostedMessage:
        """The newest message whose metadata names an approval.

        Raises:
            LookupError: there is none.
        """
        for message in reversed(self.messages):
            payload = message.metadata.get("event_payload")
            if isinstance(payload, Mapping) and payload.get("approval_id") == approval_id:
                return message
        raise LookupError(f"no message names {approval_id}")

    async def wait_until(self, happened: Callable[[], bool], timeout_s: float = 30.0) -> bool:
        """Wait until calls have made something so; False when they have not in time.

        Args:
            happened: looked at after each call, such as `lambda: len(slack.messages) == 2`.
        """
        return await asyncio.to_thread(self._state.wait_until, happened, timeout_s)

    # ---- what a test arranges ----------------------------------------------------------------

    def add_user(self, user_id: str, **flags: str | bool | None) -> SlackUser:
        """Add or replace a user of our workspace.

        Args:
            flags: fields of `SlackUser`, such as `is_restricted=True` for a guest.
        """
        user = replace(SlackUser(id=user_id, team=self._state.team), **flags)  # type: ignore[arg-type]
        with self._state.changed:
            self._state.users[user_id] = user
        return user

    def set_channel(self, channel: str, **flags: bool) -> None:
        """Add a channel, or set its flags, such as `is_ext_shared=True`."""
        with self._state.changed:
            self._state.channels.setdefault(channel, {}).update(flags)

    def delete(self, message: PostedMessage) -> None:
        """Somebody deletes a message."""
        with self._state.changed:
            message.deleted = True

    def add_faults(self, *faults: SlackFault) -> None:
        """Queue faults behind those that wait."""
        self._state.add_faults(faults)

    def clear_faults(self) -> None:
        """Forget all faults."""
        self._state.clear_faults()

    def release(self) -> None:
        """Let all delayed calls go on."""
        self._state.release()

    # ---- what people do ----------------------------------------------------------------------

    async def click(
        self,
        message: PostedMessage,
        action_id: str,
        *,
        user: str,
        team: str | None = None,
        enterprise: str | None = None,
        value: str | None = None,
    ) -> InteractionDelivery:
        """Click a button and wait for the app's answer.

        Args:
            team: of the user; ours unless told otherwise.
            enterprise: on Enterprise Grid.
            value: sent in place of the button's own, for forgeries and for cards that have changed
                since they were looked at.

        Raises:
            LookupError: the message has no such button, and no `value` was given.
        """
        if value is None and action_id not in message.buttons:
            raise LookupError(f"the message has no button `{action_id}`")
        payload = click_payload(
            message,
            action_id,
            message.buttons[action_id] if value is None else value,
            user=user,
            team=team or self._state.team,
            enterprise=enterprise,
            trigger_id=self._state.new_trigger(user, team or self._state.team),
        )
        return await self.deliver(payload)

    async def write(
        self,
        below: PostedMessage,
        text: str,
        *,
        user: str,
        team: str | None = None,
        subtype: str | None = None,
    ) -> InteractionDelivery:
        """Write in the thread below a message, and tell the app of it as Slack does.

        Args:
            text: as Slack stores it: `&`, `<` and `>` as entities, mentions in brackets.
            team: of the user; ours unless told otherwise.
            subtype: such as `message_changed`, for what is no new message of a person.
        """
        with self._state.changed:
            written = PostedMessage(
                ts=self._state.next_ts(),
                channel=below.channel,
                thread_ts=below.thread_ts or below.ts,
                user=user,
                text=text,
                blocks=(),
                metadata={},
                arguments={},
                versions=[text],
            )
            self._state.messages.append(written)
        return await self.write_again(written, team=team, subtype=subtype)

    async def write_again(
        self, written: PostedMessage, *, team: str | None = None, subtype: str | None = None
    ) -> InteractionDelivery:
        """Tell the app once more of what somebody has written, as Slack does without an answer."""
        with self._state.changed:
            shared = self._state.channels[written.channel].get("is_ext_shared", False)
        return await self.deliver(
            written_payload(
                written, team=team or self._state.team, subtype=subtype, is_shared=shared
            )
        )

    async def open_home(
        self, user: str, *, team: str | None = None, tab: str = "home"
    ) -> InteractionDelivery:
        """Open the app's Home, or another of its tabs, and tell the app of it."""
        return await self.deliver(opened_payload(user, team=team or self._state.team, tab=tab))

    def home_of(self, user: str) -> OpenView | None:
        """What the app shows somebody in its Home; None before it has shown anything."""
        with self._state.changed:
            return self._state.homes.get(user)

    def leave(self, *users: str) -> None:
        """These are in no channel of ours any more; everybody else is in all of them."""
        with self._state.changed:
            self._state.outside.update(users)

    def set_scopes(self, scopes: str) -> None:
        """What the app was given when it was installed, with commas between."""
        with self._state.changed:
            self._state.scopes = scopes

    async def submit_view(
        self, view: OpenView, values: Mapping[str, str], *, user: str | None = None
    ) -> InteractionDelivery:
        """Fill in a form, send it, and show what the app answers.

        Args:
            values: by block id; for a select, the option's value.
            user: who sends it; who opened it unless told otherwise.

        Raises:
            LookupError: a required field is missing or an option does not exist, which Slack's own
                client does not let anybody send.
        """
        payload = submission_payload(view, values, user=user or view.user)
        delivery = await self.deliver(payload)
        if delivery.acknowledged:
            self._show_answer(view, delivery.json)
        return delivery

    def _show_answer(self, view: OpenView, answer: JsonObject) -> None:
        with self._state.changed:
            match answer.get("response_action"):
                case "errors":
                    errors = answer.get("errors")
                    assert isinstance(errors, Mapping)
                    view.errors = {block: str(problem) for block, problem in errors.items()}
                case "update":
                    shown = answer.get("view")
                    assert isinstance(shown, Mapping)
                    check_shown_view(shown)
                    view.view, view.errors = shown, {}
                case _:
                    view.open = False

    async def deliver(
        self,
        payload: JsonObject,
        *,
        timestamp: str | None = None,
        signature: str | None = None,
        signing_secret: str | None = None,
    ) -> InteractionDelivery:
        """Send a payload, signed as Slack signs, unless told otherwise."""
        if self.by_socket:
            return await self._over_socket(payload)
        is_event = payload.get("type") == "event_callback"
        body = orjson.dumps(payload) if is_event else encode(payload)
        at = timestamp or str(int(datetime.now(UTC).timestamp()))
        headers = {
            "content-type": "application/json" if is_event else "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": at,
            "x-slack-signature": signature or sign(signing_secret or self.signing_secret, at, body),
        }
        return await self._send(body, headers)

    async def _over_socket(self, payload: JsonObject) -> InteractionDelivery:
        """Send it over the app's own connection, as Slack does in Socket Mode."""
        assert self._loop is not None
        sending = self._state.sockets.send(payload, self._patience_s)
        began = monotonic_s()
        answer = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sending, self._loop))
        said: object = {} if answer is None else answer.get("payload") or {}
        return InteractionDelivery(
            body=encode(payload),
            headers={},
            status=0 if answer is None else 200,
            answer=orjson.dumps(said).decode() if said else "",
            latency_s=monotonic_s() - began,
        )

    @property
    def sockets(self) -> int:
        """How many connections the app has open."""
        return self._state.sockets.count

    async def cut_sockets(self) -> None:
        """End the app's connections, as Slack does now and then."""
        assert self._loop is not None
        cutting = self._state.sockets.cut()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(cutting, self._loop))

    async def replay(self, delivery: InteractionDelivery) -> InteractionDelivery:
        """Send the very same bytes again."""
        return await self._send(delivery.body, delivery.headers)

    async def _send(self, body: bytes, headers: Mapping[str, str]) -> InteractionDelivery:
        # Loopback only: a bare context loads no certificates, which would take longer than a click.
        bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx.AsyncClient(trust_env=False, verify=bare) as client:
            return await send(client, self.events_url, body, headers, self._patience_s)
