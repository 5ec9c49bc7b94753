"""Threads at a help desk while everything dies: `python -m bench.desk --threads N --kills K`.

Customers write at a double of Zendesk, which drops and doubles its webhooks; colleagues answer,
take and decide; the processes that run Sayso are killed by SIGKILL at random moments. In the end
each message of a customer has to be answered or handed over, each answer to be there once and in
order, and none to have been untrue when it was stored: that is judged against the shop's books at
that very moment. A double has seen it, and no live account; `--desk mail` has a real mail server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import random
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from support.database import make_database
from support.http_double import Asked
from support.http_shop import HttpShop, ShopServer
from support.shop_workspace import PLAYBOOK, POLICY

from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, print_report, show_progress
from bench.zendesk import AGENT, ME, Bell, Comment, Zendesk, ZendeskTicket
from sayso.actions.approvals.decision import Decision
from sayso.actions.approvals.repository import DecisionChoice
from sayso.actions.model.action_row import get_action
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.errors import SaysoError
from sayso.ids import Tenant, to_micros
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.desk.rows import Place as DeskPlace
from sayso.sdk.desk.rows import said_in
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import parse_settings
from sayso.store.base import Reader

KINDS = ("small", "large", "thanks", "strange", "which", "colleague")
"""What a thread is about: a refund that needs nobody, one that somebody decides about, thanks, what
nobody understands, an order that has to be asked for, and one that a colleague answers."""
WORDS = {
    "small": "Please refund order order_{n}",
    "large": "Please refund order order_{n}",
    "thanks": "Thank you so much!",
    "strange": "My parcel smells of smoke and my dog is ill, call me",
    "which": "Please refund my order",
    "colleague": "Please refund order order_{n}",
}
WORKERS = 2
SECRET = "a-secret-of-the-bench"
LONGEST_S = 4.0
END_S = 3000.0
RACE_S = 5.0
"""Between the last look at a thread and the answer nobody can know that a colleague writes."""
MUST_BE_0 = (
    "lost",
    "twice",
    "out of order",
    "untrue when sent",
    "said over a colleague",
    "bad log",
)


def open_workspace(folder: Path, zendesk_url: str, *, sweep_s: float) -> Workspace:
    """The workspace of a worker, and of who decides."""
    values: dict[str, object] = {
        "workspace": {"name": "bench"},
        "policy": {"files": ["policy.cedar"], "follow": "files"},
        "people": [{"id": "maria", "roles": ["support_manager"]}],
        "planner": {"confirm": {"default": "never"}},
        "customers": {"default": "zendesk"},
        "connections": {
            "zendesk": {
                "grant": "client_credentials",
                "token_endpoint": f"{zendesk_url}/oauth/tokens",
                "client_id": "bench",
                "client_secret": "file:keys/client.key",
            }
        },
        "connectors": {
            "zendesk": {"subdomain": "bench", "token": "zendesk", "base_url": zendesk_url}
        },
        "desk": {
            "zendesk": {
                "assurance": "verified",
                "sweep_s": sweep_s,
                "hand_over": {"group": 7},
                "secret": "file:keys/bell.key",
            }
        },
    }
    settings = parse_settings(values, "sayso.toml")
    return Workspace(folder=folder.absolute(), settings=settings, environment={})


def prepare(folder: Path, zendesk_url: str, *, sweep_s: float) -> Workspace:
    """The same, made anew."""
    (folder / "policy.cedar").write_text(POLICY, encoding="utf-8")
    (folder / "playbooks").mkdir()
    (folder / "playbooks" / "shop.toml").write_text(PLAYBOOK)
    key = Ed25519Signer.generate("bench").to_text()
    write_secret_file(folder / "keys" / "log.key", key)
    write_secret_file(folder / "keys" / "vault.key", new_key(secrets.token_bytes).reveal())
    write_secret_file(folder / "keys" / "client.key", "client")
    write_secret_file(folder / "keys" / "bell.key", SECRET)
    workspace = open_workspace(folder, zendesk_url, sweep_s=sweep_s)
    make_database(workspace.store_path)
    return workspace


def shop_of(url: str, customers_of: str = "zendesk") -> HttpShop:
    """The shop, whose customers are the desk's."""
    shop = HttpShop(url)
    shop.customers_of = customers_of  # type: ignore[attr-defined]
    return shop


