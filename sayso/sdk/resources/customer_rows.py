"""A customer as the store has them: accounts, links, what was asked and done, limits used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sayso.actions.customers.account import AccountNames
from sayso.actions.customers.evidence import PersonSeen
from sayso.actions.customers.link import AccountLink, customer_of
from sayso.actions.customers.proof import PROOF_WORDS
from sayso.actions.limits.definition import Limit, LimitSet, Of
from sayso.actions.limits.usage import CARDS
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.status import FINAL, Status
from sayso.actions.policy.calendar import Calendar
from sayso.agent.request_row import RequestRow, RequestStatus, read_request
from sayso.audit.personal import Personal
from sayso.ids import Tenant, rfc3339
from sayso.money import Money
from sayso.sdk.resources.vouching import is_unknown
from sayso.sdk.views.customer import (
    CustomerAccountView,
    CustomerActionView,
    CustomerDetailsView,
    CustomerLimitView,
    CustomerLinkView,
    CustomerSolutionView,
    CustomerSummaryView,
)
from sayso.store.base import Reader, SqlValue, integer, integer_or_none, text

MOST_SHOWN = 50
"""So many of what was asked for, and of actions of each account, are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsInForce:
    """What limits there are, and by which calendar and moment their windows are.

    Attributes:
        now: microseconds since 1970.
    """

    limits: LimitSet
    calendar: Calendar
    now: int


def summary_of(
    reader: Reader,
    tenant: Tenant,
    *,
    names: AccountNames,
    accounts: Sequence[str],
    links: Sequence[AccountLink],
    people: Mapping[str, PersonSeen | None],
    problems: Mapping[str, str],
    personal: Personal,
) -> CustomerSummaryView:
    """A customer by their accounts.

    Args:
        accounts: as they are stored; the one that was asked for first.
        people: how they read, by account. problems: why one could not be read, by account.
    """
    first = reader.one("personal.subject", tenant=tenant, id=accounts[0])
    known = first is not None and first["key"] is not None
    shown = tuple(
        _account_view(reader, tenant, names, one, people.get(one), problems.get(one, ""))
        for one in accounts
    )
    return CustomerSummaryView(
        id=customer_of(links, text(first, "pseudonym")) if known and first is not None else "",
        name=next((one.name for one in shown if one.name), ""),
        accounts=shown,
        links=tuple(link_view(reader, tenant, one, personal) for one in links),
    )


def _account_view(
    reader: Reader,
    tenant: Tenant,
    names: AccountNames,
    account: str,
    person: PersonSeen | None,
    problem: str,
) -> CustomerAccountView:
    named = names.stored(account) if names.providers else None
    row = reader.one("personal.subject", tenant=tenant, id=account)
    return CustomerAccountView(
        account=account,
        provider=names.provider_in(account) if named is None else named.provider,
        id=account if named is None else named.id,
        name="" if person is None else person.name,
        email="" if person is None else person.masked,
        email_verified=person is not None and person.email_verified,
        provider_since=None if person is None or person.since is None else rfc3339(person.since),
        since=None if row is None or row["key"] is None else rfc3339(integer(row, "created_at")),
        problem=problem,
    )


def link_view(
    reader: Reader, tenant: Tenant, link: AccountLink, personal: Personal
) -> CustomerLinkView:
    """A link with its reason, which is nobody's any more once an end of it is erased."""
    reason = None if link.reason_ref is None else personal.open(reader, tenant, link.reason_ref)
    return CustomerLinkView(
        id=link.id,
        accounts=(link.ends[0].account, link.ends[1].account),
        proof=link.proof.value,
        says=PROOF_WORDS[link.proof],
        by=link.by,
        since=rfc3339(link.since),
        until=None if link.until is None else rfc3339(link.until),
        request_id=link.request_id,
        reason=reason or "",
    )


def shown_customer(
    summary: CustomerSummaryView, reader: Reader, tenant: Tenant, in_force: LimitsInForce
) -> CustomerDetailsView:
    """The same customer with what was asked and done, and how much of each limit is used."""
    accounts = [one.account for one in summary.accounts]
    return CustomerDetailsView(
        id=summary.id,
        name=summary.name,
        accounts=summary.accounts,
        links=summary.links,
        solutions=tuple(_solutions(reader, tenant, accounts, in_force.now)),
        limits=tuple(_limits(reader, tenant, accounts, in_force)),
    )


# ---- what was asked and done ---------------------------------------------------------------------


