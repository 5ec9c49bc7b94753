"""Routes of customers: who somebody is at several providers, and what ties their accounts.

What a provider calls somebody, and their address, stand in bodies only, never in a path or a query,
since those end up in the logs of proxies.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from sayso.errors import Code, RefusedError
from sayso.sdk.resources.customers import MAX_REASON_CHARS, TIED, UNTIED
from sayso.sdk.views.customer import CustomerDetailsView, CustomersFoundView, LinkChangeView
from sayso.sdk.views.rows import RequestView
from sayso.surfaces.http import examples
from sayso.surfaces.http.auth import Decider, Finder, Open
from sayso.surfaces.http.documents import asked, problems, reads, shown
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, make_mark, was_made
from sayso.surfaces.http.shapes import AskQuery, Body, NoQuery, Short

router = APIRouter(tags=["customers"], route_class=GuardedRoute)
_ERRORS = problems(400, 401, 403, 404, 409, 413, 415, 422, 503)

Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_REASON_CHARS,
        description="how you know it; sealed beside the log",
    ),
]
Account = Annotated[
    Short,
    Field(description="with the provider before it, such as `zendesk:7723`"),
]
Customer = Annotated[Short, Field(description="`cst_…`, or an account of theirs")]


class FindBody(Body):
    """Whom somebody looks for."""

    query: Annotated[
        Short,
        Field(
            description="an e-mail address, an account such as `zendesk:7723`, `cst_…`, `act_…` or "
            "`req_…`"
        ),
    ]


class LinkBody(Body):
    """Two accounts of one customer, and how you know it."""

    account: Account
    other: Account
    reason: Reason


class MergeBody(Body):
    """Two customers that are one, and how you know it."""

    customer: Customer
    other: Customer
    reason: Reason


class VouchBody(Body):
    """Whose customer you know to write, and how you know it."""

    request: Annotated[Short, Field(description="`req_…`, in which they write")]
    reason: Reason


class UnlinkBody(Body):
    """Why they are not one customer's."""

    reason: Reason


_ADA = {
    "account": "stripe:cus_9",
    "provider": "stripe",
    "id": "cus_9",
    "name": "Ada Lovelace",
    "email": "a…@example.com",
    "email_verified": False,
    "provider_since": "2024-03-02T09:00:00.000000Z",
    "since": "2026-11-25T12:00:00.000000Z",
    "problem": "",
}
_AT_DESK = {**_ADA, "account": "zendesk:7723", "provider": "zendesk", "id": "7723"}
_LINK: dict[str, Any] = {
    "id": "lnk_01m8997dg0jw1993dqct7cjj2z",
    "accounts": ["zendesk:7723", "stripe:cus_9"],
    "proof": "person",
    "says": "a colleague's word alone",
    "by": "person:maria",
    "since": "2026-11-25T12:00:00.000000Z",
    "until": None,
    "request_id": None,
    "reason": "They told us the number on the invoice.",
}
_SUMMARY: dict[str, Any] = {
    "id": "cst_bmg2kxqzv5q3h7t4wq2n6d3f5y",
    "name": "Ada Lovelace",
    "accounts": [_AT_DESK, _ADA],
    "links": [_LINK],
}
EXAMPLE: dict[str, Any] = {
    **_SUMMARY,
    "solutions": [
        {
            "about": "req_01m8997dg0jw1993dqct7cjj2z",
            "account": "zendesk:7723",
            "status": "acting",
            "open": True,
            "unknown_writer": False,
            "at": "2026-11-25T12:00:00.000000Z",
            "actions": [
                {
                    "id": "act_01m8997dg0jw1993dqct7cjj2z",
                    "action": "stripe.refund",
                    "status": "pending_approval",
                    "account": "stripe:cus_9",
                    "amount": {"amount_minor": 12900, "currency": "USD"},
                    "approval_id": "apr_01m8997dg0jw1993dqct7cjj2z",
                    "at": "2026-11-25T12:00:00.000000Z",
                }
            ],
        }
    ],
    "limits": [
        {
            "limit": "customer_month",
            "say": "at most $200.00 a month for one customer",
            "window": "in the last 30 days",
            "used": "$40.00 of $200.00",
            "currency": "USD",
            "used_minor": 4000,
            "cap_minor": 20000,
            "count": 1,
            "cap": None,
        }
    ],
}
_FOUND: dict[str, Any] = {
    "items": [_SUMMARY],
    "asked": ["stripe", "zendesk"],
    "cannot_search": [],
    "problems": [],
}
_TIED: dict[str, Any] = {
    "link": _LINK,
    "in_force": True,
    "customers": [{"id": _SUMMARY["id"], "accounts": ["stripe:cus_9", "zendesk:7723"]}],
    "says": TIED,
}
_UNTIED: dict[str, Any] = {
    "link": _LINK,
    "in_force": False,
    "customers": [
        {"id": _SUMMARY["id"], "accounts": ["zendesk:7723"]},
        {"id": "cst_5qt4mtlskpkgrruhetz7dihbxy", "accounts": ["stripe:cus_9"]},
    ],
    "says": UNTIED,
}
_VOUCHED: dict[str, Any] = {
    **examples.REQUEST,
    "assurance": "unverified",
    "verified": {"by": "person", "until": "2026-11-25T13:00:00.000000Z"},
}
_REASON = {"reason": _LINK["reason"]}


