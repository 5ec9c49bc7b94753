"""What a conversation has come to: what is open, and what was asked or offered last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sayso.agent.base import Question
from sayso.agent.understanding.acts import Cue
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.objects import FoundObject
from sayso.agent.understanding.reading import Reading
from sayso.agent.understanding.tokens import TextToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What an agent's turn leaves open: an offer, or the choices of a question, in their order.

    Attributes:
        acts: what is offered, in its order.
        objects, amounts, choices: what is named, in its order.
        others: whether something was offered that no playbook is for.
        together: several acts are offered at once, not one of them.
        twins: one of two equal payments, or both.
        own: the question as data, where Sayso asked it.
        open_question: a question about something else, such as the reason.
    """

    acts: tuple[ActDraft, ...] = ()
    objects: tuple[str, ...] = ()
    amounts: tuple[TextToken, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    others: bool = False
    together: bool = False
    twins: bool = False
    own: Question | None = None
    open_question: bool = False

    @property
    def several(self) -> bool:
        """Whether it is a choice rather than one offer."""
        return (
            len(self.acts) > 1
            or len(self.objects) > 1
            or len(self.amounts) > 1
            or any(len(values) > 1 for values in self.choices.values())
        )


@dataclass(slots=True, kw_only=True)
class ConversationState:
    """What a conversation has come to.

    Attributes:
        open: what is asked for, complete or not.
        topic: what was spoken of before anything was asked for, by kind.
        reading: of the customer's newest turn.
        cues: the acts of that turn.
        moved: whether the newest turn asked for something, or answered.
        reasons: what speaks against acting, whatever is open.
        agreed: whether the newest turn said yes to an offer.
    """

    open: list[ActDraft] = field(default_factory=list[ActDraft])
    topic: dict[str, FoundObject] = field(default_factory=dict[str, FoundObject])
    pending: Pending | None = None
    reading: Reading | None = None
    moved: bool = False
    declined: bool = False
    agreed: bool = False
    turns: int = 0
    cues: tuple[Cue, ...] = ()
    readings: list[Reading] = field(default_factory=list[Reading])
    agents: list[Reading] = field(default_factory=list[Reading])
