"""`sayso people list|add|role|slack|link|away|deactivate`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import typer

from sayso.audit.authority.by import By
from sayso.audit.authority.people import KnownPerson
from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import PersonView
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.workspace import CLI

app = typer.Typer(help="Who may decide: list, add, role, slack, link, away, deactivate.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The person's id, such as maria.")]
RoleOption = Annotated[
    list[str] | None,
    typer.Option("--role", metavar="ROLE", help="What they may decide; may be given repeatedly."),
]
_BY = By(actor=CLI, via="cli")
_Work: TypeAlias = Callable[[Sayso, Tenant], Awaitable[KnownPerson]]


@command(app, "list", tenant=True)
def list_people(here: Here) -> None:
    """List who the log says may decide, by id."""
    out = here.out
    found = here.read_for_tenant(lambda sayso, where: sayso.people.list(where))
    if out.as_json:
        out.document({"items": [_view(one) for one in found]})
    elif not found:
        out.line("Nobody may decide yet. Add somebody with `sayso people add ID --role ROLE`.")
    else:
        rows = [
            [one.id, " ".join(sorted(one.roles)), _chats(one), _state(one), one.source]
            for one in found
        ]
        out.table(["id", "roles", "chats", "state", "said by"], rows)


@command(app, tenant=True)
def add(
    here: Here,
    person: IdArgument,
    role: RoleOption = None,
    slack: Annotated[
        str | None, typer.Option("--slack", metavar="TEAM/USER", help="Their Slack account.")
    ] = None,
) -> None:
    """Add somebody, or take them back; it holds at once in every process."""
    _change_and_print(
        here,
        lambda sayso, where: sayso.people.add(
            where, person, tuple(role or ()), slack=slack, by=_BY
        ),
    )


@command(app, "role", tenant=True)
def change_roles(
    here: Here,
    person: IdArgument,
    role: RoleOption = None,
    none: Annotated[
        bool, typer.Option("--none", help="Take every role of theirs.", show_default=False)
    ] = False,
) -> None:
    """Give somebody these roles in the place of those they have."""
    if none == bool(role):
        raise usage("say which roles they have from now on", "give --role, or --none")
    _change_and_print(
        here,
        lambda sayso, where: sayso.people.change(where, person, roles=tuple(role or ()), by=_BY),
    )


@command(app, "slack", tenant=True)
def link_slack(
    here: Here,
    person: IdArgument,
    account: Annotated[
        str, typer.Argument(metavar="TEAM/USER", help="Their account; `none` unlinks it.")
    ],
) -> None:
    """Link somebody's Slack account, by which their clicks count."""
    named = "" if account == "none" else account
    _change_and_print(
        here, lambda sayso, where: sayso.people.change(where, person, slack=named, by=_BY)
    )


@command(app, "link", tenant=True)
def link(
    here: Here,
    person: IdArgument,
    chat: Annotated[str, typer.Argument(metavar="CHAT", help="The chat, such as `teams`.")],
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="Their account there; `none` unlinks it.")
    ],
) -> None:
    """Link somebody's account in another chat, by which their clicks count."""
    named = {chat: "" if account == "none" else account}
    _change_and_print(
        here, lambda sayso, where: sayso.people.change(where, person, accounts=named, by=_BY)
    )


@command(app, tenant=True)
def away(
    here: Here,
    person: IdArgument,
    until: Annotated[
        str,
        typer.Option("--until", metavar="TIME", help="RFC 3339 or a day, UTC; `now` for back."),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="ID", help="Who is called in their place.")
    ] = "",
) -> None:
    """Say that somebody does not answer until then; reminders go to others."""
    out = here.out

    async def work(sayso: Sayso, where: Tenant) -> datetime:
        now = sayso.now()
        ends = now if until == "now" else _time(until)
        await sayso.people.set_away(where, person, ends, to=to, now=now, by=_BY)
        return ends

    ends = here.read_for_tenant(work)
    if out.as_json:
        out.document({"id": person, "until": ends.isoformat(), "to": to})
    elif until == "now":
        out.line(f"{person} is back.")
    else:
        instead = f"; {to} is called in their place" if to else ""
        out.line(f"{person} is away until {ends:%Y-%m-%d %H:%M} UTC{instead}.")


def _time(said: str) -> datetime:
    """A moment, or the beginning of a day in UTC."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError as error:
        raise usage(f"`{said[:40]}` is no time", "write 2026-12-01 or 2026-12-01T09:00Z") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@command(app, tenant=True)
def deactivate(here: Here, person: IdArgument) -> None:
    """Take every power of somebody: their next click, token or yes counts nothing."""
    out = here.out

    async def work(sayso: Sayso, where: Tenant) -> list[str]:
        await sayso.people.deactivate(where, person, by=_BY)
        return await _roles_of_nobody(sayso, where)

    unheld = here.read_for_tenant(work)
    if out.as_json:
        out.document({"id": person, "active": False})
    else:
        out.line(f"{person} decides nothing any more, in any process.")
    _warn_of(unheld, out)


async def _roles_of_nobody(sayso: Sayso, where: Tenant) -> list[str]:
    """The roles that nobody active holds, so that nobody can give their yes."""
    held = {role for one in await sayso.people.list(where) if one.active for role in one.roles}
    return [one for one in sayso.workspace.settings.approvals.roles if one not in held]


def _warn_of(unheld: Sequence[str], out: Out) -> None:
    for role in unheld:
        out.warn(
            f"nobody holds the role `{role}` now, so nobody can give its yes"
            f"\nnext: sayso people add ID --role {role}, or `sayso people role` for who is there"
        )


def _change_and_print(here: Here, work: _Work) -> None:
    async def change(sayso: Sayso, where: Tenant) -> tuple[KnownPerson, list[str]]:
        return await work(sayso, where), await _roles_of_nobody(sayso, where)

    person, unheld = here.read_for_tenant(change)
    _warn_of(unheld, here.out)
    roles = ", ".join(sorted(person.roles)) or "nothing yet: give a role with `sayso people role`"
    here.show(_view(person), f"{person.id} may decide: {roles}.")


def _state(person: KnownPerson) -> str:
    return "active" if person.active else "deactivated"


def _chats(person: KnownPerson) -> str:
    return " ".join([*((person.slack,) if person.slack else ()), *sorted(person.accounts)])


def _view(person: KnownPerson) -> PersonView:
    return PersonView(
        id=person.id,
        roles=tuple(sorted(person.roles)),
        slack=person.slack,
        accounts=tuple(sorted(person.accounts)),
        active=person.active,
        source=person.source,
    )
