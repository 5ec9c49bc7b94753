"""Customers: looking for somebody, and their page, on which accounts are tied and untied.

What somebody is looked for by is sent in a form, so that no address stands in a browser's history
or in a proxy's log.
"""

from __future__ import annotations

from starlette.responses import Response

from sayso.errors import Code, RefusedError
from sayso.sdk.resources.customers import MAX_REASON_CHARS
from sayso.sdk.views.customer import CustomersFoundView
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.visit import Visit

_OURS = ("cst_", "act_", "req_")


async def show_search(visit: Visit) -> Response:
    """The page with nothing but the search field."""
    return _searched(visit, "")


async def search(visit: Visit) -> Response:
    """Who was found, below the field."""
    said = (await read_form(visit.request)).one("q").strip()
    if not said:
        return _searched(visit, said)
    try:
        found = await visit.sayso.customers.find(said, by=visit.session.token, via="console")
    except RefusedError as error:
        if error.code not in {Code.INVALID_INPUT, Code.NOT_FOUND}:
            raise
        return _searched(visit, said, problem=error)
    return _searched(visit, said, found)


def _searched(
    visit: Visit,
    said: str,
    found: CustomersFoundView | None = None,
    problem: RefusedError | None = None,
) -> Response:
    page, status = visit.page("Customers", "customers"), 200 if problem is None else 422
    return visit.show(
        "customers.html", page, status=status, said=said, found=found, problem=problem
    )


async def show_customer(visit: Visit) -> Response:
    """A customer's page, by an id of ours or by what was done for them."""
    said = visit.request.path_params["id"]
    if not said.startswith(_OURS):
        return visit.note(
            "There is no such page",
            "What a provider calls somebody stands in no address, so that no proxy logs it.",
            "look for them by it",
            status=404,
        )
    customer = await visit.sayso.customers.show(said, by=visit.session.token)
    title = customer.name or (customer.accounts[0].account if customer.accounts else said)
    return visit.show(
        "customer.html",
        visit.page(title, "customers"),
        customer=customer,
        open=[one for one in customer.solutions if one.open],
        past=[one for one in customer.solutions if not one.open],
        longest=MAX_REASON_CHARS,
    )


async def link(visit: Visit) -> Response:
    """Tie one of their accounts and another one, or two customers; then look at them again."""
    form, said = await read_form(visit.request), visit.request.path_params["id"]
    other, reason = form.one("other").strip(), form.one("reason")
    by, customers = visit.session.token, visit.sayso.customers
    if other.startswith("cst_"):
        change = await customers.merge(said, other, reason=reason, by=by, via="console")
    else:
        account = form.one("account")
        change = await customers.link(account, other, reason=reason, by=by, via="console")
    return visit.see(f"customer/{change.customers[0].id}")


async def unlink(visit: Visit) -> Response:
    """End a link; then look at whoever is left of them."""
    form, said = await read_form(visit.request), visit.request.path_params["id"]
    await visit.sayso.customers.unlink(
        form.one("link"), reason=form.one("reason"), by=visit.session.token, via="console"
    )
    return visit.see(f"customer/{said}")


async def vouch(visit: Visit) -> Response:
    """Say that the customer writes in a request; then look at what it was said on."""
    form, request_id = await read_form(visit.request), visit.request.path_params["id"]
    await visit.sayso.customers.vouch(
        request_id, reason=form.one("reason"), by=visit.session.token, via="console"
    )
    card = form.one("card")
    is_card = card.startswith("apr_") and card.isascii() and card.replace("_", "").isalnum()
    return visit.see(f"solution/{card}" if is_card else f"request/{request_id}")
