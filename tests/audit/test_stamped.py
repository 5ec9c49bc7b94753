"""Time stamps for the auditor: since when a head existed, by whom, and nothing beyond that."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from audit.small_log import SmallLog, editing
from audit.test_anchors import W1, policy_of
from support.campaign import stride
from support.time_stamp_authority import FakeAuthority, der, imprint_of, oid
from vectors.make_timestamp_vectors import write_vectors

from sayso.audit.exports.bundle import write_bundle
from sayso.audit.signed_note.authorities import TimeAuthorities
from sayso.audit.signed_note.timestamps import StampedNote, read_stamps
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Damage, Verdict, Verification
from sayso.audit.verify import main, verify
from sayso.errors import IntegrityError
from sayso.testing.clock import START, FakeClock

CLOCK = FakeClock()
OWN, STRANGER = FakeAuthority(CLOCK), FakeAuthority(CLOCK, name="other.example")
ROOTS = TimeAuthorities.parse(OWN.roots_pem)
VECTORS = Path(__file__).parents[1] / "vectors"
VKEY = SmallLog(4).signer.vkey
BEFORE_S = int(START.timestamp()) + 2
"""The token's second, one for its accuracy, and one for what it may not say of a second."""


def token_over(note: bytes, authority: FakeAuthority = OWN) -> bytes:
    """What an authority stamps."""
    return authority.token(imprint_of(sha256(note).digest()))


def stamped(log: SmallLog, size: int, authority: FakeAuthority = OWN) -> StampedNote:
    """A head with its time stamp."""
    note = log.note(size).encode()
    return StampedNote(note=note, token=token_over(note, authority))


def keep(path: Path, *heads: StampedNote, tenant: str = "main") -> None:
    """Put heads with time stamps into the database."""
    with editing(path) as database:
        for one in heads:
            size = int(one.note.split(b"\n")[1])
            row = (tenant, "tsa", size, one.note.decode(), one.token)
            database.execute("insert into log_timestamp values (?, ?, ?, ?, ?)", row)


def hold(folder: Path, *heads: StampedNote) -> list[StampedNote]:
    """Write them down as an auditor keeps them, and read them again."""
    folder.mkdir(exist_ok=True)
    for number, one in enumerate(heads):
        (folder / f"{number:03d}.tsa.checkpoint").write_bytes(one.note)
        (folder / f"{number:03d}.tsa.tst").write_bytes(one.token)
    return list(read_stamps(folder))


def check(
    path: Path,
    held: Iterable[StampedNote] = (),
    authorities: TimeAuthorities | None = ROOTS,
    keys: Iterable[str] = (VKEY,),
) -> Verification:
    """Verify with the authority's root pinned."""
    return verify(path, trust=Trust.parse(keys, authorities=authorities, stamped=held))


def damages(found: Verification) -> set[Damage]:
    """What was found."""
    return {one.damage for one in found.all_findings}


@pytest.mark.promise("audit:timestamped")
def test_it_says_since_when_a_head_existed(tmp_path: Path) -> None:
    """From the database, which nobody has to trust for it: a token proves itself."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    keep(path, stamped(log, 8), stamped(log, 32))
    found = check(path)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    (one,) = found.logs
    assert [(stamp.size, stamp.before_s, stamp.authority) for stamp in one.stamps] == [
        (8, BEFORE_S, "tsa.example"),
        (32, BEFORE_S, "tsa.example"),
    ]
    said = "32 existed before 2026-11-25T12:00:02Z by tsa.example, 8 without a time stamp"
    assert f"{said}, and 1 more time stamp" in one.coverage
    assert one.to_json()["timestamps"] == [
        {"size": size, "before": "2026-11-25T12:00:02Z", "authority": "tsa.example"}
        for size in (8, 32)
    ]
    # Who asks about no time stamp is told of none.
    assert "existed before" not in check(path, authorities=None).logs[0].coverage


@pytest.mark.promise("audit:timestamped")
def test_it_is_no_consistency(tmp_path: Path) -> None:
    """Decision 13: it counts neither as a witness nor as an outside checkpoint."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    keep(path, stamped(log, 32))
    (one,) = check(path).logs
    assert "no outside checkpoint, so a rollback would not show" in one.coverage
    trust = Trust.parse([VKEY], policy=policy_of(W1), authorities=ROOTS)
    found = verify(path, trust=trust)
    assert found.verdict is Verdict.CANNOT_JUDGE
    assert damages(found) == {Damage.UNWITNESSED}
    assert found.logs[0].anchor is None


