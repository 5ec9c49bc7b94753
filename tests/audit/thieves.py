"""What each thief of the threat model tries, for its tests and for `python -m bench.tamper`."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from actions.steps import MAIN, propose, shown, stock
from audit.broken_rules import BROKEN
from audit.column_edits import unlocked
from audit.ruled_log import write_ruled
from audit.test_rebuilt import keyring_of
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sdk.test_authority import service, token, write
from support.shop_workspace import PEOPLE, open_shop

from sayso.audit.authority.keyring import Keyring
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import IntegrityError, SaysoError

WRITTEN: Mapping[str, str] = {
    "a hold released by hand": "update hold set released_at = placed_at, released_by = 'noor'",
    "a hold deleted": "delete from hold",
    "an erasure deleted": "delete from erasure",
    "texts deleted": "delete from personal",
    "texts swapped": "update personal set (ciphertext, nonce) = (select ciphertext, nonce"
    " from personal p order by ref desc limit 1)",
    "approval.roles": "update approval set roles = '[\"intern\"]'",
    "action.requester": "update action set requester = 'person:finn'",
    "approval.escalated_seq": "update approval set escalated_seq = 1",
    "action.args": "update action set args = '{}' where erased_seq is null",
    "action.created_at": "update action set created_at = created_at - 86400000000",
    "receipts": "update action set receipt = replace(receipt, 'pay_', 'gone_')",
    "amounts": "update action set amount_minor = amount_minor + 1",
    "votes deleted": "delete from vote",
    "a vote of somebody else": "update vote set person = 'noor' where person = 'finn'",
    "an outbox emptied": "delete from outbox",
    "a stop deleted": "delete from stop",
    "a token planted": "insert into token select tenant, 'tok_mine', x'00', kind, 'maria', scopes,"
    " created_at, expires_at, revoked_at, last_seq, null from token limit 1",
    "a use of a limit lowered": "update limit_use set minor = 1",
    "an intent deleted": "delete from log_entry where kind = 'action.intent'",
    "an entry forged behind the head": "insert into log_entry (tenant, seq, body) select tenant,"
    " seq + 1, replace(body, '\"seq\":' || seq, '\"seq\":' || (seq + 1)) from log_entry"
    " order by seq desc limit 1",
}
"""By whoever can write the database; each was called verified once, or could have been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How often a thief tried, and what came of it that must not.

    Attributes:
        passed: what went unnoticed, or was opened.
    """

    thief: str
    attempted: int
    passed: tuple[str, ...]


def write_database(busy: Path) -> Tried:
    """The right to write the database: each change, and whether the verifier is silent."""
    trust = Trust(keyring=keyring_of(busy.parent))
    passed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        for name, statement in WRITTEN.items():
            shutil.copyfile(busy, copy)
            with contextlib.closing(unlocked(copy)) as database:
                assert database.execute(statement).rowcount > 0, name
            if verify(copy, trust=trust).verdict is Verdict.VERIFIED:
                passed.append(name)
    return Tried(thief="database writer: rows", attempted=len(WRITTEN), passed=tuple(passed))


def sign_by_key() -> Tried:
    """The signing key as well: each way to break a rule, in a log that its own key has signed."""
    steps = [(check, at, step) for check, ways in BROKEN.items() for at, step in enumerate(ways)]
    passed: list[str] = []
    for check, at, step in steps:
        with tempfile.TemporaryDirectory() as folder:
            found = verify(write_ruled(Path(folder) / "bundle", step))
        if found.verdict is Verdict.VERIFIED:
            passed.append(f"{check.value} {at}")
    return Tried(thief="signing key: rules", attempted=len(steps), passed=tuple(passed))


def read_copy(busy: Path) -> Tried:
    """A copy of the database: every sealed text, by what stands beside it."""
    attempted, passed = 0, list[str]()
    stranger = Keyring(bytes(32))
    with contextlib.closing(sqlite3.connect(busy)) as rows:
        texts = rows.execute(
            "select p.tenant, p.ref, p.nonce, p.ciphertext, s.key, s.id, s.pseudonym, s.created_at"
            " from personal p join subject s on s.tenant = p.tenant and s.pseudonym = p.pseudonym"
        ).fetchall()
        hashes = [bytes(row[0]) for row in rows.execute("select hash from token")]
    for tenant, ref, nonce, ciphertext, wrapped, *beside in texts:
        for key in _keys_in(bytes(wrapped), hashes, stranger, str(beside)):
            attempted += 1
            with contextlib.suppress(InvalidTag, ValueError):
                AESGCM(key).decrypt(nonce, ciphertext, f"{tenant}|{ref}".encode())
                passed.append(ref)
    return Tried(thief="database only: texts", attempted=attempted, passed=tuple(passed))


def _keys_in(wrapped: bytes, hashes: list[bytes], stranger: Keyring, place: str) -> Iterator[bytes]:
    yield from (wrapped[:32], wrapped[-32:], wrapped[-48:-16], *(one[:32] for one in hashes[:1]))
    with contextlib.suppress(IntegrityError, SaysoError):
        yield stranger.unwrap(wrapped, place.encode())


PLANTED: Mapping[str, str] = {
    "a token row": "insert into token select tenant, 'tok_mine', x'01', 'person', 'maria', scopes,"
    " created_at, expires_at, revoked_at, last_seq, null from token where holder = 'bot'",
    "a bot's token made a manager's": "update token set kind = 'person', holder = 'maria',"
    " scopes = '[\"approvals:decide\"]' where holder = 'bot'",
    "a manager's hash on a bot's secret": "update token set hash = (select cast(hash || x'00' as"
    " blob) from token where holder = 'bot') where holder = 'maria'",
    "a session row": "insert into session select tenant, id, 'console', 9999999999999999,"
    " 9999999999999999 from token where holder = 'bot'",
    "a role in the authority's note": "insert or replace into authority (tenant, size, note, seal)"
    ' values (\'main\', 0, \'{"v":1,"tenant":"main","size":0,"frontier":"","state":{}}\','
    " x'00')",
    "a vote": "insert into vote select tenant, id, revision, 'maria', 'approve', digest, 'cli', 1"
    " from approval",
    "an approval": "update approval set status = 'approved'",
    "an approved action": "update action set status = 'approved'",
    "a person entry beside the log": "insert into log_entry (tenant, seq, body) select tenant,"
    ' seq + 1, \'{"kind":"person.added"}\' from log_entry order by seq desc limit 1',
}
"""Rows by which a database writer hopes to open something, or to have a refund made."""


async def plant(folder: Path) -> Tried:
    """The right to write the database: planted rows, and whether anything is opened or paid."""
    passed: list[str] = []
    for at, (name, statement) in enumerate(PLANTED.items()):
        async with open_shop(folder / str(at)) as opened:
            stock(opened)
            view = await propose(opened)
            card = await shown(opened, view)
            await token(opened)
            _, secret = await service(opened)
            write(opened, statement)
            with contextlib.suppress(SaysoError):
                await opened.sayso.approvals.decide(
                    card.id, "approve", token=secret, revision=card.revision, digest=card.digest
                )
                passed.append(f"{name}: decided")
            with contextlib.suppress(SaysoError):
                await opened.sayso.container.dispatcher.run_now("action", MAIN, view.id)
            if opened.shop.books.payouts:
                passed.append(f"{name}: paid")
    return Tried(thief="database writer: planted", attempted=len(PLANTED), passed=tuple(passed))


async def write_files(folder: Path) -> Tried:
    """The workspace's files: another approver, and whether the log tells who that is."""
    async with open_shop(folder) as opened:
        clock = opened.clock
    people = (*PEOPLE, {"id": "eve", "roles": ["support_manager"]})
    async with open_shop(folder, clock=clock, people=list(people)) as later:
        entries = await later.sayso.audit.query("kind:person.added")
        told = [one for one in entries if one.body["data"]["person"] == "eve"]
    passed = () if told else ("a person who stands in no entry",)
    return Tried(thief="workspace files: people", attempted=1, passed=passed)
