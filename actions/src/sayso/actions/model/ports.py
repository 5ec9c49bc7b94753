"""How the engine reaches connectors without knowing them: the port that the wiring fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.json import JsonObject


class ActionRegistry(Protocol):
    """Finds an action's definition and passes calls to its connector."""

    @property
    def actions(self) -> Sequence[Action]:
        """Every action that can be asked for."""
        ...

    def knows(self, name: str) -> bool:
        """Whether this process has an action of that name."""
        ...

    def action(self, name: str) -> Action:
        """The definition of an action.

        Raises:
            RefusedError: `unknown_action`.
        """
        ...

    def provider_of(self, action: str) -> str | None:
        """Whose customers an action is for; None where it has to do with nobody's.

        Raises:
            RefusedError: `unknown_action`.
        """
        ...

    def version_of(self, name: str) -> str:
        """The version of the action's connector."""
        ...

    def validate_args(self, name: str, args: JsonObject) -> Args:
        """The arguments, read by the action's model.

        Raises:
            RefusedError: `unknown_action`, `invalid_input`.
        """
        ...

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `sayso.connectors.base.Connector.resolve`."""
        ...

    async def call(self, call: Call) -> Receipt:
        """See `sayso.connectors.base.Connector.call`."""
        ...

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `sayso.connectors.base.Connector.look_up`."""
        ...
