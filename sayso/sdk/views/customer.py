"""The external forms of customers: their accounts, what ties these, and what was done for them."""

from __future__ import annotations

from typing import Literal

from sayso.money import Money
from sayso.sdk.views.base import View

ProofWord = Literal["email", "person", "code", "record", "signed"]


class CustomerAccountView(View):
    """What one provider calls somebody, and how they read there now.

    Attributes:
        account: as it is written here, such as `zendesk:7723`. id: the provider's own id.
        name, email: as the provider has them now; the address is masked, and both are empty where
            the provider has none or cannot say.
        email_verified: whether the provider itself has verified the address.
        provider_since: since when the provider knows them. since: when the account was first seen
            here; None for one that never was.
        problem: why the provider could not be read now; empty where it could.
    """

    account: str
    provider: str
    id: str
    name: str = ""
    email: str = ""
    email_verified: bool = False
    provider_since: str | None = None
    since: str | None = None
    problem: str = ""


class CustomerLinkView(View):
    """What ties two accounts of one customer.

    Attributes:
        accounts: both, as they are written here. proof: how that is known. says: the same in words.
        by: kind and id of who tied them, such as `person:maria`.
        until: when it ends by itself; None for no end.
        request_id: the only conversation that it holds for; None for any.
        reason: of the person who tied them; empty where none was given, and after an erasure.
    """

    id: str
    accounts: tuple[str, str]
    proof: ProofWord
    says: str
    by: str
    since: str
    until: str | None = None
    request_id: str | None = None
    reason: str = ""


class CustomerActionView(View):
    """One action for a customer, in short. `approval_id`: of the card, while it waits."""

    id: str
    action: str
    status: str
    account: str
    amount: Money | None = None
    approval_id: str | None = None
    at: str


class CustomerSolutionView(View):
    """What was asked for, and its actions; or one action that nobody asked for in words.

    Attributes:
        about: `req_…` or `act_…`. account: which asked. status: of the request or the action.
        open: whether something of it still comes. unknown_writer: nobody knows that the customer
            writes in it; `customers.vouch` says that they do.
    """

    about: str
    account: str
    status: str
    open: bool
    unknown_writer: bool = False
    at: str
    actions: tuple[CustomerActionView, ...] = ()


class CustomerLimitView(View):
    """How much of a customer's limit their accounts have used together.

    Attributes:
        limit: its id. say: what it says. window: such as `today`.
        used: with what it is of, for people, such as `$40.00 of $100.00`.
        used_minor, cap_minor: in minor units of `currency`; None where it is counted how many.
        count, cap: how many.
    """

    limit: str
    say: str
    window: str
    used: str
    currency: str
    used_minor: int | None = None
    cap_minor: int | None = None
    count: int
    cap: int | None = None


class CustomerSummaryView(View):
    """One customer.

    Attributes:
        id: `cst_…`; empty for an account that was never seen here.
        name: as one of the providers has it. accounts: the one that was found first.
    """

    id: str
    name: str = ""
    accounts: tuple[CustomerAccountView, ...]
    links: tuple[CustomerLinkView, ...] = ()


class CustomerDetailsView(CustomerSummaryView):
    """One customer with all that was done for them, the newest first."""

    solutions: tuple[CustomerSolutionView, ...] = ()
    limits: tuple[CustomerLimitView, ...] = ()


class CustomersFoundView(View):
    """Who was found.

    Attributes:
        asked: the providers that were searched by an address. cannot_search: those that cannot.
        problems: provider and reason, of those that could not be read now: somebody may be missing.
    """

    items: tuple[CustomerSummaryView, ...]
    asked: tuple[str, ...] = ()
    cannot_search: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


class CustomerPartView(View):
    """A customer as a change of links has left them: their id, and their accounts."""

    id: str
    accounts: tuple[str, ...]


class LinkChangeView(View):
    """A link that was made or ended.

    Attributes:
        in_force: whether it holds from here on.
        customers: whose accounts these are now: one, or two where nothing else ties them.
        says: what it means for what was done before.
    """

    link: CustomerLinkView
    in_force: bool
    customers: tuple[CustomerPartView, ...]
    says: str
