"""What comes in of customers: words to plan, and answers to questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sayso.actions.model.definition import Subject
from sayso.actions.model.priority import WAITED_FOR
from sayso.agent.base import Message
from sayso.agent.code_places import Seen
from sayso.audit.entry import Actor
from sayso.ids import Tenant

Bearing: TypeAlias = Literal["corrects", "adds"]
"""How a message bears on what was asked before it in its thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a bot hands over.

    Attributes:
        messages: the conversation, oldest first; the last one is the customer's.
        key: the caller's idempotency key.
        priority: 0 to 9, of the request and of the actions that come of it.
        conversation: the caller's name for the thread; a request of this customer that waits for an
            answer in it is continued.
        takes_back: the newest message clearly takes back what was asked for in its thread.
        is_one_customers: of `conversation`: nobody but the customer who wrote there first may ask.
        to_people: nobody plans a new request; whoever asks so hands it over.
        bearing: how it bears on that otherwise; None where it stands by itself.
    """

    tenant: Tenant
    requester: Actor
    subject: Subject
    messages: tuple[Message, ...]
    key: str
    traceparent: str | None = None
    priority: int = WAITED_FOR
    conversation: str | None = None
    is_one_customers: bool = False
    takes_back: bool = False
    to_people: bool = False
    bearing: Bearing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReply:
    """What a customer answered to a question.

    Attributes:
        content: their words; what they picked in words, where they picked one.
        choice: the value of the choice that they picked; None for free text.
        number: of the question that is answered; None for whichever is open.
        subject: the customer, where somebody signs for them anew: what was signed with earlier
            words counts no more.
        seen: where the accounts that a code is for are reached now; None where nobody has looked.
        takes_back: it clearly takes back what was asked for, and is no answer.
    """

    content: str
    choice: str | None = None
    number: int | None = None
    subject: Subject | None = None
    seen: Seen = None
    takes_back: bool = False
