"""The form of a playbook: one thing that customers ask for, its slots, its steps and its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import Field, model_validator

from sayso.actions.model.plan import MAX_STEPS, OnFailure
from sayso.agent.understanding.pack import Closed, Patterns
from sayso.errors import Code, ConfigError
from sayso.toml import TomlMistakeError, read_as

_SLOT = re.compile(r"\{([a-z][a-z0-9_]*)(?:\.([a-z][a-z0-9_]*))?\}")
TextForm: TypeAlias = Literal["address", "contact"]

TomlValue: TypeAlias = str | int | bool | Mapping[str, str | int | bool]

T = TypeVar("T", bound=Closed)
S = TypeVar("S", bound=Closed)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
ByLanguage: TypeAlias = Mapping[Annotated[str, Field(pattern=r"^([a-z]{2}|any)$")], Patterns]


class ObjectSlot(Closed):
    """Which of the customer's objects is meant.

    Attributes:
        kind: a record's kind; its name is a word for it, and `[kinds]` of shop.toml has others.
        needs: a money fact that must be above zero, such as `left`.
        status: the states in which it can be meant; empty means any.
        duplicates_within_h: where a customer says that they paid twice, two equal objects at most
            so many hours apart are one thing paid twice; 0 for kinds that know no such thing.
        connector: whose records alone are meant; empty for everybody's.
        others: further records that can be meant, each with its own rules.
    """

    type: Literal["object"]
    kind: Name
    needs: Name | None = None
    status: tuple[str, ...] = ()
    duplicates_within_h: int = Field(default=0, ge=0, le=720)
    connector: str = ""
    others: tuple[ObjectSlot, ...] = ()

    @property
    def every(self) -> tuple[ObjectSlot, ...]:
        """Itself, and the others."""
        return (self, *self.others)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind of record that can be meant, the first one first."""
        return tuple(dict.fromkeys(one.kind for one in self.every))

    def takes(self, kind: str, connector: str) -> bool:
        """Whether a record of that kind, which a connector listed, can be meant at all."""
        return any(
            one.kind == kind and one.connector in ("", connector or one.connector)
            for one in self.every
        )


class MoneySlot(Closed):
    """An amount; with `of`, a part of that object: a share is of its price, and nothing is all."""

    type: Literal["money"]
    of: Name | None = None
    required: bool = False


class ChoiceSlot(Closed):
    """One of a few words, each with its patterns by language.

    Attributes:
        default: what is meant where nothing is said; without one it is asked for.
        already: facts of the object that say, when they are true, that a choice holds already.
        soft: an action that takes no such thing can leave it out, such as a reason.
        unsure: words beside which the default is a guess, so that it is asked for.
    """

    type: Literal["choice"]
    choices: Mapping[str, ByLanguage]
    default: str | None = None
    already: Mapping[str, str] = Field(default_factory=dict[str, str])
    soft: bool = False
    unsure: ByLanguage = Field(default_factory=dict[str, Patterns])


class NumberSlot(Closed):
    """A whole number of something that is no money, such as `100 points`; asked for if missing.

    Attributes:
        unit: what stands behind the number, by language.
    """

    type: Literal["number"]
    unit: ByLanguage


class TextSlot(Closed):
    """Words of the customer's own in a closed form, taken as they are written.

    Attributes:
        form: `address` (a postal one; parts `street`, `zip`, `city`, `country`, `province`), or
            `contact` (an e-mail address or a telephone number; its part `field` says which).
    """

    type: Literal["text"]
    form: TextForm
    required: bool = False


class DateSlot(Closed):
    """A day, said as a date, a month, a weekday, or so many days, weeks or months from today.

    Attributes:
        exact: a month by itself is no day, and `a week later` counts from the day it is on now.
    """

    type: Literal["date"]
    exact: bool = False


class OptionSlot(Closed):
    """One of the plans of shop.toml: its name, or the provider's id where shop.toml has one."""

    type: Literal["option"]
    of: Literal["plans"] = "plans"


class WordsSlot(Closed):
    """A few words of a closed list, taken as they are written, such as a size or a colour.

    Attributes:
        words: by language. same: those for the same thing again, whose value is `new`.
        behind: words behind which it stands where none of the list is said: `for the steel ones`.
        vague: what merely says that it is another one.
        required: it is asked for where nothing is said, if an action takes it.
    """

    type: Literal["words"]
    words: ByLanguage
    same: ByLanguage = Field(default_factory=dict[str, Patterns])
    behind: ByLanguage = Field(default_factory=dict[str, Patterns])
    vague: ByLanguage = Field(default_factory=dict[str, Patterns])
    required: bool = False


class ItemsSlot(Closed):
    """Which part of the object: all of it where nothing is said.

    Its parts: a kind of lines (`[{ line, quantity }]`), `item` (its name) and `quantity`.
    """

    type: Literal["items"]
    unit: ByLanguage = Field(default_factory=dict[str, Patterns])


