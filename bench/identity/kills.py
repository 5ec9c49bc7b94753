"""One solution over three providers, while the process that carries it out is killed."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.identity.places import LINKS, three
from bench.place import make_workspace, open_workspace
from sayso.audit.verifier.verification import Verdict
from sayso.sdk.client import Sayso

WORDS = "Please cancel order s{n}, refund $20.00 of payment c{n} and answer ticket u{n}"
POLICY = """
@id("all") @explain("all of it") permit (principal, action, resource);
"""
PLAYBOOKS = {
    "cancel": ("order", "store.cancel", "", ["cancel*"]),
    "back": ("payment", "pay.refund", ", amount = '{amount}'", ["refund*"]),
    "reply": ("ticket", "desk.reply", "", ["answer*", "reply*"]),
}
_OPEN = frozenset({"planned", "approved", "executing", "unknown", "accepted", "stale"})


def ask_key(number: int) -> str:
    """The key of a customer's request: asked again after each kill, it is one."""
    return f"customer-{number}"


def tables_of(url: str) -> dict[str, object]:
    """As in sayso.toml."""
    tables: dict[str, object] = {
        "policy": {"files": ["policy.cedar"], "follow": "files"},
        "customers": {"links": LINKS, "by_email": False},
        "planner": {"confirm": {"default": "never"}},
    }
    return tables if url == "-" else {**tables, "store": {"url": url}}


@asynccontextmanager
async def open_places(folder: Path, url: str, *, work: bool) -> AsyncGenerator[Sayso]:
    """The workspace, open in this process."""
    workspace = open_workspace(folder, **tables_of(url))
    places = three(folder)
    async with Sayso(workspace, mode="run" if work else "decide", connectors=places) as sayso:
        yield sayso


def prepare(folder: Path, url: str) -> None:
    """A workspace of the three places."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.cedar").write_text(POLICY)
    (folder / "playbooks").mkdir(exist_ok=True)
    for name, (slot, action, more, words) in PLAYBOOKS.items():
        money = f"[slots.amount]\ntype = 'money'\nof = '{slot}'\n" if more else ""
        (folder / "playbooks" / f"{name}.toml").write_text(
            f"version = 2\nname = '{name}'\nsummary = '{name}'\n"
            f"[slots.{slot}]\ntype = 'object'\nkind = '{slot}'\n{money}"
            f"[[steps]]\naction = '{action}'\nargs = {{ {slot} = '{{{slot}}}'{more} }}\n"
            f"[words.en]\nask = {words}\n"
        )
    make_workspace(folder, **tables_of(url))


@dataclass(slots=True)
class Judged:
    """What is left after the kills; all but `solutions` and `kills` is to be 0."""

    kills: int = 0
    solutions: int = 0
    double: int = 0
    lost: int = 0
    untold: int = 0
    foreign: int = 0
    intact: bool = False
    examples: list[str] = field(default_factory=list[str])


async def campaign(folder: Path, url: str, kills: int, customers: int, seed: int) -> Judged:
    """Kill a serving process over and over, let another one finish, and compare the books."""
    pick = random.Random(seed)
    prepare(folder, url)
    found = Judged()
    while found.kills < kills:
        child = await _start(folder, url, customers)
        assert child.stdout is not None
        async with asyncio.timeout(120):
            line = await child.stdout.readline()
        assert line == b"ready\n", await child.stderr.read() if child.stderr else line
        await asyncio.sleep(pick.uniform(0.02, 0.9))
        child.kill()
        await child.wait()
        found.kills += 1
    child = await _start(folder, url, customers)
    await asyncio.sleep(15)
    child.kill()
    await child.wait()
    last = await _start(folder, url, 0)
    _, said = await last.communicate()
    assert last.returncode == 0, said.decode()[-2000:]
    await _compare(folder, url, found)
    return found


async def _start(folder: Path, url: str, customers: int) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    command = ("-m", "bench.identity.worker", str(folder), url, str(customers))
    return await asyncio.create_subprocess_exec(sys.executable, *command, stdout=pipe, stderr=pipe)


async def _compare(folder: Path, url: str, found: Judged) -> None:
    """The places' books against what Sayso says and tells."""
    effects: Counter[tuple[str, str]] = Counter()
    owners: dict[tuple[str, str], str] = {}
    for path in (folder / "books").glob("*/*"):
        action, thing, customer, _ = path.read_text().split()
        effects[action, thing] += 1
        owners[action, thing] = customer
        found.foreign += customer != thing
    async with open_places(folder, url, work=False) as sayso:
        for request in await sayso.requests.list(limit=200):
            found.solutions += 1
            number = request.subject.removeprefix("desk:u")
            told = {one.action: one.status for one in request.actions}
            for action, prefix in (("store.cancel", "s"), ("pay.refund", "c"), ("desk.reply", "u")):
                times = effects[action, f"{prefix}{number}"]
                says = told.get(action)
                if times > 1:
                    found.double += 1
                    found.examples.append(f"{request.id} {action}: {times} times")
                if (says == "succeeded") != (times == 1):
                    found.lost += 1
                    found.examples.append(f"{request.id} {action}: {says}, {times} times")
            if set(told.values()) & _OPEN or not request.reply:
                found.untold += 1
                found.examples.append(f"{request.id}: {request.status}, {told}")
        found.intact = sayso.audit.verify(deep=True).verdict is Verdict.VERIFIED
