"""Makes a log of millions of valid entries: bodies, tree, signed head and the rows of the state."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

import orjson

from bench.report import show_progress
from sayso.actions.model.ledger import OUTBOX_TOPIC
from sayso.audit.signed_note.note import Checkpoint, Ed25519Signer, sign_checkpoint
from sayso.audit.tree.merkle import Frontier
from sayso.ids import to_micros
from sayso.sdk.workspace import Workspace
from sayso.store.sqlite.store import open_connection
from sayso.testing.clock import START

TENANT = "main"
DEPLOYMENT = "bench"
ENTRIES_PER_ACTION = 5
APPROVERS = 40
BEGIN = to_micros(START)
STEP_MICROS = 3_000_000
"""Between two entries: ten million of them last a year."""

_OPTIONS = orjson.OPT_SORT_KEYS
_BATCH = 20_000
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_JUDGED = {
    "explain": "up to 500 once a support manager says yes",
    "outcome": "ask",
    "policy_version": sha256(b"policy").hexdigest(),
    "roles": ["support_manager"],
}
"""What the policy said of each action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What one action of the log is about, all of it following from its number.

    Attributes:
        amount: minor units; most are small, a few in a thousand above 1,000.00.
        failed: whether the provider said no.
    """

    action: str
    approval: str
    subject: str
    approver: str
    name: str
    currency: str
    amount: int
    failed: bool
    digest: str
    receipt: str
    rule: str


def life_of(number: int) -> Life:
    """The action with that number, from 0; the same one each time."""
    seed = int.from_bytes(sha256(b"%d" % number).digest()[:16])
    tail = "".join(_ALPHABET[seed >> shift & 31] for shift in range(0, 80, 5))
    moment = (BEGIN + number * ENTRIES_PER_ACTION * STEP_MICROS) // 1000
    head = "".join(_ALPHABET[moment >> shift & 31] for shift in range(45, -1, -5))
    return Life(
        action=f"act_{head}{tail}",
        approval=f"apr_{head}{tail[::-1]}",
        subject=f"sub_{sha256(b's%d' % (seed % (number // 8 + 1))).hexdigest()[:24]}",
        approver=f"approver_{min(seed >> 20 & 63, APPROVERS - 1)}",
        name=("stripe.refund", "stripe.credit", "stripe.cancel_subscription")[seed % 7 % 3],
        currency=("USD", "EUR", "GBP")[seed % 5 % 3],
        amount=100 + (seed >> 8) % 20_000 + ((seed >> 30) % 500_000 if seed % 97 == 0 else 0),
        failed=seed % 13 == 0,
        digest=sha256(b"d%d" % number).hexdigest(),
        receipt=f"re_{tail[:14]}",
        rule=("refund-manager", "credit-manager", "two-people")[number % 11 % 3],
    )


def bodies(count: int) -> Iterator[tuple[str, Life | None, bytes]]:
    """`(kind, the action's life, body)` of each entry; the first one opens the log."""
    opened: dict[str, object] = {
        "v": 1,
        "tenant": TENANT,
        "seq": 0,
        "at": BEGIN,
        "kind": "log.opened",
    }
    opened["actor"] = {"id": "sayso", "kind": "system"}
    yield "log.opened", None, orjson.dumps(opened, option=_OPTIONS)
    seq, number = 1, 0
    while seq < count:
        life = life_of(number)
        for kind, fields in islice(_steps(life), count - seq):
            fields |= {
                "v": 1,
                "tenant": TENANT,
                "seq": seq,
                "at": BEGIN + seq * STEP_MICROS,
                "kind": kind,
                "action": life.action,
                "subject": life.subject,
                "name": life.name,
                "amount": {"amount_minor": life.amount, "currency": life.currency},
                "digest": life.digest,
            }
            yield kind, life, orjson.dumps(fields, option=_OPTIONS)
            seq += 1
        number += 1


def _steps(life: Life) -> Iterator[tuple[str, dict[str, object]]]:
    system = {"id": "sayso", "kind": "system"}
    agent = {"id": "agent", "kind": "agent"}
    person = {"id": life.approver, "kind": "person"}
    judged: dict[str, object] = {
        **_JUDGED,
        "account": "acct_1",
        "guarantee": "idempotent",
        "object": f"charge:ch_{life.receipt[3:]}",
        "owner_proof": "charge.customer",
        "revision": 1,
    }
    yield "action.proposed", {"actor": agent, "status": "planned", "data": {"planner": "playbook"}}
    yield (
        "action.pending",
        {
            "actor": system,
            "status": "pending_approval",
            "rule": life.rule,
            "approval": life.approval,
            "data": {**judged, "approval_status": "pending"},
        },
    )
    decided = {"approval_status": "approved", "decision": "approve", "revision": 1, "via": "slack"}
    yield (
        "action.approved",
        {
            "actor": person,
            "status": "approved",
            "rule": life.rule,
            "approval": life.approval,
            "data": decided,
        },
    )
    yield (
        "action.intent",
        {"actor": system, "status": "executing", "data": {"attempt": 1, "call_key": life.action}},
    )
    if life.failed:
        told = {"code": "provider_refused", "message": "the charge was disputed by the bank"}
        yield "action.failed", {"actor": system, "status": "failed", "data": told}
    else:
        receipt = {"receipt": life.receipt, "read_back": True}
        yield "action.succeeded", {"actor": system, "status": "succeeded", "data": receipt}


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What was built, and how long it took."""

    entries: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Batch:
    """Rows to be written together; `last` has each action's newest index with a status."""

    entries: list[tuple[int, bytes]]
    actions: list[tuple[Life, str, int]]
    approvals: list[tuple[Life, str, int]]