Slot = Annotated[
    ObjectSlot
    | MoneySlot
    | ChoiceSlot
    | NumberSlot
    | TextSlot
    | DateSlot
    | OptionSlot
    | ItemsSlot
    | WordsSlot,
    Field(discriminator="type"),
]


class StepTemplate(Closed):
    """One step to plan. An argument `{slot}` takes that slot's value and is left out without one.

    `{slot.part}` takes a part of it. `after` counts the file's steps from 1.
    """

    action: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
    args: Mapping[str, TomlValue] = Field(default_factory=dict[str, TomlValue])
    reason: Annotated[str, Field(max_length=200)] = ""
    after: tuple[int, ...] = ()


class PlaybookWords(Closed):
    """How customers ask for it in one language.

    Attributes:
        ask: says it by itself: `refund*`, `give _ money back`.
        open: says it of many things, so that it is asked what is meant where nothing tells:
            `cancel`.
        weak: says it only beside a name of the object or its kind: `stop`.
        done: the forms in which it is told rather than asked for: `refunded`.
        no: looks alike and is something else: `refund policy`.
    """

    ask: Patterns = ()
    open: Patterns = ()
    weak: Patterns = ()
    done: Patterns = ()
    no: Patterns = Field(default=(), alias="not")


class Playbook(Closed):
    """One well-known request."""

    version: Literal[2]
    name: Name
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    slots: Mapping[Name, Slot] = Field(default_factory=dict[str, Slot])
    steps: tuple[StepTemplate, ...] = Field(min_length=1, max_length=MAX_STEPS)
    words: Mapping[Language, PlaybookWords]
    on_failure: OnFailure = OnFailure.CONTINUE
    covered_by: tuple[Name, ...] = Field(default=(), exclude=True)
    yields_to: tuple[Name, ...] = Field(default=(), exclude=True)

    @model_validator(mode="after")
    def _fits_together(self) -> Playbook:
        if not any(words.ask or words.open or words.weak for words in self.words.values()):
            raise ValueError("no language has a word for it in `ask`, `open` or `weak`")
        for slot in self.slots.values():
            if isinstance(slot, MoneySlot) and slot.of is not None:
                self._expect(slot.of, "`of`")
        for index, step in enumerate(self.steps, 1):
            if any(not 0 < other < index for other in step.after):
                raise ValueError(f"step {index} waits for no earlier step")
            for value in step.args.values():
                if (name := slot_of(value)) is not None:
                    self._expect(name, f"step {index}")
        return self

    def _expect(self, name: str, by: str) -> None:
        if name not in self.slots:
            raise ValueError(f"{by} names `{name}`, which is no slot")

    @property
    def object_slot(self) -> tuple[str, ObjectSlot] | None:
        """The slot of the object that is acted on: the first one."""
        return next(self._object_slots(), None)

    @property
    def more_object_slots(self) -> list[tuple[str, ObjectSlot]]:
        """Further objects of one plan."""
        return [*self._object_slots()][1:]

    def _object_slots(self) -> Iterator[tuple[str, ObjectSlot]]:
        for name, slot in self.slots.items():
            if isinstance(slot, ObjectSlot):
                yield name, slot

    @property
    def money_slot(self) -> tuple[str, MoneySlot] | None:
        """The slot of the amount."""
        for name, slot in self.slots.items():
            if isinstance(slot, MoneySlot):
                return name, slot
        return None

    def choice_slots(self) -> Iterator[tuple[str, ChoiceSlot]]:
        """The slots that are one of a few words."""
        for name, slot in self.slots.items():
            if isinstance(slot, ChoiceSlot):
                yield name, slot

    def text_slots(self) -> Iterator[tuple[str, TextSlot]]:
        """The slots that hold words of the customer's own."""
        for name, slot in self.slots.items():
            if isinstance(slot, TextSlot):
                yield name, slot

    @property
    def on_account(self) -> bool:
        """Whether it is done on the customer's account where no object is named."""
        return False

    def slots_of(self, kind: type[S]) -> Iterator[tuple[str, S]]:
        """The slots of one type."""
        for name, slot in self.slots.items():
            if isinstance(slot, kind):
                yield name, slot

    def number_slots(self) -> Iterator[tuple[str, NumberSlot]]:
        """The slots that count something."""
        for name, slot in self.slots.items():
            if isinstance(slot, NumberSlot):
                yield name, slot

    def patterns(self, language: str) -> Iterator[tuple[str, str]]:
        """Its patterns in one language, under `ask:name`, `choice:name.slot.value` and so on."""
        words = self.words.get(language)
        if words is not None:
            for form in ("ask", "open", "weak", "done", "no"):
                for pattern in getattr(words, form):
                    yield f"{form}:{self.name}", pattern
        yield from self._slot_patterns(language)
        for kind in () if self.object_slot is None else self.object_slot[1].kinds:
            called = kind.replace("_", " ")
            yield from ((f"kind:{kind}", word) for word in (called, f"{called}s"))

    def _slot_patterns(self, language: str) -> Iterator[tuple[str, str]]:
        for slot_name, slot in self.choice_slots():
            for value, by_language in slot.choices.items():
                for pattern in by_language.get(language, ()):
                    yield f"choice:{self.name}.{slot_name}.{value}", pattern
            for pattern in slot.unsure.get(language, ()):
                yield f"unsure:{self.name}.{slot_name}", pattern
        for slot_name, words_slot in self.slots_of(WordsSlot):
            for form, written in (
                ("said", words_slot.words),
                ("same_as", words_slot.same),
                ("before", words_slot.behind),
                ("vague", words_slot.vague),
            ):
                for pattern in written.get(language, ()):
                    yield f"{form}:{self.name}.{slot_name}", pattern
        for slot_name, items in self.slots_of(ItemsSlot):
            for pattern in items.unit.get(language, ()):
                yield f"count:{self.name}.{slot_name}", pattern
        for slot_name, number in self.number_slots():
            for pattern in number.unit.get(language, ()):
                yield f"count:{self.name}.{slot_name}", pattern


