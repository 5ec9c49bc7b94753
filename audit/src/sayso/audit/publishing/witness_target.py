"""An HTTP witness as a place: it cosigns what follows from the last that it saw.

Source: c2sp.org/tlog-witness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from sayso.audit.publishing.base import CheckpointSubmission, PublishReceipt
from sayso.audit.signed_note.cosignature import CosignatureVerifier
from sayso.audit.signed_note.note import MAX_SIGNATURES, Checkpoint, open_note, parse_note
from sayso.audit.witness.request import AddCheckpoint
from sayso.errors import Code, ConfigError, IntegrityError, RetryableError

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024
_TRIES = 3
_SIZE_TYPE = "text/x.tlog.size"


class WitnessTarget:
    """Asks a witness for its cosignature.

    Args:
        name: what the settings call it.
        url: its submission prefix.
        key: its public key; an answer that this key did not sign is none.
        client: for tests; made when first needed.
    """

    def __init__(
        self,
        name: str,
        url: str,
        key: CosignatureVerifier,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._name = name
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._key = key
        self._client = client

    @property
    def name(self) -> str:
        """What the settings call it."""
        return self._name

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def publish(self, submission: CheckpointSubmission) -> PublishReceipt:
        """Get the checkpoint cosigned; see `PublishTarget`."""
        old_size = submission.old_size
        for _ in range(_TRIES):
            proof = await submission.prove(old_size) if old_size else ()
            request = AddCheckpoint(old_size=old_size, proof=proof, note=submission.note)
            status, kind, body = await self._post(request.encoded())
            match status:
                case 200:
                    return PublishReceipt(note=self._cosigned(submission.note, body))
                case 409 if kind == _SIZE_TYPE:
                    old_size = self._other_size(body, submission.checkpoint, old_size)
                case _:
                    self._refused(status, body)
        raise RetryableError(
            Code.PUBLISH_TARGET_UNAVAILABLE,
            f"the witness `{self._name}` moved on three times while it was asked",
            next_step="nothing: it is asked again",
        )

    def _other_size(self, body: bytes, checkpoint: Checkpoint, asked: int) -> int:
        text = body.decode(errors="replace")
        if not text.endswith("\n") or not text[:-1].isdecimal() or len(text) > 17:
            self._unreadable("its size")
        size = int(text)
        if size > checkpoint.size:
            raise IntegrityError(
                Code.TAMPERED,
                f"the witness `{self._name}` has seen {size} entries of `{checkpoint.origin}`, "
                f"and there are {checkpoint.size}",
                next_step="the database was put back to an older state: find out by whom",
            )
        if size == asked:
            self._contradicted(checkpoint)
        return size

    def _contradicted(self, checkpoint: Checkpoint) -> NoReturn:
        raise IntegrityError(
            Code.TAMPERED,
            f"the witness `{self._name}` knows another history of `{checkpoint.origin}`",
            next_step="run `sayso audit verify` with its checkpoint; the witness kept the evidence",
        )

    def _refused(self, status: int, body: bytes) -> NoReturn:
        said = body[:200].decode(errors="replace").strip()
        if status == 422:
            raise IntegrityError(
                Code.TAMPERED,
                f"the witness `{self._name}` finds no way from what it saw to this log",
                next_step="run `sayso audit verify` with its checkpoint",
                detail=said,
            )
        if status in {400, 403, 404}:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the witness `{self._name}` does not take this log ({status})",
                next_step="give the witness the key that `sayso audit checkpoint --json` shows",
                detail=said,
            )
        raise RetryableError(
            Code.PUBLISH_TARGET_UNAVAILABLE,
            f"the witness `{self._name}` answered {status}",
            next_step="nothing: it is asked again",
            detail=said,
        )

    def _unreadable(self, what: str) -> NoReturn:
        raise RetryableError(
            Code.PUBLISH_TARGET_UNAVAILABLE,
            f"the witness `{self._name}` gave an answer that cannot be read: {what}",
            next_step="check the witness's address",
        )

    def _cosigned(self, note: str, body: bytes) -> str:
        """The note with the witness's own line; other lines of the answer are left out."""
        text, own = parse_note(note)
        try:
            _, lines = parse_note(f"{text}\n{body.decode()}")
            opened = open_note(f"{text}\n{body.decode()}", [self._key])
        except (IntegrityError, UnicodeDecodeError):
            self._unreadable("no cosignature of its key")
        assert opened.verified_by == (self._key,)
        mine = (self._key.name, self._key.key_id)
        kept = [line for line in own if (line.name, line.key_id) != mine][: MAX_SIGNATURES - 1]
        kept += [line for line in lines if (line.name, line.key_id) == mine]
        return f"{text}\n{''.join(line.text() for line in kept)}"

    async def _post(self, body: bytes) -> tuple[int, str, bytes]:
        import httpx  # heavy: only publishers need it

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False)
        try:
            async with self._client.stream("POST", self._url, content=body) as response:
                found = bytearray()
                async for part in response.aiter_raw():
                    found += part
                    if len(found) > MAX_ANSWER_BYTES:
                        self._unreadable("too long")
                kind = response.headers.get("content-type", "")
                return response.status_code, kind, bytes(found)
        except httpx.HTTPError as error:
            raise RetryableError(
                Code.PUBLISH_TARGET_UNAVAILABLE,
                f"the witness `{self._name}` cannot be reached",
                next_step="start it, or correct its address",
                detail=f"{type(error).__name__}: {error}",
            ) from error
