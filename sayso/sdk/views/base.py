"""What every external form is, by itself: a command that shows one loads no floor below."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Base of the external forms: frozen, and closed so that a test notices a change.

    Each field is sent, whatever its value, so that the schema of an answer says `required`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_serialization_defaults_required=True
    )
