"""What the e-mail connector can do, as definitions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sayso.actions.model.act import NO_ACT, ActUse
from sayso.actions.model.customer_words import read_words
from sayso.actions.model.definition import (
    Action,
    Args,
    Effect,
    FactType,
    Guarantee,
    verifiable,
)

_WORDS = read_words("sayso.connectors.email")
_APOLOGY = """\
Hello,

we are sorry for the trouble that you had with us. Thank you for telling us.

Your support team
"""
_SETTLE_AFTER_S = 60
_FACTS: dict[str, FactType] = {"length": "long", "links": "long"}


class MessageArgs(Args):
    """Arguments of `email.send` and `email.send_apology`. None of them says to whom.

    Attributes:
        title: fills `{title}` in the configured subject line; one line.
        body: the text; plain, with links to allowed hosts only.
    """

    title: Annotated[str, Field(min_length=1, max_length=120, description="the subject line")]
    body: Annotated[str, Field(min_length=1, max_length=5_000, description="the text, plain")]


class MailAnswerArgs(Args):
    """Arguments of `email.reply`. None of them says to whom.

    Attributes:
        thread: the conversation, by the mailbox's id of it.
        text: plain, with links to allowed hosts only.
    """

    thread: Annotated[str, Field(pattern=r"^t[0-9a-f]{32}$", description="the conversation")]
    text: Annotated[str, Field(min_length=1, max_length=5_000, description="the text, plain")]


class MailHandOverArgs(MailAnswerArgs):
    """Arguments of `email.hand_over`.

    Attributes:
        team: which of the teams in the settings; never an address.
    """

    team: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$", description="the team, by its name")]


class MailEndArgs(Args):
    """Arguments of `email.close`.

    Attributes:
        thread: the conversation, by the mailbox's id of it.
    """

    thread: Annotated[str, Field(pattern=r"^t[0-9a-f]{32}$", description="the conversation")]


def desk_actions(guarantee: Guarantee, *, hands_over: bool) -> tuple[Action, ...]:
    """`email.reply`, `email.close` and, where there is a team to write to, `email.hand_over`.

    Facts: of those that write, `length` of the text in characters; of the answer, `links`: how
    many there are, while a note to the team may link to where it pleases.
    """
    reply = Action(
        name="email.reply",
        summary="Answer the customer in their conversation by e-mail",
        args=MailAnswerArgs,
        guarantee=guarantee,
        effect=Effect.MESSAGE,
        reversible=False,
        sentence="Answer the customer: {title}",
        brief="an answer",
        facts=_FACTS,
        words=_WORDS["send"],
        act=ActUse(name=NO_ACT, because="its words are the team's, not the customer's"),
    )
    close = Action(
        name="email.close",
        summary="Mark a conversation's e-mails as done, or move them to the folder for that",
        args=MailEndArgs,
        guarantee=verifiable(settle_after_s=_SETTLE_AFTER_S),
        effect=Effect.CHANGE,
        reversible=True,
        sentence="End the conversation: {title}",
        brief="the conversation's end",
        act=ActUse(name=NO_ACT, because="the team keeps its mailbox itself"),
    )
    if not hands_over:
        return reply, close
    hand_over = Action(
        name="email.hand_over",
        summary="Forward a conversation to your team, with a note that the customer doesn't see",
        args=MailHandOverArgs,
        guarantee=guarantee,
        effect=Effect.CHANGE,
        reversible=False,
        sentence="Forward the conversation to {team}: {title}",
        brief="a note to the team",
        facts={"length": "long"},
        act=ActUse(name=NO_ACT, because="the team hands over itself"),
    )
    return reply, close, hand_over


def actions_with(guarantee: Guarantee) -> tuple[Action, Action]:
    """`email.send` and `email.send_apology`, with what the transport guarantees.

    Facts: `length` of the text in characters · `links`: how many links it holds. Policies tell the
    two apart by their names.
    """
    send = Action(
        name="email.send",
        summary="Write an e-mail to the customer's address on file",
        args=MessageArgs,
        guarantee=guarantee,
        effect=Effect.MESSAGE,
        reversible=False,
        sentence="Write to the customer: {title}",
        brief="an e-mail",
        facts=_FACTS,
        words=_WORDS["send"],
        act=ActUse(name=NO_ACT, because="its words are the team's, not the customer's"),
    )
    apology = Action(
        name="email.send_apology",
        summary="Apologise by e-mail to the customer's address on file",
        args=MessageArgs,
        guarantee=guarantee,
        effect=Effect.MESSAGE,
        reversible=False,
        sentence="Apologise to the customer: {title}",
        brief="an apology",
        facts=_FACTS,
        words=_WORDS["send_apology"],
        act=ActUse(name="apology", fixed={"title": "We are sorry", "body": _APOLOGY}),
    )
    return send, apology
