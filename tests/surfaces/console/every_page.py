"""A console in which everything has happened, and the addresses of its pages in their states.

Each field that comes from somebody else says which one it is, and ends as a test wants: nothing
more, or what attackers write. `unwalked` names the routes that a walk has not been to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from starlette.routing import Match, Route
from support.parcel_shop import ParcelShop
from support.shop import ShopFault
from surfaces.console.served_console import (
    HALF,
    RULES,
    WORDS,
    Packages,
    ServedConsole,
    open_console,
    package,
)
from surfaces.console.test_passkeys import enrol
from surfaces.console.test_rollout import DIALS

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, Plan
from sayso.actions.model.snapshot import Call, Receipt, SeenEffect
from sayso.agent.base import Handles, Message
from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.setup import AccountSeen
from sayso.errors import Code, RefusedError
from sayso.money import Money
from sayso.sdk.resources.staff import StaffChange
from sayso.sdk.resources.work_elsewhere import put_elsewhere
from sayso.sdk.views.bulk import rule_of
from sayso.surfaces.console.app import create_console

LIMITS = """
[[limit]]
id     = "day"
say    = '{limit}'
of     = "customer"
action = "shop.refund"
sum    = {{ USD = 20000 }}
per    = "day"
"""
FIELDS = (
    "account",
    "answer",
    "change",
    "dial",
    "handoff",
    "limit",
    "name",
    "no-reason",
    "note",
    "order",
    "question",
    "receipt",
    "refusal",
    "rule",
    "seen",
    "slack",
    "stop",
    "subject",
    "wanted",
    "why",
    "words",
)
"""Whatever somebody else writes, and a page shows. Letters are in the team's own words."""
NO_PAGES = {
    "/static/{mark}/{name}": "files of our own",
    "/app.webmanifest": "read by a browser, of nobody: test_install",
    "/worker.js": "run by a browser, of nobody: test_install",
    "/live": "a stream",
    "/figures/csv": "a file: test_figures",
    "/seat/live": "a stream",
    "/enter/start": "leads to the company's provider: test_oidc",
    "/enter/callback": "comes from there: test_oidc",
    "/me/link": "leads there: test_oidc",
}
BOT = Actor(kind=ActorKind.SERVICE, id="bot")


@dataclass(frozen=True, slots=True)
class Foreign:
    """The words of each field: its name, and how all of them end."""

    end: str = ""

    def __call__(self, name: str) -> str:
        """What somebody has written there."""
        assert name in FIELDS, name
        # What a planner says with a character that nobody sees in it is no plan.
        end = self.end.encode("ascii", "ignore").decode() if name == "why" else self.end
        return f"F-{name}{end[:40] if name == 'order' else end}"


class ForeignShop(ParcelShop):
    """A shop whose account, receipts and refusals are in its own words, too."""

    def __init__(self, foreign: Foreign) -> None:
        super().__init__()
        self.foreign = foreign

    async def who_am_i(self) -> AccountSeen:
        """See `AccountBook`."""
        return AccountSeen(id="acct_1", title=self.foreign("account"), live=False)

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        if ShopFault.SAYS_NO in self.faults:
            raise RefusedError(Code.PROVIDER_REFUSED, self.foreign("refusal"))
        done = await super().call(call)
        return Receipt(id=done.id, status=self.foreign("receipt"), amount=done.amount)


class ForeignPackages(Packages):
    """Plans a package in foreign words; hands over who wants a person."""

    def __init__(self, foreign: Foreign) -> None:
        refund, gift, write = package()
        super().__init__(refund, gift, replace(write, reason=foreign("why")))
        self.foreign = foreign

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        """See `Planner`."""
        if "person" in messages[-1].content:
            return Handoff(reason=self.foreign("handoff"), planner=self.name)
        return await super().plan(messages, handles, actions)


