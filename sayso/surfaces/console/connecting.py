"""Connecting an account: out to the provider's own page, and back with its answer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.responses import Response

from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.sdk.resources.connections import answer_in
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.visit import Visit

if TYPE_CHECKING:
    from sayso.connectors.oauth.client import Authorization

LASTS_S = 600.0
_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A connection that somebody is about to agree to. `session`: whose answer alone counts."""

    name: str
    session: str
    until: float
    authorization: Authorization


@dataclass(frozen=True, slots=True)
class Connecting:
    """What was begun in this process, by its state; each is answered once, and soon.

    NOTE: kept by this process, so whoever balances several has a browser meet the same one.
    """

    known: OrderedDict[str, Begun] = field(default_factory=OrderedDict[str, Begun])

    def keep(self, begun: Begun) -> None:
        """Wait for its answer."""
        self.known[begun.authorization.state] = begun
        while len(self.known) > _MOST:
            self.known.popitem(last=False)

    def take(self, state: str, session: str, now: float) -> Begun:
        """What an answer belongs to, once.

        Raises:
            RefusedError: `forbidden`.
        """
        found = self.known.get(state)
        if found is None or found.session != session or now > found.until:
            raise RefusedError(
                Code.FORBIDDEN,
                "you have begun nothing that this is the answer to, or more than ten minutes ago",
                next_step="begin again on the People page",
            )
        return self.known.pop(state)


async def begin(visit: Visit) -> Response:
    """Show where to agree; nothing is connected before the provider's answer has come."""
    form = await read_form(visit.request)
    name, token = form.one("name"), visit.session.token
    try:
        begun = await visit.sayso.accounts.begin(name, token)
    except ConfigError as error:
        return visit.note("Nothing was connected", error.message, error.next_step, status=409)
    until = visit.sayso.now().timestamp() + LASTS_S
    _kept(visit).keep(Begun(name=name, session=token.id, until=until, authorization=begun))
    # NOTE: no redirect: browsers hold those of a form to `form-action`, which is ours.
    page = visit.page(f"Connect {name}", "people")
    return visit.show("connect.html", page, name=name, url=begun.url, answer="")


async def come_back(visit: Visit) -> Response:
    """Where a provider leads to whose redirect is this very page; one press then connects."""
    page = visit.page("Connect an account", "people")
    answer = visit.request.url.query
    if not ({"code", "error"} & set(answer_in(answer))):
        return visit.see("people#accounts")
    return visit.show("connect.html", page, name="", url="", answer=answer)


async def finish(visit: Visit) -> Response:
    """Take the answer, and keep what was agreed to."""
    answer = (await read_form(visit.request)).one("answer").strip()
    query = answer.partition("?")[2] if "?" in answer else answer
    token = visit.session.token
    state = answer_in(query.partition("#")[0]).get("state", "")
    begun = _kept(visit).take(state, token.id, visit.sayso.now().timestamp())
    try:
        await visit.sayso.accounts.finish(begun.name, begun.authorization, answer, token)
    except RetryableError as error:
        return visit.note("Nothing was connected", error.message, error.next_step, status=503)
    return visit.see("people?said=connected&accounts=1#accounts")


def _kept(visit: Visit) -> Connecting:
    kept: Connecting = visit.request.app.state.connecting
    return kept
