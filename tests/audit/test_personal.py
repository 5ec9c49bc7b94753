"""Personal text: beside the log, under its subject's key, and gone with it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from audit.small_log import signer_of
from support.shop_workspace import open_shop

from sayso.audit.authority.keyring import Keyring
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, PiiRef
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.store.base import Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

ONE, TWO = Tenant("one"), Tenant("two")
WORDS = "My name is Zoë Quark and the teapot broke 🫖"


class CountingEntropy:
    """Other bytes each time, the same in every run."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        """That many bytes."""
        self._calls += 1
        return hashlib.shake_256(self._calls.to_bytes(4)).digest(size)


@dataclass(kw_only=True)
class Safe:
    """A store with a log and a sealer."""

    path: Path
    store: SqliteStore
    log: AuditLog
    personal: Personal

    async def seal(self, tenant: Tenant, ref: str, words: str, subject: str = "cus_1") -> PiiRef:
        """Seal the words with the entry that names them."""

        def work(tx: Transaction) -> PiiRef:
            pseudonym = self.personal.pseudonym(tx, tenant, subject, 0)
            sealed = self.personal.seal(tx, tenant, subject, ref, words)
            entry = Entry(
                kind=EntryKind.REQUEST_ASKED,
                actor=Actor(kind=ActorKind.SERVICE, id="web"),
                subject=pseudonym,
                pii=sealed,
            )
            self.log.append(tx, tenant, entry)
            return sealed

        return await self.store.write(work)

    async def open(self, tenant: Tenant, ref: str) -> str | None:
        """The words behind a reference."""
        return await self.store.read(lambda reader: self.personal.open(reader, tenant, ref))

    def change(self, statement: str) -> None:
        """What somebody with the file does to it."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            assert connection.execute(statement).rowcount > 0


@pytest.fixture
async def safe(tmp_path: Path) -> AsyncGenerator[Safe]:
    """A safe with nothing in it."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    yield Safe(
        path=path,
        store=store,
        log=AuditLog("acme", signer_of("acme"), FakeClock()),
        personal=Personal(CountingEntropy(), Keyring(bytes(32))),
    )
    await store.close()


async def test_what_is_sealed_opens_and_is_named_by_the_digest_of_its_ciphertext(
    safe: Safe,
) -> None:
    """Decision 7: a reference and the SHA-256 of the ciphertext stand in the body."""
    sealed = await safe.seal(ONE, "pii_1", WORDS)
    assert await safe.open(ONE, "pii_1") == WORDS
    with closing(sqlite3.connect(safe.path)) as connection:
        (ciphertext,) = connection.execute("select ciphertext from personal").fetchone()
    assert sealed.c == hashlib.sha256(ciphertext).hexdigest()
    assert await safe.open(ONE, "pii_2") is None
    assert await safe.open(TWO, "pii_1") is None


async def test_equal_words_have_other_ciphertexts(safe: Safe) -> None:
    """A nonce is never used twice with a key, so digests tell nobody that two texts are equal."""
    assert (await safe.seal(ONE, "a", WORDS)).c != (await safe.seal(ONE, "b", WORDS)).c


async def test_a_subject_has_one_pseudonym_per_tenant(safe: Safe) -> None:
    """It cannot be guessed from the id: a key that dies with the subject makes it (decision 7)."""

    def work(tx: Transaction) -> list[str]:
        return [
            safe.personal.pseudonym(tx, tenant, subject, 0)
            for tenant, subject in ((ONE, "a"), (ONE, "a"), (ONE, "b"), (TWO, "a"))
        ]

    names = await safe.store.write(work)
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert all(name.startswith("sub_") and len(name) == 28 for name in names)


async def test_no_body_holds_a_customers_words_or_id(tmp_path: Path) -> None:
    """Decision 7, over a whole action: neither the reason nor the customer's id is in the log."""
    async with open_shop(tmp_path) as opened:
        opened.shop.books.add("o1", "cus_zoe", Money(100_000, "USD"))
        await opened.sayso.propose(
            "shop.refund",
            {"order": "o1", "amount": {"amount_minor": 12_900, "currency": "USD"}},
            subject="cus_zoe",
            reason=WORDS,
        )
        path = opened.workspace.store_path
        with closing(sqlite3.connect(path)) as connection:
            bodies = [body for (body,) in connection.execute("select body from log_entry")]
    assert bodies
    for word in ("Zoë", "Quark", "teapot", "cus_zoe"):
        assert not [body for body in bodies if word in body], word


