"""docs/reference/http-api.md, run from top to bottom against a running server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from support.shop_workspace import open_shop
from surfaces.http.api_server import TIMEOUT_S, ApiServer, serving, token
from surfaces.http.routes import ROUTES, on_page
from tree import ROOT

from sayso.json import JsonValue
from sayso.sandbox import Sandbox
from sayso.sdk.resources.tokens import Scope
from sayso.testing.clock import FakeClock

PAGE = ROOT / "docs" / "reference" / "http-api.md"
_BLOCK = re.compile(r"^```(sh|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


def examples() -> Iterator[tuple[str, tuple[str, str] | None]]:
    """Each command of the page with the block that follows it, when that shows the answer."""
    blocks = [(match[1], match[2]) for match in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    for place, (kind, body) in enumerate(blocks):
        if kind == "sh":
            following = blocks[place + 1] if place + 1 < len(blocks) else ("sh", "")
            yield body, None if following[0] == "sh" else following


def missing(shown: JsonValue, got: JsonValue, path: str = "answer") -> list[str]:
    """What the page shows and the answer has not; the page may leave fields and items out."""
    if shown == ANYTHING:
        return [] if got not in (None, "") else [f"{path} is empty"]
    found: list[str] = []
    match shown, got:
        case Mapping(), Mapping():
            for name, inner in shown.items():
                found += missing(inner, got.get(name), f"{path}.{name}")
        case list(), list() if len(shown) <= len(got):
            for place, inner in enumerate(shown):
                found += missing(inner, got[place], f"{path}[{place}]")
        case _:
            found = [] if shown == got else [f"{path} is {got!r} and not {shown!r}"]
    return found


def lines_missing(shown: str, got: str) -> list[str]:
    """Lines of a text block that no line of the answer fits; `…` stands for anything."""
    patterns = [".*".join(map(re.escape, line.split(ANYTHING))) for line in shown.splitlines()]
    return [line for line in patterns if not re.search(f"^{line}", got, re.MULTILINE)]


def learn(environment: dict[str, str], got: JsonValue) -> None:
    """Put the ids of an answer where the page's later commands expect them."""
    match got:
        case {"id": str(name), "question": Mapping()}:
            environment["ASKED"] = name
        case {"id": str(name), "actions": list()}:
            environment["REQUEST"] = name
        case {"id": str(name), "approval": {"id": str(approval), "digest": str(digest)}}:
            environment |= {"ACTION": name, "APPROVAL": approval, "DIGEST": digest}
        case _:
            pass


def run(command: str, environment: dict[str, str]) -> str:
    """What a command of the page prints."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_example_does_what_the_page_says(tmp_path: Path) -> None:
    """Commands in order, with the answers that the page shows."""
    with (
        Sandbox.start(seed="demo", clock=FakeClock()) as sandbox,
        serving(tmp_path, sandbox, FakeClock()) as api,
    ):
        environment = _environment(api)
        count = 0
        for command, shown in examples():
            count += 1
            got = run(command, environment)
            assert got, command
            if shown is None:
                continue
            kind, body = shown
            if kind == "text":
                assert lines_missing(body, got) == [], got
                continue
            answer = json.loads(got)
            assert missing(json.loads(body), answer) == [], got
            learn(environment, answer)
        assert count >= 12


def _environment(api: ApiServer) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "SAYSO": api.url,
        "BOT": api.secrets["bot"],
        "MARIA": api.secrets["maria"],
        "ADMIN": api.run(token(api.sayso, "maria", "person", frozenset({Scope.ADMIN})))[1],
    }


async def test_the_app_can_be_mounted_as_the_page_says(tmp_path: Path) -> None:
    """Its Python, as it stands, in an app of the reader's."""
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    async with open_shop(tmp_path / "shop") as opened:
        mine = FastAPI()
        exec(code, {"app": mine, "sayso": opened.sayso})
        transport = httpx.ASGITransport(mine)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            answer = await client.get("/sayso/healthz")
    assert answer.status_code == 200, answer.text


def test_the_page_names_every_route() -> None:
    """What /openapi.json has, the page has."""
    page = PAGE.read_text(encoding="utf-8")
    for name in ROUTES:
        assert f"`{on_page(name)}`" in page, name
