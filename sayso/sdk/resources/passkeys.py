"""Passkeys: enrolled by their people, confirmed by a passkey that counts, and removed again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sayso.actions.approvals.answer import (
    SolutionDecision,
    each_of,
    needs_passkey,
    yes_statement,
)
from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.approvals.solution import Solution
from sayso.audit.authority.passkeys import (
    CUSTOMER_DAY,
    Assertion,
    Passkey,
    PasskeyRule,
    Signature,
    Tier,
    challenge_of,
    statement,
    tier_to_json,
    to_base64url,
)
from sayso.audit.authority.state import Authority
from sayso.audit.entry import Entry, EntryKind, Json
from sayso.errors import Code, RefusedError
from sayso.extras import missing_extra
from sayso.ids import to_micros
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.sessions import ABSOLUTE, LINK, Session
from sayso.sdk.resources.staff import StaffResource
from sayso.sdk.resources.tokens import Token
from sayso.store.base import Reader, Transaction

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

T = TypeVar("T")
_MOST_EACH = 8
_FRESH = frozenset({"link", "oidc"})
_NONCE_BYTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ToSign:
    """What a browser asks a passkey to sign.

    Attributes:
        challenge: base64url. passkeys: the ids of those that may sign. nonce: to be sent back.
        rp_id: the host that they belong to; empty when there is none to ask.
    """

    challenge: str
    passkeys: tuple[str, ...]
    nonce: str
    rp_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPasskeys:
    """The passkeys of a workspace.

    Attributes:
        passkeys: the oldest first. rule: which yes needs one.
        looser: what sayso.toml says where it lets more go without one, which somebody has to
            sign; None otherwise.
    """

    passkeys: tuple[Passkey, ...]
    rule: PasskeyRule
    looser: Tier | None


def make_nonce(secret: str, now: int) -> str:
    """Something new that only this server makes for this session, good for as long as it lasts.

    Args:
        secret: of the session. now: microseconds since 1970.
    """
    head = now.to_bytes(8, "big") + secrets.token_bytes(_NONCE_BYTES - 8)
    return to_base64url(head + _mac(secret, head))


def check_nonce(secret: str, nonce: str, now: int) -> None:
    """Refuse a nonce of another session, or an old one.

    Raises:
        RefusedError: `passkey_invalid`.
    """
    try:
        found = base64.urlsafe_b64decode(nonce.encode("ascii") + b"=" * (-len(nonce) % 4))
    except ValueError:
        found = b""
    head, mac = found[:_NONCE_BYTES], found[_NONCE_BYTES:]
    age = now - int.from_bytes(head[:8], "big")
    good = len(head) == _NONCE_BYTES and hmac.compare_digest(mac, _mac(secret, head))
    if not good or not 0 <= age <= ABSOLUTE // timedelta(microseconds=1):
        raise RefusedError(
            Code.PASSKEY_INVALID,
            "this page is too old for your passkey to sign",
            next_step="load it again",
        )


def _mac(secret: str, head: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"sayso/nonce/v1\0" + head, "sha256")[:16]


class PasskeyResource(Resource):
    """Enrols, confirms and removes passkeys, each by an entry of the log."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    async def list(self) -> KnownPasskeys:
        """All of them, and which yes needs one."""
        authority = await self._authority()
        found = sorted(authority.passkeys.values(), key=lambda one: one.seq)
        return KnownPasskeys(
            passkeys=tuple(found),
            rule=authority.passkey_rule,
            looser=self._container.directory.looser_passkeys(authority),
        )

    async def to_enrol(self, session: Session, nonce: str, rp_id: str) -> dict[str, Any]:
        """What a browser needs to make a passkey for who is signed in.

        Args:
            rp_id: the host name under which the console is opened.

        Raises:
            RefusedError: `forbidden`, see `enrol`.
            ConfigError: `missing_extra`.
        """
        authority = await self._authority()
        self._check_fresh(authority, session)
        own = [one.id for one in authority.passkeys.values() if one.person == session.person]
        user = hashlib.sha256(f"{session.token.tenant}\0{session.person}".encode()).digest()
        return {
            "challenge": challenge_of(_enrolment(session, nonce)),
            "rp": {"id": rp_id, "name": "Sayso"},
            "user": {
                "id": to_base64url(user),
                "name": session.person,
                "displayName": session.person,
            },
            "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-7, -8, -257)],
            "excludeCredentials": [{"type": "public-key", "id": one} for one in own],
            "authenticatorSelection": {
                "residentKey": "preferred",
                "userVerification": "required",
            },
            "attestation": "none",
            "timeout": 120_000,
        }

    async def enrol(
        self, session: Session, response: str, *, nonce: str, origin: str, rp_id: str
    ) -> Passkey:
        """Take in the passkey that a browser has made; the log's first counts at once.

        Args:
            session: of its person: a new one by a link or by OIDC where they have no passkey yet.
            response: what the browser said, as JSON.
            origin: such as `https://sayso.example.com`.

        Raises:
            RefusedError: `forbidden`, `passkey_invalid`, `already_in_state`.
            ConfigError: `missing_extra`.
        """
        name, public_key, kind = _registered(
            response, challenge_of(_enrolment(session, nonce)), origin, rp_id
        )

        def work(tx: Transaction) -> Passkey:
            authority = self._container.directory.at(tx, session.token.tenant)
            self._check_fresh(authority, session)
            if name in authority.passkeys:
                raise RefusedError(
                    Code.ALREADY_IN_STATE, "this passkey is known already", next_step="nothing"
                )
            data: dict[str, Json] = {
                "person": session.person,
                "passkey_id": name,
                "public_key": public_key,
                "rp_id": rp_id,
                "origin": origin,
                "name": kind,
            }
            self._tell(tx, EntryKind.PASSKEY_ENROLLED, session.token, data)
            return self._container.directory.at(tx, session.token.tenant).passkeys[name]

        return await self._written(session, work)

    async def to_confirm(self, session: Session, passkey_id: str, nonce: str) -> ToSign:
        """What who is signed in has to sign so that a passkey counts.

        Raises:
            RefusedError: `not_found`, `not_an_approver`.
        """
        authority = await self._authority()
        waits = _waiting(authority, passkey_id)
        said = _confirmation(session, waits, nonce)
        return _to_sign(authority, session.person, said, nonce)

    async def confirm(self, session: Session, passkey_id: str, signature: Signature) -> Passkey:
        """Have a passkey count, by the signature of one that counts, one's own or another's.

        Raises:
            RefusedError: `not_found`, `not_an_approver`, `passkey_invalid`.
        """

        def work(tx: Transaction) -> Passkey:
            authority = self._container.directory.at(tx, session.token.tenant)
            waits = _waiting(authority, passkey_id)
            said = _confirmation(session, waits, signature.nonce)
            signed = _checked(authority, session, signature.says(said))
            data: dict[str, Json] = {"passkey_id": waits.id, "passkey": signed.to_json()}
            self._tell(tx, EntryKind.PASSKEY_CONFIRMED, session.token, data)
            return self._container.directory.at(tx, session.token.tenant).passkeys[waits.id]

        return await self._written(session, work)

    async def remove(self, session: Session, passkey_id: str) -> None:
        """Take a passkey away: one's own, or anybody's by whoever may change who works here.

        Raises:
            RefusedError: `not_found`, `forbidden`, `not_an_approver`.
        """
        known = (await self._authority()).passkeys.get(passkey_id)
        if known is not None and known.person != session.person:
            await StaffResource(self._container, self._workspace).check(session.token)

        def work(tx: Transaction) -> None:
            authority = self._container.directory.at(tx, session.token.tenant)
            known = authority.passkeys.get(passkey_id)
            if known is None:
                raise _unknown()
            data: dict[str, Json] = {"passkey_id": known.id, "person": known.person}
            self._tell(tx, EntryKind.PASSKEY_REMOVED, session.token, data)

        await self._written(session, work)

    async def to_loosen(self, session: Session, nonce: str) -> ToSign | None:
        """What has to be signed where sayso.toml lets more go without a passkey; else None."""
        authority = await self._authority()
        amounts = self._container.directory.looser_passkeys(authority)
        if amounts is None:
            return None
        return _to_sign(authority, session.person, _loosening(session, amounts, nonce), nonce)

    async def loosen(self, session: Session, signature: Signature) -> None:
        """Let so much go without a passkey as sayso.toml says, by the signature of one.

        Raises:
            RefusedError: `not_found`, `not_an_approver`, `passkey_invalid`.
        """

        def work(tx: Transaction) -> None:
            authority = self._container.directory.at(tx, session.token.tenant)
            amounts = self._container.directory.looser_passkeys(authority)
            if amounts is None:
                raise RefusedError(
                    Code.NOT_FOUND, "sayso.toml asks for nothing of that sort", next_step="nothing"
                )
            said = _loosening(session, amounts, signature.nonce)
            signed = _checked(authority, session, signature.says(said))
            data: dict[str, Json] = {
                "amounts": tier_to_json(amounts),
                "sums": CUSTOMER_DAY,
                "passkey": signed.to_json(),
            }
            self._tell(tx, EntryKind.PASSKEY_REQUIRED, session.token, data)

        await self._written(session, work)

    async def _authority(self) -> Authority:
        return await self._container.people.authority(self._container.tenant)

    async def _written(self, session: Session, work: Callable[[Transaction], T]) -> T:
        done = await self._container.store.write(work)
        await self._container.directory.see(self._container.store, session.token.tenant)
        return done

    def _tell(self, tx: Transaction, kind: EntryKind, by: Token, data: dict[str, Json]) -> None:
        said: dict[str, Json] = {**data, "via": "console", "credential": by.id}
        self._container.log.append(tx, by.tenant, Entry(kind=kind, actor=by.actor, data=said))

    def _check_fresh(self, authority: Authority, session: Session) -> None:
        own = [one for one in authority.passkeys.values() if one.person == session.person]
        if len(own) >= _MOST_EACH:
            raise RefusedError(
                Code.FORBIDDEN,
                f"you have {_MOST_EACH} passkeys, which is as many as there can be",
                next_step="remove one first",
            )
        if any(one.confirmed_by for one in own):
            return
        age = to_micros(self._container.clock.now()) - session.started_at
        if session.via not in _FRESH or age > LINK // timedelta(microseconds=1):
            raise RefusedError(
                Code.FORBIDDEN,
                "a first passkey is made within ten minutes of signing in by a link or by your "
                "company's sign-in",
                next_step=f"sign in once more: `sayso console --person {session.person}`",
            )