def check_ours(said: str) -> str:
    """An id that stands in a path, which is an id of ours.

    Raises:
        RefusedError: `invalid_input`, for what a provider calls somebody.
    """
    if not said.startswith(("cst_", "act_", "req_")):
        raise RefusedError(
            Code.INVALID_INPUT,
            "an account or an address stands in no path",
            next_step="send it to POST /v1/customers/search, which answers with the customer's id",
        )
    return said


@router.post(
    "/v1/customers/search",
    summary="Find customers by an address, an account, or what was done for them",
    responses={200: shown("who was found", _FOUND), **_ERRORS},
    openapi_extra=asked(address={"query": "ada@example.com"}, account={"query": "zendesk:7723"}),
)
async def find_customers(
    sayso: Open, token: Finder, _key: Key, _query: NoQuery, body: FindBody
) -> CustomersFoundView:
    """Scope: `customers:find`, or `approvals:decide` of a person with a role.

    An address is asked of every provider that can search, and each such call is itself recorded:
    who looked, and not for whom.
    """
    return await sayso.customers.find(body.query, by=token, via="http")


@router.get(
    "/v1/customers/{customer_id}",
    summary="One customer: accounts, links, what was done, limits used",
    responses=reads("as it is now", EXAMPLE, 404),
)
async def show_customer(
    customer_id: str, sayso: Open, token: Finder, _query: NoQuery
) -> CustomerDetailsView:
    """Scope: `customers:find`, or `approvals:decide` of a person with a role.

    `customer_id` is `cst_…`, `act_…` or `req_…`.
    """
    return await sayso.customers.show(check_ours(customer_id), by=token)


@router.post(
    "/v1/customers/links",
    status_code=201,
    summary="Say that two accounts are one customer's",
    responses={201: shown("linked", _TIED), **_ERRORS},
    openapi_extra=asked(link={"account": "zendesk:7723", "other": "stripe:cus_9", **_REASON}),
)
async def link_accounts(
    sayso: Open, token: Decider, key: Key, _query: NoQuery, body: LinkBody
) -> LinkChangeView:
    """Scope: `approvals:decide` of a person with a role. Money never moves by it without a yes.

    The same call sent again changes nothing.
    """
    mark = make_mark(key, "link")
    return await sayso.customers.link(
        body.account,
        body.other,
        reason=body.reason,
        by=token,
        via=mark,
        repeated=partial(was_made, mark, what="link"),
    )


@router.post(
    "/v1/customers/merges",
    status_code=201,
    summary="Say that two customers are one",
    responses={201: shown("linked", _TIED), **_ERRORS},
    openapi_extra=asked(
        merge={"customer": _SUMMARY["id"], "other": "cst_5qt4mtlskpkgrruhetz7dihbxy", **_REASON}
    ),
)
async def merge_customers(
    sayso: Open, token: Decider, key: Key, _query: NoQuery, body: MergeBody
) -> LinkChangeView:
    """Scope: `approvals:decide` of a person with a role.

    It links the account of each that was seen first, and rewrites nothing. The same call sent again
    changes nothing.
    """
    mark = make_mark(key, "merge")
    return await sayso.customers.merge(
        body.customer,
        body.other,
        reason=body.reason,
        by=token,
        via=mark,
        repeated=partial(was_made, mark, what="merge"),
    )


@router.post(
    "/v1/customers/vouch",
    summary="Say that whoever writes in a request is the customer",
    responses={200: shown("known; the request as it stands then", _VOUCHED), **_ERRORS},
    openapi_extra=asked(vouch={"request": _VOUCHED["id"], **_REASON}),
)
async def vouch_for_customer(
    sayso: Open, token: Decider, key: Key, query: Annotated[AskQuery, Query()], body: VouchBody
) -> RequestView:
    """Scope: `approvals:decide` of a person with a role.

    For a request that asks for a code, was handed over, or waits for a yes. It holds in that
    request, for a while, and money still needs a person's yes. The same call sent again changes
    nothing.
    """
    mark = make_mark(key, ["vouch", body.request])
    return await sayso.customers.vouch(
        body.request,
        reason=body.reason,
        by=token,
        via=mark,
        wait_s=query.wait,
        repeated=partial(was_made, mark, what="customer"),
    )


@router.post(
    "/v1/customers/links/{link_id}/end",
    summary="End a link between two accounts",
    responses={200: shown("ended", _UNTIED), **_ERRORS},
    openapi_extra=asked(end=_REASON),
)
async def unlink_accounts(
    link_id: str,
    sayso: Open,
    token: Decider,
    key: Key,
    _query: NoQuery,
    body: UnlinkBody,
) -> LinkChangeView:
    """Scope: `approvals:decide` of a person with a role.

    The same call sent again changes nothing. What had tied itself does not do so again.
    """
    mark = make_mark(key, "unlink")
    return await sayso.customers.unlink(
        link_id,
        reason=body.reason,
        by=token,
        via=mark,
        repeated=partial(was_made, mark, what="end of a link"),
    )
