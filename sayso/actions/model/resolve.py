"""Reading the provider before anything is done: what a connector resolves, whatever it raises."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from sayso.actions.model.definition import Subject
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.snapshot import Resolved
from sayso.errors import (
    Code,
    OutcomeUnknownError,
    RetryableError,
    SaysoError,
    logged_with_frames,
)
from sayso.json import JsonObject

logger = logging.getLogger("sayso.connectors")

MAX_BREAKS = 8
"""After so many tries in which its connector broke off an action is refused; about two minutes."""


async def read_target(
    registry: ActionRegistry, action_id: str, name: str, args: JsonObject, subject: Subject
) -> Resolved:
    """What the action would do now, read at the provider.

    Raises:
        RefusedError: as the connector says; `unknown_action`, `invalid_input`.
        RetryableError: the provider cannot be read now; `connector_failed`, when the connector
            raised what its contract does not know, which is a fault in its code or settings.
        ConfigError, IntegrityError: as the connector says.
    """
    with reading(f"connector of `{name}`", f"{name} {action_id} in resolve"):
        return await registry.resolve(
            registry.action(name), registry.validate_args(name, args), subject
        )


@contextmanager
def reading(whose: str, doing: str) -> Generator[None]:
    """Give what a connector raises a code while it reads.

    Nothing was sent that changes anything, so nothing is unknown; but whoever asked needs a code,
    and the action an end.

    Args:
        whose: the connector, for who asked.
        doing: what it was asked, for the process's log.

    Raises:
        RetryableError: `connector_failed`, where it raised what its contract does not know.
    """
    try:
        yield
    except OutcomeUnknownError as error:
        raise _broke_off(error, whose, doing) from error
    except SaysoError:
        raise
    except Exception as error:
        raise _broke_off(error, whose, doing) from error


def _broke_off(error: Exception, whose: str, doing: str) -> RetryableError:
    # INVARIANT: by its kind and place, since what it says may quote the customer.
    logger.error("%s broke off: %s", doing, logged_with_frames(error))
    return RetryableError(
        Code.CONNECTOR_FAILED,
        f"the {whose} broke off ({type(error).__name__}), and nothing was done",
        next_step="repair its code or its settings, then ask again; the process's log names the "
        "place",
    )
