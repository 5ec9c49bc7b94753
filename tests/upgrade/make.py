"""Make the data of the present version: `uv run --no-sync python tests/upgrade/make.py`.

To be run at each release, and never again for a version that was released: what a workspace of it
holds is what its code has written. Everything of the folder is made for these tests, keys too.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import tomllib
from pathlib import Path
from secrets import token_bytes

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from actions.steps import AGENT, MAIN, decide, say, usd
from audit.small_log import plain_entry
from sdk.customers import token_of as host_token
from support.canaries import said
from support.postgres_server import run_postgres
from support.shop import ShopFault
from support.shop_workspace import PLAYBOOK, POLICY, ShopWorkspace
from support.soft_passkey import SoftPasskey
from upgrade.kept import DATA, STORES, Kept, Passing, kept_file, new_kept, pack

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.engine.engine import Boundary
from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.definition import Subject
from sayso.actions.model.plan import OnFailure, Step
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.errors import Code, RetryableError
from sayso.money import Money
from sayso.sdk.audit.segments import LogSegments
from sayso.sdk.client import Sayso
from sayso.sdk.resources.passkeys import make_nonce
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.rows import ActionView
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import write_secret_file
from sayso.store.base import Transaction

ORIGIN = "http://localhost:8390"
SEGMENT = 256
"""Entries in a sealed segment here; a real one has 65,536."""
BOT = Actor(kind=ActorKind.SERVICE, id="bot")
_SETTINGS = """\
[workspace]
name = "kept"

[store]
url = "{url}"

[policy]
files = ["policies/*"]
activate = ["support_manager"]

[planner.confirm]
default = "never"

[retention]
log = "400d"

[approvals]
canaries = 0.2

[[people]]
id = "maria"
roles = ["support_manager"]

[[people]]
id = "noor"
roles = ["support_manager"]

[[people]]
id = "finn"
roles = ["finance"]

[[people]]
id = "idle"
roles = ["support_manager"]
active = false
"""
_MORE = """
@id("tea") @explain("a pot of tea for up to 20 by itself")
permit (principal, action == Action::"tea.serve", resource)
when { context.amount.lessThanOrEqual(decimal("20.00")) && context.leaves < 10 };

@id("gifts") @explain("a gift of up to 50 by itself, and taken back")
permit (principal, action in [Action::"shop.gift", Action::"shop.take_gift"], resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) };
"""
_LIMITS = """
[[limit]]
id = "of-a-customer"
say = "at most 5,000 a month for a customer"
of = "customer"
action = "shop.refund"
sum = { USD = 5000 }
per = "month"

