"""docs/reference/audit-format.md is a specification, and what it shows is what happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sayso.audit.entry import FORMAT_VERSION, EntryKind, StoredEntry
from sayso.audit.rules.transitions import is_allowed
from sayso.audit.verifier.verification import Verdict

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "audit-format.md").read_text()
BUNDLE = ROOT / "tests" / "vectors" / "bundle"
VKEY = (BUNDLE / "vkeys").read_text().strip()


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found, language
    return found[1]


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-c", _block("python"), str(folder), VKEY],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.promise("audit:second-verifier")
def test_the_second_verifier_of_the_page_verifies_the_bundle(tmp_path: Path) -> None:
    """It imports nothing of ours, prints what the page says, and finds an edited body."""
    assert "sayso" not in _block("python")
    assert VKEY in PAGE
    done = _run(BUNDLE)
    assert done.returncode == 0, done.stderr
    assert f"```text\n{done.stdout}```" in PAGE
    shutil.copytree(BUNDLE, tmp_path / "bundle")
    entries = tmp_path / "bundle" / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b"12900", b"12901", 1))
    assert _run(tmp_path / "bundle").returncode != 0


def test_the_worked_example_is_the_vector_s_first_entry() -> None:
    """The body and the leaf of the page belong together."""
    body = _block("json").strip().encode()
    stored = StoredEntry.read(body)
    assert stored.encoded == (BUNDLE / "entries.jsonl").read_bytes().split(b"\n")[0]
    assert stored.leaf.hex() in PAGE


def test_the_page_names_every_kind_verdict_and_version() -> None:
    """A new kind is a change of the format, and stands on its page."""
    listed = PAGE.partition("<!-- made: kinds -->")[2].partition("<!-- end: kinds -->")[0]
    assert re.findall(r"`([a-z_.]+)`", listed) == sorted_by_family()
    for verdict in Verdict:
        assert f"`{verdict.value}` {verdict.exit_status}" in PAGE
    assert f"Version {FORMAT_VERSION}." in PAGE


def sorted_by_family() -> list[str]:
    families = list(dict.fromkeys(kind.partition(".")[0] for kind in EntryKind))
    return sorted(EntryKind, key=lambda kind: families.index(kind.partition(".")[0]))


@pytest.mark.promise("audit:second-verifier")
def test_the_verifier_written_from_the_page_knows_every_kind() -> None:
    """One that lacked a kind called a real log tampered."""
    source = (ROOT / "tests" / "audit" / "oracle" / "second_format.mjs").read_text("utf-8")
    listed = re.search(r"const KINDS = new Set\(`([^`]*)`", source)
    assert listed is not None
    assert sorted(listed[1].split()) == sorted(EntryKind)


def test_the_page_tells_every_way_of_a_state() -> None:
    """A verifier that is written from it refuses what ours refuses, and nothing else."""
    table = PAGE.partition("<!-- made: states -->")[2].partition("<!-- end: states -->")[0]
    told = {
        ("start" if was == "(new)" else was.strip("`"), to, kind)
        for was, to, kinds in re.findall(r"^\| (\S+) \| `(\w+)` \| (.+) \|$", table, re.MULTILINE)
        for kind in re.findall(r"`([a-z_.]+)`", kinds)
    }
    statuses = {was for was, _, _ in told} | {to for _, to, _ in told}
    ways = {
        (was, to, str(kind))
        for was in statuses
        for to in statuses
        for kind in EntryKind
        if is_allowed(was, to, kind)
    }
    assert told == ways
    assert len(told) > 50
