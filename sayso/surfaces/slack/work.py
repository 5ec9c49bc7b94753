"""What people have to do, in the channel: one message each, brought up to date until it is over."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final

from sayso.agent.request_row import WORK_TOPIC
from sayso.errors import Code, RefusedError, RetryableError, SaysoError, logged
from sayso.ids import rfc3339, to_micros
from sayso.json import JsonValue
from sayso.sdk.chat.work import FORMS, LABELS, ChatWork, WorkCard, build_work, work_shown
from sayso.sdk.client import Sayso
from sayso.sdk.resources.outbox import OutboxRow
from sayso.surfaces.slack.card import SlackMessage, draw
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.forms import build_modal
from sayso.surfaces.slack.identity import Identities, voice_of
from sayso.surfaces.slack.pace import AnswerTimeouts, Bucket, NotifierPace
from sayso.surfaces.slack.payload import Click, FormSubmission, SlackAccount
from sayso.surfaces.slack.web import SlackWeb
from sayso.surfaces.slack.wording import escape, fit

logger = logging.getLogger("sayso.slack")

WORK: Final = "sayso.work."
"""Begins the `action_id` of its buttons, and the `callback_id` of its forms."""
_BATCH = 20
_ABOUT = re.compile(r"[a-z]{3}_[0-9a-z]{26}")


def work_message(card: WorkCard) -> SlackMessage:
    """A piece of work as blocks."""
    blocks = [draw(part) for part in card.parts]
    buttons: list[JsonValue] = [
        {
            "type": "button",
            "action_id": f"{WORK}{name}",
            "text": {"type": "plain_text", "text": LABELS[name], "emoji": False},
            "value": card.about,
        }
        for name in card.buttons
    ]
    if buttons:
        blocks.append({"type": "actions", "block_id": "work", "elements": buttons})
    return SlackMessage(
        text=escape(card.text), blocks=tuple(blocks), approval_id=card.about, revision=1
    )


class WorkCards:
    """Shows the work of one workspace in one channel.

    Args:
        posts: shared with the cards, since Slack counts both.
    """

    def __init__(self, sayso: Sayso, channel: Channel, pace: NotifierPace, posts: Bucket) -> None:
        self._sayso = sayso
        self._channel = channel
        self._pace = pace
        self._posts = posts

    async def due(self) -> Sequence[OutboxRow]:
        """What is to be shown anew, oldest first."""
        return await self._sayso.outbox.due(WORK_TOPIC, limit=_BATCH)

    async def tell(self, row: OutboxRow) -> None:
        """Bring one up to date; what fails is due again later."""
        outbox = self._sayso.outbox
        if not await outbox.lease(row, self._pace.lease_of(row.attempts)):
            return
        known = row.state.get("ts") if row.state.get("channel") == self._channel.id else None
        ts = known if isinstance(known, str) else None
        view = await work_shown(self._sayso, row.key, row.tenant)
        if ts is None and row.attempts == 0 and view is None:
            await outbox.sent(row, {})  # what nobody has seen needs no end
            return
        url = self._sayso.workspace.settings.console.url
        message = work_message(build_work(row.key, view, fit=fit, url=url))
        self._posts.take()
        try:
            if ts is None and row.attempts > 0:
                since = rfc3339(to_micros(self._sayso.now())) if view is None else view.since
                ts = await self._channel.find(row.key, since)
            if ts is not None:
                ts = await self._channel.update(ts, message)
            else:
                ts = await self._channel.post(message)
        except RetryableError as error:
            self._posts.pause(error.retry_after_s or 0.0)
            logger.info("work is told later: %s", logged(error))
        except SaysoError as error:
            logger.warning("work could not be told: %s", logged(error))
        else:
            await outbox.sent(row, {"channel": self._channel.id, "ts": ts})


class WorkClicks:
    """Takes what people say about work, by a button or a form."""

    def __init__(
        self,
        sayso: Sayso,
        web: SlackWeb,
        identities: Identities,
        patience: AnswerTimeouts,
        chat: str,
    ) -> None:
        self._sayso = sayso
        self._web = web
        self._identities = identities
        self._patience = patience
        self._work = ChatWork(sayso, chat)

    async def click(self, click: Click) -> str:
        """Do it, or open its form; what the person is told.

        Raises:
            RefusedError: as `ChatWork.say`.
            RetryableError: Slack does not say whose account it is.
        """
        name = click.action_id.removeprefix(WORK)
        form = FORMS.get(name)
        if form is None:
            return await self._say(click.account, name, click.value, {})
        await self._person(click.account)
        view = build_modal(f"{WORK}{name}", _about(click.value), form, "")
        await self._web.call(
            "views.open",
            {"trigger_id": click.trigger_id, "view": view},
            timeout_s=self._patience.open_s,
        )
        return ""

    async def submit(self, form: FormSubmission) -> str:
        """Do what a form says; what the person is told.

        Raises:
            FieldError: for what was filled in.
            RefusedError, RetryableError: as `click`.
        """
        name = form.callback_id.removeprefix(WORK)
        return await self._say(form.account, name, form.metadata, form.inputs)

    async def _say(
        self, account: SlackAccount, name: str, about: str, inputs: Mapping[str, str]
    ) -> str:
        person = await self._person(account)
        return await self._work.say(name, _about(about), voice_of(person, account), inputs)

    async def _person(self, account: SlackAccount) -> str:
        who = await self._identities.identify(account)
        if who.person is None:
            raise RefusedError(Code.NOT_AN_APPROVER, who.refusal)
        return who.person.id


def _about(value: str) -> str:
    if not _ABOUT.fullmatch(value):
        raise RefusedError(Code.INVALID_INPUT, "this button is not one of ours")
    return value
