"""Secrets: shown as `***` everywhere, read by reference only."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import threading
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest

from sayso.errors import Code, ConfigError
from sayso.secret import Secret, resolve_reference
from sayso.settings.document import SigningSection, VaultSection

CANARY = "canary-7f3a9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Something that keeps a secret."""

    key: Secret


def ways_to_show(secret: Secret) -> list[str]:
    try:
        raise ValueError(secret)
    except ValueError:
        trace = traceback.format_exc()
    record = logging.LogRecord("x", 20, "f", 1, "key %s %r", (secret, secret), None)
    return [
        repr(secret),
        str(secret),
        f"{secret} {secret!r} {secret:>20}",
        "%s" % secret,  # noqa: UP031  (the old way shows it neither)
        repr(Holder(key=secret)),
        repr([secret]),
        json.dumps({"key": secret}, default=str),
        pickle.dumps(secret).decode("latin-1"),
        pickle.loads(pickle.dumps(secret)).reveal(),
        record.getMessage(),
        trace,
        repr(dir(secret)),
    ]


@pytest.mark.promise("secrets:hidden")
def test_no_way_of_printing_shows_a_secret() -> None:
    """repr, str, format, logs, tracebacks, JSON and pickle give `***`."""
    for shown in ways_to_show(Secret(CANARY)):
        assert CANARY not in shown


def test_json_refuses_a_secret_that_it_does_not_know() -> None:
    """Without a fallback nothing is written at all."""
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))


def test_a_copy_is_the_same_secret() -> None:
    """Copying a dataclass that holds one does not lose the value."""
    secret = Secret(CANARY)
    assert copy.deepcopy(Holder(key=secret)).key.reveal() == CANARY
    assert copy.copy(secret) is secret
    assert secret == Secret(CANARY) != Secret("other")