@pytest.mark.promise("audit:timestamped")
@pytest.mark.parametrize("held", [False, True], ids=["kept", "held"])
def test_a_stamped_head_of_another_history_convicts(tmp_path: Path, held: bool) -> None:
    """As an outside checkpoint does, wherever it lay: rewritten or shortened since."""
    honest = SmallLog()
    head = stamped(honest, 36)
    rewritten, shorter = SmallLog(), SmallLog(32)
    rewritten.bodies[13] = rewritten.bodies[13].replace(b"shop.refund", b"shop.credit")
    for name, log, damage in (
        ("rewritten", rewritten, Damage.FORKED),
        ("shorter", shorter, Damage.ROLLED_BACK),
    ):
        path = log.write(tmp_path / f"{name}.db")
        keep(path, stamped(log, 8), *([] if held else [head]))
        found = check(path, hold(tmp_path / "held", head) if held else ())
        assert (found.verdict, damages(found)) == (Verdict.TAMPERED, {damage})
        assert [stamp.size for stamp in found.logs[0].stamps] == [8]


@pytest.mark.promise("audit:timestamped")
def test_what_somebody_else_had_stamped_convicts_nobody(tmp_path: Path) -> None:
    """Anybody can have anything stamped: without the log's signature it says nothing of the log."""
    log, other = SmallLog(), SmallLog(seed=9)
    other.bodies[13] = other.bodies[13].replace(b"shop.refund", b"shop.credit")
    path = log.write(tmp_path / "log.db")
    keep(path, stamped(other, 36), stamped(log, 20))
    found = check(path)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert [stamp.size for stamp in found.logs[0].stamps] == [20]
    assert "heads with time stamps that this log did not sign: 1" in found.logs[0].warnings


def test_a_head_of_another_log_says_nothing_here(tmp_path: Path) -> None:
    """Each log has its own; what is held of a log that is not there leaves the verdict open."""
    one, two = SmallLog(tenant="main"), SmallLog(tenant="other")
    path = one.write(tmp_path / "log.db")
    two.write(path)
    keep(path, stamped(one, 8), stamped(two, 12))
    keep(path, stamped(two, 20), tenant="other")
    found = check(path, keys=())
    assert found.verdict is Verdict.VERIFIED
    assert [[stamp.size for stamp in log.stamps] for log in found.logs] == [[8], [20]]
    gone = SmallLog(tenant="gone")
    found = check(path, hold(tmp_path / "held", stamped(gone, 8)), keys=())
    assert (found.verdict, damages(found)) == (Verdict.CANNOT_JUDGE, {Damage.EMPTY})