def slot_of(value: TomlValue) -> str | None:
    """The slot's name in an argument such as `{charge}`; None for any other value."""
    match = _SLOT.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def part_of(value: TomlValue) -> str:
    """The part of the slot's value that an argument such as `{to.street}` takes; empty for all."""
    match = _SLOT.fullmatch(value) if isinstance(value, str) else None
    return match[2] or "" if match else ""


class Shop(Closed):
    """What the shop sells, and how its customers call it.

    Attributes:
        titles: the language of the records' titles.
        products: what is in titles, by name, in each language.
        plans: names of subscriptions, by name.
        features: what tells one product from another, in groups that exclude each other, such as
            `features.colour.blue`.
        kinds: nouns for own kinds of records.
        ids: the providers' ids of plans, by name and connector: what customers can change to.
    """

    version: Literal[1] = 1
    titles: Language = "en"
    products: Mapping[Name, ByLanguage] = Field(default_factory=dict[str, ByLanguage])
    plans: Mapping[Name, ByLanguage] = Field(default_factory=dict[str, ByLanguage])
    features: Mapping[Name, Mapping[Name, ByLanguage]] = Field(
        default_factory=dict[str, Mapping[str, ByLanguage]]
    )
    kinds: Mapping[Name, ByLanguage] = Field(default_factory=dict[str, ByLanguage])
    ids: Mapping[Name, Mapping[Name, str]] = Field(default_factory=dict[str, Mapping[str, str]])

    def patterns(self, language: str) -> Iterator[tuple[str, str]]:
        """Its patterns in one language; `any` holds for all of them."""
        groups: list[tuple[str, Mapping[str, ByLanguage]]] = [
            ("product", self.products),
            ("plan", self.plans),
            ("kind", self.kinds),
        ]
        groups += [(f"feature:{group}", values) for group, values in self.features.items()]
        for prefix, values in groups:
            joint = "." if prefix.startswith("feature:") else ":"
            for name, by_language in values.items():
                for pattern in (*by_language.get(language, ()), *by_language.get("any", ())):
                    yield f"{prefix}{joint}{name}", pattern


def read_playbook(text: str, *, source: str) -> Playbook:
    """Read one playbook.

    Raises:
        ConfigError: `invalid_playbook`, with the place and what is wrong there.
    """
    return read_form(Playbook, text, source, "playbook")


def read_shop(path: Path | None) -> Shop:
    """The shop file of a workspace; an empty one where there is none.

    Raises:
        ConfigError: `invalid_playbook`.
    """
    if path is None or not path.exists():
        return Shop()
    return read_form(Shop, _text(path), str(path), "shop file")


def read_folder(folder: Path) -> tuple[Playbook, ...]:
    """The playbooks of a workspace folder, `*.toml`, by file name; none without the folder.

    Raises:
        ConfigError: `invalid_playbook`.
    """
    files = sorted(folder.glob("*.toml"))
    return tuple(read_playbook(_text(path), source=str(path)) for path in files)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid("file", str(path), "it cannot be read as UTF-8 text") from error


def read_form(model: type[T], text: str, source: str, what: str) -> T:
    """Read a closed form.

    Raises:
        ConfigError: `invalid_playbook`, with the place and what is wrong there.
    """
    try:
        return read_as(model, text)
    except TomlMistakeError as wrong:
        line = "" if wrong.line is None else f"line {wrong.line}: "
        raise _invalid(what, source, f"{line}{wrong}", wrong.next_step) from wrong


def _invalid(what: str, source: str, problem: str, step: str = "correct the file") -> ConfigError:
    return ConfigError(
        Code.INVALID_PLAYBOOK,
        f"{what} `{source}` is not valid: {problem}",
        next_step=f"{step}; docs/how-to/write-a-playbook.md has a complete example",
    )
