"""Prompts as versioned files, and the form of a model's answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sayso.errors import Code, ConfigError

VARIABLES = frozenset({"actions", "objects", "conversation"})
"""What a prompt may and must name, as `{{name}}`."""

CURRENT = "plan.v1"
_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt and what it is called.

    Attributes:
        version: the file's name without `.md`, such as `plan.v1`; recorded with each plan.
        text: with `{{actions}}`, `{{objects}}` and `{{conversation}}`.

    Raises:
        ConfigError: `invalid_setting`, when a variable is missing, unknown or named twice.
    """

    version: str
    text: str

    def __post_init__(self) -> None:
        named = _VARIABLE.findall(self.text)
        wrong = sorted((set(named) ^ VARIABLES) | {name for name in named if named.count(name) > 1})
        if wrong:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"prompt `{self.version}` does not name `{wrong[0][:40]}` exactly once, or may not",
                next_step=f"name each of {', '.join(sorted(VARIABLES))} once, in double braces",
            )

    @property
    def digest_hex(self) -> str:
        """SHA-256 of the text, in hex: two plans with one digest had the very same prompt."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def fill(self, values: Mapping[str, str]) -> str:
        """The prompt with its values. A value that holds `{{…}}` itself is not filled again."""
        return _VARIABLE.sub(lambda match: values[match[1]], self.text)


def load_prompt(path: Path | None = None) -> Prompt:
    """A workspace's own prompt, or the shipped one.

    Raises:
        ConfigError: `invalid_setting`, when it cannot be read or names the wrong variables.
    """
    if path is None:
        text = (resources.files("sayso.agent.prompts") / f"{CURRENT}.md").read_text("utf-8")
        return Prompt(version=CURRENT, text=text)
    try:
        return Prompt(version=path.stem, text=path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the prompt `{path}` cannot be read",
            next_step="point to a UTF-8 text file",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Which prompt a request gets: the one in force, or the candidate for a part of them.

    Attributes:
        percent: of the requests that get the candidate, by a stable hash of the request.
    """

    current: Prompt
    candidate: Prompt | None = None
    percent: int = 0

    @classmethod
    def shipped(cls) -> Prompts:
        """The one that comes with Sayso, for every request."""
        return cls(current=load_prompt())

    def of(self, key: str) -> Prompt:
        """The prompt of a request; the same one whenever it is asked."""
        if self.candidate is None:
            return self.current
        share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100
        return self.candidate if share < self.percent else self.current
