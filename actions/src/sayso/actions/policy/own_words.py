"""The law `sayso.own-words`: Sayso may say what it has written from the ledger itself, and no more.

Whoever else writes, a model, a colleague, a caller, has their text judged by the policy like every
message. Limits hold for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sayso.actions.model.action_row import ActionRow
from sayso.actions.policy.base import Judgement, Outcome, Policy
from sayso.store.base import Reader

OWN_WORDS = "sayso.own-words"
"""The law by which exactly the texts that Sayso itself has rendered are said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWords:
    """What the law says of an action by which Sayso speaks.

    Attributes:
        allowed: it says, to this very customer and in this very thread, what is rendered now.
        why: in words, what it is, or what has become of it.
    """

    allowed: bool
    why: str


OwnWordsLaw = Callable[[Reader, ActionRow], OwnWords | None]
"""Judges an action by the ledger as the transaction sees it; None for one of anybody else."""


def nobodys(reader: Reader, row: ActionRow) -> OwnWords | None:
    """The law of a workspace in which Sayso says nothing by itself."""
    return None


def judged_by_law(said: OwnWords, policy: Policy, row: ActionRow, number: int) -> Judgement:
    """The law's judgement. `number`: of the version of the whole policy."""
    return Judgement(
        outcome=Outcome.ALLOW if said.allowed else Outcome.DENY,
        rules=(OWN_WORDS,),
        explain=said.why,
        policy_version=policy.version_for(row.name),
        policy=number,
    )