async def work(folder: Path, zendesk_url: str, shop_url: str, sweep_s: float, port: int) -> None:
    """A worker: looks after the desk, carries out, and hears its bell; until it is killed."""
    import uvicorn  # only a worker serves

    from sayso.surfaces.http.app import create_app

    logging.basicConfig(filename=folder / f"w{port}.log", level=logging.INFO)
    workspace = open_workspace(folder, zendesk_url, sweep_s=sweep_s)
    async with Sayso(workspace, mode="run", connectors=[shop_of(shop_url)]) as sayso:
        await sayso.warm()
        config = uvicorn.Config(create_app(sayso), port=port, log_level="critical")
        serving = asyncio.create_task(uvicorn.Server(config).serve())
        print("ready", flush=True)
        await serving


class Crew:
    """The workers; the first one hears the bell."""

    def __init__(self, folder: Path, words: Sequence[str], module: str = "bench.desk") -> None:
        self._folder, self._words, self._module = folder, words, module
        self.ports = [_free_port() for _ in range(WORKERS)]
        self._living = [self._start(slot) for slot in range(WORKERS)]
        for process in self._living:
            self._wait(process)

    def kill(self, slot: int) -> None:
        """Kill one, and have another one in its place; nobody waits for it."""
        self._end(self._living[slot])
        self._living[slot] = self._start(slot)

    def end(self) -> None:
        """Kill all."""
        for process in self._living:
            self._end(process)

    def _start(self, slot: int) -> subprocess.Popen[str]:
        words = ["--worker", str(self._folder), *self._words, str(self.ports[slot])]
        return subprocess.Popen(
            [sys.executable, "-m", self._module, *words],
            stdout=subprocess.PIPE,
            text=True,
            env=with_bytecode(self._folder / "bytecode"),
        )

    @staticmethod
    def _wait(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "a worker does not begin"

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)


def _free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


class TimedShop(ShopServer):
    """The shop, which knows when it paid."""

    def __init__(self) -> None:
        super().__init__()
        self.paid_at: dict[str, datetime] = {}

    def reply(self, asked: Asked) -> tuple[int, JsonValue]:
        """See `ShopServer.reply`."""
        found = super().reply(asked)
        body: dict[str, object] = json.loads(asked.raw) if asked.method == "POST" else {}
        if "order" in body:
            self.paid_at.setdefault(str(body["order"]), datetime.now(UTC))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """An answer that the books deny at the moment at which it arrives."""

    reference: str
    paid_at: datetime | None
    text: str


@dataclass(slots=True)
class Truth:
    """Judges each answer at the moment at which the desk stores it."""

    shop: TimedShop
    doubted: list[Doubted] = field(default_factory=list[Doubted])
    over_colleague: int = 0
    at_once: int = 0

    def judge(self, ticket: ZendeskTicket, text: str, reference: str) -> None:
        """Compare what is said with the shop's books."""
        theirs = [one.at for one in ticket.comments if one.author == AGENT and one.public]
        self.weigh(ticket.id, text, reference, theirs)

    def weigh(self, number: int, text: str, reference: str, theirs: Sequence[datetime]) -> None:
        """The same of any desk; `theirs`: when colleagues wrote."""
        paid = [
            at for order, at in self.shop.paid_at.items() if order.rstrip("ab") == f"order_{number}"
        ]
        says_done = "We have done what you asked" in text
        says_nothing = "Nothing has been done" in text or "Nothing has been changed" in text
        if (says_done and not paid) or (says_nothing and paid):
            at = paid[0] if paid else None
            self.doubted.append(Doubted(reference=reference, paid_at=at, text=text))
        if theirs and (datetime.now(UTC) - max(theirs)).total_seconds() > RACE_S:
            self.over_colleague += 1
        elif theirs:
            self.at_once += 1


