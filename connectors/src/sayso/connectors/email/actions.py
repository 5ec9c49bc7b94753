"""What the e-mail connector can do, as definitions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sayso.actions.model.act import NO_ACT, ActUse
from sayso.actions.model.customer_words import read_words
from sayso.actions.model.definition import Action, Args, Effect, FactType, Guarantee

_WORDS = read_words("sayso.connectors.email")
_APOLOGY = """\
Hello,

we are sorry for the trouble that you had with us. Thank you for telling us.

Your support team
"""
_FACTS: dict[str, FactType] = {"length": "long", "links": "long"}


class MessageArgs(Args):
    """Arguments of `email.send` and `email.send_apology`. None of them says to whom.

    Attributes:
        title: fills `{title}` in the configured subject line; one line.
        body: the text; plain, with links to allowed hosts only.
    """

    title: Annotated[str, Field(min_length=1, max_length=120, description="the subject line")]
    body: Annotated[str, Field(min_length=1, max_length=5_000, description="the text, plain")]


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
