"""The tools for words, which every workspace has: `ask`, `answer` and `withdraw`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sayso.actions.model.definition import Args
from sayso.agent.base import MAX_MESSAGE_CHARS
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.tools.answers import RequestAnswer
from sayso.sdk.tools.tool import Tool, schema_of

_MOST_TIMES = 1000

Nth = Annotated[
    int,
    Field(
        ge=1,
        le=_MOST_TIMES,
        description="leave it out; only where the customer wants exactly the same once more: 2 for "
        "the second time, 3 for the third",
    ),
]
Words = Annotated[
    str, Field(max_length=2_000, description="what the customer wrote, for whoever has to decide")
]
RULES = (
    "It is for the customer of this conversation alone; nobody else can be named. "
    "`status` says what came of it, and only `succeeded` is done: `pending_approval` waits for a "
    "person, and nothing has been done yet. Tell the customer what `tell_customer` says. "
    "The same call again does nothing a second time; it says how the first one stands."
)
MONEY = ' Money is in minor units: {"amount_minor": 12900, "currency": "USD"} is 129.00 USD.'


class AskArgs(Args):
    """Arguments of `ask`."""

    message: Annotated[
        str,
        Field(min_length=1, max_length=MAX_MESSAGE_CHARS, description="the customer's own words"),
    ]
    nth: Nth = 1


class AnswerArgs(Args):
    """Arguments of `answer`."""

    id: Annotated[
        str, Field(pattern=r"^req_[0-9a-z]{1,40}$", description="the request's id, `req_…`")
    ]
    question: Annotated[int, Field(ge=1, le=100, description="the `number` of its question")]
    message: Annotated[
        str, Field(max_length=MAX_MESSAGE_CHARS, description="the customer's own words")
    ] = ""
    choice: Annotated[
        str | None,
        Field(max_length=200, description="`value` of the choice that the customer has picked"),
    ] = None


class WithdrawArgs(Args):
    """Arguments of `withdraw`."""

    id: Annotated[
        str, Field(pattern=r"^req_[0-9a-z]{1,40}$", description="the request's id, `req_…`")
    ]
    message: Annotated[
        str, Field(max_length=MAX_MESSAGE_CHARS, description="the customer's own words")
    ] = ""


ASK = Tool(
    name="ask",
    title="Hand over the customer's words",
    description="Hand over what the customer wrote, to be planned, judged and done as far as it may"
    " be. " + RULES,
    args=AskArgs,
    input_schema=schema_of(AskArgs),
    output_schema=RequestAnswer.model_json_schema(),
    scope=Scope.PROPOSE,
    reversible=False,
)
ANSWER = Tool(
    name="answer",
    title="Hand over what the customer answered",
    description="Hand over what the customer answered to the `question` of a request; only what "
    "they said themselves, and never your own guess. " + RULES,
    args=AnswerArgs,
    input_schema=schema_of(AnswerArgs),
    output_schema=RequestAnswer.model_json_schema(),
    scope=Scope.PROPOSE,
    reversible=False,
)
WITHDRAW = Tool(
    name="withdraw",
    title="Take a request back",
    description="Take back a request that the customer does not want any more; only when they said "
    "so themselves. What has not begun is stopped, and nobody can say yes to it any more; what is "
    "under way or done is told as such. Tell the customer what `tell_customer` says.",
    args=WithdrawArgs,
    input_schema=schema_of(WithdrawArgs),
    output_schema=RequestAnswer.model_json_schema(),
    scope=Scope.PROPOSE,
    reversible=False,
)