@pytest.mark.promise("audit:timestamped")
def test_a_token_of_another_head_is_noticed(tmp_path: Path) -> None:
    """In the database somebody has put it there; the auditor's own files may be mixed up."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    wrong = StampedNote(note=log.note(20).encode(), token=stamped(log, 32).token)
    found = check(path, hold(tmp_path / "held", wrong))
    assert found.verdict is Verdict.CANNOT_JUDGE
    assert {one.check for one in found.all_findings} == {
        Check.TIMESTAMP_TRUSTED,
        Check.TIMESTAMP_PRESENT,
    }
    keep(path, wrong, stamped(log, 8))
    found = check(path)
    assert (found.verdict, damages(found)) == (Verdict.TAMPERED, {Damage.BAD_SIGNATURE})


@pytest.mark.promise("audit:timestamped")
def test_only_pinned_authorities_count(tmp_path: Path) -> None:
    """Another one's, an expired one's and one for e-mail are none; then nothing says when."""
    log = SmallLog()
    expired = FakeAuthority(CLOCK, days=-1)
    path = log.write(tmp_path / "log.db")
    found = check(path)
    assert (found.verdict, damages(found)) == (Verdict.CANNOT_JUDGE, {Damage.UNSTAMPED})
    keep(path, stamped(log, 8, STRANGER), stamped(log, 12, expired))
    for roots in (ROOTS, TimeAuthorities.parse(expired.roots_pem)):
        found = check(path, authorities=roots)
        assert (found.verdict, damages(found)) == (Verdict.CANNOT_JUDGE, {Damage.UNSTAMPED})
        assert found.exit_status == 2
    both = TimeAuthorities.parse(OWN.roots_pem + STRANGER.roots_pem)
    (one,) = check(path, authorities=both).logs
    assert [stamp.authority for stamp in one.stamps] == ["other.example"]
    assert "time stamps that are not of the authorities that count: 1" in one.warnings
    found = check(path, hold(tmp_path / "held", stamped(log, 8, STRANGER)))
    assert found.verdict is Verdict.CANNOT_JUDGE


def test_a_token_outlives_its_certificate(tmp_path: Path) -> None:
    """The chain is judged at the time that the token says."""
    clock = FakeClock()
    authority = FakeAuthority(clock, days=2)
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    keep(path, stamped(log, 8, authority))
    clock.advance(days=3)
    keep(path, stamped(log, 12, authority))
    (one,) = check(path, authorities=TimeAuthorities.parse(authority.roots_pem)).logs
    assert [stamp.size for stamp in one.stamps] == [8]


@pytest.mark.promise("audit:timestamped")
def test_no_flipped_bit_changes_what_a_token_says() -> None:
    """Any bit: refused, or it says the same (what no signature covers says nothing)."""
    note = SmallLog(8).note().encode()
    token = token_over(note)
    whole = ROOTS.read_token(token, note)
    tried = range(0, len(token) * 8, stride(7))
    refused = 0
    for at in tried:
        flipped = bytearray(token)
        flipped[at // 8] ^= 1 << at % 8
        try:
            assert ROOTS.read_token(bytes(flipped), note) == whole, at
        except IntegrityError:
            refused += 1
    assert refused > len(tried) * 0.95


@pytest.mark.promise("audit:timestamped")
@pytest.mark.parametrize("name", [b"zza.example", b"aaa.example"])
def test_a_forged_certificate_beside_the_real_one_is_refused(name: bytes) -> None:
    """No signature covers what a token carries: with a twin under another name, it is none."""
    note = b"note"
    imprint = imprint_of(sha256(note).digest())
    before, _, after = OWN.certificate.rpartition(b"tsa.example")
    twin = before + name + after
    with pytest.raises(IntegrityError):
        ROOTS.read_token(OWN.token(imprint, beside=[twin]), note)
    harmless = OWN.token(imprint, beside=[STRANGER.certificate])
    assert ROOTS.read_token(harmless, note).authority == "tsa.example"


@pytest.mark.parametrize(
    "token",
    [b"", b"\0", b"\x30\x80", b"\x30\x03\x02\x01\x00", bytes(64 * 1024 + 1), b"\xff" * 70_000],
    ids=["empty", "zero", "endless", "status", "too_long", "noise"],
)
def test_what_is_no_token_is_refused(token: bytes) -> None:
    """An error of ours, whatever is in it."""
    with pytest.raises(IntegrityError):
        ROOTS.read_token(token, b"note")


def test_an_authority_that_is_not_exact_says_a_later_time(tmp_path: Path) -> None:
    """`before` is past whatever the token leaves open; what leaves a day open is refused."""
    note = b"note"
    for accuracy, later in ((None, 1), (1, 2), (60, 61), (86_400, 86_401)):
        authority = FakeAuthority(CLOCK, accuracy_s=accuracy)
        stamp = TimeAuthorities.parse(authority.roots_pem).read_token(
            token_over(note, authority), note
        )
        assert stamp.before_s == int(START.timestamp()) + later
    for accuracy in (86_401, 2**90, 2**200):
        authority = FakeAuthority(CLOCK, accuracy_s=accuracy)
        with pytest.raises(IntegrityError):
            TimeAuthorities.parse(authority.roots_pem).read_token(token_over(note, authority), note)


@pytest.mark.parametrize(
    ("statement", "damage"),
    [
        ("update log_timestamp set token = null", Damage.UNSTAMPED),
        ("update log_timestamp set token = 7", Damage.UNSTAMPED),
        ("update log_timestamp set note = null", Damage.UNSTAMPED),
        ("update log_timestamp set note = x'ff'", Damage.UNSTAMPED),
        ("update log_timestamp set note = note || zeroblob(20000)", Damage.UNSTAMPED),
        ("update log_timestamp set token = zeroblob(1000000)", Damage.UNREADABLE),
        ("alter table log_timestamp rename column token to other", Damage.UNREADABLE),
        ("alter table log_timestamp rename to other", Damage.UNSTAMPED),
        ("create view v as select 1; drop table log_timestamp", Damage.UNSTAMPED),
        (
            "alter table log_timestamp rename to o; create view log_timestamp as select * from o",
            Damage.EDITED,
        ),
    ],
)
def test_whoever_made_the_database_gains_nothing(
    tmp_path: Path, statement: str, damage: Damage
) -> None:
    """What is there instead of a time stamp is none, and stops nobody who asks for none."""
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    keep(path, stamped(log, 8))
    with editing(path) as database:
        database.executescript(statement)
    found = check(path)
    assert found.verdict is not Verdict.VERIFIED
    assert damage in damages(found)
    assert found.logs[0].stamps == ()
    if damage is not Damage.EDITED:
        assert check(path, authorities=None).verdict is Verdict.VERIFIED


def test_an_authority_s_name_moves_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what a certificate says: shown, never obeyed, and on its line."""
    authority = FakeAuthority(CLOCK, name="x\x1b[2J\nverified: all")
    log = SmallLog()
    path = log.write(tmp_path / "log.db")
    keep(path, stamped(log, 8, authority))
    (tmp_path / "tsa.pem").write_bytes(authority.roots_pem)
    assert main([str(path), "--tsa-roots", str(tmp_path / "tsa.pem")]) == 0
    out = capsys.readouterr().out
    assert "by x\\x1b[2J\\nverified: all" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("algorithm", "name", "counts"),
    [
        ("2.16.840.1.101.3.4.2.1", "sha256", True),
        ("2.16.840.1.101.3.4.2.2", "sha384", True),
        ("2.16.840.1.101.3.4.2.3", "sha512", True),
        ("1.3.14.3.2.26", "sha1", False),
    ],
)
def test_only_digests_that_hold_count(algorithm: str, name: str, counts: bool) -> None:
    """Whoever can make two notes with one digest can have the other one stamped."""
    note = b"note"
    imprint = der(
        0x30, der(0x30, oid(algorithm), b"\x05\x00"), der(0x04, hashlib.new(name, note).digest())
    )
    token = OWN.token(imprint)
    if counts:
        assert ROOTS.read_token(token, note).fits
        assert not ROOTS.read_token(token, b"other").fits
    else:
        with pytest.raises(IntegrityError):
            ROOTS.read_token(token, note)


