"""Whose customers a connector takes: its own, another connector's, or nobody's.

An e-mail connector writes to the customers of the connector that knows their addresses, and a
second connector of one provider acts on the ids of the first: their `customers_of` names that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import cast

from sayso.actions.customers.account import AccountNames
from sayso.connectors.base import Connector
from sayso.errors import Code, ConfigError
from sayso.text import plain

OWN = ""
"""As `customers_of` of a connector: it has customers of its own."""


def customers_of(connector: Connector) -> str | None:
    """Whose customers a connector takes, as it says itself.

    Returns:
        its own name where it has some of its own, which is so unless it says otherwise; another
        connector's name; None where it has to do with none.
    """
    told = _told(connector)
    return connector.name if told == OWN else told


def _told(connector: Connector, action: str = "") -> str | None:
    """As it says itself; of one action, where it tells them apart (`customers_of_action`).

    A mailbox has customers of its own, who write to it; what it sends to an address on file goes
    to the customers of whoever has that file.
    """
    tell = getattr(connector, "customers_of_action", None) if action else None
    told = getattr(connector, "customers_of", OWN) if tell is None else tell(action)
    return cast("str | None", told)


def ids_hold_colons(connector: Connector) -> bool:
    """Whether its customers' ids may hold a colon, which stands between a provider and an id."""
    return bool(getattr(connector, "ids_hold_colons", False))


def owner_of(name: str, find: Callable[[str], Connector | None], action: str = "") -> str | None:
    """The connector whose customers the one of that name takes in the end; None for nobody's.

    Two that name each other have nobody's, and so has one that names a connector that there is not.

    Args:
        find: the connector of a name; None where there is none.
        action: one of its actions, by its full name, where that makes a difference.
    """
    seen: set[str] = set()
    while name not in seen and (connector := find(name)) is not None:
        told, action = _told(connector, action), ""
        if told in (OWN, name):
            return name
        if told is None:
            return None
        seen.add(name)
        name = told
    return None


def account_names_of(connectors: Mapping[str, Connector], default: str | None) -> AccountNames:
    """How account ids are read and written where there are these connectors.

    Args:
        connectors: by name.
        default: whose an id without a provider is; None for the only one that has customers.

    Raises:
        ConfigError: `invalid_setting`, for a default that is no connector or has no customers of
            its own.
    """
    providers = {
        name: ids_hold_colons(one)
        for name, one in sorted(connectors.items())
        if owner_of(name, connectors.get) == name
    }
    if default is None:
        only = next(iter(providers)) if len(providers) == 1 else None
        return AccountNames(providers=providers, default=only)
    if default not in providers:
        raise _no_default(default, connectors, providers)
    return AccountNames(providers=providers, default=default)


def _no_default(
    default: str, connectors: Mapping[str, Connector], providers: Mapping[str, bool]
) -> ConfigError:
    shown = plain(default, limit=60)
    theirs = owner_of(default, connectors.get)
    there = ", ".join(f"`{name}`" for name in providers) or "none"
    if default not in connectors:
        near = get_close_matches(default[:60], list(providers), 1)
        problem = f"there is no connector `{shown}`"
        step = f"did you mean `{near[0]}`?" if near else f"set it to one that has some: {there}"
    elif theirs is not None:
        problem = f"the connector `{shown}` has no customers of its own: it takes `{theirs}`'s"
        step = f'set `default = "{theirs}"` under [customers] in sayso.toml'
    else:
        problem = f"the connector `{shown}` has no customers"
        step = f"set it to one that has some: {there}"
    return ConfigError(Code.INVALID_SETTING, f"[customers] default: {problem}", next_step=step)