@asynccontextmanager
async def open_everything(folder: Path, foreign: Foreign) -> AsyncGenerator[ServedConsole]:
    """A console whose policy has dials and a limit, and where large amounts want a passkey."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rollout.toml").write_text(DIALS.format(words=foreign("dial")))
    (folder / "limits.toml").write_text(LIMITS.format(limit=foreign("limit")))
    said = "up to 500 once a support manager says yes"
    assert said in RULES
    files = ["policy.cedar", "rollout.toml", "limits.toml"]
    async with open_console(
        folder,
        shop=ForeignShop(foreign),
        planner=ForeignPackages(foreign),
        policy=RULES.replace(said, foreign("rule")),
        policy_section={"files": files, "loosening_needs": 2},
        name=foreign("name"),
        host="localhost",
        approvals={"passkey_from": {"USD": "5000.00"}},
    ) as console:
        await console.sayso.policy.begin(by=BOT, via="test")
        yield console


async def every_page(console: ServedConsole, foreign: Foreign) -> list[str]:
    """Let everything happen; the addresses of all that can be looked at then, below the root."""
    sayso, books = console.sayso, console.shop.books
    maria, noor = await console.sign_in("maria"), await console.sign_in("noor")
    order = foreign("order")
    books.orders.pop("o5")
    books.add(order, "cus_5", Money(100_000, "USD"))
    await enrol(console, "maria")
    said = f"{WORDS} {foreign('words')}"
    views = [await console.ask(said, customer=number) for number in range(1, 9)]
    waits, yes, no, asked, named, unhappy, more, lost = views
    faults = {unhappy.id: ShopFault.SAYS_NO, lost.id: ShopFault.LOST_BEFORE}
    said_yes = ((view, "approve") for view in (yes, unhappy, lost))
    for view, choice in (*said_yes, (no, "reject")):
        console.shop.faults[:] = [faults[view.id]] if view.id in faults else []
        await sayso.solutions.answer(
            view.id,
            choice,
            token=noor,
            revision=view.revision,
            digest=view.digest,
            reason_code="other" if choice == "reject" else "",
            reason=foreign("no-reason") if choice == "reject" else "",
        )
    console.shop.faults.clear()
    await sayso.solutions.ask_customer(
        asked.id,
        foreign("question"),
        token=maria,
        revision=asked.revision,
        digest=asked.digest,
    )
    assert asked.request_id is not None
    assert more.request_id is not None
    await sayso.requests.answer(asked.request_id, foreign("answer"), question=1)
    maria_herself = (await sayso.people.authority(sayso.tenant)).person("maria")
    assert maria_herself is not None
    waiting = (await sayso.solutions.waiting_for(maria_herself)).items
    await sayso.ask("cus_1", f"I want a person. {foreign('wanted')}")
    (handed,) = await sayso.requests.list(status="handed_over")
    drafted = await sayso.ask("cus_9", HALF)
    assert (await sayso.work.get(drafted.id)).draft is not None
    seen = SeenEffect(
        action="shop.refund",
        object_id="o1",
        amount=Money(2500, "USD"),
        at=0,
        is_ours=False,
        id="re_1",
        owner=foreign("subject"),
        title=foreign("seen"),
    )
    inside = sayso.container
    await inside.store.write(
        lambda tx: put_elsewhere(tx, inside, inside.tenant, seen, "inbound:stripe")
    )
    for about in (handed.id, seen.id):
        await sayso.work.note(about, foreign("note"), token=maria)
    async with console.client(maria) as browser:
        dial = {"dial": "refunds", "stage": "auto", "share": "5", "note": foreign("change")}
        assert (await browser.post("/console/policy/dial", data=dial)).status_code == 303
    await sayso.stops.engage("action", "shop.gift", reason=foreign("stop"))
    steps = [view.steps[0] for view in (waits, yes, no, named, unhappy, lost)] + [yes.steps[2]]
    query = f"revision={waits.revision}&digest={waits.digest}"
    odd = quote(foreign("words"), safe="")
    by_noor = (await sayso.sessions.check(noor)).token
    invited = StaffChange(verb="add", person="zoe", roles=("finance",))
    change = (await sayso.staff.ask(invited, by_noor, via="console")).offer
    offer = sayso.account_links.offer("slack", f"T1/{foreign('slack')}")
    return [
        *("", "?tab=role", "?tab=expiring", "?tab=handed-over", "?tab=unknown", "?tab=decided"),
        *(f"solution/{one}" for one in dict.fromkeys(view.id for view in (*views, *waiting))),
        *(f"solution/{waits.id}#{part}" for part in ("no", "less", "ask")),
        f"solution/{waits.id}/smaller?{query}&step=s1",
        *(f"action/{step.action_id}" for step in steps),
        f"request/{handed.id}",
        f"request/{drafted.id}",
        f"request/{waits.request_id}",
        f"work/{seen.id}",
        f"together?rule={quote(rule_of(waiting[0]), safe='')}",
        *("seat", f"seat?desk={odd}&thread={odd}&did={odd}", "seat/open"),
        *("compose", f"compose?customer={yes.steps[0].action_id}", f"compose?customer={odd}"),
        *("customers", f"customer/{yes.steps[0].action_id}", f"customer/{odd}"),
        *(f"audit/case/{one}" for one in (waits.request_id, yes.request_id, handed.id, odd)),
        *(
            "audit/questions/denied",
            f"audit/questions/refunds?over={odd}",
            f"audit/questions/{odd}",
        ),
        *("audit", "audit/repair", "audit?verify=1", "audit?q=amount:nonsense", f"audit?q={odd}"),
        *("figures", "figures?days=90"),
        *("policy", "policy?version=1", "policy?moved=waits", "policy?moved=now"),
        *("policy/rule?file=limits.toml", f"policy/rule?file={odd}"),
        *("policy/backtest?of=1", f"policy/backtest?of={odd}&days={odd}"),
        *("people", "people?accounts=1", "stop", "me", "enter", f"enter?after={odd}"),
        *(f"account/{offer}", f"people/change/{change}", f"people/change/{odd}"),
        f"people/connected?code={odd}&state={odd}",
        *(f"{one}/{odd}" for one in ("solution", "action", "request", "work", "account")),
        *(f"nothing-{odd}", f"?tab={odd}&after={odd}", f"together?rule={odd}"),
        *(f"figures?days={odd}", f"policy?version={odd}&moved={odd}", f"me?said={odd}"),
    ]


def unwalked(console: ServedConsole, pages: Sequence[str]) -> set[str]:
    """The routes of the console that show a page, and that none of these addresses is of."""
    routes = [one for one in create_console(console.sayso).routes if isinstance(one, Route)]
    shown = [one for one in routes if one.methods is None or "GET" in one.methods]
    been: set[str] = set(NO_PAGES)
    for where in pages:
        scope = {"type": "http", "method": "GET", "path": f"/{urlsplit(where).path}"}
        been |= {one.path for one in shown if one.matches(scope)[0] is Match.FULL}
    return {one.path for one in shown} - been
