"""How urgent an action is: its place where not everything can be run at once."""

from __future__ import annotations

from sayso.errors import Code, RefusedError

LOWEST, NORMAL, WAITED_FOR, HIGHEST = 0, 5, 7, 9
"""From `WAITED_FOR` on somebody waits for the outcome: a chat, or whoever called `propose` and
waits. Each step counts as 30 seconds of waiting, so that the lowest is served in the end too."""


def check_priority(priority: int) -> int:
    """The same priority.

    Raises:
        RefusedError: `invalid_input`, outside of 0 to 9.
    """
    if not LOWEST <= priority <= HIGHEST:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"a priority is a number from {LOWEST} to {HIGHEST}",
            next_step=f"leave it out, or say {LOWEST} for what may wait",
        )
    return priority
