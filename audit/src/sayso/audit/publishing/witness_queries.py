"""Asks witnesses themselves for what they cosigned, so that nobody in between can hold it back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from sayso.audit.signed_note.note import MAX_NOTE_BYTES
from sayso.audit.signed_note.witness_policy import NamedWitness, WitnessPolicy

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 10.0


async def ask_all(policy: WitnessPolicy) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """The newest notes of every log of a policy from every witness that has an address there.

    Returns:
        The notes, as they were given, and the names of those that gave none.
    """
    import httpx  # heavy: only this needs it

    origins = sorted({log.key.name for log in policy.logs})
    async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
        found = await asyncio.gather(
            *(_ask(client, witness, origins) for witness in policy.witnesses.values())
        )
    silent = tuple(name for name, notes in zip(policy.witnesses, found, strict=True) if not notes)
    return tuple(note for notes in found for note in notes), silent


async def _ask(client: httpx.AsyncClient, witness: NamedWitness, origins: list[str]) -> list[bytes]:
    import httpx

    notes: list[bytes] = []
    for origin in origins if witness.url else ():
        url = f"{witness.url.rstrip('/')}/checkpoint/{quote(origin)}"
        try:
            async with client.stream("GET", url) as response:
                found = bytearray()
                async for part in response.aiter_raw():
                    found += part
                    if len(found) > MAX_NOTE_BYTES:
                        break
            if response.status_code == 200 and len(found) <= MAX_NOTE_BYTES:
                notes.append(bytes(found))
        except httpx.HTTPError:
            continue
    return notes
