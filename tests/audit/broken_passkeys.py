"""Logs in which a yes needs a passkey, by the book, and each way to forge one.

Whoever writes them holds the log's key, the database and the server; what they lack is the passkey.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from audit.ruled_log import BEGAN, DAY, DIGEST, ENGINE, OTHER, TENANT, WORKSPACE, RuledLog, person
from support.soft_passkey import PRESENT, SoftPasskey

from sayso.audit.authority.passkeys import Assertion, statement
from sayso.audit.entry import EntryKind, Json
from sayso.money import Money

Step = Callable[[RuledLog], None]
HOST = "sayso.example.com"
NONCE = "n1"
FROM: list[Json] = [["USD", 5000]]


@cache
def key_of(name: str) -> SoftPasskey:
    """The passkey of somebody; the same in every log."""
    return SoftPasskey(rp_id=HOST)


def require(log: RuledLog, amounts: list[Json] | None = None, **more: Json) -> None:
    """A yes from $50 on needs a passkey."""
    data: dict[str, Json] = {"amounts": FROM if amounts is None else amounts, "credential": "host"}
    log.say(EntryKind.PASSKEY_REQUIRED, WORKSPACE, data | more)


def enrol(log: RuledLog, name: str, key: SoftPasskey | None = None, **more: Json) -> None:
    """Somebody makes a passkey."""
    made = key or key_of(name)
    data: dict[str, Json] = {
        "person": name,
        "passkey_id": made.name,
        "public_key": made.public_key,
        "rp_id": HOST,
        "name": "synced",
        "credential": f"tok_{name}",
    }
    log.say(EntryKind.PASSKEY_ENROLLED, person(name), data | more)


def confirm(
    log: RuledLog, of: str, by: str, *, key: SoftPasskey | None = None, **more: Json
) -> None:
    """Somebody signs that a passkey is another one's."""
    theirs = key_of(of)
    said = statement(
        "confirm",
        TENANT,
        by,
        NONCE,
        passkey_id=theirs.name,
        of=of,
        public_key=theirs.public_key,
    )
    signed = (key or key_of(by)).sign({**said, **more})
    data: dict[str, Json] = {
        "passkey_id": theirs.name,
        "credential": f"tok_{by}",
        "passkey": signed.to_json(),
    }
    log.say(EntryKind.PASSKEY_CONFIRMED, person(by), data)


def loosen(log: RuledLog, by: str, *, key: SoftPasskey | None = None, signed: Json = None) -> None:
    """Somebody signs that a yes needs no passkey any more."""
    said = statement("loosen", TENANT, by, NONCE, amounts=signed or [])
    data: dict[str, Json] = {
        "amounts": [],
        "credential": f"tok_{by}",
        "passkey": (key or key_of(by)).sign(said).to_json(),
    }
    log.say(EntryKind.PASSKEY_REQUIRED, person(by), data)


def agreed(name: str = "maria", **more: Json) -> dict[str, Json]:
    """What somebody signs for a yes to the action."""
    step: dict[str, Json] = {
        "step": "s1",
        "approval": "apr_1",
        "revision": 1,
        "digest": DIGEST,
        "choice": "approve",
        "currency": "USD",
        "minor": 9900,
    }
    return statement("yes", TENANT, name, NONCE, solution=DIGEST, revision=1, steps=[step | more])


def ready(log: RuledLog) -> None:
    """A yes needs a passkey, Maria has the first one, and an action waits."""
    require(log)
    enrol(log, "maria")
    log.asked()


def signed_yes(
    log: RuledLog, signed: Assertion, name: str = "maria", solution: str = DIGEST
) -> None:
    """A yes with a signature beside it."""
    log.yes(name, passkey=signed.to_json(), solution=solution)


def another(
    log: RuledLog,
    number: int,
    minor: int,
    *,
    request: str | None = None,
    passkey: Json = None,
) -> None:
    """Maria says yes to an action beside the first one."""
    approval, amount = f"apr_{number}", Money(minor, "USD")
    said: dict[str, Json] = {
        "decision": "approve",
        "credential": "tok_maria",
        "approval_status": "approved",
    }
    if passkey is not None:
        said["passkey"] = passkey
    for kind, status, who, data in (
        (EntryKind.ACTION_PENDING, "pending_approval", ENGINE, _asked()),
        (EntryKind.ACTION_APPROVED, "approved", person("maria"), said),
    ):
        log.act(
            kind,
            status,
            who,
            data,
            action=f"act_{number}",
            amount=amount,
            approval=approval,
            request=request,
        )