def _solutions(
    reader: Reader, tenant: Tenant, accounts: Sequence[str], now: int
) -> Sequence[CustomerSolutionView]:
    requests: dict[str, RequestRow] = {}
    by_themselves: list[ActionRow] = []
    others: dict[str, list[ActionRow]] = {}
    for account in accounts:
        page: dict[str, SqlValue] = {"tenant": tenant, "subject_id": account, "limit": MOST_SHOWN}
        for row in reader.all("request.of_subject", **page):
            requests[text(row, "id")] = read_request(row)
        for row in reader.all("action.page_of_subject", **page, after=None, status=None, name=None):
            action = read_action(row)
            if action.request_id is None:
                by_themselves.append(action)
            else:
                others.setdefault(action.request_id, []).append(action)
    found = [_asked(reader, one, now) for one in requests.values()]
    # Of a request that another customer's account wrote by now: what was done for this one.
    found += [
        _solution(reader, rows[0].request_id or rows[0].id, rows[0], rows)
        for about, rows in others.items()
        if about not in requests
    ]
    found += [_solution(reader, one.id, one, [one]) for one in by_themselves]
    newest = sorted(found, key=lambda one: (one.open, one.at, one.about), reverse=True)
    return newest[:MOST_SHOWN]


def _asked(reader: Reader, row: RequestRow, now: int) -> CustomerSolutionView:
    rows = reader.all("action.by_request", tenant=row.tenant, request_id=row.id)
    work = reader.one("work.by_about", tenant=row.tenant, about=row.id)
    ended = work is not None and integer_or_none(work, "ended_at") is not None
    is_open = row.status is not RequestStatus.ANSWERED and not ended
    return CustomerSolutionView(
        about=row.id,
        account=row.subject.id,
        status=row.status.value,
        open=is_open,
        unknown_writer=is_open and is_unknown(reader, row, now),
        at=rfc3339(row.created_at),
        actions=tuple(_action(reader, read_action(one)) for one in rows),
    )


def _solution(
    reader: Reader, about: str, lead: ActionRow, rows: Sequence[ActionRow]
) -> CustomerSolutionView:
    return CustomerSolutionView(
        about=about,
        account=lead.subject.id,
        status=lead.status.value,
        open=any(one.status not in FINAL for one in rows),
        at=rfc3339(lead.created_at),
        actions=tuple(_action(reader, one) for one in rows),
    )


def _action(reader: Reader, row: ActionRow) -> CustomerActionView:
    asked = None
    if row.status is Status.PENDING_APPROVAL:
        asked = reader.one("approval.by_action", tenant=row.tenant, action_id=row.id)
    return CustomerActionView(
        id=row.id,
        action=row.name,
        status=row.status.value,
        account=row.subject.id,
        amount=row.amount,
        approval_id=None if asked is None else text(asked, "id"),
        at=rfc3339(row.created_at),
    )


# ---- limits --------------------------------------------------------------------------------------


def _limits(
    reader: Reader, tenant: Tenant, accounts: Sequence[str], in_force: LimitsInForce
) -> Sequence[CustomerLimitView]:
    return [
        view
        for limit in in_force.limits.limits
        if limit.of is Of.CUSTOMER
        for view in _used(reader, tenant, accounts, limit, in_force)
    ]


def _used(
    reader: Reader,
    tenant: Tenant,
    accounts: Sequence[str],
    limit: Limit,
    in_force: LimitsInForce,
) -> Sequence[CustomerLimitView]:
    oldest = 0
    if limit.window is not None:
        oldest = limit.window.oldest(in_force.now, in_force.calendar)
    used: dict[str, tuple[int, int]] = {}
    for account in accounts:
        for row in reader.all(
            "limits.used_by_account",
            home=tenant,
            subject_id=account,
            limit_id=limit.id,
            oldest=oldest,
        ):
            currency = text(row, "currency")
            count, minor = used.get(currency, (0, 0))
            used[currency] = (count + integer(row, "count"), minor + integer(row, "minor"))
    return [_limit_view(limit, currency, *found) for currency, found in sorted(used.items())]


def _limit_view(limit: Limit, currency: str, count: int, minor: int) -> CustomerLimitView:
    is_money = currency not in ("", CARDS)
    cap = None if is_money else limit.cards if currency == CARDS else limit.count
    cap_minor = limit.sums.get(currency) if is_money else None
    if is_money:
        words = str(Money(minor, currency))
        most = "" if cap_minor is None else f" of {Money(cap_minor, currency)}"
    else:
        words, most = f"{count:,}", "" if cap is None else f" of {cap:,}"
    return CustomerLimitView(
        limit=limit.id,
        say=limit.say,
        window="at once" if limit.window is None else limit.window.words,
        used=words + most,
        currency=currency if is_money else "",
        used_minor=minor if is_money else None,
        cap_minor=cap_minor,
        count=count,
        cap=cap,
    )
