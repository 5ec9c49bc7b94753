"""The pages about connectors say what they really are."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
from connectors.benches import EXAMPLES

from sayso.actions.model.definition import Action, Subject, at_most_once
from sayso.connectors.email.actions import actions_with
from sayso.connectors.manifests import manifest_names
from sayso.connectors.registry import Connectors
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.connectors.stripe.connector import API_VERSION
from sayso.connectors.vault import new_key
from sayso.errors import RefusedError
from sayso.ids import SystemClock
from sayso.sdk.resources.connections import Connections
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.secret import Secret
from sayso.settings import ConnectionSection, VaultSection, parse_settings

PAGES = (
    "reference/stripe-and-email.md",
    "how-to/add-a-connector.md",
    "how-to/write-a-connector-in-python.md",
    "how-to/connect-an-account.md",
)
DOC = "\n".join((EXAMPLES.parent / "docs" / name).read_text("utf-8") for name in PAGES)
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", DOC, re.DOTALL)
ACTIONS: tuple[Action, ...] = (REFUND, CANCEL_SUBSCRIPTION, CREDIT, *actions_with(at_most_once()))


def _is_shipped(body: str) -> bool:
    """Whether a block sets up a connector that ships; `harbour` stands for the reader's own."""
    return "[connectors" in body and "[connectors.harbour]" not in body


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_argument_and_fact_is_documented(action: Action) -> None:
    """A new argument or fact without a word about it fails here."""
    prose = re.sub(r"```.*?```", "", DOC, flags=re.DOTALL)
    words = set(re.findall(r"`([^`\n]+)`", prose))
    missing = {action.name, *action.args.model_fields, *action.facts} - words
    assert not missing


def test_the_pinned_version_is_the_documented_one() -> None:
    """Changing the pin changes the page."""
    assert f"`{API_VERSION}`" in DOC


def test_the_settings_of_the_page_make_the_connectors(tmp_path: Path) -> None:
    """The TOML of the page, as it stands, is a workspace's."""
    text = "\n".join(body for kind, body in BLOCKS if kind == "toml" and _is_shipped(body))
    found = Connectors.load(
        tomllib.loads(text)["connectors"],
        clock=SystemClock(),
        secret=Secret,
        base=tmp_path,
    )
    assert found.names == ["email", "stripe"]


def test_the_connection_of_the_page_opens_with_the_key_of_the_page(tmp_path: Path) -> None:
    """The TOML of the page makes a workspace with a connection and a vault."""
    text = "\n".join(body for kind, body in BLOCKS if kind == "toml" and "entry-points" not in body)
    settings = parse_settings(tomllib.loads(text), "the pages")
    write_secret_file(tmp_path / "keys" / "vault.key", new_key(token_bytes).reveal())
    secrets = {"MAIL_CLIENT_SECRET": "from the page"}
    workspace = Workspace(folder=tmp_path, settings=settings, environment=secrets)
    found = Connections(workspace, SystemClock()).find("mail")
    assert found.grant == "client_credentials"
    assert found.client_secret == Secret("from the page")


def test_every_setting_of_a_connection_is_documented() -> None:
    """A new setting without a row about it fails here."""
    names = {*ConnectionSection.model_fields, *VaultSection.model_fields}
    assert [name for name in sorted(names) if f"`{name}`" not in DOC] == []


def test_the_test_file_of_the_page_runs_and_passes(tmp_path: Path) -> None:
    """The page's own suite judges the shipped example."""
    (code,) = [body for kind, body in BLOCKS if kind == "python" and "ConnectorSuite" in body]
    (tmp_path / "test_loyalty.py").write_text(code)
    (tmp_path / "own_action.py").write_text((EXAMPLES / "own_action.py").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "15 passed" in done.stdout


async def test_the_page_says_who_a_customer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's own methods, asked as Sayso asks them."""
    (code,) = [body for kind, body in BLOCKS if kind == "python" and "person_of" in body]
    monkeypatch.syspath_prepend(str(EXAMPLES))
    said: dict[str, Any] = {}
    exec(compile(code, "the page", "exec"), said)
    asked = Connectors([said["NamedLoyalty"]({"ana"})])
    person = await asked.person_of("loyalty", Subject(id="ana"))
    assert person is not None
    assert person.ids == {"shop_customer": "7723"}
    assert await asked.find_people("loyalty", "Ana@example.com") == (person,)
    with pytest.raises(RefusedError):
        await asked.person_of("loyalty", Subject(id="ben"))


@pytest.mark.parametrize("name", [*manifest_names(Path("/nowhere")), "stripe", "email"])
def test_why_a_provider_says_no_more_of_a_customer_is_told(name: str) -> None:
    """A connector that ships without a word about what is verified there fails here."""
    page = (EXAMPLES.parent / "docs" / "reference" / "connectors.md").read_text("utf-8")
    why = page.partition("<!-- end: people -->")[2]
    assert re.search(rf"^\| .*`{name}`.* \| ", why, re.MULTILINE)


@pytest.mark.promise("connectors:own-action")
def test_the_example_is_short() -> None:
    """A connector in under 30 lines of code, docstrings and comments not counted."""
    source = (EXAMPLES / "own_action.py").read_text()
    bare = re.sub(r'""".*?"""', "", source, flags=re.DOTALL)
    lines = [
        line for line in bare.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    assert len(lines) < 30
