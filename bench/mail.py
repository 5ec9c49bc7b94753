"""The mail desk of `python -m bench.desk --desk mail`: a real Dovecot, and a server that delivers.

Customers write e-mails, colleagues answer by their mail program and decide; the processes that run
Sayso are killed by SIGKILL at random moments, and so is the mail server; one mail in ten is refused
for now. In the end each mail of a customer has to be answered or handed over, in their own mailbox,
once, in order, and nothing that was untrue when it was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import imaplib
import logging
import random
import re
import secrets
import smtplib
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from real.mail import AUTHSERV, PASSWORD, MailServers, body_of, run_mail
from support.database import make_database
from support.shop_workspace import PLAYBOOK, POLICY

from bench.desk import (
    END_S,
    KINDS,
    LONGEST_S,
    WORDS,
    WORKERS,
    Crew,
    TimedShop,
    Truth,
    decide_cards,
    requests_of,
    shop_of,
    untrue_when_sent,
)
from bench.report import Report, Row, print_report, show_progress
from sayso.actions.model.action_row import get_action
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.email.inbox.desk import InboxSettings, MailDesk
from sayso.connectors.email.inbox.mailbox import MailLogin
from sayso.connectors.email.inbox.reader import InboxFolders
from sayso.connectors.email.inbox.threads import root_digest, thread_of
from sayso.connectors.vault import new_key
from sayso.ids import SystemClock
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.desk.rows import Place as DeskPlace
from sayso.sdk.desk.rows import SaidRow, said_in
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.secret import Secret
from sayso.settings import parse_settings
from sayso.store.base import Reader

SUPPORT = "support@shop.example"
REFUSED = 0.1
"""Of the answers, so many are refused for now by the server that delivers."""
FIRST = """\
From: c{n}@example.com
To: support@shop.example
Message-ID: <{n}@example.com>
Subject: Order {n}

Please refund order {n}
"""
PACE_S = 1.0
"""Between two customers' mails, where nothing is killed."""
_CUSTOMER = re.compile(r"c(\d+)@example\.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer as it came in at a customer's mailbox."""

    id: str
    reference: str
    answers: str
    text: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class Correspondence:
    """What one customer has written, and was told. `wrote`: Message-IDs and when they came in."""

    number: int
    wrote: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])
    told: list[Told] = field(default_factory=list[Told])
    colleague: list[datetime] = field(default_factory=list[datetime])

    @property
    def kind(self) -> str:
        """See `KINDS`."""
        return KINDS[self.number % len(KINDS)]

    @property
    def address(self) -> str:
        """The customer's."""
        return f"c{self.number}@example.com"


class Post:
    """Customers and colleagues, and all that is delivered to customers."""

    def __init__(self, servers: MailServers, truth: Truth, threads: int, seed: int) -> None:
        self.servers, self._truth = servers, truth
        self.customers = {n: Correspondence(number=n) for n in range(1, threads + 1)}
        self.refused = 0
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        servers.authentic.add("example.com")
        servers.seen = self.seen

    def seen(self, recipient: str, content: bytes) -> bool:
        """Judge what is delivered to a customer, at that moment."""
        found = _CUSTOMER.fullmatch(recipient)
        if found is None:
            return True
        with self._lock:
            if self._chance.random() < REFUSED:
                self.refused += 1
                return False
            message = message_from_bytes(content, EmailMessage, policy=default)
            customer = self.customers[int(found[1])]
            told = Told(
                id=str(message["Message-ID"]),
                reference=str(message["X-Sayso-Action"]),
                answers=str(message["In-Reply-To"]),
                text=body_of(message),
                at=datetime.now(UTC),
            )
            customer.told.append(told)
        self._truth.weigh(customer.number, told.text, told.reference, customer.colleague)
        return True

    def write(self, number: int, text: str) -> None:
        """A customer writes, in their thread."""
        customer = self.customers[number]
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = customer.address, SUPPORT, ""
        message["Message-ID"] = f"<{secrets.token_hex(8)}@example.com>"
        if customer.told:
            message["In-Reply-To"] = customer.told[-1].id
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.servers.smtp, "localhost") as server:
            server.sendmail(customer.address, [SUPPORT], bytes(message))
        customer.wrote.append((str(message["Message-ID"]), datetime.now(UTC)))

    def answer_as_colleague(self, number: int) -> None:
        """A colleague's mail program sends, and puts it among the sent."""
        customer = self.customers[number]
        message = EmailMessage()
        message["From"], message["To"] = SUPPORT, customer.address
        message["Subject"], message["In-Reply-To"] = "Re: your e-mail", customer.wrote[0][0]
        message["Message-ID"] = f"<{secrets.token_hex(8)}@shop.example>"
        message.set_content("I look into it.")
        with imaplib.IMAP4("127.0.0.1", self.servers.imap) as client:
            client.login("support", PASSWORD)
            now = imaplib.Time2Internaldate(time.time())
            client.append("Sent", r"(\Seen)", now, bytes(message))
        customer.colleague.append(datetime.now(UTC))


