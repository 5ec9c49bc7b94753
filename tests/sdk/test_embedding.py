"""In a program that logs everything, no secret that was configured is written anywhere."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from sdk.echoing import EchoingStripe
from support.workspace import PEOPLE, make_workspace

from sayso.sandbox import Sandbox

PROGRAM = Path(__file__).parent / "embedding.py"
TESTS = Path(__file__).parents[1]
_LIMIT_S = 150


def canary(name: str) -> str:
    """A value that stands nowhere else."""
    return f"canary{name}{secrets.token_hex(12)}"


def environment() -> dict[str, str]:
    """Every kind of secret that a workspace has."""
    return {
        "STRIPE_KEY": f"sk_test_{canary('stripe')}",
        "OPENAI_KEY": f"sk-{canary('openai')}",
        "SLACK_TOKEN": f"xoxb-{canary('slack')}",
        "SLACK_SECRET": canary("signing"),
        "OAUTH_SECRET": canary("oauth"),
        "FRESHDESK_KEY": canary("freshdesk"),
        "INBOUND_SECRET": canary("inbound"),
        "IDENTITY_SECRET": canary("identity"),
    }


class Echo:
    """Answers everything with what it was sent, as Slack, a model, a token endpoint, a provider.

    Attributes:
        heard: the paths that were asked for.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.bodies: list[str] = []
        self.url = ""

    @contextmanager
    def serving(self) -> Generator[None]:
        """On a free port of this machine."""
        echo = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
                """Say nothing."""

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                sent = self.headers.get("authorization") or ""
                told = f"{sent} {_decoded(sent)} {body} {unquote_plus(body)}"
                echo.heard.append(self.path)
                echo.bodies.append(told)
                slack = self.path.startswith("/api/")
                error: object = f"not {told}" if slack else {"message": told, "code": told}
                details = {"messages": [told]}
                answer = json.dumps(
                    {
                        "ok": False,
                        "error": error,
                        "error_description": told,
                        "response_metadata": details,
                    }
                )
                self.send_response(200 if slack else 401)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer.encode())))
                self.end_headers()
                self.wfile.write(answer.encode())

            do_GET = do_POST = _answer  # noqa: N815  (http.server's names)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _decoded(authorization: str) -> str:
    kind, _, sent = authorization.partition(" ")
    return base64.b64decode(sent).decode("utf-8", "replace") if kind == "Basic" else ""


def prepare(folder: Path, url: str, stripe: str) -> None:
    """A workspace in which every secret leads to the echo."""
    make_workspace(folder, stripe_url=stripe, people=PEOPLE)
    path = folder / "sayso.toml"
    text = path.read_text().replace(
        'transport = "file"\nfolder = "outbox"',
        'transport = "smtp"\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\n'
        'user = "ann"\ntoken = "mail"',
    )
    text += f"""
[planner]
model = "openai:fake"
base_url = "{url}/v1"
api_key = "env:OPENAI_KEY"

[slack]
bot_token = "env:SLACK_TOKEN"
signing_secret = "env:SLACK_SECRET"
channel = "C1"
api_url = "{url}/api/"

[connections.mail]
grant = "client_credentials"
token_endpoint = "{url}/token"
client_id = "us"
client_secret = "env:OAUTH_SECRET"
auth_method = "client_secret_post"

[connectors.freshdesk]
api_key = "env:FRESHDESK_KEY"
base_url = "{url}"
domain = "acme"

[inbound.help]
provider = "stripe"
secret = "env:INBOUND_SECRET"

[identity.shop]
kind = "intercom"
secret = "env:IDENTITY_SECRET"

[webhooks]
local = true
"""
    path.write_text(text)


def run(folder: Path, hook: str, values: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The program, with nothing of this process's environment but what it needs to start."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env = {**kept, **values, "PYTHONPATH": str(TESTS), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(PROGRAM), str(folder), hook]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )


@pytest.mark.promise("secrets:embedded")
def test_a_program_that_logs_everything_writes_no_secret_of_ours(tmp_path: Path) -> None:
    """Invariant 6: `basicConfig(DEBUG)`, and everybody repeats in errors what they were sent."""
    values, echo, folder = environment(), Echo(), tmp_path / "shop"
    with Sandbox.start(seed="demo", api_key=values["STRIPE_KEY"]) as sandbox, echo.serving():
        stripe = EchoingStripe(sandbox.url)
        stripe.status = 402  # of writes: what people are asked about has to be read first
        with stripe.serving():
            prepare(folder, echo.url, stripe.url)
            done = run(folder, f"{echo.url}/hook", values)
    assert stripe.echoed, done.stdout[:3000]
    assert done.returncode == 0, done.stderr[-3000:]
    assert "DEBUG:program:the end" in done.stderr, "the program's own lines are there"
    heard = "\n".join(echo.bodies)
    sent = ("OPENAI_KEY", "SLACK_TOKEN", "OAUTH_SECRET", "FRESHDESK_KEY")
    assert {name for name in sent if values[name] not in heard} == set(), echo.heard
    assert "/hook" in echo.heard
    webhook, token = (folder / "made.txt").read_text().split()
    known = {
        **values,
        "webhook secret": webhook,
        "token": token,
        "signing key": (folder / "keys" / "log.key").read_text().strip().split("+", 4)[4],
        "vault key": (folder / "keys" / "vault.key").read_text().strip(),
    }
    with closing(sqlite3.connect(folder / "sayso.db")) as rows:
        stored = "\n".join(rows.iterdump())
    places = {"stdout": done.stdout, "log": done.stderr, "database": stored}
    found = [
        (name, place) for name, value in known.items() for place in places if value in places[place]
    ]
    assert found == []
    above = [line for line in done.stderr.splitlines() if not line.startswith("DEBUG:")]
    assert [line for line in above if "cus_demo_" in line or "4711" in line] == []
