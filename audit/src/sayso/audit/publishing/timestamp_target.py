"""A time-stamp authority as a place: it says when a head existed, and nothing of what was before.

Source: RFC 3161.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from sayso.audit.publishing.base import CheckpointSubmission, PublishReceipt
from sayso.audit.signed_note.authorities import TimeAuthorities
from sayso.audit.signed_note.timestamps import MAX_TOKEN_BYTES
from sayso.audit.verifier.description import printable
from sayso.errors import Code, IntegrityError, RetryableError

if TYPE_CHECKING:
    import httpx
    from rfc3161_client import TimeStampRequest, TimeStampResponse

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = MAX_TOKEN_BYTES + 1024
_GRANTED = (0, 1)
_QUERY = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}


class TimestampTarget:
    """Asks an authority for a time stamp over the exact bytes of the signed note, by SHA-256.

    Args:
        name: what the settings call it.
        url: where it is asked.
        authorities: the certificates that its answers must lead to.
        policy: the dotted policy that its time stamps must name; any when None.
        timeout_s: how long each step of asking may take, and thrice as long all of it.

    Guarantees: nothing is kept that is not over these bytes, for this request, by this authority.
    The authority learns a digest, not the note. Whatever it answers instead is tried again.
    """

    def __init__(
        self,
        name: str,
        url: str,
        authorities: TimeAuthorities,
        policy: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._name = name
        self._url = url
        self._authorities = authorities
        self._policy = policy
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None

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
        """Get the note stamped; see `PublishTarget`."""
        message = submission.note.encode()
        request = self._request(message)
        answer = await self._ask(request.as_bytes())
        # It is somebody else's bytes that are read there, which takes its time.
        token = await asyncio.to_thread(self._token, answer, message, request.nonce)
        return PublishReceipt(note=submission.note, token=token)

    def _request(self, message: bytes) -> TimeStampRequest:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # an extra

        builder = TimestampRequestBuilder().data(message)
        return builder.hash_algorithm(HashAlgorithm.SHA256).build()

    def _token(self, answer: bytes, message: bytes, nonce: int | None) -> bytes:
        """The token in an answer, once it is known to be what was asked for."""
        from rfc3161_client import decode_timestamp_response  # an extra

        try:
            response = decode_timestamp_response(answer)
            if response.status not in _GRANTED:
                self._not_granted(response)
            token = response.time_stamp_token()
        except ValueError as error:
            self._wrong("gave no answer of RFC 3161", detail=str(error))
        try:
            stamp = self._authorities.read_token(token, message)
        except IntegrityError as error:
            step = "check that the place's `roots` are the authority's, and are valid now"
            self._wrong(f"is not believed: {error.message}", step, error.detail)
        if not stamp.fits:
            self._wrong("stamped something else")
        if stamp.nonce is None or stamp.nonce != nonce:
            self._wrong("answered another request")
        if self._policy not in {None, stamp.policy}:
            step = "correct the place's `policy`, or leave it out"
            self._wrong(f"stamps under the policy {stamp.policy[:80]}", step)
        return token

    def _not_granted(self, response: TimeStampResponse) -> NoReturn:
        said = printable("; ".join(response.status_string))[:120]
        self._wrong(f"stamped nothing (status {response.status})" + (f": {said}" if said else ""))

    def _wrong(self, problem: str, next_step: str = "", detail: str = "") -> NoReturn:
        raise RetryableError(
            Code.PUBLISH_TARGET_UNAVAILABLE,
            f"the time-stamp authority `{self._name}` {problem}",
            next_step=next_step or "check its address; it is asked again",
            detail=detail,
        )

    async def _ask(self, request: bytes) -> bytes:
        import httpx  # heavy: only publishers need it

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._timeout_s, follow_redirects=False)
        try:
            async with asyncio.timeout(3 * self._timeout_s):
                return await self._read(self._client, request)
        except TimeoutError:
            self._wrong("is too slow")
        except httpx.HTTPError as error:
            self._wrong(
                "cannot be reached",
                "start it, or correct its address",
                f"{type(error).__name__}: {error}",
            )

    async def _read(self, client: httpx.AsyncClient, request: bytes) -> bytes:
        async with client.stream("POST", self._url, content=request, headers=_QUERY) as response:
            if response.status_code != 200:
                self._wrong(f"answered {response.status_code}")
            found = bytearray()
            async for part in response.aiter_raw():
                found += part
                if len(found) > MAX_ANSWER_BYTES:
                    self._wrong("gave an answer that is too long")
            return bytes(found)
