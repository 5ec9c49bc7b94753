"""How everybody asks who may do what now: the port that the wiring fills."""

from __future__ import annotations

from typing import Protocol

from sayso.audit.authority.state import Authority, OpenStop, PolicyInForce
from sayso.ids import Tenant
from sayso.store.base import Reader, Store


class Directory(Protocol):
    """Who may do what, by the log: people, credentials, stops and holds."""

    def at(self, reader: Reader, tenant: Tenant) -> Authority:
        """What is in force at this moment, in a transaction with all that it has added itself.

        Raises:
            IntegrityError: when the log is not what its key has signed; then nobody may anything.
        """
        ...

    async def see(self, store: Store, tenant: Tenant) -> None:
        """Take in what this process has just changed; see `Follower.see`."""
        ...

    def policy(self, reader: Reader, home: Tenant) -> PolicyInForce | None:
        """The version of the policy by which actions are judged, by the log.

        Args:
            home: the tenant whose log is said to tell of it.
        """
        ...

    def stop_on(
        self, reader: Reader, tenant: Tenant, name: str, subject: str | None
    ) -> OpenStop | None:
        """The stop that an action falls under by the log, its own tenant's or one of all tenants.

        Args:
            subject: the customer's pseudonym; None where only stops of others are asked about.
        """
        ...