_STATUS = {
    "action.proposed": "planned",
    "action.pending": "pending_approval",
    "action.approved": "approved",
    "action.intent": "executing",
    "action.failed": "failed",
    "action.succeeded": "succeeded",
}
_APPROVAL = {"action.pending": "pending", "action.approved": "approved"}


def batches(count: int, frontier: Frontier) -> Iterator[Batch]:
    """The log in batches of rows; the frontier grows along."""
    source = enumerate(bodies(count))
    actions: dict[str, tuple[Life, str, int]] = {}
    approvals: dict[str, tuple[Life, str, int]] = {}
    while rows := list(islice(source, _BATCH)):
        entries: list[tuple[int, bytes]] = []
        for seq, (kind, life, body) in rows:
            entries.append((seq, body))
            if life is None:
                continue
            if kind in _STATUS:
                actions[life.action] = (life, _STATUS[kind], seq)
            if kind in _APPROVAL:
                approvals[life.approval] = (life, _APPROVAL[kind], seq)
        frontier.extend([sha256(b"\x00" + body).digest() for _, body in entries])
        more = frontier.size < count
        # The action that the batch ends in goes on in the next one.
        open_actions = dict([actions.popitem()]) if more and actions else {}
        open_approvals = dict([approvals.popitem()]) if more and approvals else {}
        yield Batch(
            entries=entries,
            actions=list(actions.values()),
            approvals=list(approvals.values()),
        )
        actions, approvals = open_actions, open_approvals
        show_progress(f"building: {frontier.size:,} of {count:,} entries")


def signer_of(workspace: Workspace) -> Ed25519Signer:
    """The key that `make_workspace` made."""
    return Ed25519Signer.from_text((workspace.folder / "keys" / "log.key").read_text("ascii"))


def head_of(frontier: Frontier, signer: Ed25519Signer) -> tuple[str, str]:
    """The signed head and the key that signed it."""
    own = signer.named(f"{DEPLOYMENT}/{TENANT}")
    checkpoint = Checkpoint(origin=own.name, size=frontier.size, root=frontier.root())
    return sign_checkpoint(checkpoint, own), own.vkey


def _at(seq: int) -> int:
    return BEGIN + seq * STEP_MICROS


def action_row(life: Life, status: str, last: int) -> tuple[object, ...]:
    """The columns of `ACTION_COLUMNS`."""
    at = _at(last)
    rules = {"rules": [life.rule]} if status in _ASKED else {}
    called = at if status == "executing" else at - STEP_MICROS
    return (
        *(TENANT, life.action, life.action, "-", "agent:agent", life.name, life.subject),
        *("verified", "{}", "playbook", status, life.digest, life.amount, life.currency, at, at),
        *((life.action, called) if status in _CALLED else (None, None)),
        None if status == "planned" else orjson.dumps(_JUDGED | rules).decode(),
        f'{{"id":"{life.receipt}"}}' if status == "succeeded" else None,
        last,
    )


