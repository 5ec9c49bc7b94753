"""What one version of the policy holds: everything of a workspace that can change an answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayso.errors import Code, IntegrityError

FORMAT = 1


class PolicyRules(BaseModel):
    """The settings of sayso.toml that decide beside the files.

    Attributes:
        roles: every role, the least first. max_people: how many people may be needed at most.
        activate: a person with one of these puts a version in force; any role when empty.
        loosening_needs: how many people a change needs that loosens anything.
        confirm: the second of them has one of these; any role that may activate when empty.
        time_zone: where the workspace is. zone_sha256: of that zone's data; empty for UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[str, ...]
    max_people: int = 3
    activate: tuple[str, ...] = ()
    loosening_needs: int = Field(default=1, ge=1, le=2)
    confirm: tuple[str, ...] = ()
    time_zone: str = "UTC"
    zone_sha256: str = ""

    @property
    def may_activate(self) -> frozenset[str]:
        """Who puts a version in force."""
        return frozenset(self.activate or self.roles)

    @property
    def may_confirm(self) -> frozenset[str]:
        """Who confirms what somebody else wants to put in force."""
        return frozenset(self.confirm) or self.may_activate


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    files: Mapping[str, str]
    rules: PolicyRules
    actions_schema: str


@dataclass(frozen=True, kw_only=True)
class PolicyDocument:
    """A policy as a whole, as it is drafted in files and kept as a version.

    Attributes:
        files: text by name, relative to the workspace.
        rules: see `PolicyRules`.
        schema: the facts of every action, as the program has them that drafted it.
    """

    files: Mapping[str, str]
    rules: PolicyRules
    schema: str = field(default="")

    @cached_property
    def content(self) -> str:
        """Its one encoding: JSON with sorted keys and no blanks, which is stored and hashed."""
        whole = {
            "format": FORMAT,
            "files": dict(self.files),
            "rules": self.rules.model_dump(mode="json"),
            "actions_schema": self.schema,
        }
        return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of its encoding, in hex."""
        return sha256_of(self.content)

    @classmethod
    def read(cls, content: str) -> PolicyDocument:
        """The document behind its encoding.

        Raises:
            IntegrityError: `tampered`, when it is none that this program can have written.
        """
        try:
            found = _Content.model_validate_json(content)
        except ValidationError as error:
            raise IntegrityError(
                Code.TAMPERED,
                "a version of the policy is not in a form that this Sayso knows",
                next_step="upgrade Sayso, or run `sayso audit verify`",
                detail=str(error)[:500],
            ) from error
        if found.format != FORMAT:
            raise IntegrityError(
                Code.TAMPERED,
                f"a version of the policy has the format {found.format}, this Sayso knows {FORMAT}",
                next_step="upgrade Sayso",
            )
        return cls(files=found.files, rules=found.rules, schema=found.actions_schema)


def sha256_of(content: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(content.encode()).hexdigest()


def changed_parts(was: PolicyDocument, now: PolicyDocument) -> tuple[str, ...]:
    """What differs between two documents: names of files and of settings, in order.

    The facts of the actions are called `the program's actions`, since no file says them.
    """
    names = sorted(was.files.keys() | now.files.keys())
    found = [name for name in names if was.files.get(name) != now.files.get(name)]
    before, after = was.rules.model_dump(), now.rules.model_dump()
    found += [f"`{name}` of sayso.toml" for name in before if before[name] != after[name]]
    if was.schema != now.schema:
        found.append(ACTIONS_CHANGED)
    return tuple(found)


ACTIONS_CHANGED = "the program's actions"
"""How `changed_parts` calls facts that connectors declare otherwise now."""
