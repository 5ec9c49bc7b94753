"""A manifest loads only by the digest that somebody has reviewed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from connectors.manifest.stand import changed

from sayso.connectors.base import Connector
from sayso.connectors.manifest.review import (
    Review,
    find_source,
    load,
    read_reviews,
    write_reviews,
)
from sayso.connectors.registry import Connectors
from sayso.connectors.setup import Setup
from sayso.errors import Code, ConfigError
from sayso.json import JsonObject
from sayso.secret import Secret
from sayso.testing.clock import FakeClock

TABLE: JsonObject = {"site": "acme-test", "api_key": "env:CHARGEBEE_KEY"}
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a manifest that somebody has reviewed."""
    folder = tmp_path / "connectors"
    folder.mkdir()
    (folder / "chargebee.toml").write_text(changed("chargebee"))
    review(tmp_path, "chargebee")
    return tmp_path


def review(base: Path, name: str, **more: object) -> None:
    """Review a manifest as it stands."""
    found = find_source(name, base)
    assert found is not None
    values = {"digest": found[0].digest, "by": "maria", "at": NOW, **more}
    folder = base / "connectors"
    write_reviews(folder, {**read_reviews(folder), name: Review.model_validate(values)})


@pytest.mark.promise("manifests:reviewed")
def test_bytes_that_nobody_reviewed_are_not_loaded(workspace: Path) -> None:
    """One changed byte is enough, also in a comment: nobody has seen it."""
    loaded = load("chargebee", workspace)
    assert loaded is not None
    assert not loaded.verified
    path = workspace / "connectors" / "chargebee.toml"
    path.write_text(path.read_text() + "# \n")
    with pytest.raises(
        ConfigError, match="changed since maria reviewed it on 2026-11-28"
    ) as caught:
        load("chargebee", workspace)
    assert caught.value.code is Code.NOT_REVIEWED
    assert "sayso connector review chargebee" in caught.value.next_step
    (workspace / "connectors" / "reviewed.toml").unlink()
    with pytest.raises(ConfigError, match="nobody has reviewed it"):
        load("chargebee", workspace)


def test_a_draft_is_never_loaded_and_a_mistake_is_told(workspace: Path) -> None:
    """Though somebody has put it into the reviews."""
    path = workspace / "connectors" / "chargebee.toml"
    whole = path.read_text()
    path.write_text(whole + '\n[draft]\nof = "x"\n')
    review(workspace, "chargebee")
    with pytest.raises(ConfigError, match="it is a draft"):
        load("chargebee", workspace)
    path.write_text(whole.replace('"Pause {plan} {when}"', '"Pause {plans}"'))
    review(workspace, "chargebee")
    with pytest.raises(ConfigError, match=r"line .*there is no `plans` to fill in") as caught:
        load("chargebee", workspace)
    assert caught.value.code is Code.INVALID_MANIFEST


def test_the_file_is_named_as_its_connector(workspace: Path) -> None:
    """Else two files could be one connector."""
    folder = workspace / "connectors"
    (folder / "chargebee.toml").rename(folder / "billing.toml")
    with pytest.raises(ConfigError, match="it calls itself `chargebee`"):
        load("billing", workspace)


def test_reviews_are_kept_with_who_and_when(workspace: Path) -> None:
    """Also a name with quotes in it."""
    review(workspace, "chargebee", by='"maria" \\ noor', verified="recorded")
    (found,) = read_reviews(workspace / "connectors").values()
    assert found.by == '"maria" \\ noor'
    assert found.at == NOW
    loaded = load("chargebee", workspace)
    assert loaded is not None
    assert loaded.verified
    (workspace / "connectors" / "reviewed.toml").write_text("[chargebee]\ndigest = 5\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        load("chargebee", workspace)


@pytest.mark.parametrize("name", ["nothing", "../secrets", "reviewed", "chargebee.cases"])
def test_what_is_no_manifest_is_none(name: str, tmp_path: Path) -> None:
    """Neither a path out of the folder nor a file beside them."""
    assert load(name, tmp_path) is None


def connectors(base: Path, table: JsonObject, name: str = "chargebee") -> Connectors:
    """The connectors of a workspace with one table."""
    return Connectors.load(
        {name: table},
        clock=FakeClock(),
        secret=lambda reference: Secret(f"value of {reference}"),
        base=base,
        installed=(),
    )


def test_a_shipped_manifest_needs_settings_alone(tmp_path: Path) -> None:
    """`[connectors.chargebee]` with its site and a key; a person is asked until it was tried."""
    found = connectors(tmp_path, TABLE)
    assert [action.name for action in found.actions][:2] == ["chargebee.cancel", "chargebee.credit"]
    assert all(action.always_ask for action in found.actions)
    assert found.connector("chargebee").version.startswith("v2.1+")


def test_a_workspaces_own_word_lifts_the_question(tmp_path: Path) -> None:
    """It has tried the shipped bytes against its own test account."""
    (tmp_path / "connectors").mkdir()
    review(tmp_path, "chargebee", verified="recorded")
    found = connectors(tmp_path, TABLE)
    assert not any(action.always_ask for action in found.actions)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"api_key": "env:K"}, "`site` is not a text"),
        ({"site": "Acme.evil.example/", "api_key": "env:K"}, "`site` is not the part"),
        ({"site": "acme"}, "`api_key` is missing"),
        ({"site": "acme", "api_key": "env:K", "colour": 1}, "there is no such setting"),
        ({"site": "acme", "api_key": "env:K", "base_url": "https://evil.example"}, "this machine"),
        ({"site": "acme", "api_key": "env:K", "base_url": "http://10.0.0.1"}, "no safe address"),
        ({"site": "acme", "api_key": "env:K", "timeout_s": 0}, "above zero"),
        ({"site": "acme", "api_key": "env:K", "private": ["10.0.0.0/99"]}, "`private`"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, table: JsonObject, message: str) -> None:
    """By its name, before anything is connected to."""
    with pytest.raises(ConfigError, match=message):
        connectors(tmp_path, table)


def test_a_manifest_does_not_replace_a_package_unnoticed(workspace: Path) -> None:
    """Nobody shadows `stripe` by a file."""

    def own(_: Setup) -> Connector:
        raise AssertionError

    with pytest.raises(ConfigError, match="two connectors have this name"):
        Connectors.load(
            {"chargebee": {"site": "acme", "api_key": "env:K"}},
            clock=FakeClock(),
            secret=lambda reference: Secret(reference),
            base=workspace,
            own_factories={"chargebee": own},
            installed=(),
        )


def test_an_unknown_connector_is_told_with_the_nearest(tmp_path: Path) -> None:
    """Manifests count."""
    with pytest.raises(ConfigError, match="there is no connector `chargebe`") as caught:
        connectors(tmp_path, {"site": "x"}, "chargebe")
    assert "did you mean `chargebee`?" in caught.value.next_step
