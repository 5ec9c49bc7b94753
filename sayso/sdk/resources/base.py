"""What every resource of the SDK's front stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.audit.entry import Actor, ActorKind
from sayso.ids import Tenant

if TYPE_CHECKING:
    from sayso.sdk.container import Container

SDK = Actor(kind=ActorKind.SERVICE, id="sdk")
"""Who asks when nobody in particular does."""


class Resource:
    """One noun of an open workspace."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def _tenant(self, tenant: str | None) -> Tenant:
        """The tenant that is meant; the workspace's own where none is named."""
        return self._container.tenant if tenant is None else Tenant(tenant)
