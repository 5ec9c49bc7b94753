"""A time-stamp authority as a place: what it says is kept only when it is what was asked for."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from audit.test_publishing import LONG_S, MAIN, grow
from cryptography.x509.oid import ExtendedKeyUsageOID
from support.time_stamp_authority import (
    POLICY,
    Answer,
    FakeAuthority,
    OpensslAuthority,
    TsaServer,
    granted,
    imprint_of,
    openssl,
    read_request,
    refused,
)

from sayso.audit.publishing.directory import DirectoryTarget, read_published
from sayso.audit.publishing.publisher import Publisher, PublishingPace
from sayso.audit.publishing.timestamp_target import MAX_ANSWER_BYTES, TimestampTarget
from sayso.audit.signed_note.authorities import TimeAuthorities
from sayso.audit.signed_note.note import parse_note
from sayso.errors import Code, ConfigError, RetryableError
from sayso.store.base import Reader, Row, Store, blob, integer, text
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import START, FakeClock
from sayso.testing.faults import QUICK_FAULTS, FaultProxy, HttpFault, waiting_faults

OWN, STRANGER = FakeAuthority(), FakeAuthority()
EXPIRED = FakeAuthority(days=-1)
FOR_MAIL = FakeAuthority(usages=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
ISSUED_BY_OWN = FakeAuthority(issuer=OWN)
BESIDE = FakeAuthority(usages=(ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.OCSP_SIGNING))
AUTHORITIES = {"own": OWN, "expired": EXPIRED, "for_mail": FOR_MAIL, "beside": BESIDE}
TIMEOUT_S = 0.3


def roots_of(name: str) -> TimeAuthorities:
    """What somebody pins who trusts an authority."""
    return TimeAuthorities.parse(AUTHORITIES[name].roots_pem)


def place_of(
    url: str, roots: str = "own", policy: str | None = None, timeout_s: float = LONG_S
) -> TimestampTarget:
    """The place, with this authority's root pinned."""
    return TimestampTarget("tsa", url, roots_of(roots), policy, timeout_s=timeout_s)


async def stamps_of(store: Store) -> list[Row]:
    """What is kept of the authority's answers."""

    def work(reader: Reader) -> list[Row]:
        return reader.all("publication.stamped", tenant=MAIN, size=-1, place="", limit=100)

    return await store.read(work)


def verified_by_openssl(folder: Path, note: bytes, token: bytes, roots: bytes) -> bool:
    """What `openssl ts -verify` says of a token over a note."""
    for name, content in (("note", note), ("token", token), ("roots", roots)):
        (folder / name).write_bytes(content)
    words = ("-data", "note", "-in", "token", "-token_in", "-CAfile", "roots")
    command = [openssl(), "ts", "-verify", *words]
    ran = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
    return ran.returncode == 0 and b"Verification: OK" in ran.stdout


@pytest.fixture
def real(tmp_path: Path) -> OpensslAuthority:
    """A real time-stamp authority."""
    try:
        return OpensslAuthority(tmp_path / "tsa", OWN)
    except FileNotFoundError:
        pytest.skip("there is no `openssl` on this machine, which is the authority here")