async def untrue_when_sent(sayso: Sayso, truth: Truth) -> int:
    """How many were untrue when their intent was committed; later ones were on their way."""
    found = 0
    for one in truth.doubted:
        row = await sayso.container.store.read(
            lambda reader, a=one.reference: get_action(reader, sayso.tenant, a)  # type: ignore[misc]
        )
        sent = row.called_at or 0
        if one.paid_at is None or to_micros(one.paid_at) < sent:
            found += 1
            print(f"untrue when sent: {one} {sent}", file=sys.stderr, flush=True)
    return found


def write_all(zendesk: Zendesk, shop: ShopServer, threads: int, chance: random.Random) -> None:
    """Customers' first messages, in a random order."""
    numbers = list(range(1, threads + 1))
    chance.shuffle(numbers)
    for number in numbers:
        kind = KINDS[number % len(KINDS)]
        customer = 100_000 + number
        with contextlib.suppress(KeyError):
            amount = Money(20_000 if kind in ("large", "colleague") else 3_000, "USD")
            if kind in ("small", "large", "colleague"):
                shop.books.add(f"order_{number}", str(customer), amount)
            if kind == "which":
                for part in ("a", "b"):
                    shop.books.add(f"order_{number}{part}", str(customer), amount)
        zendesk.write(number, WORDS[kind].format(n=number), author=customer)
        time.sleep(0.002)


async def colleagues(
    sayso: Sayso, zendesk: Zendesk, chance: random.Random, over: asyncio.Event
) -> None:
    """Decide cards, answer what Sayso asked, and write in the threads of colleagues."""
    answered: set[int] = set()
    while not over.is_set():
        for ticket in list(zendesk.tickets.values()):
            kind = KINDS[ticket.id % len(KINDS)]
            if ticket.id in answered or not ticket.told():
                continue
            if kind == "which":
                zendesk.write(ticket.id, f"order_{ticket.id}a", author=ticket.requester)
                answered.add(ticket.id)
            if kind == "colleague":
                zendesk.write(ticket.id, "I look into it.", author=AGENT)
                zendesk.write(ticket.id, "Any news?", author=ticket.requester)
                answered.add(ticket.id)
        await decide_cards(sayso, chance)
        await asyncio.sleep(0.3)


async def decide_cards(sayso: Sayso, chance: random.Random) -> None:
    """Say yes to half of the cards, and no to the others."""
    with contextlib.suppress(SaysoError):
        for card in await sayso.approvals.list(status="pending", limit=20):
            choice = DecisionChoice.APPROVE if chance.random() < 0.5 else DecisionChoice.REJECT
            decision = Decision(
                tenant=Tenant(sayso.tenant),
                approval_id=card.id,
                revision=card.revision,
                digest=card.digest,
                choice=choice,
                person="maria",
                via="bench",
                credential="host",
                reason_code="" if choice is DecisionChoice.APPROVE else "not_covered",
            )
            with contextlib.suppress(SaysoError):
                await sayso.approvals.decide_as(decision, wait=False)


async def is_over(sayso: Sayso, zendesk: Zendesk) -> bool:
    """Whether all that customers wrote was taken in, and nothing is on its way."""
    (desk,) = await sayso.desks.list()
    if desk.waiting or desk.unsaid or desk.threads < len(zendesk.tickets):
        return False
    if await sayso.approvals.list(status="pending", limit=1):
        return False
    # A bell was dropped, or whoever sweeps has just died: nothing waits that nobody has read yet.
    wrote = sum(
        one.author == ticket.requester
        for ticket in zendesk.tickets.values()
        for one in ticket.comments
    )
    if await taken_in(sayso, zendesk) < wrote:
        return False
    return all(_is_met(one) for one in zendesk.tickets.values())


