"""What an auditor holds against a log, and the flags it is passed by.

`python -m sayso.audit.verify` and `sayso audit verify` take the same ones; they are said here once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sayso.audit.safe_open import MAX_HELD_BYTES, read_start
from sayso.errors import Code, ConfigError

if TYPE_CHECKING:
    from sayso.audit.signed_note.timestamps import Authorities, StampedNote
    from sayso.audit.signed_note.witness_policy import WitnessPolicy
    from sayso.audit.verifier.checks import Trust


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of both commands.

    Attributes:
        name: as it is typed, such as `--vkey`.
        metavar: what follows it; empty where nothing does.
        repeatable: whether it may be passed more than once.
    """

    name: str
    metavar: str
    help: str
    repeatable: bool = False


VKEY = Flag("--vkey", "KEY", "A public key that may have signed; repeatable.", True)
CHECKPOINT = Flag("--checkpoint", "FILE", "A signed head kept elsewhere; repeatable.", True)
GROWN = Flag(
    "--grown", "FILE", "A proof that the log only grew between two sizes; repeatable.", True
)
POLICY = Flag("--policy", "FILE", "Which keys, and how many witnesses.")
SEGMENTS = Flag(
    "--segments", "DIR", "Where the files of sealed segments are; a workspace knows its own."
)
TSA_ROOTS = Flag(
    "--tsa-roots",
    "FILE",
    "Certificates in PEM of time-stamp authorities that count; repeatable.",
    True,
)
TIMESTAMPS = Flag(
    "--timestamps", "PATH", "Time stamps kept elsewhere, a file or a folder; repeatable.", True
)
TENANT = Flag("--tenant", "TENANT", "Only this tenant's log.")
QUICK = Flag("--quick", "", "Hashes, signatures and states only: no rules, no other columns.")
TEXTS, PATHS = (VKEY, TENANT), (CHECKPOINT, GROWN, POLICY, SEGMENTS, TSA_ROOTS, TIMESTAMPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What was passed, as it was read.

    Attributes:
        keys: public keys.
        seen: signed heads that must still hold.
        policy: which witnesses count.
        segments: the folder of the sealed segments' files.
        growths: proofs that the log only grew since a bundle was made.
        authorities: whose time stamps count.
        stamped: heads with time stamps.
        remembered: heads that verified before.
        witnessed: notes that count by their cosignatures.
    """

    keys: tuple[str, ...]
    seen: tuple[bytes, ...]
    policy: WitnessPolicy | None
    segments: Path | None
    growths: tuple[bytes, ...]
    authorities: Authorities | None
    stamped: tuple[StampedNote, ...]
    remembered: tuple[bytes, ...] = ()
    witnessed: tuple[bytes, ...] = ()

    @property
    def trust(self) -> Trust:
        """The same, as a verification takes it.

        Raises:
            IntegrityError, RefusedError: see `Trust.parse`.
        """
        from sayso.audit.verifier.checks import Trust  # `sayso --help` shows the flags without it

        return Trust.parse(
            self.keys,
            self.seen,
            remembered=self.remembered,
            witnessed=self.witnessed,
            policy=self.policy,
            segments=self.segments,
            growths=self.growths,
            authorities=self.authorities,
            stamped=self.stamped,
        )


def read_held(
    *,
    vkeys: Sequence[str],
    checkpoints: Sequence[Path],
    grown: Sequence[Path],
    policy: Path | None,
    segments: Path | None,
    tsa_roots: Sequence[Path],
    timestamps: Sequence[Path],
) -> Held:
    """Read what the flags name.

    Raises:
        ConfigError: `nothing_to_verify`, for segments without a folder; `invalid_setting`,
            `missing_extra`, see `open_authorities`.
        OSError: a file cannot be read.
        SaysoError: a policy or a time stamp is none.
    """
    # As above.
    from sayso.audit.signed_note.timestamps import read_stamps
    from sayso.audit.signed_note.witness_policy import WitnessPolicy

    if segments is not None and not segments.is_dir():
        raise ConfigError(
            Code.NOTHING_TO_VERIFY,
            f"there is no folder `{segments}`",
            next_step="give the folder that has a folder of segments for each tenant",
        )
    return Held(
        keys=tuple(vkeys),
        seen=tuple(read_start(path, MAX_HELD_BYTES) for path in checkpoints),
        policy=None if policy is None else WitnessPolicy.read(policy),
        segments=segments,
        growths=tuple(read_start(path, MAX_HELD_BYTES) for path in grown),
        authorities=open_authorities(tsa_roots, timestamps),
        stamped=tuple(one for path in timestamps for one in read_stamps(path)),
    )


def open_authorities(roots: Sequence[Path], stamps: Sequence[Path]) -> Authorities | None:
    """The authorities whose time stamps count; None when nobody asks about time stamps.

    Raises:
        ConfigError: `invalid_setting`, also where there are stamps and no roots; `missing_extra`.
    """
    if not roots:
        if not stamps:
            return None
        raise ConfigError(
            Code.INVALID_SETTING,
            "without certificates nobody knows whose time stamps count",
            next_step="pass --tsa-roots FILE",
        )
    from sayso.audit.signed_note.authorities import (
        TimeAuthorities,  # needs an extra, and certificates
    )

    return TimeAuthorities.read(*roots)