@pytest.mark.promise("audit:timestamped")
async def test_a_real_authority_stamps_every_head(tmp_path: Path, real: OpensslAuthority) -> None:
    """RFC 3161 as an option; OpenSSL gives the tokens, and judges what was kept."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    with TsaServer(answer=real.answer) as server:
        publisher = Publisher(store, [place_of(server.url, policy=POLICY)], FakeClock())
        for _ in range(2):
            await grow(store, 3)
            (state,) = await publisher.publish_now()
            assert (state.lag, state.problem) == (0, "")
        await publisher.close()
    rows = await stamps_of(store)
    assert [integer(row, "size") for row in rows] == [3, 6]
    for row in rows:
        note, token = text(row, "note").encode(), blob(row, "token")
        stamp = roots_of("own").read_token(token, note)
        assert (stamp.fits, stamp.authority, stamp.policy) == (True, "tsa.example", POLICY)
        assert verified_by_openssl(tmp_path, note, token, OWN.roots_pem)
        assert not verified_by_openssl(tmp_path, note[:-1], token, OWN.roots_pem)
        assert not verified_by_openssl(tmp_path, note, token, STRANGER.roots_pem)
    await store.close()


def test_the_fake_authority_is_one_to_openssl(tmp_path: Path) -> None:
    """House rule 23: the fake that ships gives what the real one gives."""
    try:
        openssl()
    except FileNotFoundError:
        pytest.skip("there is no `openssl` on this machine, which is the judge here")
    note = b"acme/main\n"
    token = OWN.token(imprint_of(sha256(note).digest()))
    assert verified_by_openssl(tmp_path, note, token, OWN.roots_pem)


def over(digest: bytes) -> Answer:
    """A granted answer to this request, over another digest."""
    return lambda request: granted(OWN.token(imprint_of(digest), read_request(request)[1]))


def replayed() -> Answer:
    """The answer to another request over the same bytes."""

    def answer(request: bytes) -> bytes:
        imprint, _ = read_request(request)
        return granted(OWN.token(imprint, bytes.fromhex("020203e8")))

    return answer


def without_nonce(request: bytes) -> bytes:
    """A granted answer to no request in particular."""
    return granted(OWN.token(read_request(request)[0]))


def flipped(request: bytes) -> bytes:
    """A signature that is one bit off."""
    answer = bytearray(OWN.answer(request))
    answer[-1] ^= 1
    return bytes(answer)


LIES: dict[str, tuple[Answer, str, str]] = {
    # what it answers, whose root is pinned, and what is said of it
    "garbage": (lambda _: b"<html>no</html>", "own", "gave no answer of RFC 3161"),
    "empty": (lambda _: b"", "own", "gave no answer of RFC 3161"),
    "refused": (lambda _: refused(2, "bad\x1b[2Jalg"), "own", "(status 2): bad\\x1b[2Jalg"),
    "waiting": (lambda _: refused(3, ""), "own", "stamped nothing (status 3)"),
    "granted_without_token": (lambda _: refused(0, ""), "own", "cannot be read"),
    "more_behind": (lambda asked: OWN.answer(asked) + b"\0", "own", "gave no answer of RFC 3161"),
    "too_long": (lambda _: bytes(MAX_ANSWER_BYTES + 1), "own", "too long"),
    "other_digest": (over(sha256(b"other").digest()), "own", "stamped something else"),
    "replayed": (replayed(), "own", "answered another request"),
    "without_nonce": (without_nonce, "own", "answered another request"),
    "flipped": (flipped, "own", "no pinned certificate vouches for it"),
    "stranger": (STRANGER.answer, "own", "no pinned certificate vouches for it"),
    "issued_by_no_ca": (ISSUED_BY_OWN.answer, "own", "no pinned certificate vouches for it"),
    "expired": (EXPIRED.answer, "expired", "no pinned certificate vouches for it"),
    "for_mail": (FOR_MAIL.answer, "for_mail", "no pinned certificate vouches for it"),
    "for_other_things": (BESIDE.answer, "beside", "no pinned certificate vouches for it"),
}


@pytest.mark.promise("audit:timestamped")
@pytest.mark.parametrize("lie", LIES)
async def test_what_was_not_asked_for_is_not_kept(tmp_path: Path, lie: str) -> None:
    """Each wrong answer is told apart, keeps nothing, and is asked for again."""
    answer, roots, said = LIES[lie]
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await grow(store, 3)
    with TsaServer(answer=answer) as server:
        publisher = Publisher(store, [place_of(server.url, roots)], FakeClock())
        (state,) = await publisher.publish_now()
        assert said in state.problem
        error = publisher.problems["tsa", MAIN]
        assert isinstance(error, RetryableError)
        assert (error.code, bool(error.next_step)) == (Code.PUBLISH_TARGET_UNAVAILABLE, True)
        assert (state.published, await stamps_of(store)) == (0, [])
        await publisher.close()
        server.answer = OWN.answer
        publisher = Publisher(store, [place_of(server.url)], FakeClock())
        (state,) = await publisher.publish_now()
        assert (state.problem, len(await stamps_of(store))) == ("", 1)
        await publisher.close()
    await store.close()


@pytest.mark.promise("audit:timestamped")
@pytest.mark.parametrize(
    "fault",
    [fault for fault in (*QUICK_FAULTS, *waiting_faults(TIMEOUT_S)) if fault.kind != "slow_after"],
    ids=lambda fault: fault.label,
)
async def test_a_network_that_fails_keeps_nothing_half(tmp_path: Path, fault: HttpFault) -> None:
    """500, a redirect, a cut, a flood, a trickle: an error within bounds, and then it works."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await grow(store, 3)
    with TsaServer(answer=OWN.answer) as server, FaultProxy.start(server.url) as proxy:
        place = place_of(proxy.url + "/tsr", timeout_s=TIMEOUT_S)
        publisher = Publisher(store, [place], FakeClock())
        proxy.add(fault)
        async with asyncio.timeout(LONG_S):
            (state,) = await publisher.publish_now()
        proxy.clear()  # where it took too long before the fault was met
        proxy.release()
        assert isinstance(publisher.problems["tsa", MAIN], RetryableError), state
        assert await stamps_of(store) == []
        await publisher.close()
        publisher = Publisher(store, [place_of(proxy.url + "/tsr")], FakeClock())
        (state,) = await publisher.publish_now()
        assert (state.problem, len(await stamps_of(store))) == ("", 1)
        await publisher.close()
    await store.close()


