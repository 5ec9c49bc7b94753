"""The names that `sayso` exports; changing them is a decision (rule 4)."""

from __future__ import annotations

import pytest

import sayso

NAMES = """
Absence Action Args Assurance Call Code ConfigError Connector Effect EffectFailedError Finality
Guarantee Handoff IntegrityError Message Money OutcomeUnknownError Plan Receipt Record RefusedError
Resolved RetryableError
Sayso SaysoError Step Subject SyncSayso at_most_once idempotent langchain_tools openai_agents_tools
pydantic_ai_tools verifiable
""".split()


def test_the_public_names_are_these() -> None:
    """Nothing comes or goes unnoticed; own actions need nothing that is not here."""
    assert sorted(sayso.__all__) == sorted(NAMES)
    assert set(dir(sayso)) >= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_can_be_imported(name: str) -> None:
    """Each name is found where the table says it is, and is documented."""
    assert getattr(sayso, name).__doc__


def test_another_name_is_an_attribute_error() -> None:
    """A misspelt name fails as it does in any module."""
    with pytest.raises(AttributeError, match="has no `Saiso`"):
        _ = sayso.Saiso  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
