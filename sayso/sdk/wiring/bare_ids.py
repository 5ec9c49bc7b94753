"""Whose the ids are that were stored without a provider: said by settings, and never guessed."""

from __future__ import annotations

import contextlib

from sayso.actions.customers.account import AccountNames
from sayso.connectors.registry import Connectors
from sayso.errors import Code, ConfigError, SaysoError
from sayso.frozen import replace
from sayso.store.base import Reader, Store, Transaction, text

_OWNER = "bare_ids_of"
"""Under which name a database keeps whose customers its bare ids are."""
_SHOWN = 60


async def settle_bare_ids(store: Store, connectors: Connectors) -> None:
    """Have ids read and written as those that are stored; see `check_bare_ids`.

    Raises:
        ConfigError: `invalid_setting`.
    """
    if not await check_bare_ids(store, connectors.accounts, said=connectors.default_is_said):
        connectors.read_as(replace(connectors.accounts, default=None))


async def check_bare_ids(
    store: Store, names: AccountNames, *, said: bool, notes: bool = True
) -> bool:
    """Refuse settings by which a stored id would be somebody else's, nobody's, or written anew.

    Looks at a few ids, and notes whose those without a provider are, where it may. A connector that
    is not here any more is believed to have another name now: nobody else's ids could be meant.

    Args:
        said: whether settings name the default; else it is the only connector with customers.

    Returns:
        whether the default's ids stand here without a provider, or will; where they stand with it,
        they go on so.

    Raises:
        ConfigError: `invalid_setting`.
    """
    if not names.providers:
        return True  # opened for looking only
    bare, some, owner = await store.read(_look)
    if bare is not None:
        _check_owner(names, bare, owner)
    elif some is not None and owner is None and names.default is not None:
        named = await store.read(lambda reader: _named_of(reader, names.default or ""))
        if named is not None and said:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the ids of `{names.default}` are stored here with their provider, such as"
                f" `{named[:_SHOWN]}`, and `default` would have them stored without",
                next_step="remove `default` under [customers] in sayso.toml, and write such ids"
                f" like {named[:_SHOWN]}",
            )
        if named is not None:
            return False
    if owner is None and names.default is not None and notes:
        default = names.default

        def note(tx: Transaction) -> None:
            tx.run("log.meta_insert", key=_OWNER, value=default)

        with contextlib.suppress(SaysoError):  # a database that is full, or only read, is looked at
            await store.write(note, brief=True)
    return True


def _check_owner(names: AccountNames, bare: str, owner: str | None) -> None:
    """Refuse where an id without a provider is nobody's, or another connector's than it was."""
    if names.default is None:
        several = ", ".join(f"`{name}`" for name in sorted(names.providers))
        known = f", those of `{owner}`," if owner else ""
        raise ConfigError(
            Code.INVALID_SETTING,
            f"ids are stored here that name no provider, such as `{bare[:_SHOWN]}`{known} and"
            f" several connectors have customers now: {several}",
            next_step=f"say whose they are: `default = "
            f'"{owner or next(iter(sorted(names.providers)))}"` under [customers] in sayso.toml',
        )
    if owner is not None and owner != names.default and owner in names.providers:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"the ids here that name no provider, such as `{bare[:_SHOWN]}`, are those of"
            f" `{owner}`, and settings take them for those of `{names.default}`",
            next_step=f'set `default = "{owner}"` under [customers] in sayso.toml',
        )


async def bare_ids_of(store: Store) -> str | None:
    """Whose customers the bare ids are, as the database has kept it; None where nobody said."""
    with contextlib.suppress(SaysoError):
        _, _, owner = await store.read(_look, brief=True)
        return owner
    return None


def _look(reader: Reader) -> tuple[str | None, str | None, str | None]:
    """An id that names no provider, any id, and whose the first were until now."""
    rows = [reader.one("personal.bare_id"), reader.one("personal.some_id")]
    bare, some = (None if row is None else text(row, "id") for row in rows)
    owner = reader.one("log.meta", key=_OWNER)
    return bare, some, None if owner is None else text(owner, "value")


def _named_of(reader: Reader, provider: str) -> str | None:
    """An id that is stored with this provider."""
    row = reader.one("personal.id_beginning", start=f"{provider}:")
    return None if row is None else text(row, "id")
