"""The contract of a planner, and what it sees: words, and handles instead of ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sayso.actions.model.definition import Action, Subject
from sayso.actions.model.plan import Handoff, Plan
from sayso.actions.model.snapshot import Record
from sayso.agent.prompts import Prompts
from sayso.errors import Code, RefusedError

MAX_MESSAGE_CHARS = 20_000
"""A longer customer message is refused; it is no request that anybody should act on unseen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer that a question offers.

    Attributes:
        slot: what it is an answer to, such as `charge`, `amount` or `when`.
        value: a handle (in a stored question the provider's id), a word such as `period_end`, an
            amount in major units such as `20.50`, `one` or `both`, `yes` or `no`.
        label: how the customer reads it; empty until the question is written out.
    """

    slot: str
    value: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the customer has to be asked before anything can be done.

    A planner answers with one instead of guessing. No planner writes its text: that follows from
    what is asked for, in the customer's language.

    Attributes:
        about: the action that would be planned.
        slot: what is asked for; `confirm` asks for a yes to `plan`.
        choices: what can be answered, in order; none for an open question.
        plan: what is restated to the customer.
        more: there are more things than are offered; one is named by its number.
        nonce: drawn when it is stored, so that nobody finds what it asks by its digest.
        why: why nobody can tell without; for the team.
        tokens, cost_micro_usd: as in `Plan`.
    """

    about: str
    slot: str
    choices: tuple[Choice, ...] = ()
    plan: Plan | None = None
    more: bool = False
    nonce: str = ""
    why: str = ""
    planner: str = ""
    tokens: int = 0
    cost_micro_usd: int = 0


CONFIRM = "confirm"
"""The slot of a question that restates a plan."""
INSTEAD = "instead"
"""The slot of one that asks what is wanted, after a no to what was restated."""
MAX_QUESTIONS = 3
"""So many questions may be asked in one request; then a person takes it."""


RemarkKind = Literal["talk", "status", "answer"]
"""What asks for nothing to be done: a friendly word, a question about something of theirs, and one
about terms or goods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark(Handoff):
    """Nothing is to be done: the customer is told something, or answered with a friendly word.

    Attributes:
        language: of the message.
        topics: what is asked about, such as `order`; for `status`.
        meant: handles of what is named; for `status`.
        thanks: whether it is a word of thanks.
    """

    kind: RemarkKind
    language: str
    topics: tuple[str, ...] = ()
    meant: tuple[str, ...] = ()
    thanks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of the conversation. `customer` text is untrusted whatever it says.

    Attributes:
        question: what Sayso itself asked in an agent's turn; its text is never read again.
        choice: the value that a customer picked of its choices, where they picked one.
        asked: the digest of that question, as its entry and that of its answer name it.
    """

    role: Literal["customer", "agent"]
    content: str
    question: Question | None = None
    choice: str | None = None
    asked: str = ""


class Handles:
    """Run-local names of the subject's objects: `charge#1`, `subscription#1`, … newest first.

    The planner sees only these, so that it cannot name an object of anybody else.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._records: dict[str, Record] = {}
        self._parts: dict[str, Record] = {}
        counts: dict[str, int] = {}
        for record in records:
            for named, one in (
                (self._records, record),
                *((self._parts, part) for part in record.parts),
            ):
                counts[one.kind] = counts.get(one.kind, 0) + 1
                named[f"{one.kind}#{counts[one.kind]}"] = one

    @property
    def records(self) -> Mapping[str, Record]:
        """The records by handle, in the order of the look-up."""
        return self._records

    @property
    def parts(self) -> Mapping[str, Record]:
        """What hangs on the records, such as the lines of an order, by handle."""
        return self._parts

    def id_of(self, handle: str) -> str:
        """The provider's id behind a handle.

        Raises:
            RefusedError: `unknown_object`, when this run handed out no such handle.
        """
        record = self._records.get(handle) or self._parts.get(handle)
        if record is None:
            raise RefusedError(
                Code.UNKNOWN_OBJECT,
                f"the plan names `{handle[:40]}`, which the customer does not have",
                next_step="plan again with the listed objects",
            )
        return record.id


class Planner(Protocol):
    """Turns words into a plan over handles, asks back, or says honestly that it cannot.

    A planner has no credentials and causes no effect; whatever it answers is validated, grounded,
    judged and, where the policy says so, shown to a person.
    """

    @property
    def name(self) -> str:
        """Who plans, such as `playbooks` or `model:openai:gpt-5`; recorded with each plan."""
        ...

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Question | Handoff:
        """Plan the customer's newest request.

        Args:
            messages: the conversation, oldest first; the last one is the customer's.
            handles: the subject's objects; object arguments in the plan are handles.
            actions: the definitions that may be used.

        Raises:
            RetryableError: `model_failed`: no answer now (time-out, provider down).
        """
        ...


class Spending(Protocol):
    """What models may still take, over all requests."""

    async def reserve(self, tokens: int, micro_usd: int) -> str | None:
        """Set the most that one planner may take aside; why it may not be taken, or None."""
        ...

    async def settle(self, tokens: int, micro_usd: int) -> None:
        """Give back what was set aside and not taken."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a planner that costs something is told of the request beside the words.

    Attributes:
        key: of the request; it chooses the same variant of a prompt every time.
        deadline: when planning has to be over, in the event loop's time.
        region: where the customer's data has to stay; None for anywhere.
        prompts: which one a model gets; None for its own.
        spending: who counts what models take; None where nothing is limited.
    """

    key: str = ""
    deadline: float | None = None
    region: str | None = None
    prompts: Prompts | None = None
    spending: Spending | None = None


class Records(Protocol):
    """Lists a subject's objects over all connectors."""

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """The subject's objects, newest first.

        Raises:
            RefusedError: `unknown_subject`.
            RetryableError: a provider cannot be read now.
        """
        ...
