"""Prompts as versioned files, and the form of a model's answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path

from sayso.errors import Code, ConfigError
from sayso.text import without_hidden

VARIABLES = frozenset({"actions", "objects", "conversation"})
"""What a prompt may and must name, as `{{name}}`."""

CURRENT = "plan.v1.1"
_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")
_VARIANT = re.compile(r"^<!-- model: ([A-Za-z0-9_.:/*-]{1,80}) -->[ \t]*\n", re.MULTILINE)
"""Begins the text for some models: `*` is any ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt and what it is called.

    Attributes:
        version: the file's name without `.md`, such as `plan.v1`; recorded with each plan.
        text: with `{{actions}}`, `{{objects}}` and `{{conversation}}`; behind a line such as
            `<!-- model: openai:gpt-5* -->` the text for those models, which names them as well.

    Raises:
        ConfigError: `invalid_setting`, when a variable is missing, unknown or named twice.
    """

    version: str
    text: str

    def __post_init__(self) -> None:
        for text in (self._texts[0], *self._texts[2::2]):
            self._check(text)

    @property
    def _texts(self) -> list[str]:
        """The text for all models, then pairs of which models and their text."""
        return _VARIANT.split(self.text)

    def _check(self, text: str) -> None:
        named = _VARIABLE.findall(text)
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

    def variant_of(self, model: str) -> tuple[str, str]:
        """The text for a model, and for which models it is written; the first that fits."""
        plain, *variants = self._texts
        for models, text in zip(variants[::2], variants[1::2], strict=True):
            if fnmatchcase(model, models):
                return text, models
        return plain, "*"

    def fill(self, values: Mapping[str, str], model: str = "") -> str:
        """The model's text with its values, of which it gets what a person would see.

        A value that holds `{{…}}` is not filled again.
        """
        text = self.variant_of(model)[0]
        return _VARIABLE.sub(lambda match: without_hidden(values[match[1]]), text)


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