[[limit]]
id = "cards"
say = "at most ten cards of a customer wait"
of = "customer"
action = "shop.refund"
cards = 10
"""
_ROLLOUT = """
[[dial]]
id = "refunds"
say = "refunds for everybody"
action = "shop.refund"
stage = "auto"
"""


def write_workspace(kept: Kept) -> None:
    """Its files, and an empty database."""
    folder = kept.folder
    (folder / "policies").mkdir(parents=True)
    (folder / "playbooks").mkdir()
    url = "sqlite:///sayso.db" if kept.url is None else "env:DATABASE_URL"
    (folder / "sayso.toml").write_text(_SETTINGS.format(url=url))
    (folder / "policies" / "shop.cedar").write_text(POLICY)
    (folder / "policies" / "more.cedar").write_text(_MORE)
    (folder / "playbooks" / "shop.toml").write_text(PLAYBOOK)
    write_secret_file(folder / "keys" / "log.key", Ed25519Signer.generate("kept").to_text())
    write_secret_file(folder / "keys" / "vault.key", new_key(token_bytes).reveal())


async def make(kept: Kept) -> None:
    """Live a little of everything, and leave it as it is."""
    write_workspace(kept)
    await open_store(kept.workspace(), create=True).close()
    passing = Passing()
    async with kept.opened(passing) as sayso:
        life = Life(kept, sayso, passing)
        await sayso.policy.begin(by=BOT, via="test")
        await life.end_some()
        await life.seal()
        await life.govern()
        await life.leave_some_open()


class Life:
    """What happens in one workspace."""

    def __init__(self, kept: Kept, sayso: Sayso, passing: Passing) -> None:
        self.kept = kept
        self.sayso = sayso
        self.passing = passing
        self.opened = ShopWorkspace(
            sayso=sayso, shop=kept.shop, clock=kept.clock, workspace=kept.workspace()
        )
        self._orders = 0

    def order(self, customer: str) -> str:
        """A new order of $1,000."""
        self._orders += 1
        order = f"o{self._orders}"
        for books in (self.kept.shop.books, self.kept.tea.books):
            books.add(order, customer, Money(100_000, "USD"))
        return order

    async def refund(
        self, name: str, minor: int, customer: str = "cus_1", *, action: str = "shop.refund"
    ) -> ActionView:
        """Propose one; its id is kept under a name."""
        self.kept.clock.advance(minutes=1)
        view = await self.sayso.propose(
            action,
            {"order": self.order(customer), "amount": usd(minor)},
            subject=customer,
            reason="it broke",
            requester=BOT,
        )
        self.kept.ids[name] = view.id
        return view

    async def say(
        self,
        view: ActionView,
        choice: DecisionChoice = DecisionChoice.APPROVE,
        person: str = "maria",
        **more: int,
    ) -> None:
        """Somebody decides; less where an amount is given."""
        assert view.approval is not None, view
        args = {"amount": usd(more["minor"])} if more else None
        decision = say(view.approval, person, choice, args=args)
        await decide(self.opened, decision, wait=False)

    async def run(self, name: str) -> str:
        """Take one as far as it goes now; how it stands."""
        await self.sayso.container.engine.advance(MAIN, self.kept.ids[name])
        return str((await self.sayso.actions.get(self.kept.ids[name])).status)

    async def end_some(self) -> None:
        """What ended: done, lowered, refused by people and rules, failed, taken back, too late."""
        shop = self.kept.shop
        assert (await self.refund("succeeded", 2_000)).status == "succeeded"
        await self.say(await self.refund("agreed", 12_900))
        assert await self.run("agreed") == "succeeded"
        await self.say(await self.refund("lowered", 12_900), DecisionChoice.EDIT, minor=9_000)
        assert await self.run("lowered") == "succeeded"
        await self.say(await self.refund("rejected", 12_900), DecisionChoice.REJECT)
        assert (await self.refund("refused", 99_900_000)).status == "refused"
        shop.faults.append(ShopFault.SAYS_NO)
        assert (await self.refund("failed", 1_000, "cus_failed")).status == "failed"
        await self.refund("expired", 12_900)
        self.kept.clock.advance(minutes=24 * 60)
        assert await self.run("expired") == "expired"
        await self._take_back()
        await self.refund("of cus_gone", 1_100, "cus_gone")
        said_back = await self.sayso.ask("cus_gone", "please give me back $11.00 of my order")
        assert said_back.status == "answered", said_back

    async def _take_back(self) -> None:
        """A plan whose second step fails, so that its first is taken back."""
        steps = (
            Step(id="s1", action="shop.gift", args={"amount": usd(500)}),
            Step(
                id="s2",
                action="shop.refund",
                args={"order": self.order("cus_2"), "amount": usd(600)},
                after=("s1",),
            ),
        )
        self.kept.shop.faults.append(ShopFault.SAYS_NO)
        inside = self.sayso.container
        proposals = tuple(
            Proposal(
                tenant=MAIN,
                requester=AGENT,
                subject=Subject(id="cus_2"),
                action=step.action,
                args=step.args,
                key=f"req_1/{step.id}",
                request_id="req_1",
                step=step.id,
                after=step.after,
                on_failure=OnFailure.UNDO,
            )
            for step in steps
        )
        rows = await inside.store.write(
            lambda tx: inside.proposals.submit_steps(tx, proposals, steps)
        )
        for _ in range(4):
            for row in rows:
                await inside.engine.advance(MAIN, row.id)
            for view in await self.sayso.actions.list(action="shop.take_gift"):
                await inside.engine.advance(MAIN, view.id)
        self.kept.ids["compensated"] = rows[0].id
        view = await self.sayso.actions.get(rows[0].id)
        assert view.status == "compensated", view

    async def seal(self) -> None:
        """A segment of what ended, sealed and pruned."""
        container = self.sayso.container

        def pad(tx: Transaction) -> None:
            for _ in range(SEGMENT):
                container.log.append(tx, MAIN, plain_entry())

        await container.store.write(pad)
        segments = LogSegments(container, self.opened.workspace, entries=SEGMENT)
        maria = host_token("maria")
        await segments.seal(by=maria)
        self.kept.clock.advance(days=401)
        await container.store.write(pad)
        self.kept.clock.advance(days=1)
        done = await segments.prune(by=maria)
        assert done.to == SEGMENT, done

    async def govern(self) -> None:
        """People, tokens, passkeys, versions, limits, dials, stops, webhooks, erasures, holds."""
        sayso, kept = self.sayso, self.kept
        tokens = sayso.tokens
        scopes = frozenset({Scope.DECIDE, Scope.READ})
        _, secret = await tokens.create(MAIN, "person", "maria", scopes, days=90, by=BOT)
        await tokens.create(MAIN, "service", "bot", frozenset({Scope.PROPOSE}), days=90, by=BOT)
        ended, _ = await tokens.create(
            MAIN, "service", "old", frozenset({Scope.READ}), days=9, by=BOT
        )
        await tokens.revoke(MAIN, ended.id, by=BOT)
        for name, text in (("limits.toml", _LIMITS), ("rollout.toml", _ROLLOUT)):
            (kept.folder / "policies" / name).write_text(text)
            put = await sayso.policy.activate(token=secret, note=f"with {name}")
            assert put.version is not None, put
        await self._enrol("maria")
        await sayso.webhooks.add("https://hooks.example.com/sayso", kinds=("action",), by=BOT)
        held = await sayso.stops.engage("customer", "cus_odd", reason="looks odd", by=BOT)
        for person in ("maria", "noor"):
            word = Resumption(
                tenant=MAIN,
                stop_id=held.id,
                person=person,
                via="test",
                credential="host",
                key=person,
            )
            await sayso.stops.resume_as(word)
        await sayso.privacy.erase("cus_gone", reason="subject_request", by=host_token("maria"))
        await sayso.privacy.hold("cus_court", reason="litigation", by=host_token("maria"))

    async def _enrol(self, person: str) -> None:
        session, secret = await self.sayso.sessions.enter(
            await self.sayso.sessions.make_link(person)
        )
        nonce = make_nonce(secret, 1)
        options = await self.sayso.passkeys.to_enrol(session, nonce, "localhost")
        response = SoftPasskey().register(options["challenge"], origin=ORIGIN)
        await self.sayso.passkeys.enrol(
            session, response, nonce=nonce, origin=ORIGIN, rp_id="localhost"
        )

    async def leave_some_open(self) -> None:
        """What waits for people, for a provider, for a look-up, for the customer, for a stop."""
        sayso, kept = self.sayso, self.kept
        for number in range(5):
            shown = await self.refund(f"card {number}", 12_900, f"cus_f{number}")
            assert shown.approval is not None
            await sayso.solutions.answer_as(said(await sayso.solutions.get(shown.approval.id)))
        made = await sayso.canaries.look_after()
        assert made is not None
        kept.ids["test card"] = made
        await self.refund("pending", 12_900, "cus_3")
        await self.refund("limited", 12_900, "cus_court")
        await self.say(await self.refund("approved", 12_900, "cus_3"))
        await self.say(await self.refund("stale", 12_900, "cus_4"))
        await self._make_stale("stale")
        await self.refund("stopped", 12_900, "cus_5")
        kept.ids["stop"] = (
            await sayso.stops.engage("customer", "cus_5", reason="a call", by=BOT)
        ).id
        view = await sayso.actions.get(kept.ids["stopped"])
        await self.say(view)
        assert await self.run("stopped") == "approved"
        kept.shop.faults.append(ShopFault.LOST_AFTER)
        assert (await self.refund("to look up", 1_000, "cus_6")).status == "unknown"
        kept.tea.faults.append(ShopFault.LOST_AFTER)
        view = await self.refund("unknown", 1_000, "cus_6", action="tea.serve")
        assert view.status == "unknown", view
        await self._ask()
        await self._interrupt()

    async def _make_stale(self, name: str) -> None:
        """The order changes after the yes, and cannot be read to be judged anew."""
        order = self.kept.shop.books.orders[f"o{self._orders}"]
        order.refunded_minor += 100
        self.kept.clock.advance(minutes=2)
        resolve, reads = self.kept.shop.resolve, 0

        async def once(*words: object) -> object:
            nonlocal reads
            reads += 1
            if reads > 1:
                raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the shop is closed")
            return await resolve(*words)  # type: ignore[arg-type]

        self.kept.shop.resolve = once  # type: ignore[method-assign,assignment]
        try:
            await self.run(name)
        except RetryableError:
            pass
        finally:
            self.kept.shop.resolve = resolve  # type: ignore[method-assign]
        assert (await self.sayso.actions.get(self.kept.ids[name])).status == "stale"

    async def _ask(self) -> None:
        """Requests in each state: answered, asked back, acting, handed over, left and taken."""
        sayso, ids = self.sayso, self.kept.ids
        self.order("cus_7")
        done = await sayso.ask("cus_7", "please give me back $11.00 of my order")
        self.order("cus_8")
        self.order("cus_8")
        asked = await sayso.ask("cus_8", "please give me back $12.00 of my order")
        self.order("cus_9")
        acting = await sayso.ask("cus_9", "please give me back $129.00 of my order")
        left = await sayso.ask("cus_9", "what is the meaning of life?")
        found = {"answered": done, "asked": asked, "acting": acting, "handed_over": left}
        ids |= {f"request {name}": view.id for name, view in found.items()}
        statuses = [str(view.status) for view in found.values()]
        assert statuses == ["answered", "needs_customer", "acting", "handed_over"], statuses
        await sayso.work.take_as(left.id, host_token("maria"), via="test")
        ids["request received"] = (
            await sayso.ask("cus_9", "please give me back $13.00 of my order", wait_s=0)
        ).id

    async def _interrupt(self) -> None:
        """The plug is pulled after the intent, before the call."""
        view = await self.refund("executing", 12_900, "cus_3")
        await self.say(view)
        self.passing.at = Boundary.AFTER_INTENT
        with contextlib.suppress(KeyboardInterrupt):
            await self.run("executing")
        assert (await self.sayso.actions.get(view.id)).status == "executing"


async def _make_all(version: str) -> None:
    for store in STORES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "kept"
            if store == "sqlite":
                await _make_one(new_kept(folder, None), version, store)
                continue
            with run_postgres() as server:
                server.run("postgres", "create database kept")
                url = server.url("kept")
                await _make_one(new_kept(folder, url), version, store)


async def _make_one(kept: Kept, version: str, store: str) -> None:
    await make(kept)
    DATA.mkdir(exist_ok=True)
    pack(kept, kept_file(version, store))


if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    asyncio.run(_make_all(str(project["project"]["version"])))
