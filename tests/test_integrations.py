"""The apps for help desks are whole: each file that they name is there, and they frame one page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1] / "integrations"
ZENDESK = ROOT / "zendesk"
pytestmark = pytest.mark.promise("seat:beside")
ADDRESSES = (
    (
        "https://sayso.example",
        48213,
        "https://sayso.example/console/seat?desk=zendesk&thread=48213",
    ),
    ("https://sayso.example/x?y", "7", "https://sayso.example/console/seat?desk=zendesk&thread=7"),
    ("http://sayso.example", 7, None),
    ("javascript:alert(1)", 7, None),
    ("nothing", 7, None),
    ("https://sayso.example", "7&desk=other", None),
    ("https://sayso.example", "", None),
)


def read(path: Path) -> dict[str, Any]:
    """A JSON file."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_zendesks_manifest_is_whole() -> None:
    """Source: Zendesk's manifest reference: required fields, a location with a page, settings.

    Zendesk's own checker is a service of theirs and is not asked here.
    """
    manifest, words = read(ZENDESK / "manifest.json"), read(ZENDESK / "translations" / "en.json")
    assert {"name", "author", "defaultLocale", "frameworkVersion", "location"} <= manifest.keys()
    assert (manifest["frameworkVersion"], manifest["defaultLocale"]) == ("2.0", "en")
    page = ZENDESK / manifest["location"]["support"]["ticket_sidebar"]["url"]
    assert page.is_file()
    told = words["app"]["parameters"]
    assert {one["name"] for one in manifest["parameters"]} == told.keys()
    for one in manifest["parameters"]:
        assert one["type"] in {"text", "url", "checkbox", "hidden", "number"}
        assert told[one["name"]]["label"]
    text = page.read_text("utf-8")
    for named in re.findall(r'(?:src|href)="([^"]+)"', text):
        outside = named.startswith("https://static.zdassets.com/")
        assert outside or (page.parent / named).is_file(), named
    assert "onclick" not in text
    assert "<script>" not in text


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_zendesks_page_frames_the_seat_of_an_https_console_alone() -> None:
    """No other scheme, no other page, and nothing but a ticket's number in its address."""
    said = [{"console": site, "ticket": ticket} for site, ticket, _ in ADDRESSES]
    script = (
        f"const {{ addressOf }} = require({json.dumps(str(ZENDESK / 'assets' / 'seat.js'))});"
        f"const all = {json.dumps(said)};"
        "console.log(JSON.stringify(all.map(one =>"
        " addressOf({ console: one.console, desk: 'zendesk' }, one.ticket))))"
    )
    node = shutil.which("node") or "node"
    done = subprocess.run([node, "-e", script], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [address for *_, address in ADDRESSES]


def test_intercoms_canvas_has_components_that_it_knows() -> None:
    """Source: Canvas Kit: text and button, the button with an address to open."""
    components = read(ROOT / "intercom" / "canvas.json")["canvas"]["content"]["components"]
    assert [one["type"] for one in components] == ["text", "text", "button"]
    assert components[-1]["action"]["type"] == "url"
    assert "/console/seat?desk=intercom&thread=" in components[-1]["action"]["url"]