def test_a_time_that_no_calendar_has_is_refused() -> None:
    """Rather than breaking off where it is printed."""
    clock = FakeClock(datetime(9999, 6, 1, tzinfo=UTC))
    authority = FakeAuthority(clock, days=30)
    with pytest.raises(IntegrityError):
        TimeAuthorities.parse(authority.roots_pem).read_token(token_over(b"x", authority), b"x")


def test_heads_of_both_keys_are_dated(tmp_path: Path) -> None:
    """What was stamped before the key changed was signed by the old one."""
    log = SmallLog(8, plain=True)
    old = stamped(log, 8)
    log.rotate(seed=2)
    new = stamped(log, len(log.bodies))
    path = log.write(tmp_path / "log.db")
    keep(path, old, new)
    found = check(path, keys=())
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert [stamp.size for stamp in found.logs[0].stamps] == [8, 9]


def test_a_bundle_is_dated_by_what_the_auditor_holds(tmp_path: Path) -> None:
    """A full one by every head, a filtered one by heads of its own size."""
    log = SmallLog()
    entries = list(enumerate(log.bodies))
    write_bundle(tmp_path / "full", tenant="main", note=log.note(), vkeys=[VKEY], entries=entries)
    held = hold(tmp_path / "held", stamped(log, 20), stamped(log, 40))
    (one,) = check(tmp_path / "full", held).logs
    assert [stamp.size for stamp in one.stamps] == [20, 40]
    hashes = LeafHashes([leaf_hash(body) for body in log.bodies])
    write_bundle(
        tmp_path / "some",
        tenant="main",
        note=log.note(),
        vkeys=[VKEY],
        entries=entries[3:5],
        proofs=hashes,
    )
    found = check(tmp_path / "some", held)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert [stamp.size for stamp in found.logs[0].stamps] == [40]
    assert check(tmp_path / "some", held[:1]).verdict is Verdict.CANNOT_JUDGE


