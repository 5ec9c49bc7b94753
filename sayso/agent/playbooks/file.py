"""The form of a playbook file, and how it is read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sayso.actions.model.plan import MAX_STEPS, OnFailure
from sayso.errors import Code, ConfigError

TomlValue: TypeAlias = str | int | bool | Mapping[str, str | int | bool]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`{pattern}` is no regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_compiles)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=300)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ObjectSlot(_Closed):
    """Which of the customer's objects is meant.

    `kind` is a record's kind; `needs` names a money fact that must be above zero; `status` lists
    the states in which it can be meant; `called` are patterns of a name, which count where the
    customer has one such object and its record has no name; `pick = "duplicate"` takes the later
    of two equal charges that lie at most `within_h` hours apart.
    """

    type: Literal["object"]
    kind: Name
    needs: Name | None = None
    status: tuple[str, ...] = ()
    called: tuple[Pattern, ...] = ()
    pick: Literal["named", "duplicate"] = "named"
    within_h: int = Field(default=72, ge=1, le=720)


class MoneySlot(_Closed):
    """An amount from the message; with `of`, a part of that object, never above what is left."""

    type: Literal["money"]
    of: Name | None = None
    required: bool = False


class ChoiceSlot(_Closed):
    """One of a few words; the first choice with a pattern that is found, else the default."""

    type: Literal["choice"]
    choices: Mapping[str, tuple[Pattern, ...]]
    default: str | None = None


class FlagSlot(_Closed):
    """Whether one of the patterns is found anywhere in the message; for a step's `if`."""

    type: Literal["flag"]
    patterns: tuple[Pattern, ...] = Field(min_length=1)


Slot = Annotated[ObjectSlot | MoneySlot | ChoiceSlot | FlagSlot, Field(discriminator="type")]


class StepTemplate(_Closed):
    """One step to plan. An argument `{slot}` takes that slot's value and is left out without one.

    `after` counts the file's steps from 1; `optional` lets the step be dropped where the workspace
    does not have the action.
    """

    action: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
    args: Mapping[str, TomlValue] = Field(default_factory=dict[str, TomlValue])
    reason: Annotated[str, Field(max_length=200)] = ""
    after: tuple[int, ...] = ()
    only_if: Name | None = Field(default=None, alias="if")
    optional: bool = False


class Playbook(_Closed):
    """One well-known request: how it sounds, what it needs, what to plan.

    Attributes:
        match: regular expressions, case-insensitive; one must be found.
        never: regular expressions; none may be found in the same sentence.
        asks: sentences that ask for it, at least three; the classifier learns from them.
        none: sentences that sound alike and do not ask for it.
        on_failure: what happens to the other steps when one does not succeed: they go on
            (`continue`), are not begun (`stop`), or are taken back as well (`undo`).
    """

    version: Literal[1]
    name: Name
    summary: Sentence
    match: tuple[Pattern, ...] = ()
    never: tuple[Pattern, ...] = ()
    asks: tuple[Sentence, ...] = ()
    none: tuple[Sentence, ...] = ()
    slots: Mapping[Name, Slot] = Field(default_factory=dict[str, Slot])
    steps: tuple[StepTemplate, ...] = Field(default=(), max_length=MAX_STEPS)
    on_failure: OnFailure = OnFailure.CONTINUE

    @model_validator(mode="after")
    def _fits_together(self) -> Playbook:
        if self.steps and (len(self.asks) < 3 or not self.match):
            raise ValueError("a playbook with steps needs `match` and at least three `asks`")
        if not self.steps and (self.asks or self.match):
            raise ValueError("`asks` and `match` need `steps`")
        for slot in self.slots.values():
            if isinstance(slot, MoneySlot) and slot.of is not None:
                self._expect(slot.of, ObjectSlot, "`of`")
        for index, step in enumerate(self.steps, 1):
            if any(not 0 < other < index for other in step.after):
                raise ValueError(f"step {index} waits for no earlier step")
            if step.only_if is not None:
                self._expect(step.only_if, FlagSlot, "`if`")
            for value in step.args.values():
                if (name := slot_of(value)) is not None:
                    self._expect(name, (ObjectSlot, MoneySlot, ChoiceSlot), f"step {index}")
        return self

    def _expect(
        self, name: str, kinds: type[BaseModel] | tuple[type[BaseModel], ...], by: str
    ) -> None:
        if not isinstance(self.slots.get(name), kinds):
            raise ValueError(f"{by} names `{name}`, which is no fitting slot")  # noqa: TRY004


def slot_of(value: TomlValue) -> str | None:
    """The slot's name in an argument such as `{charge}`; None for any other value."""
    match = re.fullmatch(r"\{([a-z][a-z0-9_]*)\}", value) if isinstance(value, str) else None
    return match[1] if match else None


def read_playbook(text: str, *, source: str) -> Playbook:
    """Read one playbook.

    Args:
        text: TOML.
        source: the file's name, for the message.

    Raises:
        ConfigError: `invalid_playbook`, with the place and what is wrong there.
    """
    try:
        return Playbook.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _invalid(source, f"it is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _invalid(source, f"{place}: {first['msg']}" if place else first["msg"]) from error


def read_shipped() -> tuple[Playbook, ...]:
    """The playbooks that come with Sayso, by file name."""
    folder = resources.files("sayso.agent.playbooks")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=str)
    return tuple(read_playbook(file.read_text("utf-8"), source=file.name) for file in files)


def read_folder(folder: Path) -> tuple[Playbook, ...]:
    """The playbooks of a workspace folder, `*.toml`, by file name; none without the folder.

    Raises:
        ConfigError: `invalid_playbook`.
    """
    found: list[Playbook] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _invalid(str(path), "it cannot be read as UTF-8 text") from error
        found.append(read_playbook(text, source=str(path)))
    return tuple(found)


def _invalid(source: str, problem: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_PLAYBOOK,
        f"playbook `{source}` is not valid: {problem}",
        next_step="correct the file; docs/explanation/planning.md has a complete example",
    )