def _enrolment(session: Session, nonce: str) -> dict[str, Json]:
    return statement("enrol", session.token.tenant, session.person, nonce)


def _confirmation(session: Session, waits: Passkey, nonce: str) -> dict[str, Json]:
    return statement(
        "confirm",
        session.token.tenant,
        session.person,
        nonce,
        passkey_id=waits.id,
        of=waits.person,
        public_key=waits.public_key,
    )


def _loosening(session: Session, amounts: Tier, nonce: str) -> dict[str, Json]:
    tenant = session.token.tenant
    said = tier_to_json(amounts)
    return statement("loosen", tenant, session.person, nonce, amounts=said, sums=CUSTOMER_DAY)


def _waiting(authority: Authority, passkey_id: str) -> Passkey:
    known = authority.passkeys.get(passkey_id)
    if known is None or known.confirmed_by:
        raise _unknown()
    return known


def _unknown() -> RefusedError:
    return RefusedError(
        Code.NOT_FOUND, "there is no such passkey", next_step="look at the people page again"
    )


def _to_sign(authority: Authority, person: str, said: dict[str, Json], nonce: str) -> ToSign:
    counts = counting(authority, person)
    known = authority.person(person)
    if not counts or known is None or not known.roles:
        raise RefusedError(
            Code.NOT_AN_APPROVER,
            "only somebody with a role and a passkey that counts can sign this",
            next_step="ask somebody who has one",
        )
    return to_sign_by(counts, said, nonce)


