"""What a process's log tells of PostgreSQL's errors: codes and our own names, no value of a row."""

from __future__ import annotations

import asyncio
import logging
import secrets

import pytest

from sayso.errors import SaysoError
from sayso.store.base import Transaction
from sayso.store.postgres.store import PostgresStore


@pytest.mark.promise("logs:wordless")
async def test_the_servers_words_stay_out_of_the_log(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It quotes what it was given, such as `Token "…" is invalid` (invariant 6)."""
    canary = f"cus_{secrets.token_hex(8)}"
    caplog.set_level(logging.DEBUG)
    store = PostgresStore(postgres_url)

    def append(tx: Transaction) -> None:
        tx.run("log.append", tenant="main", seq=0, body=canary)

    def insert(tx: Transaction) -> None:
        names = {"tenant": "main", "id": canary, "pseudonym": f"sub_{canary}"}
        tx.run("personal.subject_insert", **names, key=b"k", created_at=1)

    await store.write(insert)
    told: list[object] = []
    for work in (append, insert):
        told += await asyncio.gather(store.write(work), return_exceptions=True)
        told += await asyncio.gather(*(store.write(work) for _ in range(3)), return_exceptions=True)
    await store.close()
    errors = [error for error in told if isinstance(error, SaysoError)]
    assert len(errors) == 8
    assert canary in str([error.detail for error in errors])  # the server did say it
    assert canary not in caplog.text
    assert "InvalidTextRepresentation 22P02" in caplog.text
    assert "UniqueViolation 23505 subject subject_pkey" in caplog.text
