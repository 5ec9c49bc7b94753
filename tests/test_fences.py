"""Every fenced block of the pages is read as what it is, or says why not.

Beyond this, many blocks are run whole by the tests of their own page, such as
tests/surfaces/http/test_docs.py and tests/test_readme.py.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from fences import Fence, commands_of, fences_of, pages, script_of
from policy_cases import ROLES
from tree import ROOT
from typed import parse

from sayso.actions.model.definition import Action, at_most_once
from sayso.actions.policy.cedar import read_default_policy
from sayso.actions.policy.document import PolicyDocument, PolicyRules
from sayso.actions.policy.reading import read_policy
from sayso.agent.understanding.act_file import read_act
from sayso.agent.understanding.playbook import read_playbook
from sayso.connectors.email.actions import actions_with
from sayso.connectors.manifest.schema import PersonTable
from sayso.connectors.manifest.schema.answer import AnswerTable
from sayso.connectors.manifest.source import read_source
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.settings import parse_settings
from sayso.surfaces.cli.app import COMMANDS
from sayso.testing.manifests.cases import Cases

pytestmark = pytest.mark.promise("house:pages")

BLOCKS = [fence for page in pages() for fence in fences_of(page)]
SHIPPED: tuple[Action, ...] = (REFUND, CREDIT, CANCEL_SUBSCRIPTION, *actions_with(at_most_once()))
YOURS = (
    replace(CREDIT, name="harbour.cancel", undo=None),
    replace(CREDIT, name="loyalty.grant", undo=None),
    *(replace(CREDIT, name=f"zendesk.{verb}", undo=None) for verb in ("reply", "note")),
)
"""Actions that a page has its reader write or add by a manifest."""
PROGRAMS = {
    *("cd", "curl", "export", "mv", "openssl", "printf", "tar", "$EDITOR"),
    *("./run", "uv", "python", "true"),
    *("docker", "install", "kubectl", "systemctl", "useradd", "deploy/build.sh"),
    *("chmod", "cp", "createdb", "mkdir", "pg_dump", "pg_restore", "psql", "rm", "sqlite3"),
}
"""What a page may have a reader type besides `sayso`."""
RUN_BY = {
    "README.md": "tests/test_readme.py",
    "docs/how-to/add-a-channel.md": "tests/house/test_changes.py",
    "docs/how-to/write-a-connector-in-python.md": "tests/connectors/test_docs.py",
    "docs/how-to/hear-of-changes.md": "tests/sdk/webhooks/test_docs.py",
    "docs/how-to/test-a-connector-under-faults.md": "tests/testing/faults/test_docs.py",
    "docs/how-to/use-agent-frameworks.md": "tests/surfaces/mcp/test_docs.py",
    "docs/reference/audit-format.md": "tests/audit/test_audit_format.py",
    "docs/reference/http-api.md": "tests/surfaces/http/test_docs.py",
    "docs/reference/policy.md": "tests/actions/policy/test_policy_docs.py",
    "docs/reference/sandbox.md": "tests/testing/sandbox/test_docs.py",
}
"""The tests that run all Python of a page."""
SHOWN = {"text", "mermaid", "{toctree}", "{eval-rst}"}
"""What a program prints, and what the site is built from: nothing of it is typed."""


def of(*languages: str) -> list[Any]:
    """The blocks of these languages that something judges."""
    found = [one for one in BLOCKS if one.language in languages and not one.reason]
    assert found, languages
    return [pytest.param(one, id=str(one)) for one in found]


def test_every_block_says_what_it_is() -> None:
    """One without a language, or of one that nobody here reads, would be judged by nobody."""
    read = {"sh", "console", "python", "toml", "json", "yaml", "cedar", "sql", *SHOWN}
    assert [str(one) for one in BLOCKS if one.language not in read and not one.reason] == []
    assert len(BLOCKS) > 200


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    """A reason is a sentence, and no habit."""
    left = [one for one in BLOCKS if one.reason]
    assert [str(one) for one in left if len(one.reason) < 15] == []
    assert len(left) < 25


@pytest.mark.parametrize("fence", of("sh", "console"))
def test_every_command_could_be_typed(fence: Fence) -> None:
    """Bash reads it, `sayso` knows its words and options, and modules, files and benches exist."""
    script = script_of(fence)
    read = ["bash", "-n", "-c", script]
    done = subprocess.run(read, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    for words in commands_of(script):
        judge(list(words))


def judge(words: list[str]) -> None:
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    if words[0] == "sayso":
        return parse(words[1:])
    assert words[0] in PROGRAMS or words[0].startswith("$"), words
    if words[0] == "./run":
        assert words[1] in ("demo", "test") or words[1] in COMMANDS, words
    if words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]) is not None, words
        if words[2].startswith("bench."):
            known = source_of(words[2])
            assert [one for one in words if one.startswith("--") and f'"{one}"' not in known] == []
    elif words[0] == "python" and words[1].startswith("examples/"):
        assert (ROOT / words[1]).is_file(), words
    return None


def source_of(module: str) -> str:
    """A module, or all of a package."""
    place = ROOT / module.replace(".", "/")
    files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    return "\n".join(one.read_text(encoding="utf-8") for one in files)


@pytest.mark.parametrize("fence", [one for one in BLOCKS if one.language == "python"], ids=str)
def test_what_a_block_of_python_imports_is_there(fence: Fence) -> None:
    """Each module, and each name that is taken from it; the rest of it has its syntax."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(fence.body, str(fence), "exec", flags=flags)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            module = module_of(node.module)
            lost = [one.name for one in node.names if not hasattr(module, one.name)]
            assert lost == [], f"{node.module} has no {lost}"