def to_sign_for(
    container: Container,
    reader: Reader,
    solution: Solution,
    answer: SolutionDecision,
    nonce: Callable[[], str],
) -> ToSign | None:
    """What the person's passkey has to sign for an answer; None where it need not.

    Args:
        nonce: draws one, where anything has to be signed.

    Raises:
        RefusedError: see `each_of`.
    """
    authority = container.directory.at(reader, answer.tenant)
    rule = authority.passkey_rule
    if not rule.amounts or not solution.waiting:
        return None
    said = each_of(answer, solution)
    left_out = [step.id for step, one in said if one.choice is DecisionChoice.REJECT]
    beside, now = container.context.accounts.beside, to_micros(container.clock.now())
    if not needs_passkey(reader, rule, solution, answer.lower, left_out, beside=beside, now=now):
        return None
    drawn = nonce()
    signed = yes_statement(answer, solution, said, drawn)
    return to_sign_by(counting(authority, answer.person), signed, drawn)


def to_sign_by(counts: tuple[Passkey, ...], said: dict[str, Json], nonce: str) -> ToSign:
    """What one of these passkeys has to sign."""
    return ToSign(
        challenge=challenge_of(said),
        passkeys=tuple(one.id for one in counts),
        nonce=nonce,
        rp_id=counts[0].rp_id if counts else "",
    )


