"""Resolving what nobody but a person can know, as a part of the SDK's front."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sayso.actions.controls.manual_resolution import ManualSettlement
from sayso.errors import Code, RefusedError
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views import ActionView

if TYPE_CHECKING:
    from sayso.sdk.container import Container


class Resolving(ABC):
    """Settles unknown outcomes; `Sayso` is one."""

    @property
    @abstractmethod
    def container(self) -> Container:
        """The wired floors."""

    @abstractmethod
    async def person_of(self, token: str, *, via: str = "sdk") -> Token:
        """The person's token behind a secret."""

    @abstractmethod
    async def action(
        self, action_id: str, *, tenant: str | None = None, timeline: bool = True
    ) -> ActionView:
        """An action with its approval and its timeline."""

    async def resolve(
        self,
        action_id: str,
        outcome: str,
        *,
        token: str,
        evidence: str,
        receipt_id: str = "",
        via: str = "sdk",
    ) -> ActionView:
        """Settle an unknown outcome as the person whose token this is.

        Args:
            outcome: `succeeded` or `failed`, as it was seen at the provider.
            evidence: where it was seen; sealed beside the log.
            receipt_id: the provider's id of the effect, for `succeeded`.

        Raises:
            RefusedError: see `ManualSettlements.resolve`; `unauthenticated`, `forbidden`.
        """
        if outcome not in {"succeeded", "failed"}:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{outcome[:40]}` is no outcome",
                next_step="say succeeded or failed",
            )
        holder = await self.person_of(token, via=via)
        return await self.resolve_as(
            ManualSettlement(
                tenant=holder.tenant,
                action_id=action_id,
                outcome="succeeded" if outcome == "succeeded" else "failed",
                evidence=evidence,
                receipt_id=receipt_id,
                person=holder.holder,
                via=via,
            )
        )

    async def resolve_as(self, resolution: ManualSettlement) -> ActionView:
        """Settle an unknown outcome for a person whom the calling surface has authenticated.

        Raises:
            RefusedError: see `ManualSettlements.resolve`.
        """
        row = await self.container.resolutions.resolve(resolution)
        self.container.dispatcher.wake()
        return await self.action(row.id, tenant=row.tenant)
