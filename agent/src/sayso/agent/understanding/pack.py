"""A language as data: lists of words and short patterns, one TOML file a language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from sayso.agent.understanding.patterns import expand
from sayso.agent.understanding.tokens import fold
from sayso.errors import Code, ConfigError
from sayso.toml import TomlMistakeError, read_as


def _patterns(written: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in written:
        list(expand(pattern))
    return written


Patterns = Annotated[tuple[str, ...], AfterValidator(_patterns)]


class Closed(BaseModel):
    """A form in a file: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _folded(rows: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(fold(word) for word in row.split()) for row in rows)


def _words(written: str) -> frozenset[str]:
    return frozenset(fold(word) for word in written.split())


Rows = Annotated[tuple[frozenset[str], ...], BeforeValidator(_folded)]
Words = Annotated[frozenset[str], BeforeValidator(_words)]


class Days(Closed):
    """The words of days, each with its other forms in one text.

    Attributes:
        months: twelve, January first. weekdays: seven, Monday first.
        units: `day`, `week`, `month` and `year`.
        one: what is one of them: `a`. of: what joins a day and its month. tomorrow: by itself.
        later, earlier: behind `a week`, what counts from the day it is on now. by: before it.
        ago: beside so many of a unit that were before today. beside: behind so many of a unit that
            count from something else.
    """

    months: Rows
    weekdays: Rows
    units: Mapping[Literal["day", "week", "month", "year"], Words]
    one: Words
    of: Words = frozenset()
    tomorrow: Words = frozenset()
    later: Words = frozenset()
    earlier: Words = frozenset()
    by: Words = frozenset()
    ago: Words = frozenset()
    beside: Words = frozenset()


class Noun(Closed):
    """How we call a kind of record, as a template over its `{name}`.

    Attributes:
        object: with its article where the language wants one: `order {name}`, `la commande {name}`.
        of_object: as what something is of: `of order {name}`, `de la commande {name}`.
    """

    object: Annotated[str, Field(pattern=r"\{name\}")]
    of_object: Annotated[str, Field(pattern=r"\{name\}")]


UNTAGGED = frozenset({"function", "plain"})
"""Lists of single words that are looked up by word."""


class Lists(Closed):
    """What the rules know a language by. `patterns` says how a line is written.

    Most lists answer one question about a clause; docs/explanation/languages.md has them all with
    examples.
    """

    function: Patterns = ()
    greeting: Patterns = ()
    closing: Patterns = ()
    filler: Patterns = ()
    subject: Patterns = ()
    conjunction: Patterns = ()
    and_: Patterns = Field(default=(), alias="and")
    or_: Patterns = Field(default=(), alias="or")
    # Does the clause ask for something?
    imperative: Patterns = ()
    wish: Patterns = ()
    wish_after: Patterns = ()
    polite: Patterns = ()
    polite_question: Patterns = ()
    leave: Patterns = ()
    # Or is it something else?
    ask_info: Patterns = ()
    question_word: Patterns = ()
    question_start: Patterns = ()
    general: Patterns = ()
    negation: Patterns = ()
    negation_after: Patterns = ()
    nothing: Patterns = ()
    halt: Patterns = ()
    replaced: Patterns = ()
    obtained: Patterns = ()
    condition: Patterns = ()
    condition_ok: Patterns = ()
    later: Patterns = ()
    date: Patterns = ()
    hesitation: Patterns = ()
    past: Patterns = ()
    persons: Patterns = ()
    authority: Patterns = ()
    taken_back: Patterns = ()
    keep: Patterns = ()
    withdraw: Patterns = ()
    other_wish: Patterns = ()
    changes: Patterns = ()
    extras: Patterns = ()
    payee: Patterns = ()
    threat: Patterns = ()
    machine: Patterns = ()
    idiom: Patterns = ()
    # Which object?
    thing: Patterns = ()
    determiner: Patterns = ()
    cause: Patterns = ()
    adjective: Patterns = ()
    account: Patterns = ()
    mine: Patterns = ()
    bought: Patterns = ()
    place: Patterns = ()
    towards: Patterns = ()
    twice: Patterns = ()
    both: Patterns = ()
    one_of: Patterns = ()
    other: Patterns = ()
    except_: Patterns = Field(default=(), alias="except")
    newest: Patterns = ()
    oldest: Patterns = ()
    dearest: Patterns = ()
    cheapest: Patterns = ()
    before_last: Patterns = ()
    monthly: Patterns = ()
    yearly: Patterns = ()
    # How much?
    half: Patterns = ()
    enough: Patterns = ()
    part: Patterns = ()
    some_of: Patterns = ()
    whole: Patterns = ()
    unit: Patterns = ()
    # In a dialogue.
    yes: Patterns = ()
    assent: Patterns = ()
    no: Patterns = ()
    first: Patterns = ()
    second: Patterns = ()
    third: Patterns = ()
    last: Patterns = ()
    instead: Patterns = ()
    same: Patterns = ()
    reported: Patterns = ()
    # Words of longer patterns towards which slips are put right as well.
    spelt: Patterns = ()
    # What makes a plain request.
    plain: Patterns = ()
    reason: Patterns = ()


