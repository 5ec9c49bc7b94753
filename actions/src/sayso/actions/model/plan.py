"""A plan: ordered steps, what each waits for, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sayso.audit.request_digests import ON_A_YES, rests_on_a_yes
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue

MAX_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action of a plan.

    Attributes:
        id: unique in the plan, such as `s1`.
        action: the action's name, such as `stripe.refund`.
        args: the arguments. In a planner's output objects are handles such as `charge#1`; in a
            validated plan they are the provider's ids.
        after: ids of the steps that must have succeeded first.
        reason: why, in one sentence; shown as the planner's word, never as fact.
    """

    id: str
    action: str
    args: Mapping[str, JsonValue]
    after: tuple[str, ...] = ()
    reason: str = ""


class OnFailure(StrEnum):
    """What happens to the other steps of a plan when one of them does not succeed.

    Steps that wait for it (`after`) are refused in any case. A failure is whatever ends a step
    without success: refused, rejected, expired or failed; `unknown` is not one until it is settled.
    """

    CONTINUE = "continue"
    """They go on."""
    STOP = "stop"
    """Those that have not begun are refused."""
    UNDO = "undo"
    """As `stop`, and once nothing is under way what was done is taken back, the newest first."""

    @classmethod
    def strictest(cls, several: Iterable[OnFailure]) -> OnFailure:
        """What holds for a plan that was put together from several."""
        return max(several, key=list(cls).index, default=cls.CONTINUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a planner proposes for one request.

    Attributes:
        steps: in the order in which they are to run; a step waits only for earlier ones.
        planner: who planned, such as `playbook:refund` or `model:openai:gpt-5`.
        certain: the customer's words leave nothing open, so that it need not be restated to them.
        named: how far the words name act, object and amount: `named` or `plainly`, where it is not
            restated when a person decides anyway, or when it can be taken back; `doubted`, where a
            word may stand against it, so that the customer's yes is not enough.
        tokens: model tokens that were spent, in and out together; 0 for playbooks.
        cost_micro_usd: what they cost, in millionths of a US dollar, as far as it is known.
        on_failure: what happens to the other steps when one does not succeed.

    Raises:
        RefusedError: `invalid_input` for no step, too many, double ids, or a step that waits for a
            later or an unknown one.
    """

    steps: tuple[Step, ...]
    planner: str
    certain: bool = False
    named: str = ""
    tokens: int = 0
    cost_micro_usd: int = 0
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    on_failure: OnFailure = OnFailure.CONTINUE

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= MAX_STEPS:
            raise RefusedError(
                Code.INVALID_INPUT, f"a plan has 1 to {MAX_STEPS} steps, not {len(self.steps)}"
            )
        seen: set[str] = set()
        for step in self.steps:
            if step.id in seen:
                raise RefusedError(Code.INVALID_INPUT, f"two steps are called `{step.id[:40]}`")
            for other in step.after:
                if other not in seen:
                    raise RefusedError(
                        Code.INVALID_INPUT, f"step `{step.id[:40]}` waits for no earlier step"
                    )
            seen.add(step.id)

    @property
    def rests_on_a_yes(self) -> bool:
        """Whether no words of the customer's show it: they and a person have to say yes to it."""
        return rests_on_a_yes(self.planner)

    def on_a_yes(self) -> Plan:
        """The same plan as one that no words of the customer's show.

        INVARIANT: it is said in the planner's name, which stands with each step, on each card and
        in each entry, and is bound with the plan.
        """
        return self if self.rests_on_a_yes else replace(self, planner=self.planner + ON_A_YES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """What a planner answers when it cannot plan: a person has to take the request.

    Attributes:
        reason: why, in words for the person who takes over.
        code: why, in one word for programs.
        notes: as of a plan.
    """

    reason: str
    planner: str
    tokens: int = 0
    cost_micro_usd: int = 0
    code: Code = Code.NOT_UNDERSTOOD
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
