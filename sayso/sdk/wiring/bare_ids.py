"""Whose the ids are that were stored without a provider: said by settings, and never guessed."""

from __future__ import annotations

import contextlib

from sayso.actions.customers.account import AccountNames
from sayso.errors import Code, ConfigError, SaysoError
from sayso.store.base import Reader, Store, Transaction, text

_OWNER = "bare_ids_of"
"""Under which name a database keeps whose customers its bare ids are."""
_SHOWN = 60


async def check_bare_ids(store: Store, names: AccountNames, *, notes: bool = True) -> None:
    """Refuse settings by which a stored id would be somebody else's, or nobody's.

    Looks at a few ids, and notes whose they are, where it may. A connector that is not here any
    more is believed to have another name now: nobody else's ids could be meant.

    Raises:
        ConfigError: `invalid_setting`.
    """
    if not names.providers:
        return  # opened for looking only
    bare, owner = await store.read(_look)
    if bare is None:
        return
    several = ", ".join(f"`{name}`" for name in sorted(names.providers))
    if names.default is None:
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
    if owner != names.default and notes:
        default = names.default

        def note(tx: Transaction) -> None:
            tx.run("log.meta_insert", key=_OWNER, value=default)

        with contextlib.suppress(SaysoError):  # a database that is full, or only read, is looked at
            await store.write(note, brief=True)


async def bare_ids_of(store: Store) -> str | None:
    """Whose customers the bare ids are, as the database has kept it; None where nobody said."""
    with contextlib.suppress(SaysoError):
        _, owner = await store.read(_look, brief=True)
        return owner
    return None


def _look(reader: Reader) -> tuple[str | None, str | None]:
    """An id that names no provider, and whose such ids were until now."""
    found, owner = reader.one("personal.bare_id"), reader.one("log.meta", key=_OWNER)
    return (
        None if found is None else text(found, "id"),
        None if owner is None else text(owner, "value"),
    )
