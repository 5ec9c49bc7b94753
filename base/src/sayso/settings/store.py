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


class StoreSection(Section):
    """Where the rows are.

    Attributes:
        region: where that is; needed where `[workspace] region` is set.
        tenants: `here` has all of them in this one database; `directory` has each in the one that
            the operator's log names, which `sayso tenant move` changes.
        databases: the others, by name; each as `url`. `home` is this one's.
        open_at_once: so many of them a process has open at the same time.
        url: `sqlite:///FILE`, relative to the workspace; `postgresql://USER@HOST/DATABASE`; or a
            reference to such a URL, which is where one with a password belongs.
    """

    url: StoreUrl = "sqlite:///sayso.db"
    region: Name | None = None
    tenants: Literal["here", "directory"] = "here"
    databases: Mapping[Name, StoreUrl] = Field(default_factory=dict)
    open_at_once: Annotated[int, Field(ge=1, le=1000)] = 16

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
