"""docs/reference/audit-format.md is a specification, and what it shows is what happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sayso.audit.entry import FORMAT_VERSION, EntryKind, StoredEntry
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
    assert (done.returncode, done.stdout) == (0, _block("text"))
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
    for kind in EntryKind:
        assert f"`{kind.value}`" in PAGE
    for verdict in Verdict:
        assert f"`{verdict.value}` {verdict.exit_status}" in PAGE
    assert f"Version {FORMAT_VERSION}." in PAGE
