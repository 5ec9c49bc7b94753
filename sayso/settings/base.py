"""What the sections of `sayso.toml` have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[a-z][a-z0-9_-]{0,39}$"
Name = Annotated[str, Field(pattern=NAME)]
REFERENCE = r"^(env|file|vault):.+$"
Reference = Annotated[str, Field(pattern=REFERENCE)]
KeyReference = Annotated[str, Field(pattern=r"^(env|file|vault|kms):.+$")]


class Section(BaseModel):
    """A table of the file: it has no other settings than those it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)
