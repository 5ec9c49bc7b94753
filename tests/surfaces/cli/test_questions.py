"""`sayso audit ask` and `audit query --export`: the page's lines, of an export alone."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from surfaces.cli.cli_workspace import CliWorkspace
from tree import ROOT

pytestmark = pytest.mark.promise("audit:questions")


def test_the_page_s_lines_answer_from_an_export_without_a_workspace(
    cli: CliWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/how-to/audit-offline.md: each as printed, far from the workspace that wrote the log."""
    cli.line.done("approvals", "approve", str(cli.pending()["id"]), "--yes")
    listed = cli.line.done("audit", "ask")["items"]
    assert len(listed) == 10
    monkeypatch.chdir(tmp_path)
    out = str(tmp_path / "march")
    key = cli.line.done("audit", "export", out, "--workspace", str(cli.folder))["vkey"]
    page = (ROOT / "docs/how-to/audit-offline.md").read_text(encoding="utf-8")
    for one in listed:
        assert f"| `{one['name']}` | " in page
    block = page.partition("## Ask it")[2].partition("```sh\n")[2].partition("```")[0]
    printed = [shlex.split(one, comments=True)[1:] for one in block.splitlines()]
    assert len(printed) == 4
    typed: list[list[str]] = [
        [key if word == "shop/main+…" else word for word in one] for one in printed
    ]
    said = [cli.line(*one) for one in typed]
    assert [one.status for one in said] == [0, 0, 0, 0]
    assert said[1].out.startswith("verified: all ")
    assert "pin the log's key" not in said[1].out
    assert said[2].json["question"] == "own-requests"
    assert "$129.00" in said[3].out
    month = cli.line.done("audit", "ask", "refunds", "--export", out)["items"]
    assert [(row["sum"], row["agreed to by people"]) for row in month] == [("$129.00", 1)]
    assert (
        "did you mean `gaps`"
        in cli.line("audit", "ask", "gap", "--export", out).refused("not_found").err
    )
    policy = tmp_path / "trusted"
    policy.write_text(f"log {key}\nquorum none\n")
    pinned = cli.line("audit", "ask", "refunds", "--export", out, "--policy", str(policy))
    assert "pin the log's key" not in pinned.out, "as `sayso audit verify` takes it"
    missing = cli.line("audit", "ask", "refunds", "--export", out, "--policy", "no-such-file")
    assert "cannot be read" in missing.refused("invalid_setting", 2).err
    entries = tmp_path / "march" / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b"maria", b"marie", 1))
    for words in (("ask", "people-changes"), ("query", "approver:maria")):
        refused = cli.line("audit", *words, "--export", out).refused("tampered")
        assert "nothing is answered" in refused.err
        assert refused.out == ""


@pytest.mark.promise("audit:cases")
def test_a_case_is_found_and_opened_at_the_command_line(cli: CliWorkspace) -> None:
    """By amount, as on the page; the id opens it, with every entry that is proven."""
    cli.line.done("approvals", "approve", str(cli.pending()["id"]), "--yes")
    found = cli.line.done("audit", "case", "129", "--workspace", str(cli.folder))["items"]
    assert len(found) == 1
    said = cli.line("audit", "case", "129")
    assert said.status == 0, said.err
    assert f"open one: sayso audit case {found[0]['about']}" in said.out
    shown = cli.line.done("audit", "case", found[0]["about"])
    assert all(entry["proof"] for entry in shown["entries"])
    assert "each proven against" in cli.line("audit", "case", found[0]["about"]).out
    assert "Intent committed" in cli.line("audit", "case", found[0]["about"]).out
    assert "Nothing fits" in cli.line("audit", "case", "nobody-at-all").out
    cli.line("audit", "case", "act_00000000000000000000000000").refused("not_found")
