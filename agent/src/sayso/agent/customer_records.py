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

        Accounts that were known before are read at the same time as what ties them, so that a
        customer of several costs no round more; what is not theirs any more is dropped.

        Args:
            request_id: in which they write.

        Raises:
            RefusedError: `unknown_subject`. RetryableError: a provider cannot be read now.
        """
        if not self.accounts.may_differ:
            return await self.records.list_records(writer)
        known = (await self.accounts.known(tenant, writer, request_id)).subjects
        customer, listed = await asyncio.gather(
            self.accounts.of(tenant, writer, request_id),
            asyncio.gather(*map(self._listed, known)),
        )
        found = dict(zip((one.id for one in known), listed, strict=True))
        more = [one for one in customer.subjects if one.id not in found]
        found |= zip(
            (one.id for one in more), await asyncio.gather(*map(self._listed, more)), strict=True
        )
        answers = [found[one.id] for one in customer.subjects]
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
