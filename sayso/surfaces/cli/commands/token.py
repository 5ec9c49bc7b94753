"""`sayso token create|list|revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import MAX_DAYS, Scope
from sayso.sdk.views.rows import TokenView
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import local_time
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.workspace import CLI

if TYPE_CHECKING:
    from sayso.sdk.resources.tokens import Kind, Token

app = typer.Typer(help="Tokens of programs and people: create, list, revoke.")
_DEFAULT = {
    "service": frozenset({Scope.PROPOSE, Scope.READ}),
    "person": frozenset({Scope.DECIDE, Scope.READ}),
}


@command(app, tenant=True)
def create(
    here: Here,
    service: Annotated[
        str | None,
        typer.Option("--service", metavar="NAME", help="For a program: it proposes and reads."),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="ID", help="For a person of sayso.toml: they decide."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="What it opens; may be given repeatedly."),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", help="Until it ends, 1 to 90.")
    ] = MAX_DAYS,
) -> None:
    """Make a token; its secret is shown once and stored nowhere."""
    out = here.out
    if (service is None) == (person is None):
        raise usage("a token is for a service or for a person", "give --service or --person")
    kind: Kind = "person" if person is not None else "service"
    holder = person or service or ""
    scopes = frozenset(map(_scope, scope)) if scope else _DEFAULT[kind]

    async def work(sayso: Sayso, where: Tenant) -> tuple[Token, str, bool]:
        if person is not None and where in sayso.unverified:
            # Whoever is to end the alarm needs one, and the log takes no other.
            token, secret = await sayso.repairs.admit(person, by=CLI, tenant=where)
            return token, secret, False
        is_first = not await sayso.tokens.list(where)
        token, secret = await sayso.tokens.create(where, kind, holder, scopes, days=days, by=CLI)
        return token, secret, is_first

    token, secret, is_first = here.read_for_tenant(work)
    if out.as_json:
        out.document(_view(token, secret))
        return
    out.line(secret)
    out.warn(f"{token.id} for {kind} {holder}, until {local_time(rfc3339(token.expires_at))}.")
    if here.tenant is not None:
        first = ", its first one: check the spelling" if is_first else ""
        out.warn(f"It is of the tenant {token.tenant}{first}.")
    out.warn("This is the only time it is shown; keep it where secrets are kept.")


@command(app, "list", tenant=True)
def list_tokens(here: Here) -> None:
    """List the tokens, oldest first, without their secrets."""
    out = here.out

    async def read(sayso: Sayso, where: Tenant) -> tuple[list[Token], dict[str, int]]:
        own = await sayso.sessions.seen() if where == sayso.tenant else {}
        return await sayso.tokens.list(where), await sayso.tokens.seen(where) | own

    found, seen = here.read_for_tenant(read)
    if out.as_json:
        out.document({"items": [_view(token, used=seen.get(token.id)) for token in found]})
    elif not found:
        out.line("There is no token yet. Make one with `sayso token create --service NAME`.")
    else:
        heads = ["id", "kind", "holder", "scopes", "until", "last used", "state"]
        out.table(heads, [_row(token, seen.get(token.id)) for token in found])


@command(app, tenant=True)
def revoke(
    here: Here, token_id: Annotated[str, typer.Argument(metavar="ID", help="The token, tok_….")]
) -> None:
    """End a token now."""
    here.read_for_tenant(lambda sayso, where: sayso.tokens.revoke(where, token_id, by=CLI))
    here.show({"id": token_id, "revoked": True}, f"{token_id} opens nothing any more.")


def _scope(word: str) -> Scope:
    try:
        return Scope(word)
    except ValueError:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{word[:40]}` is no scope",
            next_step="use " + ", ".join(Scope),
        ) from None


def _view(token: Token, secret: str | None = None, used: int | None = None) -> TokenView:
    return TokenView(
        id=token.id,
        tenant=token.tenant,
        kind=token.kind,
        holder=token.holder,
        scopes=tuple(sorted(token.scopes)),
        created_at=rfc3339(token.created_at),
        expires_at=rfc3339(token.expires_at),
        revoked=token.revoked_at is not None,
        last_used_at=None if used is None else rfc3339(used),
        secret=secret,
    )


def _row(token: Token, used: int | None) -> list[str]:
    state = "revoked" if token.revoked_at is not None else "live"
    scopes = " ".join(sorted(token.scopes))
    until = local_time(rfc3339(token.expires_at))[:16]
    last = "not yet" if used is None else local_time(rfc3339(used))[:16]
    return [token.id, token.kind, token.holder, scopes, until, last, state]
