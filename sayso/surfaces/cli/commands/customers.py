"""`sayso customers find|show|link|unlink|merge|vouch`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sayso.sdk.client import Sayso
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.show import show_request
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import read_typed

if TYPE_CHECKING:
    from sayso.sdk.resources.tokens import Token
    from sayso.sdk.views.customer import (
        CustomerDetailsView,
        CustomerLinkView,
        CustomerSummaryView,
        LinkChangeView,
    )

T = TypeVar("T")

app = typer.Typer(help="Who somebody is: find, show, link, unlink, merge, vouch.")

AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="With its provider, such as zendesk:7723.")
]
OtherArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The other one, such as stripe:cus_9.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="How you know it, for whoever asks later.")
]


@command(app, "find")
def find_customers(
    here: Here,
    query: Annotated[
        str,
        typer.Argument(
            metavar="WHOM",
            help="An e-mail address, an account such as zendesk:7723, cst_…, act_… or req_….",
        ),
    ],
) -> None:
    """Find customers; by an address at every provider, and the log says that you looked."""
    out = here.out
    found = _as_person(here, lambda sayso, by: sayso.customers.find(query, by=by, via="cli"))
    if out.as_json:
        out.document(found)
        return
    for one in found.items:
        _head(out, one)
        out.line()
    if not found.items:
        out.line("Nobody was found.")
    for provider, problem in found.problems:
        out.warn(f"{provider} could not be asked: {one_line(problem)}")
    if found.cannot_search:
        out.note(f"cannot be searched by an address: {', '.join(found.cannot_search)}")


@command(app, "show")
def show_customer(
    here: Here,
    customer: Annotated[
        str,
        typer.Argument(metavar="CUSTOMER", help="An account, cst_…, act_… or req_…."),
    ],
) -> None:
    """Show accounts, what ties them, what was asked and done, and limits used."""
    out = here.out
    found = _as_person(here, lambda sayso, by: sayso.customers.show(customer, by=by))
    if out.as_json:
        out.document(found)
    else:
        _show(out, found)


@command(app, "link")
def link_accounts(
    here: Here, account: AccountArgument, other: OtherArgument, reason: ReasonOption
) -> None:
    """Say that two accounts are one customer's; money never moves by it without a yes."""
    _change(
        here,
        lambda sayso, by: sayso.customers.link(account, other, reason=reason, by=by, via="cli"),
    )


@command(app, "unlink")
def unlink_accounts(
    here: Here,
    link: Annotated[str, typer.Argument(metavar="LINK", help="lnk_…, as `customers show` has it.")],
    reason: ReasonOption,
) -> None:
    """End a link; what had tied itself does not do so again."""
    _change(
        here,
        lambda sayso, by: sayso.customers.unlink(link, reason=reason, by=by, via="cli"),
    )


@command(app, "vouch")
def vouch_for_customer(
    here: Here,
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="req_…, that nobody knew the writer of.")
    ],
    reason: ReasonOption,
) -> None:
    """Say that whoever writes is the customer; money still needs somebody's yes."""
    told = _as_person(
        here,
        lambda sayso, by: sayso.customers.vouch(request, reason=reason, by=by, via="cli"),
    )
    here.show(told, show_request)


@command(app, "merge")
def merge_customers(
    here: Here,
    customer: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="cst_…, or an account of theirs.")
    ],
    other: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The other one.")],
    reason: ReasonOption,
) -> None:
    """Say that two customers are one; it is a link, and nothing is rewritten."""
    _change(
        here,
        lambda sayso, by: sayso.customers.merge(customer, other, reason=reason, by=by, via="cli"),
    )


def _as_person(here: Here, work: Callable[[Sayso, Token], Awaitable[T]]) -> T:
    """What comes of it, with the providers at hand, for the holder of the token at the keyboard."""

    async def inside(sayso: Sayso) -> T:
        by = await sayso.authentication.holder(here.token, via="cli", own=True)
        return await work(read_typed(sayso), by)

    return here.act(inside)


def _change(here: Here, work: Callable[[Sayso, Token], Awaitable[LinkChangeView]]) -> None:
    here.show(_as_person(here, work), _show_change)


def _show_change(out: Out, found: LinkChangeView) -> None:
    done = "linked" if found.in_force else "not linked any more"
    out.line(f"{found.link.accounts[0]} and {found.link.accounts[1]} are {done} ({found.link.id}).")
    for one in found.customers:
        out.line(f"  {one.id}: {', '.join(one.accounts)}")
    out.line(f"{found.says[0].upper()}{found.says[1:]}.")


def _head(out: Out, one: CustomerSummaryView) -> None:
    out.line(f"{one_line(one.name) or 'no name known'}  {one.id or 'never seen here'}")
    for account in one.accounts:
        told = [account.account]
        if account.name and account.name != one.name:
            told.append(one_line(account.name))
        if account.email:
            verified = "verified" if account.email_verified else "not verified"
            told.append(f"{one_line(account.email)} ({verified} by {account.provider})")
        if account.problem:
            told.append(f"could not be read: {one_line(account.problem)}")
        out.line(f"  {'  '.join(told)}")
    for link in one.links:
        _link(out, link)


def _link(out: Out, link: CustomerLinkView) -> None:
    ends = f", until {local_time(link.until)[:16]}" if link.until else ""
    only = f", in {link.request_id} alone" if link.request_id else ""
    out.line(
        f"  {link.id}: {link.accounts[0]} is {link.accounts[1]}, by {link.says}"
        f" ({link.by}, {local_time(link.since)[:16]}{ends}{only})"
    )
    if link.reason:
        out.line(f"    “{one_line(link.reason)}”")


def _show(out: Out, found: CustomerDetailsView) -> None:
    _head(out, found)
    for title, is_open in (("open", True), ("past", False)):
        shown = [one for one in found.solutions if one.open is is_open]
        out.line(f"{title}:" if shown else f"{title}: nothing")
        for one in shown:
            out.line(
                f"  {one.about}  {one.status.replace('_', ' ')}  {one.account}"
                f"  {local_time(one.at)[:16]}{'  nobody knows who writes' * one.unknown_writer}"
            )
            for action in one.actions:
                money = f" {action.amount}" if action.amount is not None else ""
                out.line(
                    f"    {action.id}  {action.action}{money}  {action.status.replace('_', ' ')}"
                    f"  {action.account}"
                )
    for limit in found.limits:
        out.line(f"limit {limit.limit}: {limit.used} {limit.window} (all accounts together)")
