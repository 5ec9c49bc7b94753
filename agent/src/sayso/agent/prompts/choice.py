"""Which prompt is in force for a tenant, and which candidate a part of its requests gets."""

from __future__ import annotations

from sayso.agent.prompts import Prompt, Prompts
from sayso.ids import Tenant
from sayso.store.base import Reader, Row, integer, text, text_or_none


def chosen_prompts(reader: Reader, tenant: Tenant) -> Prompts:
    """Those of the newest choice; the shipped one where nobody has chosen."""
    row = reader.one("prompt.newest", tenant=tenant)
    return Prompts.shipped() if row is None else read_choice(row)


def read_choice(row: Row) -> Prompts:
    """The typed form of a stored row."""
    name, body = text_or_none(row, "candidate_name"), text_or_none(row, "candidate_text")
    candidate = None if name is None or body is None else Prompt(version=name, text=body)
    return Prompts(
        current=Prompt(version=text(row, "current_name"), text=text(row, "current_text")),
        candidate=candidate,
        percent=integer(row, "percent"),
    )