@pytest.mark.promise("audit:published:unreachable")
async def test_an_authority_that_is_silent_holds_nothing_up(tmp_path: Path) -> None:
    """Other places and the log go on, and it is caught up with when it is back."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    (tmp_path / "share").mkdir()
    share = DirectoryTarget("share", tmp_path / "share")
    with TsaServer(answer=OWN.answer) as server, FaultProxy.start(server.url) as proxy:
        proxy.refuse()
        place = place_of(proxy.url + "/tsr")
        publisher = Publisher(store, [place, share], FakeClock(), pace=PublishingPace(every_s=0.01))
        running = asyncio.create_task(publisher.run())
        await grow(store, 3)
        async with asyncio.timeout(LONG_S):
            while [state.lag for state in await publisher.states()] != [3, 0]:
                await asyncio.sleep(0)
            while not publisher.problems:
                await asyncio.sleep(0)
        assert len(list(read_published(tmp_path / "share"))) == 1
        proxy.accept()
        async with asyncio.timeout(LONG_S):
            while publisher.problems:
                await asyncio.sleep(0)
        assert [state.lag for state in await publisher.states()] == [0, 0]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    await store.close()


async def test_the_first_time_stamp_of_a_head_stays(tmp_path: Path) -> None:
    """It says the earliest time; what is over a head cannot be exchanged or taken away."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    clock = FakeClock()
    authority = FakeAuthority(clock)
    roots = TimeAuthorities.parse(authority.roots_pem)
    await grow(store, 3)
    with TsaServer(answer=authority.answer) as server:
        publisher = Publisher(store, [TimestampTarget("tsa", server.url, roots)], clock)
        for _ in range(2):
            assert (await publisher.publish_now())[0].problem == ""
            clock.advance(hours=1)
        assert len(server.asked) == 2
        await publisher.close()
    (row,) = await stamps_of(store)
    stamp = roots.read_token(blob(row, "token"), text(row, "note").encode())
    assert stamp.before_s == int(START.timestamp()) + 2
    await store.close()
    with closing(sqlite3.connect(tmp_path / "sayso.db", isolation_level=None)) as rows:
        for statement in ("update log_timestamp set token = x'00'", "delete from log_timestamp"):
            with pytest.raises(sqlite3.IntegrityError):
                rows.execute(statement)
        rows.execute(
            "insert or replace into log_timestamp select tenant, place, size, note, x'00', at"
            " from log_timestamp"
        )
        (kept,) = rows.execute("select token from log_timestamp").fetchone()
        assert kept == blob(row, "token")


