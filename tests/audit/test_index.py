"""The index that readers keep: rebuilt when it is of another log, and trusted with nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from audit.small_log import bodies_of
from hypothesis import given
from hypothesis import strategies as st

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.log import AuditLog
from sayso.audit.queries.index import FILL, ZONE, LogIndex
from sayso.audit.queries.pages import read_page
from sayso.audit.queries.query import Query, parse_query
from sayso.audit.queries.terms import match_of, terms_of
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.audit.tree.merkle import LeafHashes, inclusion_proof, leaf_hash
from sayso.audit.tree.tiles import WIDTH, TileHashes, TileWriter
from sayso.errors import RefusedError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.store.base import Reader, Row, SqlValue, Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

MAIN = Tenant("main")


class ListedBodies:
    """A log that is a list, as far as an index reads it."""

    writes = False

    def __init__(self, bodies: list[bytes]) -> None:
        self.bodies = bodies

    def one(self, query: str, /, **params: SqlValue) -> Row | None:
        """The first row."""
        rows = self.all(query, **params)
        return rows[0] if rows else None

    def all(self, query: str, /, **params: SqlValue) -> list[Row]:
        """Bodies from an index on."""
        if query == "segment.pruned_to":
            return [{"size": 0}]
        assert query == "log.bodies"
        start, limit = int(str(params["from_seq"])), int(str(params["limit"]))
        rows = enumerate(self.bodies[start : start + limit], start)
        return [{"seq": seq, "body": body.decode()} for seq, body in rows]

    def each(self, query: str, params: Sequence[Mapping[str, SqlValue]], /) -> list[Row]:
        """Rows of several."""
        return [row for one in params for row in self.all(query, **one)]

    def ahead(self, query: str, /, **params: SqlValue) -> None:
        """Nothing is waited for here."""

    def recall(self, key: object) -> object | None:
        """Nothing is remembered here."""


def tiles_of(leaves: list[bytes], steps: list[int]) -> TileHashes:
    """Tiles that were filled in steps."""
    tiles: dict[tuple[int, int], bytes] = {}
    done = 0
    for step in [*steps, len(leaves)]:
        last: dict[int, tuple[int, bytes]] = {}
        for (level, number), hashes in sorted(tiles.items()):
            full = len(hashes) == WIDTH * 32
            last[level] = (number + 1, b"") if full else (number, hashes)
        writer = TileWriter(last)
        writer.extend(leaves[done : done + step])
        tiles |= {(level, number): hashes for level, number, hashes in writer.tiles()}
        done += step
    return TileHashes(lambda level, number: tiles.get((level, number), b""))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 65_536, 65_793])
def test_tiles_give_the_proofs_that_the_leaves_give(size: int) -> None:
    """RFC 6962 proofs, whatever the steps in which the tiles were filled."""
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    tiles, direct = tiles_of(leaves, [1, 254, 3, 600]), LeafHashes(leaves)
    for index in {0, size // 3, size // 2, size - 1}:
        assert inclusion_proof(tiles, index, size) == inclusion_proof(direct, index, size)


def test_tiles_that_end_too_early_are_said_so() -> None:
    """Never a hash of fewer leaves than asked for."""
    tiles = tiles_of([leaf_hash(b"%d" % number) for number in range(300)], [])
    with pytest.raises(LookupError):
        tiles.hash_of(0, 300)
    with pytest.raises(LookupError):
        tiles.hash_of(3, 300 >> 3)


AMOUNTS = st.integers(0, 2**53 - 1) | st.integers(0, 5000)


@given(AMOUNTS, AMOUNTS | st.none(), AMOUNTS | st.none())
def test_the_terms_of_a_range_find_every_amount_in_it_and_no_other(
    minor: int, low: int | None, high: int | None
) -> None:
    """What lies beside it may be millions of entries, each of which would be read in vain."""
    inside = (low is None or minor >= low) and (high is None or minor <= high)
    terms = terms_of({"amount": {"amount_minor": minor, "currency": "USD"}})
    for currency, own in (("USD", True), ("EUR", False)):
        match = match_of(Query(currency=currency, amount_from=low, amount_to=high))
        assert _finds(match, terms) == (inside and own)


def _finds(match: str, terms: set[str]) -> bool:
    """Whether SQLite finds an entry of these terms."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("create virtual table term using fts5(words, detail = none)")
        database.execute("insert into term values (?)", (" ".join(terms),))
        found = database.execute("select 1 from term where term match ?", (match,)).fetchone()
    return found is not None


