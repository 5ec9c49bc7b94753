"""What sayso.toml says about people and their roles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import get_args

import pytest
from pydantic import BaseModel

from sayso.errors import ConfigError
from sayso.settings import Settings, parse_settings
from sayso.settings.base import address_of


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


NO_ADDRESS = {
    "store.url": "a database, which is no web address; a password in it is refused",
    "console.url": "what links begin with; its pattern takes `https://HOST` alone",
    "customers.url": "likewise",
    "identity.issuer": "a name that a token has to say; nothing connects to it",
}
_LIKE_AN_ADDRESS = re.compile(
    r"url|uri|endpoint|issuer|^keys$|^witness$|^timestamp$|^server$|^base$"
)


def fields_of(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, str, bool]]:
    """`(name with its section, name, whether it is marked as an address)` of every setting."""
    for name, field in model.model_fields.items():
        yield f"{place}{name}", name, address_of(field) is not None
        kinds = [field.annotation, *get_args(field.annotation)]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields_of(kind, f"{place}{name}.")


def settings_with(name: str, url: str) -> dict[str, object]:
    """A file in which one address is set."""
    person = {"bot_token": "env:T", "signing_secret": "env:S", "channel": "C1"}
    place = {"name": "outside"}
    model = {"model": "openai:m"}
    connection = {"grant": "refresh_token", "token_endpoint": "https://a.example.com/t"}
    connection |= {"client_id": "us"}
    oidc = {"kind": "oidc", "issuer": "https://id.example.com", "audience": "us"}
    tables: dict[str, dict[str, object]] = {
        "slack.api_url": {"slack": {**person, "api_url": url}},
        "planner.base_url": {"planner": {**model, "base_url": url}},
        "planner.then.base_url": {"planner": {**model, "then": [{**model, "base_url": url}]}},
        "console.oidc.issuer": {"console": {"oidc": {"issuer": url, "client_id": "us"}}},
        "identity.keys": {"identity": {"sso": {**oidc, "keys": url}}},
        "publishing.places.witness": {
            "publishing": {"places": [{**place, "witness": url, "key": "k"}]}
        },
        "publishing.places.timestamp": {
            "publishing": {"places": [{**place, "timestamp": url, "roots": "r.pem"}]}
        },
        **{
            f"connections.{field}": {"connections": {"mail": {**connection, field: url}}}
            for field in ("token_endpoint", "authorization_endpoint", "redirect_uri")
        },
    }
    return tables[name]


ADDRESSES = sorted(name for name, _, marked in fields_of(Settings) if marked)


@pytest.mark.promise("network:configured")
def test_every_setting_that_looks_like_an_address_is_judged_as_one() -> None:
    """Checked by one function; a new setting without an answer fails here."""
    missed = {
        name
        for name, last, marked in fields_of(Settings)
        if _LIKE_AN_ADDRESS.search(last) and not marked and name not in NO_ADDRESS
    }
    assert missed == set()
    assert len(ADDRESSES) >= 9


@pytest.mark.promise("network:configured")
@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:x@127.0.0.2/",
        "http://127.0.0.1:80@10.0.0.1/",
        "https://user:pass@api.example.com/",
        "https://169.254.169.254/latest",
        "https://10.1.2.3/",
        "https://[fd00:ec2::254]/",
        "https://2130706433/",
        "ftp://api.example.com/",
        "javascript:alert(1)",
    ],
)
def test_no_address_leads_inside_or_is_taken_by_how_it_begins(name: str, url: str) -> None:
    """Parsed first; https unless it is this machine; private only where the file names it."""
    with pytest.raises(ConfigError) as refused:
        parse_settings(settings_with(name, url), "sayso.toml")
    assert "is no safe address" in refused.value.message
    assert "pass@" not in str(refused.value)


@pytest.mark.promise("network:configured")
@pytest.mark.parametrize("name", ADDRESSES)
def test_a_private_network_has_to_be_named(name: str) -> None:
    """On premises: the operator names it, and nothing beside it."""
    private: Mapping[str, object] = {"network": {"private": ["10.1.0.0/16"]}}
    for url in ("https://api.example.com/x", "http://127.0.0.1:8390/x", "https://10.1.2.3/x"):
        parse_settings({**settings_with(name, url), **private}, "sayso.toml")
    with pytest.raises(ConfigError):
        parse_settings({**settings_with(name, "https://10.2.2.3/x"), **private}, "sayso.toml")
    plain = settings_with(name, "http://api.example.com/x")
    if name == "publishing.places.timestamp":  # RFC 3161: what comes back proves itself
        parse_settings(plain, "sayso.toml")
    else:
        with pytest.raises(ConfigError):
            parse_settings(plain, "sayso.toml")
