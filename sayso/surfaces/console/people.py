"""People, tokens and connections: who and what may do something here."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from sayso.audit.authority.people import KnownPerson
from sayso.ids import rfc3339, to_micros
from sayso.sdk.resources.people import Away
from sayso.sdk.resources.staff import OWN_SCOPES
from sayso.sdk.resources.tokens import SERVICE_SCOPES
from sayso.surfaces.console.passkeys import pane_of
from sayso.surfaces.console.staff import SCOPE_WORDS
from sayso.surfaces.console.visit import Visit

_SAID = {
    "removed": "They decide nothing any more, in any process.",
    "changed": "It is changed, and counts at once.",
    "connected": "The account is connected; below stands whose it is.",
    "ended": "That token opens nothing any more.",
}


def _away(visit: Visit, said: Away | None) -> str:
    return "" if said is None else visit.times.timed(rfc3339(to_micros(said.until)))


def chats_of(person: KnownPerson) -> list[str]:
    """Their accounts in chats, Slack's first and without its name."""
    return [*((person.slack,) if person.slack else ()), *sorted(person.accounts)]


async def show_people(visit: Visit) -> Response:
    """The page."""
    sayso = visit.sayso
    people = await sayso.people.list(sayso.tenant)
    away = await sayso.people.away(sayso.tenant, sayso.now())
    tokens = [one for one in await sayso.tokens.list(sayso.tenant) if one.revoked_at is None]
    seen = await sayso.tokens.seen(sayso.tenant) | await sayso.sessions.seen()
    asked = visit.request.query_params.get("accounts") == "1"
    may = await sayso.staff.may(visit.session.token)
    held = {role for one in people if one.active for role in one.roles}
    roles = sayso.workspace.settings.approvals.roles
    return visit.show(
        "people.html",
        visit.page("People", "people"),
        people=[
            {
                "id": one.id,
                "roles": ", ".join(role.replace("_", " ") for role in sorted(one.roles)),
                "chats": ", ".join(chats_of(one)),
                "oidc": one.oidc is not None,
                "away": _away(visit, gone),
                "instead": "" if gone is None else gone.to,
                "active": one.active,
                "changes": may and one.id != visit.person.id,
                "has": one.roles,
                "source": one.source,
                "seq": one.seq,
            }
            for one in people
            for gone in (away.get(one.id),)
        ],
        tokens=[
            {
                "id": one.id,
                "kind": one.kind,
                "holder": one.holder,
                "scopes": ", ".join(
                    word for scope, word in SCOPE_WORDS.items() if scope in one.scopes
                ),
                "session": bool(one.session),
                "ends": may or (one.kind == "person" and one.holder == visit.person.id),
                "expires": rfc3339(one.expires_at),
                "seen": rfc3339(seen[one.id]) if one.id in seen else "",
            }
            for one in tokens
        ],
        roles=roles,
        unheld=[role.replace("_", " ") for role in roles if role not in held],
        may=may,
        two=len(await sayso.staff.who_may()) > 1,
        said=_SAID.get(visit.request.query_params.get("said", ""), ""),
        once=secrets.token_urlsafe(16),
        own=[
            (one.value, SCOPE_WORDS[one]) for one in OWN_SCOPES if one in visit.session.token.scopes
        ],
        programs=[(one.value, word) for one, word in SCOPE_WORDS.items() if one in SERVICE_SCOPES],
        connections=await sayso.accounts.connections(),
        accounts=await sayso.accounts.accounts(ask=asked),
        asked=asked,
        tests=sayso.workspace.settings.approvals.canaries > 0,
        passkeys=await pane_of(visit),
    )