ACTION_COLUMNS = (
    "tenant id idempotency_key fingerprint requester name subject_id assurance args planner status"
    " digest amount_minor currency created_at updated_at call_key called_at judgement receipt"
    " last_seq"
).split()
_CALLED = {"executing", "succeeded", "failed"}
_ASKED = {"pending_approval", "approved"}
"""States of which the last entry says the rule."""


def approval_row(life: Life, status: str, last: int) -> tuple[object, ...]:
    """The columns of `APPROVAL_COLUMNS`."""
    at = _at(last)
    asked = at if status == "pending" else at - STEP_MICROS
    return (
        *(TENANT, life.approval, life.action, 1, status, life.digest, "{}", '["support_manager"]'),
        *("agent:agent", at, asked, at, last),
    )


APPROVAL_COLUMNS = (
    "tenant id action_id revision status digest view roles requester expires_at created_at"
    " updated_at last_seq"
).split()


def card_rows(batch: Batch) -> list[tuple[object, ...]]:
    """Rows of the columns of `CARD_COLUMNS`: each card was told to people."""
    return [(TENANT, OUTBOX_TOPIC, life.approval, 1) for life, _, _ in batch.approvals]


CARD_COLUMNS = "tenant topic key version".split()


def vote_rows(batch: Batch) -> list[tuple[object, ...]]:
    """Rows of the columns of `VOTE_COLUMNS`: one yes to each approved one."""
    return [
        (TENANT, life.approval, 1, life.approver, "approve", life.digest, "slack", _at(last))
        for life, status, last in batch.approvals
        if status == "approved"
    ]


VOTE_COLUMNS = "tenant approval_id revision person decision digest via at".split()


def build_sqlite(workspace: Workspace, count: int) -> Built:
    """Fill an empty database; indexes and guards are made again at the end."""
    begin = time.perf_counter()
    connection = open_connection(workspace.store_path, create=False)
    kept = _take_down(connection)
    connection.execute("pragma foreign_keys = off")
    connection.execute("pragma synchronous = off")
    frontier = Frontier()
    for batch in batches(count, frontier):
        connection.execute("begin")
        connection.executemany(
            "insert into log_entry (tenant, seq, body) values (?, ?, ?)",
            [(TENANT, seq, body.decode()) for seq, body in batch.entries],
        )
        _insert(connection, "action", ACTION_COLUMNS, [action_row(*one) for one in batch.actions])
        _insert(
            connection,
            "approval",
            APPROVAL_COLUMNS,
            [approval_row(*one) for one in batch.approvals],
        )
        _insert(connection, "outbox", CARD_COLUMNS, card_rows(batch))
        _insert(connection, "vote", VOTE_COLUMNS, vote_rows(batch))
        connection.execute("commit")
    note, vkey = head_of(frontier, signer_of(workspace))
    with connection:
        connection.execute("insert into meta values ('deployment', ?)", (DEPLOYMENT,))
        connection.execute("insert into log_key values (?, ?, 0, null)", (TENANT, vkey))
        row = (TENANT, count, frontier.to_bytes(), note)
        connection.execute("insert into log_head values (?, ?, ?, ?)", row)
    for number, sql in enumerate(kept):
        show_progress(f"building: index or guard {number + 1} of {len(kept)}")
        connection.execute(sql)
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    show_progress("")
    return Built(entries=count, seconds=time.perf_counter() - begin)


def _take_down(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute(
        "select type, name, sql from sqlite_master where sql is not null"
        " and type in ('index', 'trigger') and tbl_name in ('log_entry', 'action', 'approval')"
    ).fetchall()
    for kind, name, _ in found:
        connection.execute(f"drop {kind} {name}")
    return [str(sql) for _, _, sql in found]


def _insert(
    connection: sqlite3.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"insert into {table} ({', '.join(columns)}) values ({marks})", rows)


def chosen(count: int, how_many: int, seed: int = 1) -> list[Life]:
    """Actions of a log of `count` entries to ask for, the same ones each time."""
    source = random.Random(seed)
    complete = (count - 1) // ENTRIES_PER_ACTION
    return [life_of(source.randrange(complete)) for _ in range(how_many)]


Build = Callable[[Workspace, int], Built]