@pytest.mark.promise("audit:timestamped")
def test_the_offline_entry_point_takes_time_stamps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a network or a server, `existed before T by A`; else status 2."""
    log = SmallLog()
    path = str(log.write(tmp_path / "log.db"))
    roots, held = tmp_path / "tsa.pem", tmp_path / "held"
    roots.write_bytes(OWN.roots_pem)
    hold(held, stamped(log, 32))
    pinned = [path, "--tsa-roots", str(roots)]
    assert main([*pinned, "--timestamps", str(held)]) == 0
    assert "32 existed before 2026-11-25T12:00:02Z by tsa.example" in capsys.readouterr().out
    assert main([*pinned, "--timestamps", str(held / "000.tsa.tst")]) == 0
    assert main(pinned) == 2
    assert "unstamped" in capsys.readouterr().out
    for words in (
        [path, "--timestamps", str(held)],
        [path, "--tsa-roots", str(tmp_path / "nowhere")],
        [path, "--tsa-roots", path],
        [*pinned, "--timestamps", str(tmp_path / "nowhere")],
        [*pinned, "--timestamps", str(tmp_path / "empty")],
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        assert main(words) == 2
        assert capsys.readouterr().err
    (held / "000.tsa.checkpoint").unlink()
    assert main([*pinned, "--timestamps", str(held)]) == 2


def test_the_vectors_say_since_when(tmp_path: Path) -> None:
    """The committed head of `bundle`, dated; its twins are refused, or date another head."""
    roots = TimeAuthorities.read(VECTORS / "timestamp" / "tsa.pem")
    (head,) = read_stamps(VECTORS / "timestamp")
    assert head.note == (VECTORS / "bundle" / "checkpoint").read_bytes()
    found = check(VECTORS / "bundle", [head], roots, keys=())
    assert found.verdict is Verdict.VERIFIED
    assert [(one.size, one.before) for one in found.logs[0].stamps] == [(7, "2026-11-25T12:00:02Z")]
    write_vectors(tmp_path)  # made anew, it says the same
    (again,) = read_stamps(tmp_path)
    anew = TimeAuthorities.read(tmp_path / "tsa.pem")
    assert anew.read_token(again.token, again.note) == roots.read_token(head.token, head.note)
    for twin in (
        replace(head, token=head.token[:-1]),
        replace(head, token=head.token + b"\0"),
        replace(head, token=head.token[:-1] + bytes([head.token[-1] ^ 1])),
        replace(head, token=again.token),
        replace(head, note=head.note + b"\n"),
        replace(head, note=head.note.replace(b"\n7\n", b"\n8\n")),
    ):
        assert check(VECTORS / "bundle", [twin], roots, keys=()).verdict is not Verdict.VERIFIED


def test_without_the_package_only_this_cannot_be_judged(tmp_path: Path) -> None:
    """The verifier needs nothing but `cryptography`; time stamps say which package they need."""
    path = str(SmallLog().write(tmp_path / "log.db"))
    roots = tmp_path / "tsa.pem"
    roots.write_bytes(OWN.roots_pem)
    code = (
        "import sys; sys.modules['rfc3161_client'] = None; "
        "from sayso.audit.verify import main; sys.exit(main(sys.argv[1:]))"
    )
    for words, status, said in (
        ([path], 0, ""),
        ([path, "--tsa-roots", str(roots)], 2, "pip install rfc3161-client"),
    ):
        command = [sys.executable, "-c", code, *words]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == status, ran.stderr
        assert said in ran.stderr
