"""What a customer has over all their accounts, read while it is asked which accounts those are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.actions.customers.accounts import Accounts
from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Record
from sayso.errors import Code, RefusedError
from sayso.frozen import replace
from sayso.ids import Tenant

if TYPE_CHECKING:
    from sayso.agent.base import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecords:
    """Lists one customer's objects.

    Attributes:
        accounts: knows which accounts are theirs.
        records: asks the connectors.
    """

    accounts: Accounts
    records: Records

    async def of(
        self, tenant: Tenant, writer: Subject, request_id: str | None = None
    ) -> Sequence[Record]:
        """The customer's objects, those of the account that they wrote from first.

        Each account is listed as soon as something names it, at the same time as what ties them is
        read; what is not theirs in the end, or not any more, is dropped.

        Args:
            request_id: in which they write.

        Raises:
            RefusedError: `unknown_subject`. RetryableError: a provider cannot be read now.
        """
        if not self.accounts.may_differ:
            return await self.records.list_records(writer)
        listed: dict[str, asyncio.Task[Sequence[Record] | RefusedError]] = {}

        def begin(account: str) -> None:
            if account not in listed:
                one = replace(writer, id=account)
                listed[account] = asyncio.ensure_future(self._listed(one))

        try:
            for one in (await self.accounts.known(tenant, writer, request_id)).subjects:
                begin(one.id)
            customer = await self.accounts.of(tenant, writer, request_id, begin)
            for one in customer.subjects:
                begin(one.id)
            answers = [await listed[one.id] for one in customer.subjects]
        finally:
            for task in listed.values():
                task.cancel()
            await asyncio.gather(*listed.values(), return_exceptions=True)
        records = [record for one in answers if not isinstance(one, RefusedError) for record in one]
        unknown = next((one for one in answers if isinstance(one, RefusedError)), None)
        if unknown is not None and not records:
            raise unknown
        return records

    async def _listed(self, subject: Subject) -> Sequence[Record] | RefusedError:
        try:
            return await self.records.list_records(subject)
        except RefusedError as error:
            if error.code is not Code.UNKNOWN_SUBJECT:
                raise
            return error
