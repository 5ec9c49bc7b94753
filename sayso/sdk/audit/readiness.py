"""Whether anything may be signed now, as far as the logs and the medium go."""

from __future__ import annotations

from sayso.errors import ConfigError
from sayso.sdk.container import Container
from sayso.store.base import Examined
from sayso.verdicts import AccusationKind


def check_signing(container: Container) -> None:
    """Whether nothing keeps the workspace's own log from being signed.

    A log of another tenant of which rows or rules alone are wrong holds that tenant only.

    Raises:
        ConfigError: `damaged`, `key_mismatch`, `older_build`.
        IntegrityError: `tampered`.
    """
    log, store = container.log, container.store
    log.check_not_halted()
    if isinstance(store, Examined) and store.damage is not None:
        found = store.damage
        raise ConfigError(found.code, found.message, next_step=found.next_step)
    for tenant, (_, sort) in log.refused.items():
        if tenant == container.tenant or sort is AccusationKind.BYTES:
            log.check_accepted(tenant)