@pytest.mark.parametrize(
    "attack",
    [
        "update personal set ref = 'x' where ref = 'a'",
        "update personal set tenant = 'two' where ref = 'a'",
        (
            "update personal set ciphertext = (select ciphertext from personal where ref = 'b')"
            ", nonce = (select nonce from personal where ref = 'b') where ref = 'a'"
        ),
        "update personal set nonce = zeroblob(12) where ref = 'a'",
        "update personal set ciphertext = substr(ciphertext, 1, 20) where ref = 'a'",
        "update personal set ciphertext = x'' where ref = 'a'",
        "update personal set nonce = x'' where ref = 'a'",
        "update subject set key = zeroblob(32)",
        "update subject set key = x'00'",
    ],
)
async def test_a_ciphertext_that_was_moved_or_changed_does_not_open(
    safe: Safe, attack: str
) -> None:
    """Tenant and reference are bound to it (decision 7): `tampered`, never other words."""
    await safe.seal(ONE, "a", WORDS)
    await safe.seal(ONE, "b", "other words")
    if "tenant = 'two'" in attack:
        safe.change("insert into subject select 'two', id, pseudonym, key, created_at from subject")
    safe.change(attack)
    tenant = TWO if "tenant = 'two'" in attack else ONE
    ref = "x" if "ref = 'x'" in attack else "a"
    with pytest.raises((IntegrityError, ConfigError)) as caught:
        await safe.open(tenant, ref)
    # 32 bytes may be a key from before they were wrapped, so the way out is said.
    unwrapped = "zeroblob(32)" in attack
    assert caught.value.code is (Code.OLDER_BUILD if unwrapped else Code.TAMPERED)


async def test_rows_of_two_tenants_cannot_be_exchanged(safe: Safe) -> None:
    """Even where both have the same reference, each keeps its own words."""
    await safe.seal(ONE, "a", WORDS)
    await safe.seal(TWO, "a", "other words")
    for table in ("personal", "subject"):
        for before, after in (("one", "tmp"), ("two", "one"), ("tmp", "two")):
            safe.change(f"update {table} set tenant = '{after}' where tenant = '{before}'")
    for tenant in (ONE, TWO):
        with pytest.raises(IntegrityError):
            await safe.open(tenant, "a")


async def test_when_a_subjects_row_is_deleted_the_words_are_gone_and_the_log_verifies(
    safe: Safe,
) -> None:
    """Erasure (decision 7): the key is all there is to delete; other subjects keep their words."""
    await safe.seal(ONE, "a", WORDS)
    await safe.seal(ONE, "b", "other words", subject="cus_2")
    safe.change("delete from subject where id = 'cus_1'")
    assert await safe.open(ONE, "a") is None
    assert await safe.open(ONE, "b") == "other words"
    found = verify(safe.path, deep=True)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    await safe.seal(ONE, "c", "back again")
    assert await safe.open(ONE, "a") is None
    assert await safe.open(ONE, "c") == "back again"


async def test_nothing_is_sealed_without_a_key(safe: Safe) -> None:
    """`unknown_subject`: text never lies there in clear because somebody forgot a step."""
    with pytest.raises(RefusedError) as caught:
        await safe.store.write(lambda tx: safe.personal.seal(tx, ONE, "nobody", "a", WORDS))
    assert caught.value.code is Code.UNKNOWN_SUBJECT
