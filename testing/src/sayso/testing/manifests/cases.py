"""`NAME.cases.toml`: what a provider has at the beginning, and what each action changes there.

Beside a manifest stands a file that is enough to build a small provider from the two of them:

    [settings]
    site = "acme-test"

    [answers.subscription.subscription]     # the whole answer of the read `subscription`
    id = "sub_1"
    customer_id = "cus_1"
    status = "active"

    [[case]]
    action = "pause"
    args = { subscription = "sub_1", when = "now" }
    subject = "cus_1"
    then = { "subscription.subscription.status" = "paused" }

What is absent is null, since TOML has none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from sayso.connectors.manifest.source import invalid


class CaseTable(BaseModel):
    """One thing that can be done on a fresh provider.

    Attributes:
        action: the verb.
        args, subject: as they are proposed.
        answers: by read, its whole answer, where it differs for this case.
        start: what differs at the beginning, by read and dotted path.
        then: what the effect changes, likewise.
        answer: of the call, merged over what its receipt needs.
        headers: of the call's answer.
        effect: of what the look-up finds, likewise.
        status: that the effect has; `done` unless said.
        moved: the provider's own figure of the amount, where the call does not say it.
        refused: the code with which it is refused before anybody is asked; nothing is called then.
        expect: what the card has to show, for what matters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: str
    args: dict[str, JsonValue] = Field(default_factory=dict)
    subject: str
    answers: dict[str, JsonValue] = Field(default_factory=dict)
    start: dict[str, JsonValue] = Field(default_factory=dict)
    then: dict[str, JsonValue] = Field(default_factory=dict)
    answer: JsonValue = None
    headers: dict[str, str] = Field(default_factory=dict)
    effect: dict[str, JsonValue] = Field(default_factory=dict)
    status: str = "done"
    moved: JsonValue = None
    refused: str | None = None
    expect: dict[str, str] = Field(default_factory=dict)


class PersonCase(BaseModel):
    """One customer who is read, or one address that is looked for.

    Attributes:
        subject: whom is asked about; of a search, whoever is first.
        email: the address that is looked for; none where somebody is asked about.
        answers, start: as in `CaseTable`; the reads are called `person` and `person.find`.
        expect: what has to be said of them: `name`, `email`, `email_verified`, `phone`; `since`,
            `address_changed` and `phone_changed` as RFC 3339; `ids.PLACE`. What is not named here
            has to be absent.
        found: the ids that a search finds.
        refused: the code with which it is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str
    email: str = ""
    answers: dict[str, JsonValue] = Field(default_factory=dict)
    start: dict[str, JsonValue] = Field(default_factory=dict)
    expect: dict[str, str | bool] = Field(default_factory=dict)
    found: list[str] = Field(default_factory=list)
    refused: str | None = None


class Cases(BaseModel):
    """A whole file.

    Attributes:
        settings: what sayso.toml would say.
        answers: by read, its whole answer; `account` and `records.KIND` too.
        peer: what another connector has on file, where a manifest asks for that.
        case: at least one for each action.
        person: at least one of somebody who is asked about, and of an address, where the manifest
            has `[person]` and `[person.find]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: dict[str, str] = Field(default_factory=dict)
    answers: dict[str, JsonValue] = Field(default_factory=dict)
    peer: dict[str, str] = Field(default_factory=dict)
    case: list[CaseTable] = Field(default_factory=list[CaseTable])
    person: list[PersonCase] = Field(default_factory=list[PersonCase])


def read_cases(path: Path) -> Cases:
    """The cases beside a manifest.

    Raises:
        ConfigError: `invalid_manifest`, with what is wrong.
    """
    try:
        table: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return Cases.model_validate(table)
    except FileNotFoundError as error:
        raise invalid(path.name, "there is no such file", "write it beside the manifest") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        raise invalid(path.name, f"`{at}`: {first['msg']}", "correct it") from error
    except (OSError, ValueError) as error:
        raise invalid(path.name, str(error)[:200], "correct it") from error
