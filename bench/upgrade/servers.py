"""A workspace that the old version has made, and servers of both versions on it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes
from typing import Any

from bench.place import with_bytecode
from bench.upgrade.old import Code
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.sandbox import API_KEY
from sayso.sdk.workspace import write_secret_file

PERSON = "ana"
ENDED_S = 60.0
_LONGEST_S = 600.0
TOML = """
[workspace]
name = "drill"

[store]
url = "{url}"

[policy]
files = ["policies/*"]

[[people]]
id = "{person}"
roles = ["support_manager"]

[connectors.stripe]
api_key = "env:STRIPE_API_KEY"
base_url = "{provider}"
"""
POLICY = """
@id("small") @explain("up to 50 by itself")
permit (principal, action == Action::"stripe.refund", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) };

@id("manager") @explain("up to 500 once a support manager says yes")
permit (principal, action == Action::"stripe.refund", resource)
when {
  context.amount.lessThanOrEqual(decimal("500.00")) &&
  context.approvedBy.contains("support_manager")
};
"""
SCOPES = ("--scope", "actions:propose", "--scope", "actions:read")
MADE = (
    ("migrate", "--json"),
    ("token", "create", "--person", PERSON, "--json"),
    ("token", "create", "--service", "bot", *SCOPES, "--json"),
)


@dataclass(kw_only=True)
class Server:
    """A running `sayso serve`."""

    code: Code
    url: str
    process: subprocess.Popen[str]


@dataclass(kw_only=True)
class Place:
    """The folder, who may ask and decide, and the servers that run on it.

    Attributes:
        url: as `[store] url`.
        provider: the address of the sandbox.
    """

    folder: Path
    url: str
    provider: str
    bot: str = ""
    person: str = ""
    servers: list[Server] = field(default_factory=list[Server])

    def make(self, code: Code) -> None:
        """Settings, keys, policy, database and tokens, as that version makes them."""
        (self.folder / "policies").mkdir(parents=True)
        (self.folder / "policies" / "refunds.cedar").write_text(POLICY, encoding="utf-8")
        text = TOML.format(url=self.url, person=PERSON, provider=self.provider)
        (self.folder / "sayso.toml").write_text(text, encoding="utf-8")
        keys = self.folder / "keys"
        write_secret_file(keys / "log.key", Ed25519Signer.generate("drill").to_text())
        write_secret_file(keys / "vault.key", new_key(token_bytes).reveal())
        told = self._run(code.several(), json.dumps(MADE))
        self.person, self.bot = (one["secret"] for one in told[-2:])
        self.sayso(code, "policy", "activate")

    def sayso(self, code: Code, *words: str) -> Mapping[str, Any]:
        """A command of that version, which has to succeed; its document."""
        (told,) = self._run(code.command(), *words, "--json")
        return told

    def _run(self, command: Sequence[str], *words: str) -> list[dict[str, Any]]:
        """Run a program in the folder to its end; the documents that it printed.

        Raises:
            RuntimeError: it failed.
        """
        with self.begin(command, words, subprocess.PIPE) as process:
            out, errors = process.communicate(timeout=_LONGEST_S)
        if process.returncode:
            raise RuntimeError(f"{words}: {out}{errors}"[-2000:])
        return documents(out)

    def begin(
        self, command: Sequence[str], words: Sequence[str], errors: int
    ) -> subprocess.Popen[str]:
        """Start a program in the folder."""
        return subprocess.Popen(
            [*command, *words],
            cwd=self.folder,
            env=with_bytecode(self.folder.parent / "bytecode") | self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def start(self, code: Code) -> Server:
        """Start one more server; it can be asked once this returns."""
        log = self.folder / "serve.log"
        with log.open("a", encoding="utf-8") as errors:
            words = ("serve", "--port", "0", "--json")
            process = self.begin(code.command(), words, errors.fileno())
        assert process.stdout is not None
        told = "".join(iter(process.stdout.readline, "}\n"))
        if process.poll() is not None:
            raise RuntimeError(f"{code.name} did not start: {log.read_text('utf-8')[-2000:]}")
        server = Server(code=code, url=json.loads(told + "}")["url"], process=process)
        self.servers.append(server)
        return server

    def end(self, server: Server) -> int:
        """Ask it to end, as an operator does; its exit status. Callers may meet it until then."""
        server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(ENDED_S)
        self.servers.remove(server)
        if server.process.stdout is not None:
            server.process.stdout.close()
        return status

    def kill_all(self) -> None:
        """Whatever is left."""
        for server in list(self.servers):
            server.process.kill()
            self.end(server)

    def variables(self) -> dict[str, str]:
        """What each program finds, beside those of this one."""
        return {"STRIPE_API_KEY": API_KEY, "SAYSO_TOKEN": self.person}


def documents(text: str) -> list[dict[str, Any]]:
    """The JSON documents that stand one behind the other."""
    found: list[dict[str, Any]] = []
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found