def open_workspace(folder: Path, smtp: int, imap: int) -> Workspace:
    """The workspace of a worker, and of who decides."""
    on_loopback = {"host": "127.0.0.1", "security": "none"}
    inbox = {
        **on_loopback,
        "port": imap,
        "user": "support",
        "password": "file:keys/mail.key",
        "sent": "Sent",
        "trust": AUTHSERV,
        "teams": {"people": "people@shop.example"},
    }
    values: dict[str, object] = {
        "workspace": {"name": "bench"},
        "policy": {"files": ["policy.cedar"], "follow": "files"},
        "people": [{"id": "maria", "roles": ["support_manager"]}],
        "planner": {"confirm": {"default": "never"}},
        "customers": {"default": "email"},
        "connectors": {
            "email": {
                **on_loopback,
                "from": SUPPORT,
                "transport": "smtp",
                "port": smtp,
                "address_from": "shop",
                "inbox": inbox,
            }
        },
        "desk": {"mail": {"connector": "email", "sweep_s": 2, "hand_over": {"team": "people"}}},
    }
    settings = parse_settings(values, "sayso.toml")
    return Workspace(folder=folder.absolute(), settings=settings, environment={})


def prepare(folder: Path, smtp: int, imap: int) -> Workspace:
    """The same, made anew."""
    (folder / "policy.cedar").write_text(POLICY, encoding="utf-8")
    (folder / "playbooks").mkdir()
    (folder / "playbooks" / "shop.toml").write_text(PLAYBOOK)
    write_secret_file(folder / "keys" / "log.key", Ed25519Signer.generate("bench").to_text())
    write_secret_file(folder / "keys" / "vault.key", new_key(secrets.token_bytes).reveal())
    write_secret_file(folder / "keys" / "mail.key", PASSWORD)
    workspace = open_workspace(folder, smtp, imap)
    make_database(workspace.store_path)
    return workspace


async def work(folder: Path, smtp: int, imap: int, shop_url: str, name: str) -> None:
    """A worker: looks after the mailbox and carries out, until it is killed."""
    logging.basicConfig(filename=folder / f"w{name}.log", level=logging.INFO)
    workspace = open_workspace(folder, smtp, imap)
    shop = shop_of(shop_url, "email")
    async with Sayso(workspace, mode="run", connectors=[shop]) as sayso:
        await sayso.warm()
        print("ready", flush=True)
        await asyncio.Event().wait()


def write_all(post: Post, shop: TimedShop, pause_s: float, chance: random.Random) -> None:
    """Customers' first mails, in a random order."""
    numbers = list(post.customers)
    chance.shuffle(numbers)
    for number in numbers:
        customer = post.customers[number]
        amount = Money(20_000 if customer.kind in ("large", "colleague") else 3_000, "USD")
        orders = {"which": ("a", "b"), "thanks": (), "strange": ()}.get(customer.kind, ("",))
        for part in orders:
            shop.books.add(f"order_{number}{part}", customer.address, amount)
        post.write(number, WORDS[customer.kind].format(n=number))
        time.sleep(pause_s)