def by_the_passkeys(log: RuledLog) -> None:
    """Two passkeys, a yes by each, a lowered amount, a removal and a looser rule, all allowed."""
    ready(log)
    enrol(log, "noor")
    confirm(log, "noor", "maria")
    signed_yes(log, key_of("noor").sign(agreed("noor")), "noor")
    log.intent()
    log.done()
    another(log, 2, 4999)
    log.say(
        EntryKind.PASSKEY_REMOVED,
        person("noor"),
        {"passkey_id": key_of("noor").name, "credential": "tok_noor"},
    )
    require(log, [["EUR", 100], ["USD", 5000]])
    loosen(log, "maria")


def _asked() -> dict[str, Json]:
    return {
        "outcome": "ask",
        "policy_version": "p1",
        "policy": 1,
        "roles": ["support_manager"],
        "expires_at": BEGAN + DAY,
        "approval_status": "pending",
    }


def _unsigned(log: RuledLog) -> None:
    ready(log)
    log.yes()


def _in_parts(log: RuledLog) -> None:
    """Two yes to $30 of one plan, where $50 needs a passkey."""
    ready(log)
    log.say(EntryKind.REQUEST_ASKED, person("nobody"), {}, request="req_1")
    another(log, 2, 3000, request="req_1")
    another(log, 3, 3000, request="req_1")


def _for_less_than_asked(log: RuledLog) -> None:
    """The yes says $40, which needs no passkey; people were asked about $99."""
    ready(log)
    said: dict[str, Json] = {
        "decision": "approve",
        "credential": "tok_maria",
        "approval_status": "approved",
    }
    log.act(
        EntryKind.ACTION_APPROVED,
        "approved",
        person("maria"),
        said,
        approval="apr_1",
        amount=Money(4000, "USD"),
    )


def _called_for_more(log: RuledLog) -> None:
    """People were asked about $40, which needs no passkey, and $99 were called."""
    require(log)
    another(log, 1, 4000)
    log.intent()


def _signed(make: Callable[[], Assertion]) -> Step:
    def step(log: RuledLog) -> None:
        ready(log)
        signed_yes(log, make())

    step.__name__ = make.__name__
    return step


def wrong_key() -> Assertion:
    return SoftPasskey(rp_id=HOST, id=key_of("maria").id).sign(agreed())


def another_challenge() -> Assertion:
    return key_of("maria").sign(agreed(), challenge="AAAA")


def another_site() -> Assertion:
    return key_of("maria").sign(agreed(), origin="https://evil.example")


def plain_http() -> Assertion:
    return key_of("maria").sign(agreed(), origin=f"http://{HOST}")


def in_a_frame() -> Assertion:
    return key_of("maria").sign(agreed(), crossOrigin=True)


def another_relying_party() -> Assertion:
    return key_of("maria").sign(agreed(), rp_id="evil.example")


def not_verified() -> Assertion:
    return key_of("maria").sign(agreed(), flags=PRESENT)


def a_registration() -> Assertion:
    return key_of("maria").sign(agreed(), kind="webauthn.create")


def another_digest() -> Assertion:
    return key_of("maria").sign(agreed(digest=OTHER))


def another_revision() -> Assertion:
    return key_of("maria").sign(agreed(revision=2))


def another_approval() -> Assertion:
    return key_of("maria").sign(agreed(approval="apr_2"))


def a_no() -> Assertion:
    return key_of("maria").sign(agreed(choice="reject"))


def of_another_tenant() -> Assertion:
    return key_of("maria").sign({**agreed(), "tenant": "other"})


def of_another_person() -> Assertion:
    return key_of("maria").sign(agreed("noor"))


def of_another_sort() -> Assertion:
    return key_of("maria").sign({**agreed(), "say": "confirm"})


def garbled() -> Assertion:
    good = key_of("maria").sign(agreed())
    return Assertion(
        id=good.id,
        authenticator_data=good.authenticator_data,
        client_data="#",
        signature=good.signature,
        statement=good.statement,
    )


