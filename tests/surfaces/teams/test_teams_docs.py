"""The app's package and the guide: what Microsoft's schema accepts, and every setting."""

from __future__ import annotations

import json
import struct
from importlib import import_module
from typing import Any

import pytest
from tree import ROOT

from sayso.surfaces.teams.app import PATH
from sayso.surfaces.teams.settings import TeamsSection

JSON_SCHEMA: Any = import_module("jsonschema")
PACKAGE = ROOT / "integrations" / "teams"
GUIDE = (ROOT / "docs" / "how-to" / "approve-in-teams.md").read_text("utf-8")


def manifest() -> dict[str, Any]:
    """The app's manifest, as it is uploaded."""
    read: dict[str, Any] = json.loads((PACKAGE / "manifest.json").read_text("utf-8"))
    return read


def validator() -> Any:
    """Microsoft's schema, from its package `@microsoft/app-manifest` 1.1.2."""
    path = ROOT / "tests" / "vectors" / "teams" / "MicrosoftTeams-1.19.schema.json"
    return JSON_SCHEMA.Draft7Validator(json.loads(path.read_text("utf-8")))


def test_microsofts_schema_takes_the_manifest() -> None:
    """And refuses one with a mistake, so that it says something."""
    assert [one.message for one in validator().iter_errors(manifest())] == []
    mistakes: tuple[dict[str, Any], ...] = (
        {"manifestVersion": "1"},
        {"bots": [{"botId": "x"}]},
        {"name": {}},
    )
    for wrong in mistakes:
        assert list(validator().iter_errors({**manifest(), **wrong}))


@pytest.mark.parametrize(("name", "size"), [("color", 192), ("outline", 32)])
def test_the_icons_have_the_sizes_that_teams_wants(name: str, size: int) -> None:
    """As the header of each file says."""
    assert manifest()["icons"][name] == f"{name}.png"
    header = (PACKAGE / f"{name}.png").read_bytes()[:24]
    assert struct.unpack(">II", header[16:24]) == (size, size)


@pytest.mark.parametrize("name", TeamsSection.model_fields)
def test_each_setting_is_documented(name: str) -> None:
    """In the guide's table."""
    assert f"| `{name}` |" in GUIDE


def test_the_guide_names_the_endpoint_and_who_has_seen_it() -> None:
    """Nobody has run it against Teams itself, and the page says so."""
    assert f"https://sayso.example.com{PATH}" in GUIDE
    assert "has not been run against Teams itself" in " ".join(GUIDE.split())
    assert len(GUIDE.split()) <= 1200