def test_references_are_read_from_the_environment_and_from_files(tmp_path: Path) -> None:
    """White space around a secret is an accident of editors, and is cut."""
    (tmp_path / "key").write_text(f"{CANARY}\n")
    environment = {"KEY": f" {CANARY} "}
    for reference in ("env:KEY", "file:key", f"file:{tmp_path}/key"):
        found = resolve_reference(reference, environment=environment, base=tmp_path)
        assert found.reveal() == CANARY


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:KEY", "set KEY"),
        ("env:EMPTY", "set EMPTY"),
        ("env:", "write `env:NAME`, `file:PATH`"),
        ("file:none", "write the secret into that file"),
        ("file:empty", "write the secret into that file"),
        ("file:.", "write the secret into that file"),
        ("file:binary", "write the secret into that file"),
        (f"sk_live_{CANARY}", "write `env:NAME`, `file:PATH`"),
        (f"vault:{CANARY}", "write `env:NAME`, `file:PATH`"),
    ],
)
def test_a_missing_secret_names_the_next_step_and_no_value(
    reference: str, words: str, tmp_path: Path
) -> None:
    """Also when somebody pasted the secret itself where its reference belongs."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        resolve_reference(reference, environment={"EMPTY": " "}, base=tmp_path)
    assert caught.value.code is Code.MISSING_SECRET
    assert words in caught.value.next_step
    assert CANARY not in str(caught.value)


class FakeVault(ThreadingHTTPServer):
    """HashiCorp Vault's KV engine of version 2, mounted as `secret`, with one secret in it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _VaultHandler)
        self.asked: list[tuple[str, str | None]] = []
        self.answer: tuple[int, bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """How a process finds it."""
        return {"VAULT_ADDR": f"http://127.0.0.1:{self.server_port}", "VAULT_TOKEN": "hvs.test"}


class _VaultHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Read a secret, as the HTTP API's page describes it."""
        vault = cast("FakeVault", self.server)
        vault.asked.append((self.path, self.headers.get("X-Vault-Namespace")))
        if vault.answer is not None:
            return self._say(*vault.answer)
        if self.headers["X-Vault-Token"] != "hvs.test":
            return self._say(403, b'{"errors": ["permission denied"]}')
        if self.path != "/v1/secret/data/team/stripe":
            return self._say(404, b'{"errors": []}')
        fields = {"api_key": f" {CANARY}\n", "number": 5}
        data = {"data": fields, "metadata": {"version": 3, "destroyed": False}}
        return self._say(200, json.dumps({"request_id": "r", "data": data}).encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
        """Say nothing."""


@pytest.fixture
def hashicorp() -> Generator[FakeVault]:
    """A Vault on this machine."""
    with FakeVault() as vault:
        thread = threading.Thread(target=vault.serve_forever)
        thread.start()
        yield vault
        vault.shutdown()
        thread.join()


@pytest.mark.promise("secrets:hashicorp")
def test_a_secret_is_read_from_hashicorp_vault(hashicorp: FakeVault, tmp_path: Path) -> None:
    """By its HTTP API: the field of a secret, with a token from a variable or a file."""
    reference = "vault:secret/team/stripe#api_key"
    found = resolve_reference(reference, environment=hashicorp.environment, base=tmp_path)
    assert found.reveal() == CANARY
    (tmp_path / "token").write_text("hvs.test\n")
    environment = {
        **hashicorp.environment,
        "VAULT_TOKEN": "",
        "VAULT_TOKEN_FILE": "token",
        "VAULT_NAMESPACE": "team-a",
    }
    assert resolve_reference(reference, environment=environment, base=tmp_path) == found
    assert hashicorp.asked == [
        ("/v1/secret/data/team/stripe", None),
        ("/v1/secret/data/team/stripe", "team-a"),
    ]


@pytest.mark.promise("secrets:hashicorp")
@pytest.mark.parametrize(
    ("reference", "changed", "words"),
    [
        ("vault:secret/team/stripe#nothing", {}, "has no text `nothing`"),
        ("vault:secret/team/stripe#number", {}, "has no text `number`"),
        ("vault:secret/other#api_key", {}, "HTTP 404"),
        ("vault:secret/team/stripe#api_key", {"VAULT_TOKEN": "hvs.other"}, "HTTP 403"),
        ("vault:secret/team/stripe#api_key", {"VAULT_TOKEN": ""}, "`VAULT_TOKEN` is not set"),
        ("vault:secret/team/stripe#api_key", {"VAULT_ADDR": ""}, "no https address"),
        ("vault:secret/team/stripe#api_key", {"VAULT_ADDR": "http://10.0.0.1"}, "no https address"),
        ("vault:secret/team/stripe#api_key", {"VAULT_ADDR": "http://127.0.0.1:1"}, "cannot be"),
        ("vault:secret/../sys/seal#api_key", {}, "another form"),
        ("vault:secret/team/stripe", {}, "another form"),
    ],
)
def test_what_vault_does_not_give_is_a_missing_secret(
    hashicorp: FakeVault, tmp_path: Path, reference: str, changed: dict[str, str], words: str
) -> None:
    """With the next step, and never a token or a value."""
    environment = {**hashicorp.environment, **changed}
    with pytest.raises(ConfigError) as caught:
        resolve_reference(reference, environment=environment, base=tmp_path)
    assert caught.value.code is Code.MISSING_SECRET
    assert words in str(caught.value)
    assert "hvs." not in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"data": {"api_key": "version 1"}}'),
        (307, b""),
        (503, b"sealed"),
    ],
)
def test_another_answer_of_vault_is_no_secret(
    hashicorp: FakeVault, tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    """A redirect isn't followed, since it would take the token elsewhere."""
    hashicorp.answer = answer
    with pytest.raises(ConfigError) as caught:
        resolve_reference(
            "vault:secret/team/stripe#api_key", environment=hashicorp.environment, base=tmp_path
        )
    assert caught.value.code is Code.MISSING_SECRET
    assert len(hashicorp.asked) == 1


@pytest.mark.promise("secrets:hashicorp")
def test_the_keys_of_a_workspace_may_be_in_vault(hashicorp: FakeVault, tmp_path: Path) -> None:
    """The log's key and the vault's own, as well as a connector's."""
    section = SigningSection(key="vault:secret/team/stripe#api_key")
    found = resolve_reference(section.key, environment=hashicorp.environment, base=tmp_path)
    assert found.reveal() == CANARY
    assert VaultSection(key="vault:secret/keys#vault").key.startswith("vault:")