def _enrolled_by_the_server(log: RuledLog) -> None:
    """A key of the server's own, in Noor's name, that no passkey has confirmed."""
    ready(log)
    enrol(log, "noor")
    signed_yes(log, key_of("noor").sign(agreed("noor")), "noor")


def _confirmed_by_itself(log: RuledLog) -> None:
    ready(log)
    enrol(log, "noor")
    confirm(log, "noor", "noor")


def _confirmed_by_a_forger(log: RuledLog) -> None:
    ready(log)
    enrol(log, "noor")
    confirm(log, "noor", "maria", key=SoftPasskey(rp_id=HOST, id=key_of("maria").id))


def _confirmed_another(log: RuledLog) -> None:
    ready(log)
    enrol(log, "noor")
    confirm(log, "noor", "maria", public_key=key_of("finn").public_key)


def _replayed(log: RuledLog) -> None:
    """Maria's signature under one action, beside another one's yes."""
    ready(log)
    signed = key_of("maria").sign(agreed())
    signed_yes(log, signed)
    another(log, 2, 9900, passkey=signed.to_json())


def _another_solution(log: RuledLog) -> None:
    ready(log)
    signed_yes(log, key_of("maria").sign(agreed()), solution=OTHER)


def _replaced(log: RuledLog) -> None:
    """The public key of Maria's passkey is said once more, and is another one."""
    ready(log)
    enrol(log, "maria", SoftPasskey(rp_id=HOST, id=key_of("maria").id))


def _enrolled_by_the_host(log: RuledLog) -> None:
    require(log)
    enrol(log, "maria", credential="host")


def _removed_and_begun_anew(log: RuledLog) -> None:
    """The only passkey goes, and the server makes one of its own: it is not the first one."""
    ready(log)
    gone: dict[str, Json] = {"passkey_id": key_of("maria").name, "credential": "host"}
    log.say(EntryKind.PASSKEY_REMOVED, WORKSPACE, gone)
    own = SoftPasskey(rp_id=HOST)
    enrol(log, "maria", own)
    signed_yes(log, own.sign(agreed()))


def _removed_twice(log: RuledLog) -> None:
    gone: dict[str, Json] = {"passkey_id": "none", "credential": "tok_maria"}
    log.say(EntryKind.PASSKEY_REMOVED, person("maria"), gone)


def _loosened_by_the_server(log: RuledLog) -> None:
    ready(log)
    require(log, [])


def _loosened_otherwise(log: RuledLog) -> None:
    ready(log)
    loosen(log, "maria", signed=[["USD", 9000]])


def _by_another_ones(log: RuledLog) -> None:
    """Noor cannot sign with Maria's passkey."""
    ready(log)
    signed_yes(log, key_of("maria").sign(agreed("noor")), "noor")


BROKEN_PASSKEYS: tuple[Step, ...] = (
    _unsigned,
    _in_parts,
    _for_less_than_asked,
    _called_for_more,
    *map(
        _signed,
        (
            wrong_key,
            another_challenge,
            another_site,
            plain_http,
            in_a_frame,
            another_relying_party,
            not_verified,
            a_registration,
            another_digest,
            another_revision,
            another_approval,
            a_no,
            of_another_tenant,
            of_another_person,
            of_another_sort,
            garbled,
        ),
    ),
    _enrolled_by_the_server,
    _confirmed_by_itself,
    _confirmed_by_a_forger,
    _confirmed_another,
    _replayed,
    _another_solution,
    _replaced,
    _enrolled_by_the_host,
    _removed_and_begun_anew,
    _removed_twice,
    _loosened_by_the_server,
    _loosened_otherwise,
    _by_another_ones,
)


def removed_by_an_ended_token(log: RuledLog) -> None:
    """Whose credential opens nothing any more takes away no passkey."""
    ready(log)
    log.say(EntryKind.TOKEN_REVOKED, WORKSPACE, {"token": "tok_maria", "credential": "host"})
    gone: dict[str, Json] = {"passkey_id": key_of("maria").name, "credential": "tok_maria"}
    log.say(EntryKind.PASSKEY_REMOVED, person("maria"), gone)
