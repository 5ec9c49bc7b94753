"""Customers' keys are wrapped by a key outside the database, which is exchanged by one command."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from secrets import token_bytes

import pytest
from actions.steps import MAIN, propose, stock
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.authority.keyring import Keyring, root_of_signer, root_of_text
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.sdk.resources.tokens import Scope

OPERATOR = Actor(kind=ActorKind.SERVICE, id="operator")
WORDS = "the blue mug arrived in 40 pieces"


def rows_of(opened: ShopWorkspace, statement: str, *values: object) -> list[tuple[object, ...]]:
    """What somebody with the file reads, or does."""
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows, rows:
        return rows.execute(statement, values).fetchall()


async def words_of(opened: ShopWorkspace, action: str) -> str | None:
    """What stands sealed beside the action."""
    ((ref,),) = rows_of(opened, "select reason_ref from action where id = ?", action)
    personal = opened.sayso.container.personal
    return await opened.sayso.container.store.read(
        lambda reader: personal.open(reader, MAIN, str(ref))
    )


@pytest.mark.promise("subjects:wrapped")
async def test_a_stolen_database_opens_nothing(tmp_path: Path) -> None:
    """Neither the words nor a key that opens them stand in any file of the database."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 2000, reason=WORDS)
        assert await words_of(opened, view.id) == WORDS
        ((key,),) = rows_of(opened, "select key from subject")
        assert isinstance(key, bytes)
        assert len(key) > 60
    for file in tmp_path.glob("sayso.db*"):
        assert WORDS.encode() not in file.read_bytes(), file.name
    vault = tmp_path / "keys" / "vault.key"
    vault.write_text(new_key(token_bytes).reveal())
    async with open_shop(tmp_path, clock=opened.clock) as thief:
        with pytest.raises(ConfigError) as caught:
            await words_of(thief, view.id)
        assert caught.value.code is Code.KEY_MISMATCH


@pytest.mark.tampers("a wrapped key is put in another one's place")
@pytest.mark.promise("subjects:wrapped")
@pytest.mark.parametrize(
    "change",
    [
        "update subject set key = (select key from subject where id = 'cus_2') where id = 'cus_1'",
        "update subject set created_at = created_at + 1",
        "update subject set key = cast(x'736b31' || randomblob(68) as blob)",
    ],
    ids=["another's", "time", "made up"],
)
async def test_a_wrapped_key_opens_at_its_own_place_only(tmp_path: Path, change: str) -> None:
    """Moved to another row or changed, nothing is sealed with it and nothing opened."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        stock(opened, "o2", customer="cus_2")
        view = await propose(opened, 2000, reason=WORDS)
        await propose(opened, order="o2", subject="cus_2", reason="another's")
        rows_of(opened, change)
        with pytest.raises((IntegrityError, ConfigError)):
            await words_of(opened, view.id)


@pytest.mark.promise("subjects:rewrapped")
async def test_the_key_outside_is_exchanged_without_rewriting_a_text(tmp_path: Path) -> None:
    """One command: the ciphertexts stay as they are, and then the old key opens nothing new."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 2000, reason=WORDS)
        made, secret = await opened.sayso.tokens.create(
            MAIN, "service", "bot", frozenset({Scope.READ}), days=1, by=OPERATOR
        )
        texts = rows_of(opened, "select ref, nonce, ciphertext from personal order by ref")
    folder = tmp_path / "keys"
    (folder / "old.key").write_text((folder / "vault.key").read_text())
    (folder / "vault.key").write_text(new_key(token_bytes).reveal())
    both = {"older_keys": ["file:keys/old.key"]}
    async with open_shop(tmp_path, clock=opened.clock, vault=both) as later:
        assert await words_of(later, view.id) == WORDS
        done = await later.sayso.privacy.rewrap()
        assert (done.wrapped, done.current, done.tokens) == (1, 0, 1)
        assert done.tokens_until is not None
        assert (await later.sayso.privacy.rewrap()).wrapped == 0
        assert (await later.sayso.tokens.check(secret)).id == made.id
        assert texts == rows_of(later, "select ref, nonce, ciphertext from personal order by ref")
    async with open_shop(tmp_path, clock=opened.clock) as newest:
        assert await words_of(newest, view.id) == WORDS
        assert newest.sayso.audit.verify().verdict == "verified"


@pytest.mark.promise("subjects:rewrapped")
async def test_keys_from_before_they_were_wrapped_are_taken_in_by_the_same_command(
    tmp_path: Path,
) -> None:
    """An upgrade: until then nothing of that customer opens, and the next step is said."""
    async with open_shop(tmp_path) as opened:
        stock(opened)
        view = await propose(opened, 2000, reason=WORDS)
        ((customer, pseudonym, wrapped, made),) = rows_of(
            opened, "select id, pseudonym, key, created_at from subject"
        )
        assert isinstance(wrapped, bytes)
        place = "|".join(
            map(str, ("sayso/subject-key/v1", 4, MAIN, 5, customer, pseudonym, made))
        ).encode()
        plain = opened.sayso.container.keyring.unwrap(wrapped, place)
        rows_of(opened, "update subject set key = ?", plain)
        with pytest.raises(ConfigError, match="not wrapped yet") as caught:
            await words_of(opened, view.id)
        assert "sayso privacy rewrap" in caught.value.next_step
        assert (await opened.sayso.privacy.rewrap()).wrapped == 1
        assert await words_of(opened, view.id) == WORDS


def test_a_key_in_a_kms_stands_for_a_root_by_what_it_signs() -> None:
    """Ed25519 signs one text in one way, so the root is the same in every process."""
    signer = Ed25519Signer.generate("acme")
    assert root_of_signer(signer) == root_of_signer(signer)
    assert root_of_signer(signer) != root_of_signer(Ed25519Signer.generate("acme"))
    assert len(root_of_signer(signer)) == 32


def test_no_part_of_a_root_is_shown() -> None:
    """Invariant 6: neither by the ring nor by what is wrong with a key."""
    text = new_key(token_bytes).reveal()
    ring = Keyring(root_of_text(text))
    assert re.fullmatch(r"[0-9a-f]{16}", ring.kid)
    assert text not in f"{ring!r} {vars(ring)}"
    with pytest.raises(ConfigError) as caught:
        root_of_text(text[:-4])
    assert text[:20] not in f"{caught.value} {caught.value.detail}"
