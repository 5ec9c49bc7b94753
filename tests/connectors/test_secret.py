"""Secrets: shown as `***` everywhere, read by reference only."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

from sayso.connectors.secret import Secret, resolve_reference
from sayso.errors import Code, ConfigError

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
        ("env:", "`env:NAME` or `file:PATH`"),
        ("file:none", "write the secret into that file"),
        ("file:empty", "write the secret into that file"),
        ("file:.", "write the secret into that file"),
        ("file:binary", "write the secret into that file"),
        (f"sk_live_{CANARY}", "`env:NAME` or `file:PATH`"),
        (f"vault:{CANARY}", "`env:NAME` or `file:PATH`"),
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
