"""No dependency that ships has a known weakness, as far as an advisory source can be reached."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tree import ROOT

pytestmark = [pytest.mark.house, pytest.mark.promise("supply:advisories")]

_UV = shutil.which("uv")
_FOUND, _NO_ANSWER = 1, 2
_LIMIT_S = 120
_ADVISORY = {
    "id": "TEST-1",
    "modified": "2026-01-01T00:00:00Z",
    "summary": "a weakness that nobody has found",
}


def audit(*words: str) -> subprocess.CompletedProcess[str]:
    """Judge every package of uv.lock that ships, by OSV's records."""
    if _UV is None:
        pytest.skip("uv is not on the path")
    command = [_UV, "audit", "--preview", "--frozen", "--no-dev", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )


@contextmanager
def advisories(package: str) -> Generator[str]:
    """A source that knows of one weakness, in one package."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
            """Say nothing."""

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            known = {"vulns": [{"id": _ADVISORY["id"], "modified": _ADVISORY["modified"]}]}
            names = [query["package"]["name"] for query in asked["queries"]]
            self._answer({"results": [known if name == package else {} for name in names]})

        def do_GET(self) -> None:
            self._answer(_ADVISORY)

        def _answer(self, found: object) -> None:
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_no_dependency_has_a_known_weakness() -> None:
    """Asked of OSV; where that cannot be reached, nothing is claimed."""
    found = audit()
    if found.returncode == _NO_ANSWER and "Request failed" in found.stderr:
        pytest.skip("no advisory source can be reached from this machine")
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_known_weakness_is_found() -> None:
    """The judge bites: one of the packages that ship is said to have one."""
    with advisories("httpx") as url:
        found = audit("--service-url", url)
    assert found.returncode == _FOUND, found.stdout + found.stderr
    assert "TEST-1" in found.stdout


def test_without_one_it_is_quiet() -> None:
    """A weakness of a package that does not ship says nothing of this one."""
    with advisories("no-package-of-ours") as url:
        found = audit("--service-url", url)
    assert found.returncode == 0, found.stdout + found.stderr
