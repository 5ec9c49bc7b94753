"""The doors through which a walk goes: one contract, and who has which verb is the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from walk.world import World

from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.resources.rollout import How
from sayso.sdk.views.solution import SolutionView

VOUCHED = "the same voice on the phone"
"""Why somebody ties or unties accounts."""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says to a card: `approve`, `reject`, or `edit` and which steps to less."""

    choice: str
    steps: tuple[str, ...] | None = None
    lower: Mapping[str, Money] = field(default_factory=dict[str, Money])


class Surface:
    """A door; a verb that it does not override, it does not have.

    Each verb raises what the product raises: a `SaysoError` of the SDK, or a `RefusedHereError`
    where the door speaks HTTP or text.
    """

    name: ClassVar[str] = ""

    def __init__(self, world: World) -> None:
        self.world = world

    @classmethod
    def verbs(cls) -> frozenset[str]:
        """The verbs that it has."""
        return frozenset(name for name in VERBS if getattr(cls, name) is not getattr(Surface, name))

    async def ask(
        self, subject: str, words: str, *, by: str, key: str, conversation: str | None = None
    ) -> str:
        """Hand a customer's words over; the request's id."""
        raise NotImplementedError

    async def reply(self, request_id: str, number: int, *, words: str, choice: str | None) -> None:
        """Hand over what the customer answered."""
        raise NotImplementedError

    async def withdraw(self, request_id: str, words: str) -> None:
        """Take a request back in the customer's place."""
        raise NotImplementedError

    async def propose(
        self, action: str, args: Mapping[str, JsonValue], subject: str, *, by: str, key: str
    ) -> str:
        """Propose a concrete action; its id."""
        raise NotImplementedError

    async def answer(self, card: SolutionView, person: str, said: Said) -> None:
        """Say yes, no or less to a card."""
        raise NotImplementedError

    async def answer_test(self, card: SolutionView, person: str, choice: str) -> None:
        """Say yes or no to a test card."""
        raise NotImplementedError

    async def ask_customer(self, card: SolutionView, person: str, question: str) -> None:
        """Ask the customer something first."""
        raise NotImplementedError

    async def note(self, card: SolutionView, person: str, text: str) -> None:
        """Note something about a card."""
        raise NotImplementedError

    async def engage(self, by: str, scope: str, target: str) -> str:
        """Stop; the stop's id."""
        raise NotImplementedError

    async def resume(self, stop_id: str, person: str) -> None:
        """Ask that a stop ends, or confirm it."""
        raise NotImplementedError

    async def settle(self, action_id: str, person: str, outcome: str, receipt_id: str) -> None:
        """Say what was seen at the provider."""
        raise NotImplementedError

    async def work(self, about: str, person: str, verb: str, text: str) -> None:
        """`take`, `note` or `end` a piece of work."""
        raise NotImplementedError

    async def propose_draft(self, about: str, person: str, digest: str) -> None:
        """Propose what is drafted for a piece of work, as one's own."""
        raise NotImplementedError

    async def report_wrong(self, action_id: str, person: str, how: How) -> None:
        """Say that something that was done was wrong."""
        raise NotImplementedError

    async def set_cap(
        self, limit_id: str, person: str, *, sums: Mapping[str, Decimal], cards: int | None
    ) -> None:
        """Give a limit another cap."""
        raise NotImplementedError

    async def set_dial(self, dial: str, person: str, stage: str, share: int | None) -> None:
        """Move a dial."""
        raise NotImplementedError

    async def activate(self, person: str) -> None:
        """Put what the files say in force."""
        raise NotImplementedError

    async def rollback(self, person: str, number: int) -> None:
        """Put an earlier version in force again."""
        raise NotImplementedError

    async def confirm(self, change_id: str, person: str, sha256: str) -> None:
        """Confirm a loosening that waits."""
        raise NotImplementedError

    async def erase(self, subject: str, person: str, key: str) -> None:
        """Erase a customer."""
        raise NotImplementedError

    async def hold(self, subject: str, person: str, key: str) -> str:
        """Keep everything of a customer; the hold's id."""
        raise NotImplementedError

    async def release(self, hold_id: str, person: str, key: str) -> None:
        """Ask for the end of a hold, or confirm it."""
        raise NotImplementedError

    async def vouch(self, a: str, b: str, person: str, key: str) -> str:
        """Say that two accounts are one customer's; the link's id."""
        raise NotImplementedError

    async def merge(self, a: str, b: str, person: str, key: str) -> str:
        """Say that two customers are one; the link's id."""
        raise NotImplementedError

    async def vouch_for(self, request_id: str, person: str, key: str, reason: str) -> None:
        """Say that the customer writes in a request."""
        raise NotImplementedError

    async def unlink(self, link_id: str, person: str, key: str) -> None:
        """End a link."""
        raise NotImplementedError

    async def see(self, account: str, person: str) -> frozenset[str]:
        """Look at a customer; all their accounts."""
        raise NotImplementedError

    async def repair(self, repair_id: str, person: str) -> None:
        """Ask that rows are rebuilt, or confirm it."""
        raise NotImplementedError

    async def accept(self, finding: str, person: str) -> None:
        """Ask that a finding is accepted, or confirm it."""
        raise NotImplementedError

    async def write_rule(self, person: str, action: str, amount: int) -> str:
        """Write a row into an action's table, and sign what it does; where the page leads then."""
        raise NotImplementedError

    async def staff(self, person: str, path: str, form: Mapping[str, object]) -> str:
        """Send a form of the people's page; what came of it."""
        raise NotImplementedError

    async def connect(
        self, person: str, name: str, answer: Callable[[str], Mapping[str, str]]
    ) -> None:
        """Connect an account; `answer` is what the provider says to a state."""
        raise NotImplementedError

    async def open_home(self, person: str, team: str) -> str | None:
        """Open the app's Home as somebody of a team; what is shown then, as JSON, if anything."""
        raise NotImplementedError

    async def look(self) -> None:
        """Read every list and every page that it has, so that none breaks."""
        raise NotImplementedError


async def said_about(world: World, card: SolutionView) -> object:
    """What people have said about a card so far, and where each step stands."""
    now = await world.sayso.solutions.get(card.id)
    steps = [(step.id, step.status, step.revision) for step in now.steps]
    return [(one.person, one.decision, one.revision) for one in now.votes], steps


VERBS = tuple(
    name
    for name, value in vars(Surface).items()
    if callable(value) and not name.startswith("_") and name != "verbs"
)
