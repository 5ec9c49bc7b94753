"""What is installed of us: its version, and a command that adds a part which is missing."""

from __future__ import annotations

import re
import shlex
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from sayso.errors import Code, ConfigError

NAME = "sayso"
_PARTS = (NAME, *(f"{NAME}-{one}" for one in "agent connectors actions audit testing base".split()))
"""What may be installed of us, from the top: whatever is there tells of the extras below it."""
_REQUIRED = re.compile(r"""^([^;]+);.*\bextra == ['"]([\w-]+)['"]""")
_OF_OURS = re.compile(rf"({NAME}(?:-\w+)?)\[([\w,-]+)\]")


@cache
def installed_version() -> str:
    """Sayso's version: pyproject.toml has it, and nothing else does."""
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return "0+source"


def missing_extra(extra: str, message: str) -> ConfigError:
    """The error for a part whose packages are not installed.

    Args:
        extra: as pyproject.toml names it, such as `mcp`.
        message: what needs it.
    """
    return ConfigError(Code.MISSING_EXTRA, message, next_step=install(extra))


def install(extra: str, *, prefix: Path | None = None) -> str:
    """The command that adds an extra to the environment of this program.

    Args:
        prefix: the environment; that of this process unless a test names another.

    Returns:
        one that needs no published package: by uv in a clone, else the packages by their names.
    """
    environment = Path(sys.prefix) if prefix is None else prefix
    clone = clone_of(environment)
    if clone is not None:
        return f"uv sync --inexact --extra {extra} --project {shlex.quote(str(clone))}"
    return f"pip install {' '.join(map(shlex.quote, packages_of(extra)))}"


def install_package(name: str, *, prefix: Path | None = None) -> str:
    """The command that adds a package which no extra of ours names."""
    environment = Path(sys.prefix) if prefix is None else prefix
    if clone_of(environment) is None:
        return f"pip install {shlex.quote(name)}"
    return f"uv pip install --python {shlex.quote(str(environment))} {shlex.quote(name)}"


def clone_of(environment: Path) -> Path | None:
    """The clone of Sayso that an environment belongs to, as uv makes one; None outside of any."""
    clone = environment.parent
    try:
        told = (clone / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return clone if f'\nname = "{NAME}"\n' in told else None


def packages_of(extra: str) -> list[str]:
    """What an extra installs, as the distribution that owns it writes its requirements."""
    found = next(filter(None, (_packages_of(part, extra) for part in _PARTS)), list[str]())
    return list(dict.fromkeys(found))


def _packages_of(part: str, extra: str) -> list[str]:
    """The same of one distribution; empty where it is not installed, or has no such extra."""
    try:
        required = metadata.requires(part) or ()
    except metadata.PackageNotFoundError:
        return []
    found = [match for line in required if (match := _REQUIRED.match(line)) and match[2] == extra]
    packages: list[str] = []
    for match in found:
        owner = _OF_OURS.match(match[1])
        if owner is None:
            packages.append(match[1].strip())
            continue
        for inner in owner[2].split(","):
            packages += _packages_of(owner[1], inner)
    return packages