async def taken_in(sayso: Sayso, zendesk: Zendesk) -> int:
    """How many messages have become turns, or were left with a reason."""

    def work(reader: Reader) -> int:
        named = {"tenant": sayso.tenant, "desk": "zendesk"}
        return sum(len(reader.all("desk.messages", **named, thread=str(t))) for t in threads)

    threads = list(zendesk.tickets)
    return await sayso.container.store.read(work)


def _is_met(ticket: ZendeskTicket) -> bool:
    """Whether the newest message of the customer has something after it, or people have it."""
    kind = KINDS[ticket.id % len(KINDS)]
    last = next(one for one in reversed(ticket.comments) if one.author == ticket.requester)
    after = ticket.comments[ticket.comments.index(last) + 1 :]
    if kind == "colleague":
        return len([one for one in ticket.comments if one.author == ticket.requester]) > 1
    if (
        kind == "which"
        and len([one for one in ticket.comments if one.author == ticket.requester]) < 2
    ):
        return False
    # Who was told once that a person answers is told nothing more: the hand-over alone comes after.
    return any(one.author == ME and (one.public or kind in ("strange", "which")) for one in after)


async def requests_of(sayso: Sayso) -> tuple[list[str], set[str]]:
    """All requests, and whose were handed over."""
    requests: list[str] = []
    after: str | None = None
    handed: set[str] = set()
    while page := await sayso.requests.list(limit=200, after=after):
        requests += [one.id for one in page]
        handed |= {str(one.subject) for one in page if one.status == "handed_over"}
        after = page[-1].id
    return requests, handed


async def judge(sayso: Sayso, zendesk: Zendesk, truth: Truth) -> list[Row]:
    """What the desk's books, the ledger and the log say in the end."""
    requests, handed = await requests_of(sayso)
    lost = twice = disordered = 0
    waits: list[float] = []
    section = sayso.workspace.settings.desk["zendesk"]
    place = DeskPlace(tenant=sayso.tenant, name="zendesk", section=section)
    for ticket in zendesk.tickets.values():
        ours = [one for one in ticket.comments if one.author == ME and one.public]
        twice += len(ours) - len({one.reference for one in ours})
        said = await sayso.container.store.read(
            lambda reader, t=str(ticket.id): said_in(reader, place, t)  # type: ignore[misc]
        )
        sent = [one.action_id for one in said if one.state == "sent" and one.kind == "reply"]
        if [one.reference for one in ours] != sent:
            disordered += 1
        taken = await sayso.container.store.read(
            lambda reader, t=str(ticket.id): reader.all(  # type: ignore[misc]
                "desk.messages", tenant=sayso.tenant, desk="zendesk", thread=t
            )
        )
        wrote = [one for one in ticket.comments if one.author == ticket.requester]
        if Counter(str(one.id) for one in wrote) != Counter(
            str(row["id"]) for row in taken
        ) or not _is_answered(ticket, wrote, handed):
            lost += 1
            kind, how = KINDS[ticket.id % len(KINDS)], [str(row["state"]) for row in taken]
            print(f"lost: {kind} {how} {ticket.comments}", file=sys.stderr, flush=True)
        if KINDS[ticket.id % len(KINDS)] in ("small", "thanks") and ours:
            waits.append((ours[0].at - wrote[0].at).total_seconds())
    untrue = await untrue_when_sent(sayso, truth)
    found = await asyncio.to_thread(sayso.audit.verify)
    figures = {
        "lost": lost,
        "twice": twice,
        "out of order": disordered,
        "untrue when sent": untrue,
        "said over a colleague": truth.over_colleague,
        "bad log": found.exit_status,
    }
    answers = sum(len(one.told()) for one in zendesk.tickets.values())
    return [
        Row(case="threads", value=len(zendesk.tickets), unit="threads"),
        Row(case="requests", value=len(requests), unit="requests"),
        Row(case="answers at the desk", value=answers, unit="answers"),
        *(Row(case=name, value=value, unit="") for name, value in figures.items()),
        Row(case="overtaken on its way", value=len(truth.doubted) - untrue, unit="answers"),
        Row(case="written at the same moment as a colleague", value=truth.at_once, unit="answers"),
        Row(case="message to answer, p50", value=statistics.median(waits or [0.0]), unit="s"),
    ]


