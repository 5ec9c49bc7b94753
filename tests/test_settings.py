"""What sayso.toml says about people and their roles."""

from __future__ import annotations

import pytest

from sayso.errors import ConfigError
from sayso.settings import parse_settings


@pytest.mark.parametrize(
    ("role", "hint"),
    [
        ("suport_manager", "did you mean `support_manager`"),
        ("confirmation", "`approvals.roles` has `support_manager`, `finance`"),
    ],
)
def test_an_unknown_role_is_told_with_those_that_there_are(role: str, hint: str) -> None:
    """Whoever gives a person a role of their own learns where roles are declared."""
    values = {"workspace": {"name": "test"}, "people": [{"id": "ana", "roles": [role]}]}
    with pytest.raises(ConfigError) as refused:
        parse_settings(values, "sayso.toml")
    assert f"`ana` has the unknown role `{role}`; {hint}" in refused.value.message