async def test_two_processes_may_ask_at_once(tmp_path: Path) -> None:
    """Both get a time stamp, one of which stays."""
    stores = [SqliteStore(tmp_path / "sayso.db", create=first) for first in (True, False)]
    await grow(stores[0], 3)
    with TsaServer(answer=OWN.answer) as server:
        publishers = [Publisher(store, [place_of(server.url)], FakeClock()) for store in stores]
        found = await asyncio.gather(*(publisher.publish_now() for publisher in publishers))
        assert [state.problem for states in found for state in states] == ["", ""]
        assert len(server.asked) == 2
        for publisher in publishers:
            await publisher.close()
    assert len(await stamps_of(stores[0])) == 1
    for store in stores:
        await store.close()


@pytest.mark.parametrize(("seconds", "due"), [(3599, False), (3600, True), (-9, True)])
async def test_an_authority_is_asked_by_the_clock_alone(
    tmp_path: Path, seconds: float, due: bool
) -> None:
    """However much is written in between: it belongs to somebody else."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    clock = FakeClock()
    with TsaServer(answer=OWN.answer) as server:
        pace = PublishingPace(every_s=3600, every_entries=2**62)
        publisher = Publisher(store, [place_of(server.url)], clock, paces={"tsa": pace})
        await grow(store, 1)
        await publisher.publish_due()
        clock.advance(seconds=seconds)
        await grow(store, 2000)
        await publisher.publish_due()
        assert len(server.asked) == (2 if due else 1)
        await publisher.close()
    await store.close()


async def test_another_policy_is_not_taken(tmp_path: Path) -> None:
    """The settings say under which one an authority must stamp."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await grow(store, 3)
    with TsaServer(answer=OWN.answer) as server:
        publisher = Publisher(store, [place_of(server.url, policy="1.2.3")], FakeClock())
        (state,) = await publisher.publish_now()
        assert f"stamps under the policy {POLICY}" in state.problem
        assert isinstance(publisher.problems["tsa", MAIN], RetryableError)
        assert await stamps_of(store) == []
        await publisher.close()
    await store.close()


async def test_what_is_stamped_is_the_whole_note(tmp_path: Path) -> None:
    """Text and signatures: so the token dates who signed as well as what."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await grow(store, 3)
    with TsaServer(answer=OWN.answer) as server:
        publisher = Publisher(store, [place_of(server.url)], FakeClock())
        await publisher.publish_now()
        await publisher.close()
        (asked,) = server.asked
    (row,) = await stamps_of(store)
    note = text(row, "note")
    assert read_request(asked)[0] == imprint_of(sha256(note.encode()).digest())
    only_text = roots_of("own").read_token(blob(row, "token"), parse_note(note)[0].encode())
    assert not only_text.fits
    await store.close()


def test_a_missing_part_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """House rule 30: a missing extra's error names the extra."""
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(ConfigError) as caught:
        TimeAuthorities.parse(OWN.roots_pem)
    assert caught.value.code is Code.MISSING_EXTRA
    assert "pip install rfc3161-client" in caught.value.next_step


def not_there(folder: Path) -> Path:
    """A file that is not there."""
    return folder / "nowhere.pem"


def holding(content: bytes) -> Callable[[Path], Path]:
    """A file with this content."""

    def write(folder: Path) -> Path:
        path = folder / "roots.pem"
        path.write_bytes(content)
        return path

    return write


def folder_itself(folder: Path) -> Path:
    """A folder in the place of a file."""
    return folder


def leaf_alone(folder: Path) -> Path:
    """The authority's own certificate, without its root."""
    OWN.write(folder)
    return folder / "own.pem"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (not_there, "cannot be read"),
        (holding(b""), "holds no certificate"),
        (holding(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "holds no"),
        (holding(bytes(1024 * 1024 + 1)), "over 1 MiB"),
        (folder_itself, "cannot be read"),
        (leaf_alone, "holds no root"),
    ],
)
def test_certificates_that_pin_nobody_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    """Before anything is asked or judged."""
    with pytest.raises(ConfigError) as caught:
        TimeAuthorities.read(make(tmp_path))
    assert said in caught.value.message
    assert (caught.value.code, bool(caught.value.next_step)) == (Code.INVALID_SETTING, True)
