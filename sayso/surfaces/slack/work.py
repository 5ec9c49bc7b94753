"""What people have to do, in the channel: one message each, brought up to date until it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sayso.agent.request_row import WORK_TOPIC
from sayso.errors import Code, RefusedError
from sayso.ids import rfc3339, to_micros
from sayso.json import JsonValue
from sayso.sdk.chat.fit import plain_fit
from sayso.sdk.chat.work import (
    FORMS,
    LABELS,
    WAITING,
    ChatWork,
    WorkCard,
    build_work,
    check_about,
    waiting_shown,
    work_shown,
)
from sayso.sdk.client import Sayso
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.resources.work import WorkView
from sayso.surfaces.slack.card import SlackMessage, draw
from sayso.surfaces.slack.forms import build_modal
from sayso.surfaces.slack.identity import Identities, voice_of
from sayso.surfaces.slack.outbox_cards import OutboxCards
from sayso.surfaces.slack.pace import AnswerTimeouts
from sayso.surfaces.slack.payload import Click, FormSubmission, SlackAccount
from sayso.surfaces.slack.web import SlackWeb
from sayso.surfaces.slack.wording import escape, fit

WORK: Final = "sayso.work."
"""Begins the `action_id` of its buttons, and the `callback_id` of its forms."""


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
        for name in (*card.buttons, *((WAITING,) if card.buttons else ()))
    ]
    if buttons:
        blocks.append({"type": "actions", "block_id": "work", "elements": buttons})
    return SlackMessage(
        text=escape(card.text), blocks=tuple(blocks), approval_id=card.about, revision=1
    )


class WorkCards(OutboxCards[WorkView | None]):
    """Shows the work of one workspace in one channel."""

    topic = WORK_TOPIC

    async def read(self, row: OutboxRow) -> WorkView | None:
        """The work; None once it is over."""
        return await work_shown(self.sayso, row.key, row.tenant)

    def is_over(self, found: WorkView | None) -> bool:
        """Whether nobody has to do it any more."""
        return found is None

    async def show(self, row: OutboxRow, found: WorkView | None, ts: str | None) -> str:
        """Post it, or change what was posted."""
        url = self.sayso.workspace.settings.console.url
        message = work_message(build_work(row.key, found, fit=fit, url=url))
        if ts is None and row.attempts > 0:
            since = rfc3339(to_micros(self.sayso.now())) if found is None else found.since
            ts = await self.channel.find(row.key, since)
        if ts is not None:
            return await self.channel.update(ts, message)
        return await self.channel.post(message)


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
        if name == WAITING:
            await self._person(click.account)
            return await waiting_shown(self._sayso, plain_fit)
        if form is None:
            return await self._say(click.account, name, click.value, {})
        await self._person(click.account)
        view = build_modal(f"{WORK}{name}", check_about(click.value), form, "")
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
        return await self._work.say(name, check_about(about), voice_of(person, account), inputs)

    async def _person(self, account: SlackAccount) -> str:
        who = await self._identities.identify(account)
        if who.person is None:
            raise RefusedError(Code.NOT_AN_APPROVER, who.refusal)
        return who.person.id
