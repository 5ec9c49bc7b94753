"""The rules of a witness: never back, never to the side, only on.

Source: c2sp.org/tlog-witness, `add-checkpoint`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sayso.audit.signed_note.cosignature import CosignatureVerifier, Cosigner
from sayso.audit.signed_note.note import Checkpoint, Verifier, open_note, parse_note
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.audit.tree.merkle import verify_consistency
from sayso.audit.witness.records import WitnessRecords
from sayso.audit.witness.request import AddCheckpoint
from sayso.errors import IntegrityError, RefusedError
from sayso.ids import Clock, to_micros

logger = logging.getLogger("sayso.witness")

SIZE_TYPE = "text/x.tlog.size"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessReply:
    """What the witness answers to a call.

    Attributes:
        status: of HTTP: 200, 400, 403, 404, 409, 422 or 500.
        body: signature lines for 200, the known size for 409, else one line in words.
        content_type: of the body.
    """

    status: int
    body: str
    content_type: str = _TEXT


class Witness:
    """Cosigns checkpoints of the logs it knows.

    Args:
        cosigners: its keys; each gives one line.
        logs: whose `log` lines name the keys of the logs it knows.
        records: its memory.
        clock: gives each cosignature its time.

    Guarantees: of two calls at once, one sees what the other left. A cosignature leaves only when
    the checkpoint is on the disk.
    """

    def __init__(
        self,
        cosigners: Sequence[Cosigner],
        logs: WitnessPolicy,
        records: WitnessRecords,
        clock: Clock,
    ) -> None:
        assert cosigners, "a witness has a key"
        self._cosigners = tuple(cosigners)
        self._records = records
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, list[Verifier | CosignatureVerifier]] = {}
        for log in logs.logs:
            self._keys.setdefault(log.key.name, []).append(log.key)

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The public keys, for the policies of those who trust this witness."""
        return tuple(cosigner.vkey for cosigner in self._cosigners)

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs it knows."""
        return tuple(self._keys)

    def add_checkpoint(self, body: bytes) -> WitnessReply:
        """Judge one call; never raises."""
        try:
            request = AddCheckpoint.parse(body)
            checkpoint = Checkpoint.parse(parse_note(request.note)[0])
        except (RefusedError, IntegrityError) as error:
            return WitnessReply(status=400, body=f"{error.message}\n")
        keys = self._keys.get(checkpoint.origin)
        if keys is None:
            return WitnessReply(status=404, body="this witness does not know that log\n")
        try:
            open_note(request.note, keys)
        except IntegrityError as error:
            return WitnessReply(status=403, body=f"{error.message}\n")
        if request.old_size > checkpoint.size:
            return WitnessReply(status=400, body="the old size is over the checkpoint's\n")
        with self._lock:
            try:
                return self._judge(request, checkpoint)
            except (IntegrityError, OSError) as error:
                # INVARIANT: without its memory a witness cosigns nothing.
                return self._troubled(error)

    def newest(self, origin: str) -> WitnessReply:
        """The newest checkpoint that it cosigned, with its cosignatures: what auditors ask for."""
        try:
            with self._lock:
                found = self._records.newest(origin) if origin in self._keys else None
        except (IntegrityError, OSError) as error:
            return self._troubled(error)
        if found is None:
            return WitnessReply(status=404, body="nothing was cosigned for that log\n")
        return WitnessReply(status=200, body=found[1])

    @staticmethod
    def _troubled(error: IntegrityError | OSError) -> WitnessReply:
        """Say that the memory fails, to whoever asks and to whoever runs the witness."""
        if isinstance(error, IntegrityError):
            message = error.message
        else:
            message = f"the witness's memory fails: {(error.strerror or str(error)).lower()}"
        logger.error("nothing is cosigned: %s", message)
        return WitnessReply(status=500, body=f"{message}\n")

    def _judge(self, request: AddCheckpoint, checkpoint: Checkpoint) -> WitnessReply:
        found = self._records.newest(checkpoint.origin)
        known, known_note = found or (None, "")
        known_size = known.size if known else 0
        conflict = WitnessReply(status=409, body=f"{known_size}\n", content_type=SIZE_TYPE)
        if known and known.size == checkpoint.size and known.root != checkpoint.root:
            # Two trees of one size, both signed by the log: proof that stands by itself.
            self._records.keep_evidence(checkpoint.origin, known_note, request.note)
            return conflict
        if request.old_size != known_size:
            return conflict
        if known is None or known_size == 0:
            consistent = not request.proof
        else:
            consistent = verify_consistency(
                known.size, known.root, checkpoint.size, checkpoint.root, request.proof
            )
        if not consistent:
            return WitnessReply(
                status=422, body="the proof does not lead from the known checkpoint\n"
            )
        at_s = to_micros(self._clock.now()) // 1_000_000
        text = checkpoint.text()
        lines = [one.cosign(text, at_s).text() for one in self._cosigners]
        self._records.replace(checkpoint.origin, self._record(request.note, lines))
        return WitnessReply(status=200, body="".join(lines))

    def _record(self, note: str, own: Sequence[str]) -> str:
        """The note as it is kept: the lines of the log's known keys, and the witness's own."""
        text, signatures = parse_note(note)
        known = {(key.name, key.key_id) for key in self._keys[text.partition("\n")[0]]}
        # INVARIANT: no line that anybody may add gets into the record, or one with this witness's
        # own name would make it unreadable for ever.
        kept = [line.text() for line in signatures if (line.name, line.key_id) in known]
        return f"{text}\n{''.join([*kept, *own])}"
