"""Who signs a log, which keys it may have, and whether its head was signed by the right one.

A log begins with one key. Every other one is introduced by an entry that the key before it has
signed; the list beside the log only says the same once more.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from sayso.audit.signed_note.note import Signer, Verifier
from sayso.audit.signing.rotation import KeyPeriod, RotationEntry, follow_rotations
from sayso.audit.verifier.verification import Check, Damage, Findings
from sayso.errors import IntegrityError


class LogSigner(Signer, Protocol):
    """A key that can sign the logs of all tenants, each under its own origin."""

    def named(self, name: str) -> LogSigner:
        """The same key under another name."""
        ...


def public_part(vkey: str) -> str:
    """The public key of a vkey, without the name under which it signs."""
    return vkey.split("+", 2)[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A key as the source lists it.

    Attributes:
        vkey: the key.
        from_size: the first size of which it may sign a head; None where the source does not say.
        to_size: the first size that it may not sign any more; None where the source does not say.
    """

    vkey: str
    from_size: int | None = None
    to_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHistory:
    """The keys of a log.

    Attributes:
        periods: one after the other; empty when not even the first can be read.
        pinned: whether the caller trusts one of them, and so those that it leads to.
    """

    periods: tuple[KeyPeriod, ...]
    pinned: bool

    def at(self, size: int) -> list[Verifier]:
        """The keys that may sign a head of that size."""
        return [one.key for one in self.periods if one.covers(size)]


def listed_verifiers(keys: Sequence[ListedKey], findings: Findings) -> list[Verifier]:
    """The listed keys that are any."""
    listed: list[Verifier] = []
    for key in keys:
        try:
            listed.append(Verifier.parse(key.vkey))
        except IntegrityError as error:
            findings.add(Check.HEAD_KEY_LISTED, Damage.EDITED, error.message)
    return listed


def judge_keys(
    keys: Sequence[ListedKey],
    rotations: Sequence[RotationEntry],
    origin: str,
    pinned: Set[str],
    findings: Findings,
) -> KeyHistory:
    """Follow the changes of keys, and compare them with the list.

    Args:
        pinned: the vkeys that the caller trusts; empty for none.
    """
    # What is no key at all was found when the head was read.
    listed = {key.vkey: key for key in listed_verifiers(keys, Findings())}
    first = next(iter(listed.values()), None)
    periods = follow_rotations(first, origin, rotations, findings) if first else ()
    _compare([key for key in keys if key.vkey in listed], periods, findings)
    return KeyHistory(periods=periods, pinned=any(period.key.vkey in pinned for period in periods))


def listed_history(keys: Sequence[ListedKey], pinned: Set[str]) -> KeyHistory:
    """The keys of a log of which not all entries are there, so that nobody can follow them.

    Args:
        pinned: the vkeys that the caller trusts; empty for none.
    """
    listed = listed_verifiers(keys, Findings())
    # INVARIANT: a pinned key vouches for no other one here. Whoever made the source wrote the list.
    periods = tuple(KeyPeriod(key=key) for key in listed if not pinned or key.vkey in pinned)
    return KeyHistory(periods=periods, pinned=any(one.key.vkey in pinned for one in periods))


def _compare(keys: Sequence[ListedKey], periods: Sequence[KeyPeriod], findings: Findings) -> None:
    introduced = {period.key.vkey: period for period in periods}
    for key in keys:
        period = introduced.pop(key.vkey, None)
        if period is None:
            problem = "is listed, and no entry introduces it"
        elif key.from_size not in {None, period.from_size}:
            problem = f"is listed from {key.from_size} on, and no entry says so"
        elif key.to_size not in {None, period.to_size}:
            problem = f"is listed up to {key.to_size}, and no entry says so"
        else:
            continue
        message = f"the key `{key.vkey[:80]}` {problem}"
        findings.add(Check.KEY_INTRODUCED, Damage.FORGED, message)
    for vkey in introduced:
        message = f"an entry introduces the key `{vkey[:80]}`, and the source does not list it"
        findings.add(Check.KEY_INTRODUCED, Damage.FORGED, message)


def judge_head_key(
    signer: Verifier, size: int, history: KeyHistory, pinned: Set[str], findings: Findings
) -> bool:
    """Judge the key that signed a head; returns whether the caller trusts it.

    Args:
        pinned: the vkeys that the caller trusts; empty for none.
    """
    own = [period for period in history.periods if period.key.vkey == signer.vkey]
    trusted = signer.vkey in pinned or bool(own and history.pinned)
    if pinned and not trusted:
        message = f"the head is signed by `{signer.vkey}`, which is none of the pinned keys"
        findings.add(Check.HEAD_KEY_TRUSTED, Damage.UNKNOWN_KEY, message)
    if own and not any(period.covers(size) for period in own):
        message = f"the key of the head is not valid for a log of {size} entries"
        findings.add(Check.HEAD_KEY_IN_RANGE, Damage.FORGED, message)
    return trusted