def _is_answered(ticket: ZendeskTicket, wrote: Sequence[Comment], handed: set[str]) -> bool:
    if KINDS[ticket.id % len(KINDS)] in ("colleague", "strange"):
        return str(ticket.requester) in handed
    after = ticket.comments[ticket.comments.index(wrote[-1]) :]
    is_a_persons = KINDS[ticket.id % len(KINDS)] == "which" and str(ticket.requester) in handed
    return any(one.author == ME and (one.public or is_a_persons) for one in after)


async def campaign(folder: Path, threads: int, kills: int, seed: int, pause_s: float) -> list[Row]:
    """Write, kill so many times, and judge."""
    chance = random.Random(seed)
    with Zendesk(lambda: datetime.now(UTC), seed=seed) as zendesk, TimedShop() as shop:
        truth = Truth(shop)
        zendesk.judge = truth.judge
        workspace = prepare(folder, zendesk.url, sweep_s=2)
        crew = Crew(folder, [zendesk.url, shop.url, "2"])
        address = f"http://127.0.0.1:{crew.ports[0]}/v1/inbound/zendesk"
        zendesk.bell = Bell(url=address, secret=SECRET, dropped=0.3, doubled=0.3)
        over, begun = asyncio.Event(), time.monotonic()
        async with Sayso(workspace, mode="decide", connectors=[shop_of(shop.url)]) as sayso:
            await asyncio.sleep(3)  # the desk is connected before anybody writes
            writing = asyncio.create_task(
                asyncio.to_thread(write_all, zendesk, shop, threads, chance)
            )
            people = asyncio.create_task(colleagues(sayso, zendesk, chance, over))
            try:
                for number in range(kills):
                    show_progress(f"{number} of {kills} kills")
                    await asyncio.sleep(pause_s + chance.random() * LONGEST_S)
                    await asyncio.to_thread(crew.kill, number % WORKERS)
                await writing
                async with asyncio.timeout(END_S):
                    while not await is_over(sayso, zendesk):
                        await asyncio.sleep(0.5)
            finally:
                over.set()
                crew.end()
                await people
            took = time.monotonic() - begun
            rows = await judge(sayso, zendesk, truth)
    return [
        *rows,
        Row(case="processes killed", value=kills, unit="kills"),
        Row(case="all of it", value=took, unit="s"),
    ]


def main(words: Sequence[str] | None = None) -> int:
    """Run it; 0 where nothing was lost, twice, untrue or out of order."""
    parser = argparse.ArgumentParser(prog="python -m bench.desk", description=__doc__)
    parser.add_argument("--desk", choices=("zendesk", "mail"), default="zendesk")
    parser.add_argument("--threads", type=int, default=60)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds before each kill")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.worker:
        folder, zendesk_url, shop_url, sweep_s, port = asked.worker
        asyncio.run(work(Path(folder), zendesk_url, shop_url, float(sweep_s), int(port)))
        return 0
    if asked.desk == "mail":
        from bench.mail import mail_campaign as chosen  # needs a mail server
    else:
        chosen = campaign
    with working_folder() as folder:
        rows = asyncio.run(chosen(folder, asked.threads, asked.kills, asked.seed, asked.pause))
    bad = [row.case for row in rows if row.case in MUST_BE_0 and row.value]
    print_report(Report(name="desk", rows=rows, ok=not bad), as_json=asked.json)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
