"""What is wrong with the desks of a workspace, found without asking one."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.connectors.desks import Desks
from sayso.connectors.registry import Connectors
from sayso.errors import Code, ConfigError, RefusedError, SaysoError
from sayso.sdk.workspace import Workspace
from sayso.settings import DeskSection


def check_desks(workspace: Workspace, registry: Connectors) -> Iterator[tuple[str, SaysoError]]:
    """Each mistake with its place: a connector that is no desk, hand-overs that cannot be made."""
    for name, section in workspace.settings.desk.items():
        try:
            _check(name, section, registry)
            if section.secret is not None:
                workspace.secret(section.secret)
        except (ConfigError, RefusedError) as error:
            yield f"[desk.{name}]", error


def _check(name: str, section: DeskSection, registry: Connectors) -> None:
    parts = Desks(registry).parts(section.connector or name)
    if section.customers is not None:
        registry.connector(section.customers)
    if section.close and not parts.close:
        raise _mistake("it ends no threads", "leave `close` out")
    if section.hand_over and not parts.hand_over:
        raise _mistake("it gives no thread to colleagues", "leave `hand_over` out")
    for wanted in section.hand_over if parts.hand_over else ():
        known = registry.action(parts.hand_over).args.model_fields.keys()
        if wanted not in known:
            raise _mistake(
                f"`{parts.hand_over}` takes no `{wanted}`", f"it takes {', '.join(sorted(known))}"
            )


def _mistake(problem: str, step: str) -> ConfigError:
    return ConfigError(Code.INVALID_SETTING, problem, next_step=step)
