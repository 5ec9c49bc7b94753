"""Who holds the key that signs the logs: this process, or a service that signs for it."""

from __future__ import annotations

from typing import Protocol

from sayso.audit.signed_note.note import Signer


class LogSigner(Signer, Protocol):
    """A key that can sign the logs of all tenants, each under its own origin."""

    def named(self, name: str) -> LogSigner:
        """The same key under another name."""
        ...


def public_part(vkey: str) -> str:
    """The public key of a vkey, without the name under which it signs."""
    return vkey.split("+", 2)[2]
