"""clients/js, judged by node and TypeScript, against a server that runs here."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from real.shop import CACHE
from standardwebhooks import Webhook
from surfaces.http.api_server import ApiServer, serving
from tree import ROOT, projects

from sayso.sandbox import Sandbox
from sayso.testing.clock import FakeClock

CLIENT = ROOT / "clients" / "js"
PACKAGE = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
TIMEOUT_S = 120
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
pytestmark = pytest.mark.promise("http:javascript")


def program(name: str) -> str:
    """Where node or npm is; the test is skipped where it is not."""
    return shutil.which(name) or pytest.skip(f"there is no {name} on the PATH")


def run(*words: str, folder: Path, **more: str) -> str:
    """What a program prints; fail with all that it said unless it is content."""
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server over real HTTP."""
    with Sandbox.start(seed="demo", clock=FakeClock()) as sandbox:
        folder = tmp_path_factory.mktemp("served")
        with serving(folder, sandbox, FakeClock()) as running:
            yield running


def signed() -> Mapping[str, object]:
    """A webhook as the reference library of Standard Webhooks signs it."""
    told = {"type": "action.succeeded", "timestamp": "…", "data": {"seq": 412, "note": "über"}}
    body = json.dumps(told, ensure_ascii=False)
    return {
        "secret": SECRET,
        "other": SECRET.replace("C", "D"),
        "body": body,
        "headers": {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(AT.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("msg_1", AT, body),
        },
    }


def test_the_client_does_what_it_says_against_a_server(api: ApiServer) -> None:
    """Its own tests, by node's runner and without a package of npm's."""
    given = {
        "url": api.url,
        "tokens": api.secrets,
        "orders": [api.order() for _ in range(8)],
        "webhook": signed(),
    }
    words = (program("node"), "--test", "--test-timeout=30000", "test/")
    run(*words, folder=CLIENT, SAYSO_TEST=json.dumps(given))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with its types, made of this server's document by the packages that it pins."""
    npm, folder = program("npm"), tmp_path_factory.mktemp("client") / "js"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "*.tgz"))
    document = run(sys.executable, "openapi.py", folder=folder)
    (folder / "openapi.json").write_text(document, encoding="utf-8")
    cache = CACHE / "javascript"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pinned, kept = (folder / "package-lock.json").read_bytes(), cache / "package-lock.json"
        if not kept.exists() or kept.read_bytes() != pinned:
            shutil.rmtree(cache / "node_modules", ignore_errors=True)
            kept.unlink(missing_ok=True)
            shutil.copy(folder / "package.json", cache)
            (cache / "package-lock.json").write_bytes(pinned)
            install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(
                install, cwd=cache, capture_output=True, timeout=TIMEOUT_S, check=False
            )
            if done.returncode:
                kept.unlink()
                said = done.stderr.decode(errors="replace")[-300:]
                pytest.skip(f"npm cannot install what makes the types: {said}")
    (folder / "node_modules").symlink_to(cache / "node_modules")
    run(npm, "run", "build", folder=folder)
    return folder


@pytest.mark.real
def test_optional_fields_are_optional_and_wrong_ones_are_errors(built: Path) -> None:
    """By TypeScript, strict, with a program that uses them; each error that is expected comes."""
    options = "--noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2022"
    run("node_modules/.bin/tsc", *options.split(), "test/types.ts", folder=built)


@pytest.mark.real
def test_the_package_holds_what_it_needs_and_nothing_else(built: Path) -> None:
    """No test, no document, no configuration; its version is that of Sayso."""
    assert PACKAGE["version"] == projects()["sayso"]["version"]
    assert "dependencies" not in PACKAGE
    told = run(program("npm"), "pack", "--dry-run", "--json", "--ignore-scripts", folder=built)
    (packed,) = json.loads(told)
    modules = ("index", "stream", "webhook")
    assert {one["path"] for one in packed["files"]} == {
        *("package.json", "README.md", "LICENSE", "shapes.d.ts", "schema.d.ts"),
        *(f"{name}{ending}" for name in modules for ending in (".js", ".d.ts")),
    }
