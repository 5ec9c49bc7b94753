"""Settings of the store: in which databases the rows are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from sayso.settings.base import Name, Section

HOME_DATABASE: Final = "home"
"""What the database of `[store] url` is called among the others."""
StoreUrl: TypeAlias = Annotated[
    str, Field(pattern=r"^(sqlite:///.+|postgres(ql)?://.*|(env|file|vault):.+)$")
]

ReplicaUrl: TypeAlias = Annotated[str, Field(pattern=r"^(postgres(ql)?://.*|(env|file|vault):.+)$")]


class StoreSection(Section):
    """Where the rows are.

    Attributes:
        region: where that is; needed where `[workspace] region` is set.
        tenants: `here` has all of them in this one database; `directory` has each in the one that
            the operator's log names, which `sayso tenant move` changes.
        databases: the others, by name; each as `url`. `home` is this one's.
        open_at_once: so many of them a process has open at the same time.
        replica: a streaming standby of `url`, `postgresql://…` or a reference to such a URL: audit,
            Figures and Decided are read there, and nothing that anybody acts on.
        replica_behind_s: older than so many seconds it is not read.
        replica_else: what then answers, and while it is away: `primary`, or an `error`.
        url: `sqlite:///FILE`, relative to the workspace; `postgresql://USER@HOST/DATABASE`; or a
            reference to such a URL, which is where one with a password belongs.
    """

    url: StoreUrl = "sqlite:///sayso.db"
    region: Name | None = None
    tenants: Literal["here", "directory"] = "here"
    databases: Mapping[Name, StoreUrl] = Field(default_factory=dict)
    open_at_once: Annotated[int, Field(ge=1, le=1000)] = 16
    replica: ReplicaUrl | None = None
    replica_behind_s: Annotated[int, Field(ge=1, le=86_400)] = 60
    replica_else: Literal["primary", "error"] = "primary"

    @model_validator(mode="after")
    def _has_a_directory(self) -> Self:
        if HOME_DATABASE in self.databases:
            raise ValueError("`home` is the database of `url`; give the other another name")
        if self.databases and self.tenants != "directory":
            raise ValueError('`databases` are used with `tenants = "directory"`; set it')
        if self.url in self.databases.values() or len(set(self.databases.values())) < len(
            self.databases
        ):
            raise ValueError("two of `url` and `databases` name one database")
        return self

    @model_validator(mode="after")
    def _has_another_replica(self) -> Self:
        if self.replica is not None and self.url.startswith("sqlite:"):
            raise ValueError("`replica` is a standby of PostgreSQL, and `url` names a file")
        if self.replica is not None and self.replica == self.url:
            raise ValueError("`replica` is the database of `url`; name its standby")
        return self

    @field_validator("replica")
    @classmethod
    def _holds_none_there(cls, url: str | None) -> str | None:
        return None if url is None else without_password(url)

    @field_validator("url")
    @classmethod
    def _holds_no_password(cls, url: str) -> str:
        return without_password(url)

    @field_validator("databases")
    @classmethod
    def _hold_none_either(cls, databases: Mapping[str, str]) -> Mapping[str, str]:
        return {name: without_password(url) for name, url in databases.items()}


def without_password(url: str) -> str:
    """The URL of a database, in which no password stands.

    Raises:
        ValueError: one does.
    """
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0]
    user = authority.rpartition("@")[0]
    if url.startswith("postgres") and (":" in user or "password=" in url):
        raise ValueError(
            "a password does not belong here; write `env:DATABASE_URL` and put the URL there"
        )
    return url
