"""`sayso connector record --do-it`: whoever records says what the account itself shows.

The provider is a double of our own (`connectors.manifest.purse`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from connectors.manifest.purse import MANIFEST, SETTINGS, Purse, serving
from surfaces.cli.cli_workspace import Line, Ran

KEYLESS = "".join(row for row in MANIFEST.splitlines(keepends=True) if not row.startswith("key ="))
"""Without a key nothing is sent twice, so nothing is waited for."""


class Terminal(io.StringIO):
    """A person who types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def purse(tmp_path: Path, line: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[Purse]:
    """A test account, and a workspace whose manifest of it is reviewed."""
    with serving(Purse()) as running:
        (tmp_path / "policy.cedar").write_text("")
        (tmp_path / "sayso.toml").write_text(SETTINGS.format(url=running.url))
        (tmp_path / "connectors").mkdir()
        (tmp_path / "connectors" / "purse.toml").write_text(KEYLESS)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PURSE_KEY", "test")
        assert line("connector", "review", "purse", "--yes", "--by", "maria").status == 0
        yield running


def record(line: Line, *more: str) -> Ran:
    args = orjson.dumps({"amount": {"amount_minor": 100, "currency": "USD"}}).decode()
    words = ("credit", "--subject", "cus_1", "--args", args, "--do-it")
    return line("connector", "record", "purse", *words, *more)


def kept(folder: Path) -> dict[str, Any] | None:
    """What the file of proofs holds of the action."""
    path = folder / "connectors" / "purse.proof.json"
    return orjson.loads(path.read_bytes()).get("credit") if path.exists() else None


@pytest.mark.promise("manifests:lies")
@pytest.mark.parametrize(
    ("typed", "says", "holds"),
    [
        ("1.00 USD\ny\ny\n", "proven on", True),
        ("a dollar\n1.00 USD\ny\nn\n", "proven on", False),
        ("100.00 USD\ny\ny\n", "has another unit", None),
        ("1.00 USD\nn\ny\n", "to somebody else", None),
    ],
    ids=["as it is", "after a slip, with a bank that pays", "another amount", "another payee"],
)
def test_a_person_at_a_terminal_is_asked_what_the_account_shows(
    line: Line,
    purse: Purse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    says: str,
    holds: bool | None,
) -> None:
    """How much, typed and not confirmed; to whom; and who holds the money."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    ran = record(line)
    assert says in ran.out + ran.err
    assert (ran.status == 0) is (holds is not None)
    found = kept(tmp_path)
    assert (None if found is None else found["holds_the_money"]) is holds
    assert len(purse.paid) == 1


@pytest.mark.promise("manifests:lies")
def test_a_script_says_it_by_options(line: Line, purse: Purse, tmp_path: Path) -> None:
    """What is no amount is refused before anything is sent; without a word nothing is proven."""
    record(line, "--saw", "one").refused("invalid_money")
    assert purse.paid == []
    assert "nobody has said" in record(line).err
    assert kept(tmp_path) is None
    assert record(line, "--saw", "1.00 USD", "--holds-the-money").status == 0
    found = kept(tmp_path)
    assert found is not None
    assert (found["seen"], found["holds_the_money"]) == ("1.00 USD", True)
