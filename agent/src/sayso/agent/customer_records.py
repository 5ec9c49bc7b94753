"""What a customer has over all their accounts, read while it is asked which accounts those are.

Where no connector lists such objects, they may name one by the provider's own id.
INVARIANT: it is theirs only once the provider says so: whoever names another one's id is refused
when the action is resolved, before anybody is asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.actions.customers.accounts import Accounts
from sayso.actions.model.act import ACCOUNT
from sayso.actions.model.definition import Action, Subject
from sayso.actions.model.snapshot import Record
from sayso.errors import Code, RefusedError
from sayso.frozen import replace
from sayso.ids import Tenant

if TYPE_CHECKING:
    from sayso.agent.base import Message, Records

_ID = re.compile(r"(?<![\w/@.-])[A-Za-z0-9][A-Za-z0-9_-]{7,63}(?![\w@-])")
_MOST = 5


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


def typed_records(
    messages: Sequence[Message], actions: Iterable[Action], listed: Sequence[Record]
) -> list[Record]:
    """A record for each id in the customer's words that an action takes and nobody lists.

    Args:
        listed: what the connectors list.
    """
    known = {(record.kind, record.connector) for record in listed}
    ids = {record.id for record in listed}
    words = [
        word
        for message in messages
        if message.role == "customer"
        for word in _ID.findall(message.content)
        if any(char.isdigit() for char in word) and word not in ids
    ]
    found: dict[tuple[str, str, str], Record] = {}
    for kind, connector, pattern in _unlisted(actions) if words else ():
        for word in words:
            if (kind, connector) not in known and re.fullmatch(pattern, word):
                found[kind, connector, word] = Record(
                    kind=kind,
                    id=word,
                    title=word,
                    label=word,
                    references=(word,),
                    connector=connector,
                )
    return list(found.values())[:_MOST]


def _unlisted(actions: Iterable[Action]) -> Iterator[tuple[str, str, str]]:
    """Kinds of records with who would list them, and how their ids look."""
    for action in actions:
        use = action.act
        if use is None or not use.is_asked or use.on == ACCOUNT:
            continue
        for name, slot in use.fills.items():
            metadata = action.args.model_fields[name].metadata if slot == "object" else ()
            for one in metadata:
                pattern = getattr(one, "pattern", None)
                if isinstance(pattern, str):
                    yield use.on, use.listed_by or action.connector, pattern