def counting(authority: Authority, person: str) -> tuple[Passkey, ...]:
    """The passkeys of somebody that count, the oldest first."""
    found = [one for one in authority.passkeys.values() if authority.passkey(one.id, person)]
    return tuple(sorted(found, key=lambda one: one.seq))


def _checked(authority: Authority, session: Session, signed: Assertion) -> Assertion:
    person = authority.person(session.person)
    if person is None or not person.roles:
        raise RefusedError(
            Code.NOT_AN_APPROVER,
            "only somebody with a role can sign this",
            next_step="ask somebody who has one",
        )
    key = authority.passkey(signed.id, session.person)
    fault = "is of no passkey that counts for you" if key is None else signed.fault(key)
    if fault is not None:
        raise RefusedError(
            Code.PASSKEY_INVALID,
            f"what your passkey signed {fault}",
            next_step="load the page again",
        )
    return signed


def _registered(response: str, challenge: str, origin: str, rp_id: str) -> tuple[str, str, str]:
    """The id, the public key and the sort of a passkey that a browser has made.

    Raises:
        RefusedError: `passkey_invalid`.
        ConfigError: `missing_extra`.
    """
    try:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        from webauthn import base64url_to_bytes, verify_registration_response
        from webauthn.helpers import (
            decode_credential_public_key,
            decoded_public_key_to_cryptography,
        )
        from webauthn.helpers.exceptions import WebAuthnException
        from webauthn.helpers.structs import CredentialDeviceType
    except ImportError as error:
        raise missing_extra("console", "passkeys need the package webauthn") from error
    try:
        made = verify_registration_response(
            credential=response,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=rp_id,
            expected_origin=origin,
            require_user_verification=True,
        )
        decoded = decode_credential_public_key(made.credential_public_key)
        key = decoded_public_key_to_cryptography(decoded)
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            Code.PASSKEY_INVALID,
            "what your browser sent is no new passkey for this page",
            next_step="load the page again and try once more",
        ) from error
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    synced = made.credential_device_type is CredentialDeviceType.MULTI_DEVICE
    kind = "synced" if synced else "on one device"
    return to_base64url(made.credential_id), to_base64url(encoded), kind
