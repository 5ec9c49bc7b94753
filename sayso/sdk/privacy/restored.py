"""Restored backups: whoever was erased since one was made is in it again, and is erased again."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from sayso.audit.authority.credentials import HOST
from sayso.audit.erasure import RETENTION, ErasureOrder
from sayso.errors import SaysoError, logged
from sayso.ids import Tenant
from sayso.sdk.privacy.eraser import Eraser
from sayso.sdk.privacy.views import HeldAgainView
from sayso.store.base import Reader, Store, text

logger = logging.getLogger("sayso.retention")
REASON = "restored_backup"


async def find_restored(
    store: Store, listed: Iterable[tuple[Tenant, str]]
) -> list[tuple[Tenant, str, str]]:
    """Erased customers of whom the database has a key again: tenant, pseudonym, id."""

    def work(reader: Reader) -> list[tuple[Tenant, str, str]]:
        found: list[tuple[Tenant, str, str]] = []
        for tenant, pseudonym in listed:
            row = reader.one("erasure.subject_named", tenant=tenant, pseudonym=pseudonym)
            if row is not None:
                found.append((tenant, pseudonym, text(row, "id")))
        return found

    return await store.read(work)


class Restored:
    """Compares the database with the list of erased customers that is kept outside of it."""

    def __init__(self, store: Store, eraser: Eraser) -> None:
        self._store = store
        self._eraser = eraser

    async def erase_again(self, only: Tenant | None = None) -> HeldAgainView:
        """Erase whom `find_restored` finds; who cannot be erased now is said, and logged.

        Args:
            only: the one tenant whose customers are looked for; everybody's when None.
        """
        erased, left = 0, list[tuple[str, str]]()
        listed = [one for one in self._eraser.listed.read() if only in (None, one[0])]
        for tenant, pseudonym, subject_id in await find_restored(self._store, listed):
            order = ErasureOrder(
                tenant=tenant,
                subject_id=subject_id,
                reason=REASON,
                by=RETENTION,
                via="retention",
                credential=HOST,
                key=f"restored/{pseudonym}",
            )
            try:
                await self._eraser.erase(order, only=True)
                erased += 1
            except SaysoError as error:
                left.append((pseudonym, error.message))
                logger.warning(
                    "%s was erased, is back from a backup, and cannot be erased again now: %s",
                    pseudonym,
                    logged(error),
                )
        if erased:
            logger.warning("%d erased customers were back from a backup; erased again", erased)
            await self._eraser.scrub()
        return HeldAgainView(erased=erased, left=tuple(left))