def test_a_range_is_few_terms() -> None:
    """However wide it is, since each is looked up: six at most for each two binary digits."""
    for words, digits in (
        ("amount:>0.01USD", 53),
        ("amount:1.23..98765432.10USD", 34),
        ("amount:50..199.99USD", 15),
        ("amount:129USD", 1),
    ):
        terms = match_of(parse_query(words)).count('"') // 2
        assert terms <= 6 * -(-digits // 2), words
    assert match_of(parse_query("amount:129USD")).count('"') == 2


@given(st.text(min_size=1, max_size=30), st.integers(1, 5))
def test_every_word_of_a_text_is_found_by_its_beginning(told: str, length: int) -> None:
    """Any script, any case; what has no letters or digits is no word."""
    fields: dict[str, object] = {"data": {"note": told}}
    terms = terms_of(fields)
    for word in told.split():
        try:
            query = parse_query(f'text:"{word[:length]}*"') if '"' not in word else None
        except RefusedError:  # no word in it: parse_query has its own tests
            continue
        if query is None or len(query.phrases[0].words) != 1:
            continue
        prefix = match_of(query).removeprefix('"').removesuffix('"*')
        if query.phrases[0].stands_in(query.phrases[0].words):
            assert any(term.startswith(prefix) for term in terms)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A store with a log of one entry for each of some people, and an index on disk."""

    store: SqliteStore
    path: Path

    async def found(self, index: LogIndex, words: str) -> list[int]:
        """What fits, with the index as it is."""
        found = await self.store.read(
            lambda reader: read_page(reader, MAIN, parse_query(words), limit=50, index=index)
        )
        return [one.seq for one in found]

    async def fill(self, index: LogIndex, size: int) -> int:
        """Take in; what is missing then."""
        return await self.store.read(lambda reader: index.fill(reader, size))


def person(name: str) -> Entry:
    """An entry of a person."""
    return Entry(
        kind=EntryKind.ACTION_REFUSED,
        actor=Actor(kind=ActorKind.PERSON, id=name),
        amount=Money(500, "USD"),
    )


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncGenerator[Kept]:
    """Three people, in this order."""
    store = SqliteStore(tmp_path / "log.db", create=True)
    log = AuditLog("test", Ed25519Signer.generate("test"), FakeClock())

    def add(tx: Transaction) -> None:
        for name in ("maria", "finn", "noor"):
            log.append(tx, MAIN, person(name))

    await store.write(add)
    yield Kept(store=store, path=tmp_path / "index.db")
    await store.close()


async def test_an_index_of_another_log_begins_again(kept: Kept) -> None:
    """A database that was put back, or exchanged, is never asked by what it held before."""
    index = LogIndex(kept.path, MAIN)
    other = ListedBodies(bodies_of("main", [person("eve")] * 2))
    assert index.fill(other, 2) == 0
    assert await kept.fill(index, 3) == 0
    assert await kept.found(index, "actor:eve") == []
    assert await kept.found(index, "actor:maria") == [0]
    index.close()


async def test_an_index_is_kept_between_processes(kept: Kept) -> None:
    """What one took in, the next one finds, and goes on from there."""
    first = LogIndex(kept.path, MAIN)
    await kept.fill(first, 2)
    second = LogIndex(kept.path, MAIN)
    assert second.size == 2
    await kept.fill(second, 3)
    assert await kept.found(first, "actor:noor") == [2]
    first.close()
    second.close()


async def test_an_index_that_is_ahead_of_a_reader_is_left_as_it_is(kept: Kept) -> None:
    """Another process took in what this snapshot does not hold yet."""
    index = LogIndex(kept.path, MAIN)
    await kept.fill(index, 3)
    assert await kept.fill(index, 2) == 0
    assert index.size == 3
    index.close()


def test_a_long_log_is_taken_in_step_by_step(tmp_path: Path) -> None:
    """Each step is a commit, the zones bound the times, and the hashes are those of the log."""
    count = FILL + ZONE + 300
    bodies = bodies_of("main", [person("maria")] * count)
    reader: Reader = ListedBodies(bodies)
    index = LogIndex(tmp_path / "index.db", MAIN)
    missing = [index.fill(reader, count), index.fill(reader, count)]
    assert missing == [ZONE + 300, 0]
    begin = 1_764_072_000_000_000
    assert index.between(begin + (FILL + 5) * 1_000_000, None) == (FILL, count)
    assert index.between(None, begin + 5_000_000) == (0, ZONE)
    assert index.between(begin + count * 1_000_000, None) == (count, count)
    assert index.between(None, begin) == (0, 0)
    proof = inclusion_proof(index.hashes, 77, count)
    leaves = [leaf_hash(body) for body in bodies]
    assert proof == inclusion_proof(LeafHashes(leaves), 77, count)
    index.close()
