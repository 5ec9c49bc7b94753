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


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({}, "`store`: data has to stay in eu, and nobody says where it is"),
        ({"store": {"region": "us"}}, "`store`: data has to stay in eu, and it is in `us`"),
        (
            {"store": {"region": "eu"}, "connectors": {"stripe": {"api_key": "env:K"}}},
            "`connectors.stripe`: data has to stay in eu, and nobody says where it is",
        ),
        (
            {
                "store": {"region": "eu"},
                "connectors": {"stripe": {"api_key": "env:K", "region": "eu"}},
            },
            None,
        ),
    ],
)
def test_a_region_is_kept_by_the_store_and_every_connector(
    more: dict[str, object], problem: str | None
) -> None:
    """Nothing opens while a customer's data would leave it, or nobody knows."""
    values: dict[str, object] = {"workspace": {"name": "test", "region": "eu"}, **more}
    if problem is None:
        tables = parse_settings(values, "sayso.toml").connector_tables
        assert tables == {"stripe": {"api_key": "env:K"}}, "the connector is not asked about it"
        return
    with pytest.raises(ConfigError) as refused:
        parse_settings(values, "sayso.toml")
    assert problem in refused.value.message
