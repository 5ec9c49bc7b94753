"""The files of deploy/ and .github/, and the schemas that others judge such files by."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from tree import ROOT

DEPLOY = ROOT / "deploy"
THOROUGH = "SAYSO_DEPLOY" in os.environ
"""Whether the dear ones are asked for, and each program of others has to be there."""
thorough = pytest.mark.skipif(not THOROUGH, reason="builds seven wheels: SAYSO_DEPLOY=1")


def read_yaml(path: Path) -> Any:
    """The only document of a file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def schema(name: str) -> Any:
    """A schema that `check-jsonschema` carries, such as `compose-spec`."""
    place = files("check_jsonschema").joinpath("builtin_schemas", "vendor", f"{name}.json")
    return json.loads(place.read_text(encoding="utf-8"))


def mistakes(document: object, name: str) -> list[str]:
    """Where a document is none of that schema, and why."""
    return wrong_by(schema(name), document)


def wrong_by(schema: Any, document: object) -> list[str]:
    """The same by a schema itself."""
    found = jsonschema.validators.validator_for(schema)(schema)
    return [f"{one.json_path}: {one.message[:300]}" for one in found.iter_errors(document)]


def program(name: str) -> str:
    """Where a program of others is; the test is skipped where it is not, unless all are asked for.

    Args:
        name: such as `promtool`, which Debian has in the package `prometheus`.
    """
    found = shutil.which(name)
    assert found or not THOROUGH, f"{name} is not installed"
    return found or pytest.skip(f"{name} is not installed")


def instructions(path: Path) -> list[tuple[str, str]]:
    """A Dockerfile's instructions in order, each with its words in one line."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line]


def referred(value: object) -> Iterator[str]:
    """Every text in a document, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from referred(one)
    elif isinstance(value, list):
        for one in value:
            yield from referred(one)
