"""The connector that the engine sees; it opens the SDK with the first call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved, SeenEffect
from sayso.connectors.person import Person
from sayso.connectors.retry import RetryPolicy
from sayso.connectors.setup import AccountSeen, Address, Setup
from sayso.connectors.stripe.actions import (
    CANCEL_SUBSCRIPTION,
    CREDIT,
    KEEP_SUBSCRIPTION,
    REFUND,
    TAKE_BACK_CREDIT,
)
from sayso.connectors.stripe.credits import CreditReturns, Credits
from sayso.connectors.stripe.customer import read_customer
from sayso.connectors.stripe.effects import effects_of, refunds_told
from sayso.connectors.stripe.person import find_people, read_person
from sayso.connectors.stripe.reactivation import Keeping
from sayso.connectors.stripe.records import ProductNames, list_records
from sayso.connectors.stripe.refunds import Refunds
from sayso.connectors.stripe.subscriptions import Cancellations
from sayso.errors import Code, RefusedError
from sayso.ids import Clock
from sayso.network import checked_url
from sayso.secret import Secret

if TYPE_CHECKING:
    from sayso.connectors.stripe.api import StripeApi

API_VERSION = "2026-10-28.endive"
"""The pinned `Stripe-Version`; the one that stripe-python 16.1 is made for."""

BASE_URL = "https://api.stripe.com"
TIMEOUT_S = 30.0


class _Operation(Protocol):
    """One action at Stripe."""

    @property
    def action(self) -> Action: ...
    async def resolve(self, args: Args, subject: Subject) -> Resolved: ...
    async def call(self, call: Call) -> Receipt: ...
    async def look_up(self, call: Call) -> Receipt | Absence: ...


class StripeConnector:
    """Refunds, cancellations and credit at Stripe.

    Args:
        api_key: a restricted key with the permissions of docs/reference/stripe-and-email.md.
        clock: the time, for ages in days.
        base_url: where the API is; `http` only on this machine, for a sandbox.
        timeout_s: seconds for one request, all in all.
        retry: how reads are repeated.

    Guarantees: makes no connection and imports no SDK before the first call; never repeats a write.

    Raises:
        ConfigError: `invalid_setting` for a `base_url` that is not safe.
    """

    def __init__(
        self,
        *,
        api_key: Secret,
        clock: Clock,
        base_url: str = BASE_URL,
        timeout_s: float = TIMEOUT_S,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._api_key = api_key
        self._clock = clock
        self._base_url = checked_url(base_url, name="base_url", path=False)
        self._timeout_s = timeout_s
        self._retry = retry or RetryPolicy()
        self._opened: tuple[StripeApi, dict[str, _Operation]] | None = None
        self._names = ProductNames(clock)

    @property
    def name(self) -> str:
        """`stripe`."""
        return "stripe"

    @property
    def version(self) -> str:
        """Ours and the API's, so that a change of either makes waiting approvals stale."""
        return f"2/{API_VERSION}"

    @property
    def actions(self) -> Sequence[Action]:
        """Refund, cancel a subscription, give credit, and what takes the last two back."""
        return (REFUND, CANCEL_SUBSCRIPTION, CREDIT, KEEP_SUBSCRIPTION, TAKE_BACK_CREDIT)

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        return await self._deed(action.name).resolve(args, subject)

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        return await self._deed(call.action).call(call)

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        return await self._deed(call.action).look_up(call)

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """See `Connector.list_records`: at most 50 charges and subscriptions."""
        return await list_records(self._open()[0], subject, self._names)

    async def knows(self, subject: Subject) -> bool:
        """See `SubjectBook.knows`."""
        try:
            await read_customer(self._open()[0], subject)
        except RefusedError as error:
            if error.code is Code.UNKNOWN_SUBJECT:
                return False
            raise
        return True

    async def effects_of(self, subject: Subject, since: int) -> Sequence[SeenEffect]:
        """See `EffectBook.effects_of`."""
        return await effects_of(self._open()[0], subject, since)

    async def refunds_told(self, kind: str, object_id: str) -> Sequence[SeenEffect]:
        """See `RefundBook.refunds_told`: of a `refund` or of a `charge`."""
        return await refunds_told(self._open()[0], kind, object_id)

    async def address_of(self, subject: Subject) -> Address:
        """See `AddressBook.address_of`: the e-mail address of the Stripe customer."""
        customer = await read_customer(self._open()[0], subject)
        if not customer.email:
            raise RefusedError(
                Code.WRONG_STATE,
                "stripe has no e-mail address of this customer",
                next_step="add it to the customer in the Stripe dashboard",
            )
        return Address(email=customer.email, name=customer.name)

    async def person_of(self, subject: Subject) -> Person:
        """See `PersonBook.person_of`; the ids are those of the customer's metadata."""
        return await read_person(self._open()[0], subject)

    async def find_people(self, email: str) -> Sequence[Person]:
        """See `PersonSearch.find_people`."""
        return await find_people(self._open()[0], email)

    async def who_am_i(self) -> AccountSeen:
        """See `AccountBook.who_am_i`."""
        account = await self._open()[0].account()
        return AccountSeen(id=account.id, title=account.title.partition(" (")[2].rstrip(")"))

    async def warm(self) -> None:
        """Import the SDK, open a connection, and read the account that the key belongs to."""
        await self._open()[0].account()

    async def close(self) -> None:
        """Close the sockets; the next call opens them again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[0].close()

    def _deed(self, name: str) -> _Operation:
        deed = self._open()[1].get(name)
        if deed is None:
            raise RefusedError(Code.UNKNOWN_ACTION, f"stripe has no action `{name[:40]}`")
        return deed

    def _open(self) -> tuple[StripeApi, dict[str, _Operation]]:
        if self._opened is None:
            # The SDK takes 200 ms to import, so that only a process that calls Stripe pays for it.
            from sayso.connectors.stripe.api import StripeApi

            api = StripeApi(
                api_key=self._api_key,
                base_url=self._base_url,
                version=API_VERSION,
                timeout_s=self._timeout_s,
                retry=self._retry,
            )
            deeds: tuple[_Operation, ...] = (
                Refunds(api, self._clock),
                Cancellations(api, self._clock),
                Credits(api, self._clock),
                Keeping(api),
                CreditReturns(api),
            )
            self._opened = (api, {deed.action.name: deed for deed in deeds})
        return self._opened


def connect(setup: Setup) -> StripeConnector:
    """Make the connector from `[connectors.stripe]`: `api_key`, `base_url`, `timeout_s`.

    Raises:
        ConfigError: `missing_secret`, `invalid_setting`.
    """
    return StripeConnector(
        api_key=setup.secret_at("api_key"),
        clock=setup.clock,
        base_url=setup.text("base_url", BASE_URL),
        timeout_s=setup.number("timeout_s", TIMEOUT_S),
    )