class LanguagePack(Closed):
    """One language.

    Attributes:
        language: ISO 639-1.
        lists: see `Lists`.
        numbers: number words and their values.
        notes: words for an amount by themselves, such as `tenner`.
        shares: words for a share, as `[numerator, denominator]`.
        currencies: names of currencies by ISO 4217 code.
        kinds: nouns for kinds of records, such as `subscription`, as customers write them.
        called: how we call them.
        days: the words of dates.
        lookalikes: real words that are a slip away from one that slips are put right towards; they
            are left as they are.
        slips: common misspellings and abbreviations and what is meant.
    """

    language: str = Field(pattern="^[a-z]{2}$")
    lists: Lists
    numbers: Mapping[str, int] = Field(default_factory=dict[str, int])
    notes: Mapping[str, int] = Field(default_factory=dict[str, int])
    shares: Mapping[str, tuple[int, int]] = Field(default_factory=dict[str, tuple[int, int]])
    currencies: Mapping[str, Patterns] = Field(default_factory=dict[str, Patterns])
    kinds: Mapping[str, Patterns] = Field(default_factory=dict[str, Patterns])
    days: Days | None = None
    called: Mapping[str, Noun] = Field(default_factory=dict[str, Noun])
    lookalikes: str = ""
    slips: Mapping[str, str] = Field(default_factory=dict[str, str])

    def patterns(self) -> Iterator[tuple[str, str]]:
        """Every pattern under the name of its list."""
        for name, written in self.lists:
            if name in UNTAGGED:
                continue
            yield from ((name.rstrip("_"), pattern) for pattern in written)
        for kind, written in self.kinds.items():
            yield from ((f"kind:{kind}", pattern) for pattern in written)
        for code, written in self.currencies.items():
            yield from ((f"currency:{code}", pattern) for pattern in written)


def read_pack(text: str, *, source: str) -> LanguagePack:
    """Read one pack.

    Raises:
        ConfigError: `invalid_playbook`, with the place and what is wrong there.
    """
    try:
        return read_as(LanguagePack, text)
    except TomlMistakeError as wrong:
        line = "" if wrong.line is None else f"line {wrong.line}: "
        raise _invalid(source, f"{line}{wrong}", wrong.next_step) from wrong


@lru_cache(maxsize=1)
def read_shipped_packs() -> tuple[LanguagePack, ...]:
    """The packs that come with Sayso, English first."""
    folder = resources.files("sayso.agent") / "languages"
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=str)
    packs = [read_pack(file.read_text("utf-8"), source=file.name) for file in files]
    return tuple(sorted(packs, key=lambda pack: (pack.language != "en", pack.language)))


def read_packs(folder: Path) -> tuple[LanguagePack, ...]:
    """The packs of a workspace folder, `*.toml`; none without the folder.

    Raises:
        ConfigError: `invalid_playbook`.
    """
    found: list[LanguagePack] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _invalid(str(path), "it cannot be read as UTF-8 text") from error
        found.append(read_pack(text, source=str(path)))
    return tuple(found)


def _invalid(source: str, problem: str, step: str = "correct the file") -> ConfigError:
    return ConfigError(
        Code.INVALID_PLAYBOOK,
        f"language pack `{source}` is not valid: {problem}",
        next_step=f"{step}; docs/explanation/languages.md has every list",
    )
