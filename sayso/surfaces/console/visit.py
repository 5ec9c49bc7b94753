"""One request of somebody who is signed in, with what every page says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sayso.actions.model.definition import MONEY
from sayso.audit.authority.people import KnownPerson
from sayso.errors import Code, RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.localization.languages import LANGUAGES, Language, language, preferred
from sayso.sdk.resources.sessions import Session
from sayso.sdk.views.rows import StopView
from sayso.store.replica import Looking, looking
from sayso.surfaces.console.edge import ConsoleSite
from sayso.surfaces.console.render import (
    KEYS_COOKIE,
    LANGUAGE_COOKIE,
    ZONE_COOKIE,
    Times,
    environment,
    zone_of,
)

PAGES = (
    ("", "Inbox"),
    ("compose", "Compose"),
    ("customers", "Customers"),
    ("audit", "Audit"),
    ("figures", "Figures"),
    ("policy", "Policy"),
    ("people", "People"),
    ("stop", "Stop"),
)
"""The pages of the menu: path and name."""

_HERE = {"127.0.0.1", "localhost", "::1"}
_STOPPED = {"all": "everything of every tenant", "tenant": "everything"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """An entry of the menu."""

    path: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What every page says.

    Attributes:
        title: of the window. current: the path of its entry in the menu.
        person: who is signed in; empty before.
        stops: what is stopped, in words; empty while everything runs.
        live: what changes the page, for the stream; empty when nothing does.
        root: the path under which the console is mounted.
    """

    title: str
    root: str
    nonce: str
    times: Times
    current: str = ""
    person: str = ""
    pages: tuple[PageLink, ...] = ()
    stops: str = ""
    sandbox: bool = False
    keys: str = "on"
    live: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of somebody who is signed in."""

    request: Request
    sayso: Sayso
    session: Session
    person: KnownPerson
    times: Times
    site: ConsoleSite
    stops: tuple[StopView, ...] = field(default=())
    sandbox: bool = False
    _calls: list[Looking] = field(default_factory=list[Looking])

    @contextmanager
    def look(self) -> Generator[None]:
        """Read what follows from the replica, where there is one; the page says how old it is."""
        with looking() as call:
            self._calls.append(call)
            yield

    @property
    def root(self) -> str:
        """The path under which the console is mounted."""
        return root_of(self.request)

    def page(self, title: str, current: str, *, live: str = "") -> Page:
        """What the page says beside its own."""
        keys = self.request.cookies.get(KEYS_COOKIE, "on")
        return Page(
            title=title,
            root=self.root,
            nonce=nonce_of(self.request),
            times=self.times,
            current=current,
            person=self.session.person,
            pages=tuple(PageLink(path=path, name=name) for path, name in PAGES),
            stops=", ".join(dict.fromkeys(map(stopped_words, self.stops))),
            sandbox=self.sandbox,
            keys="off" if keys == "off" else "on",
            live=live,
        )

    def show(
        self,
        template: str,
        page: Page,
        *,
        status: int = 200,
        **context: Any,
    ) -> Response:
        """A page; it says how old it is where a replica was read."""
        call = self._calls[-1] if self._calls else None
        return show(template, page, status=status, call=call, **context)

    def see(self, path: str) -> Response:
        """Go and look at another page, after a form."""
        return RedirectResponse(f"{self.root}/{path}", status_code=303)

    def note(
        self, title: str, text: str, next_step: str = "", *, kind: str = "no", status: int = 200
    ) -> Response:
        """One sentence on a page of its own."""
        note = {"kind": kind, "title": title, "text": text, "next_step": next_step}
        return self.show("note.html", self.page(title, "-"), status=status, note=note)

    def refused(self, error: RefusedError) -> Response:
        """A refusal as a page."""
        missing = error.code is Code.NOT_FOUND
        title = "There is no such thing" if missing else "That did not work"
        return self.note(title, error.message, error.next_step, status=404 if missing else 409)


Handler = Callable[[Visit], Awaitable[Response]]


def by_replica(handler: Handler) -> Handler:
    """The same page, read from the replica where there is one: on it nobody decides anything.

    Who is signed in, and what is stopped, was read from the primary by then.
    """

    async def handle(visit: Visit) -> Response:
        with visit.look():
            return await handler(visit)

    return handle


def show(
    template: str, page: Page, *, status: int = 200, call: Looking | None = None, **context: Any
) -> Response:
    """A page made of a template.

    Args:
        call: how what is on it was read, where a replica may have been.
    """
    made = environment(page.times.language).get_template(template)
    body = made.render(page=page, call=call, **context)
    return HTMLResponse(page.times.in_sentences(body), status_code=status)


def root_of(request: Request) -> str:
    """The path under which the console is mounted."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


def nonce_of(request: Request) -> str:
    """What marks our own script in this response."""
    nonce: str = request.state.nonce
    return nonce


def times_of(request: Request, sayso: Sayso) -> Times:
    """The clock of the workspace, in the viewer's zone and language."""
    zone = zone_of(unquote(request.cookies.get(ZONE_COOKIE, "UTC"))[:60])
    return Times(now=sayso.now(), zone=zone, language=language_of(request, sayso))


def language_of(request: Request, sayso: Sayso) -> Language:
    """What somebody has chosen in this browser, else what it asks for, else the workspace's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    asked = chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", ""))
    return language(asked or sayso.workspace.settings.console.language)


async def is_sandbox(sayso: Sayso) -> bool:
    """Whether every connector that moves money, or else every one, is on this machine alone.

    A catalogue that is served here beside a real provider of money makes that no practice.
    """
    here = sandboxes(sayso)
    if not here:
        return False
    types = (await sayso.actions.types()).items
    money = {one.name.partition(".")[0] for one in types if one.effect in MONEY}
    return (money or set(sayso.workspace.settings.connectors)) <= here


def sandboxes(sayso: Sayso) -> frozenset[str]:
    """The connectors that reach a provider on this machine alone."""
    sections: Mapping[str, Mapping[str, object]] = sayso.workspace.settings.connectors
    return frozenset(
        name
        for name, section in sections.items()
        if urlsplit(str(section.get("base_url", ""))).hostname in _HERE
    )


def stopped_words(stop: StopView) -> str:
    """What a stop holds, in a word or two."""
    return _STOPPED.get(stop.scope, stop.target if stop.scope != "customer" else "a customer")


@dataclass(frozen=True, slots=True)
class Outside:
    """A link that leaves the console: what it is called, and its address."""

    name: str
    url: str


async def outside(visit: Visit, action_ids: Iterable[str]) -> tuple[Outside, ...]:
    """What `[console.links]` leads to from these actions, each address once.

    The host is the settings' own; whatever stands in an address is an id, percent-encoded.
    """
    links = visit.sayso.workspace.settings.console.links
    found: dict[str, Outside] = {}
    for action_id in action_ids if links else ():
        known = await visit.sayso.actions.elsewhere(action_id)
        words = {
            known.connector: ("{object}", known.object),
            "ticket": ("{conversation}", known.conversation),
            "trace": ("{trace}", known.trace),
        }
        for name, (word, value) in words.items():
            if value and name in links:
                url = links[name].replace(word, quote(value, safe=""))
                found.setdefault(url, Outside(name=name, url=url))
    return tuple(found.values())