async def colleagues(sayso: Sayso, post: Post, chance: random.Random, over: asyncio.Event) -> None:
    """Decide cards, answer what Sayso asked, and write in the threads of colleagues."""
    answered: set[int] = set()
    while not over.is_set():
        for number, customer in post.customers.items():
            if number in answered or not customer.told:
                continue
            if customer.kind == "which":
                await asyncio.to_thread(post.write, number, f"order_{number}a")
            elif customer.kind == "colleague":
                try:
                    await asyncio.to_thread(post.answer_as_colleague, number)
                except (OSError, imaplib.IMAP4.error):
                    continue  # the mail server was just killed
                await asyncio.to_thread(post.write, number, "Any news?")
            answered.add(number)
        await decide_cards(sayso, chance)
        await asyncio.sleep(0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What Sayso has of one customer's thread: turns, and what it said or is about to.

    Attributes:
        is_silent: whether a colleague goes on in it. is_unsure: whether nobody knows if an answer
            was sent, since who sent it died: a person looks.
    """

    is_silent: bool
    is_unsure: bool
    taken: tuple[str, ...]
    said: tuple[SaidRow, ...]


async def kept_of(sayso: Sayso, customer: Correspondence) -> Kept:
    """The same, from the store."""
    section = sayso.workspace.settings.desk["mail"]
    place = DeskPlace(tenant=sayso.tenant, name="mail", section=section)
    root = root_digest(customer.wrote[0][0].strip("<>"))
    thread = thread_of(root, customer.address)

    def work(reader: Reader) -> Kept:
        rows = reader.all("desk.messages", tenant=sayso.tenant, desk="mail", thread=thread)
        row = reader.one("desk.thread", tenant=sayso.tenant, desk="mail", id=thread)
        said = tuple(said_in(reader, place, thread))
        open_ones = [one.action_id for one in said if one.state == "open" and one.action_id]
        return Kept(
            is_unsure=any(
                get_action(reader, sayso.tenant, one).status == "unknown" for one in open_ones
            ),
            is_silent=row is not None and row["silent"] is not None,
            taken=tuple(str(row["id"]) for row in rows),
            said=said,
        )

    return await sayso.container.store.read(work)


async def how_many_unsure(sayso: Sayso, post: Post) -> int:
    """In how many threads nobody knows whether an answer was sent."""
    written = [one for one in post.customers.values() if one.wrote]
    return sum([(await kept_of(sayso, one)).is_unsure for one in written])


async def what_is_left(sayso: Sayso, post: Post) -> str:
    """What is not taken in, said or decided yet; empty where nothing is."""
    (desk,) = await sayso.desks.list()
    customers = post.customers.values()
    unsure = await how_many_unsure(sayso, post)
    is_busy = desk.waiting > unsure or desk.unsaid > unsure
    if is_busy or desk.threads < len(customers):
        return f"{desk.threads} threads, {desk.waiting} wait, {desk.unsaid} unsaid, {desk.problem}"
    if await sayso.approvals.list(status="pending", limit=1):
        return "cards"
    for one in customers:
        both = one.kind in ("which", "colleague")
        if len(one.wrote) < 1 + both or len((await kept_of(sayso, one)).taken) < len(one.wrote):
            return f"the words of {one.address}, {one.kind}"
    _, handed = await requests_of(sayso)
    unmet = [one for one in customers if not _is_met(one, handed, await kept_of(sayso, one))]
    return f"{len(unmet)} answers, of {unmet[0].kind}" if unmet else ""


def _is_met(customer: Correspondence, handed: set[str], kept: Kept) -> bool:
    """Whether a customer's newest mail was answered, or people have it."""
    if customer.address in handed or kept.is_unsure or (customer.colleague and kept.is_silent):
        return True
    return any(one.at > customer.wrote[-1][1] for one in customer.told)


async def judge(sayso: Sayso, post: Post, truth: Truth) -> list[Row]:
    """What the mailboxes, the shop's books, the ledger and the log say in the end."""
    requests, handed = await requests_of(sayso)
    lost = twice = disordered = 0
    waits: list[float] = []
    for customer in post.customers.values():
        kept = await kept_of(sayso, customer)
        told = [one.reference for one in customer.told]
        twice += len(told) - len({one.id for one in customer.told})
        said = [one for one in kept.said if one.kind == "reply" and one.action_id is not None]
        # What died between the mail and its entry is there, and nobody knows it was sent.
        arrived = [one.action_id for one in said if one.action_id in told]
        sent = {one.action_id for one in said if one.state == "sent"}
        disordered += arrived != told or not sent <= set(told)
        if len(kept.taken) != len(customer.wrote) or not _is_met(customer, handed, kept):
            lost += 1
            print(f"lost: {customer} {kept}", file=sys.stderr, flush=True)
        if customer.kind in ("small", "thanks") and customer.told:
            waits.append((customer.told[0].at - customer.wrote[0][1]).total_seconds())
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
    answers = sum(len(one.told) for one in post.customers.values())
    overtaken = len(truth.doubted) - untrue
    return [
        Row(case="threads", value=len(post.customers), unit="threads"),
        Row(case="requests", value=len(requests), unit="requests"),
        Row(case="answers in customers' mailboxes", value=answers, unit="answers"),
        Row(case="mails refused for now", value=post.refused, unit="mails"),
        *(Row(case=name, value=value, unit="") for name, value in figures.items()),
        Row(
            case="sent or not, left to a person",
            value=await how_many_unsure(sayso, post),
            unit="answers",
        ),
        Row(case="overtaken on its way", value=overtaken, unit="answers"),
        Row(case="written at the same moment as a colleague", value=truth.at_once, unit="answers"),
        Row(case="message to answer, p50", value=statistics.median(waits or [0.0]), unit="s"),
    ]


async def mail_campaign(
    folder: Path, threads: int, kills: int, seed: int, pause_s: float
) -> list[Row]:
    """Write, kill so many times, and judge; each third kill is the mail server's."""
    chance = random.Random(seed)
    with run_mail() as servers, TimedShop() as shop:
        truth = Truth(shop)
        post = Post(servers, truth, threads, seed)
        servers.box("support")
        workspace = prepare(folder, servers.smtp, servers.imap)
        crew = Crew(folder, [str(servers.smtp), str(servers.imap), shop.url], module="bench.mail")
        over, begun = asyncio.Event(), time.monotonic()
        connector = shop_of(shop.url, "email")
        async with Sayso(workspace, mode="decide", connectors=[connector]) as sayso:
            await asyncio.sleep(3)  # the desk is connected before anybody writes
            # As long as it is killed, customers write.
            pace_s = kills * (pause_s + LONGEST_S / 2) / threads if kills else PACE_S
            writing = asyncio.create_task(asyncio.to_thread(write_all, post, shop, pace_s, chance))
            people = asyncio.create_task(colleagues(sayso, post, chance, over))
            try:
                for number in range(kills):
                    show_progress(f"{number} of {kills} kills")
                    await asyncio.sleep(pause_s + chance.random() * LONGEST_S)
                    if number % 3 == 2:
                        await asyncio.to_thread(servers.stop)
                        await asyncio.sleep(chance.random() * 2)
                        await asyncio.to_thread(servers.start)
                    else:
                        await asyncio.to_thread(crew.kill, number % WORKERS)
                await writing
                async with asyncio.timeout(END_S):
                    while left := await what_is_left(sayso, post):
                        show_progress(f"left: {left}")
                        await asyncio.sleep(0.5)
            finally:
                over.set()
                crew.end()
                await people
            took = time.monotonic() - begun
            rows = await judge(sayso, post, truth)
    mails = kills // 3
    return [
        *rows,
        Row(case="processes killed", value=kills - mails, unit="kills"),
        Row(case="mail servers killed", value=mails, unit="kills"),
        Row(case="all of it", value=took, unit="s"),
    ]


async def box(count: int) -> list[Row]:
    """How long it takes to read so many threads of a mailbox, then nothing new, then anew."""
    with run_mail() as servers:
        servers.box("support")
        login = MailLogin(
            host="127.0.0.1",
            port=servers.imap,
            security="none",
            user="support",
            password=Secret(PASSWORD),
        )
        folders = InboxFolders(sent="Sent", trust=AUTHSERV)
        settings = InboxSettings(login=login, folders=folders, own=frozenset({SUPPORT}))
        desk = MailDesk(settings, SystemClock())
        cursor = (await desk.changes("")).cursor
        for number in range(count):
            servers.deliver("support", FIRST.format(n=number).encode())
        took: dict[str, float] = {}
        read, more, begun = 0, True, time.perf_counter()
        while more:
            page = await desk.changes(cursor)
            read, cursor, more = read + len(page.messages), page.cursor, page.more
        took["all of them read"] = time.perf_counter() - begun
        begun = time.perf_counter()
        await desk.changes(cursor)
        took["nothing new"] = time.perf_counter() - begun
        await desk.close()
        again = MailDesk(settings, SystemClock())
        begun = time.perf_counter()
        await again.changes(cursor)
        took["nothing new, after a start"] = time.perf_counter() - begun
        await again.close()
    return [
        Row(case="threads", value=read, unit="threads"),
        *(Row(case=case, value=seconds, unit="s") for case, seconds in took.items()),
    ]


def main(words: Sequence[str] | None = None) -> int:
    """A worker of `bench.desk`, or `box`; 0 where every mail was read."""
    parser = argparse.ArgumentParser(prog="python -m bench.mail", description=__doc__)
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--box", type=int, default=10_000, help="mails in the mailbox")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    if asked.worker:
        folder, smtp, imap, shop_url, name = asked.worker
        asyncio.run(work(Path(folder), int(smtp), int(imap), shop_url, name))
        return 0
    rows = asyncio.run(box(asked.box))
    is_whole = rows[0].value == asked.box
    print_report(Report(name="mail", rows=rows, ok=is_whole), as_json=asked.json)
    return 0 if is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
