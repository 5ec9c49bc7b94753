"""What a customer was asked, and the plan that they said yes to, by digest.

The digests stand in the entries of the request, so that nobody who changes a row between a question
and its answer, or between an answer and what is done, has another thing done than was said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeAlias

import orjson

NONCE = "nonce"
"""Drawn for each question, so that nobody finds an amount or an order by its digest."""

ON_A_YES = "@yes"
"""Ends a planner's name where the customer's own words do not show its plan: it rests on their yes
to what was restated, and on a person's."""

_QUESTION, _PLAN = b"sayso/question/v1\0", b"sayso/plan/v1\0"
_OF_A_PLAN = ("planner", "certain", "notes", "on_failure", "steps", NONCE)

Stored: TypeAlias = "Mapping[str, object]"
"""A question or a plan as its row has it: JSON, with its nonce."""


def rests_on_a_yes(planner: str) -> bool:
    """Whether what that planner planned is shown by no words of the customer's."""
    return planner.endswith(ON_A_YES)


def question_digest(question: Stored) -> str:
    """What `data.asked` says of a question: its choices and its plan, as the row has them; hex."""
    return _digest(_QUESTION, question)


def plan_digest(plan: Stored, nonce: object = None) -> str:
    """What `data.plan` says of a plan: its steps with all their arguments; hex.

    Args:
        plan: with its nonce, unless that is given.
    """
    whole = plan if nonce is None else {**plan, NONCE: nonce}
    return _digest(_PLAN, {name: whole.get(name) for name in _OF_A_PLAN})


def _digest(domain: bytes, value: Stored) -> str:
    body = orjson.dumps(value, default=dict, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(domain + body).hexdigest()
