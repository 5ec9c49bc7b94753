"""Whether the vault's key is the one that wrapped customers' keys, before anything is written."""

from __future__ import annotations

from sayso.audit.authority.keyring import Keyring
from sayso.errors import SaysoError
from sayso.store.base import Reader, Store, blob, integer

OPENED = "open"
"""Who finds it out when a workspace is opened."""


async def vault_trouble(
    store: Store, keyring: Keyring, *, quick: bool = False
) -> SaysoError | None:
    """Why customers' keys do not open, where nobody has changed them; None where they do.

    Args:
        quick: look at some of them only, as each command does.

    Returns:
        `key_mismatch` for a key that is not the vault's, `older_build` for keys that an older
        build has left unwrapped.
    """

    def look(reader: Reader) -> SaysoError | None:
        rows = reader.all("personal.some_wrappings" if quick else "personal.wrappings")
        keys = (blob(row, "head").ljust(integer(row, "bytes"), b"\0") for row in rows)
        found = [keyring.trouble(key) for key in keys]
        return next((one for one in found if one is not None), None)

    return await store.read(look)