def test_every_block_of_python_is_run_by_a_test_of_its_page() -> None:
    """As it stands; or its reason stands above it."""
    ran = {one.page for one in BLOCKS if one.language == "python" and not one.reason}
    assert ran == RUN_BY.keys()
    for page, test in RUN_BY.items():
        assert Path(page).name in (ROOT / test).read_text(encoding="utf-8"), page


def module_of(name: str) -> object:
    """A module; those of the reader's own stand in examples/ and tests/support."""
    for folder in (ROOT / "examples", ROOT / "tests" / "support"):
        if (folder / f"{name}.py").is_file() and str(folder) not in sys.path:
            sys.path.append(str(folder))
    return importlib.import_module(name)


def _policy(file: str) -> Callable[[str], object]:
    rules = PolicyRules(roles=ROLES)

    def read(text: str) -> object:
        files = {**read_default_policy(["stripe", "email"]), file: text}
        return read_policy(PolicyDocument(files=files, rules=rules), (*SHIPPED, *YOURS))

    return read


def _tests(text: str) -> None:
    """A file of tests or of claims: tests/surfaces/cli/test_guides.py runs what they say."""
    assert {"test", "claim"} & tomllib.loads(text).keys()


def _settings(text: str) -> None:
    """Of a sayso.toml that declares the roles of the pages."""
    values = tomllib.loads(text)
    values.setdefault("approvals", {}).setdefault("roles", [*ROLES, "director", "privacy"])
    parse_settings(values, "the page")


def _package(text: str) -> None:
    """Of a package's pyproject.toml."""
    assert "sayso.connectors" in tomllib.loads(text)["project"]["entry-points"]


def _answers(text: str) -> None:
    """Of a manifest."""
    for table in tomllib.loads(text)["answers"].values():
        AnswerTable.model_validate(table)


KINDS: tuple[tuple[str, Callable[[str], object]], ...] = (
    (r"^manifest = 1$", lambda text: read_source(text.encode(), "acme.toml")),
    (r"^\[person\]$", lambda text: PersonTable.model_validate(tomllib.loads(text)["person"])),
    (r"^\[\[case\]\]$", lambda text: Cases.model_validate(tomllib.loads(text))),
    (r"^\[\[(test|claim)\]\]", _tests),
    (r"^\[\[dial\]\]", _policy("policies/rollout.toml")),
    (r"^\[\[limit\]\]", _policy("policies/limits.toml")),
    (r"^as_of = ", _policy("policies/rates.toml")),
    (r"^\[\[(allow|ask|never)\]\]", _policy("policies/refunds.toml")),
    (r"^\[says\.", lambda text: read_act(text, source="the page")),
    (r"^\[answers\.", _answers),
    (r"^\[slots\.", lambda text: read_playbook(text, source="the page")),
    (r"^\[project\.", _package),
    ("", _settings),
)
"""What a file of TOML is, by a line of it; what is nothing else stands in sayso.toml."""


@pytest.mark.parametrize("fence", of("toml"))
def test_a_block_of_toml_is_read_by_what_reads_such_a_file(fence: Fence) -> None:
    """Settings, tables, limits, dials, rates, tests, playbooks, manifests, cases."""
    reader = next(read for line, read in KINDS if re.search(line, fence.body, re.MULTILINE))
    reader(fence.body)


@pytest.mark.parametrize("fence", of("cedar"))
def test_a_block_of_cedar_is_a_policy_of_what_ships(fence: Fence) -> None:
    """Names, types and sentences, as a workspace judges them."""
    rules = PolicyRules(roles=ROLES)
    read_policy(PolicyDocument(files={"a.cedar": fence.body}, rules=rules), (*SHIPPED, *YOURS))


@pytest.mark.parametrize("fence", of("json"))
def test_a_block_of_json_is_json(fence: Fence) -> None:
    """Those of the HTTP API are what the API answers, by tests/surfaces/http/test_docs.py."""
    json.loads(fence.body)


@pytest.mark.parametrize("fence", of("yaml"))
def test_a_block_of_yaml_is_yaml(fence: Fence) -> None:
    """And a table, as each of those programs wants."""
    assert isinstance(yaml.safe_load(fence.body), dict)


@pytest.mark.parametrize(
    ("text", "reader"),
    [("$ sayso stop\nall stopped\n", "console"), ("sayso stop\n", "sh")],
)
def test_a_command_that_there_is_not_is_found(text: str, reader: str) -> None:
    """These tests can fail: an unknown word, option and value each do."""
    fence = Fence("page", 1, reader, text, "")
    assert list(commands_of(script_of(fence))) == [["sayso", "stop"]]
    for wrong in ("stopp", "stop --everything", "limits lsit", "approvals list --limit many"):
        with pytest.raises(BaseException, match=r".+"):
            parse(wrong.split())
