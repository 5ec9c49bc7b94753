"""Who works here and by which tokens, changed on the People page; a second person agrees."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.responses import Response

from sayso.errors import Code, RefusedError
from sayso.ids import rfc3339
from sayso.sdk.resources.staff import INVITATION_DAYS, StaffChange, StaffDone
from sayso.sdk.resources.tokens import MAX_DAYS, Scope
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.visit import Visit

_MOST = 2000
SCOPE_WORDS = {
    Scope.PROPOSE: "propose actions",
    Scope.READ: "read actions and requests",
    Scope.DECIDE: "decide",
    Scope.STOP: "stop",
    Scope.AUDIT: "read the log",
    Scope.FIND: "find customers",
    Scope.ADMIN: "say who people are",
    Scope.ENTER: "sign in once",
}
"""What a token opens, in words."""


@dataclass(frozen=True, slots=True)
class Once:
    """Forms that were sent to this process, by the mark that their page gave them."""

    used: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None])

    def take(self, mark: str) -> bool:
        """Whether a form is sent for the first time."""
        if not mark or mark in self.used:
            return False
        self.used[mark] = None
        while len(self.used) > _MOST:
            self.used.popitem(last=False)
        return True


async def change(visit: Visit) -> Response:
    """Invite somebody, give them other roles or a new link, or remove them."""
    form = await read_form(visit.request)
    staff, holder = visit.sayso.staff, visit.session.token
    person = form.one("person").strip()
    match form.one("do"):
        case "remove":
            await staff.remove(person, holder, via="console")
            return visit.see("people?said=removed")
        case "add" | "role" | "link" as verb:
            wanted = StaffChange(verb=verb, person=person, roles=tuple(sorted(form.all("role"))))
            if verb == "role":
                await _check_seen(visit, form)
            return _shown(visit, await staff.ask(wanted, holder, via="console"))
        case _:
            return visit.note("Nothing was changed", "Choose what to do.", status=422)


async def _check_seen(visit: Visit, form: Form) -> None:
    """Refuse a form that shows roles which they have no more.

    Raises:
        RefusedError: `wrong_state`.
    """
    known = await visit.sayso.people.authority(visit.sayso.tenant)
    one = known.people.get(form.one("person").strip())
    if one is not None and form.one("seen") != str(one.seq):
        raise RefusedError(
            Code.WRONG_STATE,
            f"`{one.id}` was changed since you opened the page",
            next_step="open the People page once more, and look at their roles",
        )


async def show_change(visit: Visit) -> Response:
    """What somebody has asked for, to whoever may agree; nothing is done by looking at it."""
    offer = visit.request.path_params["offer"]
    asked = await visit.sayso.staff.asked(offer)
    known = (await visit.sayso.people.authority(visit.sayso.tenant)).people.get(asked.change.person)
    return visit.show(
        "staff.html",
        visit.page("A second person is asked", "people"),
        offer=offer,
        asked=asked,
        words=_words(asked.change),
        roles=_roles(asked.change.roles),
        here=known is not None and known.active,
        had=_roles(sorted(known.roles)) if known is not None and known.active else "",
        mine=asked.asked_by == visit.person.id,
        may=await visit.sayso.staff.may(visit.session.token),
    )


async def agree(visit: Visit) -> Response:
    """Agree to it, by which it is done."""
    await read_form(visit.request)
    done = await visit.sayso.staff.confirm(
        visit.request.path_params["offer"], visit.session.token, via="console"
    )
    return _shown(visit, done)


def _shown(visit: Visit, done: StaffDone) -> Response:
    """What came of it: done, a link to hand out once, or an address for a second person."""
    if not done.offer and not done.link:
        return visit.see("people?said=changed")
    request = visit.request
    base = visit.site.url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    path = f"people/change/{done.offer}" if done.offer else f"enter?key={quote(done.link)}"
    title = "A second person has to agree" if done.offer else "Hand this link out, once"
    return visit.show(
        "handed_out.html",
        visit.page(title, "people"),
        title=title,
        person=done.change.person,
        words=_words(done.change),
        waits=bool(done.offer),
        secret=f"{base}{visit.root}/{path}",
        days=INVITATION_DAYS,
        token=None,
        ends="",
        here=not visit.site.is_secure,
    )


async def token(visit: Visit) -> Response:
    """Make a token, whose secret is shown once, or end one."""
    form = await read_form(visit.request)
    staff, holder = visit.sayso.staff, visit.session.token
    if form.one("do") == "end":
        await staff.end_token(form.one("token"), holder)
        return visit.see("people?said=ended#tokens")
    once: Once = visit.request.app.state.once
    scopes = frozenset(one for one in Scope if one.value in form.all("scope"))
    if not scopes:
        raise RefusedError(
            Code.INVALID_INPUT, "a token without a scope opens nothing", next_step="tick one"
        )
    service = form.one("service").strip()
    if form.one("for") == "service" and not service:
        raise RefusedError(
            Code.INVALID_INPUT, "a program has a name", next_step="write one, such as shop-bot"
        )
    if not once.take(form.one("once")):
        return visit.note(
            "It was made already",
            "This form was sent twice, and the first one counted. Its secret was shown then.",
            "if you have not got it, end that token and make another one",
            status=409,
        )
    days = form.integer("days") or MAX_DAYS
    made, secret = await staff.make_token(holder, scopes, days=days, service=service)
    title = "Keep this token, it is shown once"
    return visit.show(
        "handed_out.html",
        visit.page(title, "people"),
        title=title,
        person=made.holder,
        words="",
        waits=False,
        secret=secret,
        days=days,
        token=made,
        ends=rfc3339(made.expires_at),
        here=False,
    )


def _words(change: StaffChange) -> str:
    match change.verb:
        case "add":
            return f"invite {change.person}"
        case "role":
            return f"change what {change.person} may"
        case "link":
            return f"give {change.person} a new link to sign in"


def _roles(roles: Iterable[str]) -> str:
    return ", ".join(one.replace("_", " ") for one in roles)
