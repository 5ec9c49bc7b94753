"""Passkeys in the browser: made on the people page, and asked for where a yes needs one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.responses import Response

from sayso.audit.authority.passkeys import Passkey, Signature, Tier
from sayso.errors import Code, RefusedError
from sayso.ids import rfc3339, to_micros
from sayso.money import Money
from sayso.sdk.resources.passkeys import ToSign, check_nonce, make_nonce
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.visit import Visit

MOST_RESPONSE = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Where the browser is: `origin` of the pages, and the host that passkeys belong to."""

    origin: str
    rp_id: str


def place_of(visit: Visit) -> RelyingParty | None:
    """Where passkeys can be used; None where a browser has none, as under a bare IP address."""
    host = visit.request.headers.get("host", "")
    name = urlsplit(f"//{host}").hostname or ""
    if visit.site.is_public and host == urlsplit(visit.site.url).netloc:
        return RelyingParty(origin=visit.site.url, rp_id=name)
    return RelyingParty(origin=f"http://{host}", rp_id=name) if name == "localhost" else None


def new_nonce(visit: Visit) -> str:
    """A nonce for a page of this session."""
    return make_nonce(_secret(visit), to_micros(visit.sayso.now()))


def _secret(visit: Visit) -> str:
    return visit.request.cookies.get(visit.site.cookie, "")


def on_button(visit: Visit, asked: ToSign) -> tuple[str, str]:
    """What the button of a yes asks a passkey for; else why it cannot, in words."""
    place = place_of(visit)
    if asked.passkeys and place is not None and place.rp_id == asked.rp_id:
        return as_asked(asked), ""
    if asked.passkeys:
        return "", f"Your passkey is kept for {asked.rp_id}: open this page there."
    return "", "You have none that counts yet: add one on the people page."


def as_asked(asked: ToSign) -> str:
    """What the page's script reads from a button."""
    return json.dumps(
        {
            "challenge": asked.challenge,
            "passkeys": list(asked.passkeys),
            "nonce": asked.nonce,
            "rp_id": asked.rp_id,
        }
    )


def signature_in(visit: Visit, form: Form) -> Signature | None:
    """What a passkey has signed of a form; None where nothing was.

    Raises:
        RefusedError: `passkey_invalid`, for one that was begun in another session, or too long ago.
    """
    if not form.one("passkey.signature"):
        return None
    check_nonce(_secret(visit), form.one("passkey.nonce"), to_micros(visit.sayso.now()))
    return Signature(
        id=form.one("passkey.id"),
        authenticator_data=form.one("passkey.authenticator_data"),
        client_data=form.one("passkey.client_data"),
        signature=form.one("passkey.signature"),
        nonce=form.one("passkey.nonce"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyLine:
    """One passkey on the people page.

    Attributes:
        asked: what has to be signed so that it counts; empty where who looks cannot.
        mine: whether it is of whoever looks, or they may change who works here.
    """

    id: str
    short: str
    person: str
    kind: str
    where: str
    since: str
    seq: int
    confirmed_by: str
    asked: str
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyPane:
    """What the people page says of passkeys.

    Attributes:
        options: for the browser, to make one; empty where that cannot be done now, for `why`.
        from_: the amounts from which on a yes needs one. looser: those that wait to be signed.
    """

    lines: tuple[PasskeyLine, ...]
    from_: tuple[Money, ...]
    looser: str
    asked_looser: str
    options: str
    nonce: str
    why: str


async def pane_of(visit: Visit) -> PasskeyPane:
    """Everything about passkeys, as whoever looks may change it."""
    resource, nonce = visit.sayso.passkeys, new_nonce(visit)
    known, may = await resource.list(), await visit.sayso.staff.may(visit.session.token)
    looser = None if known.looser is None else await _asked_loosening(visit, nonce)
    place, options, why = place_of(visit), "", ""
    if place is None:
        why = (
            "Browsers keep no passkey for a bare IP address. Open the console under the name "
            "localhost, or set `url` in [console]."
        )
    else:
        try:
            options = json.dumps(await resource.to_enrol(visit.session, nonce, place.rp_id))
        except RefusedError as error:
            why = f"{error.message[:1].upper()}{error.message[1:]}. Next: {error.next_step}."
    return PasskeyPane(
        lines=tuple([await _line(visit, one, nonce, may=may) for one in known.passkeys]),
        from_=tuple(Money(minor, name) for name, minor in sorted(known.rule.amounts.items())),
        looser=_amounts(known.looser) if known.looser is not None else "",
        asked_looser=looser or "",
        options=options,
        nonce=nonce,
        why=why,
    )


def _amounts(tier: Tier) -> str:
    return ", ".join(str(Money(minor, name)) for name, minor in sorted(tier.items())) or "no amount"


async def _asked_loosening(visit: Visit, nonce: str) -> str | None:
    try:
        asked = await visit.sayso.passkeys.to_loosen(visit.session, nonce)
    except RefusedError:
        return None
    return None if asked is None else as_asked(asked)


async def _line(visit: Visit, one: Passkey, nonce: str, *, may: bool) -> PasskeyLine:
    asked = ""
    if not one.confirmed_by:
        try:
            asked = as_asked(await visit.sayso.passkeys.to_confirm(visit.session, one.id, nonce))
        except RefusedError:
            asked = ""
    return PasskeyLine(
        id=one.id,
        short=one.id[:8],
        person=one.person,
        kind=one.name,
        where=one.rp_id,
        since=rfc3339(one.at),
        seq=one.seq,
        confirmed_by=one.confirmed_by,
        asked=asked,
        mine=one.person == visit.person.id or may,
    )


async def enrol(visit: Visit) -> Response:
    """Take in a passkey that the browser has made."""
    form, place = await read_form(visit.request), place_of(visit)
    response = form.one("response")
    if place is None or not response or len(response) > MOST_RESPONSE:
        raise RefusedError(
            Code.PASSKEY_INVALID,
            "your browser has made no passkey",
            next_step="allow JavaScript on this page, open it by its own name, and try again",
        )
    check_nonce(_secret(visit), form.one("nonce"), to_micros(visit.sayso.now()))
    await visit.sayso.passkeys.enrol(
        visit.session,
        response,
        nonce=form.one("nonce"),
        origin=place.origin,
        rp_id=place.rp_id,
    )
    return visit.see("people#passkeys")


async def confirm(visit: Visit) -> Response:
    """Have somebody's passkey count."""
    form = await read_form(visit.request)
    signature = _signed(visit, form)
    await visit.sayso.passkeys.confirm(visit.session, form.one("passkey"), signature)
    return visit.see("people#passkeys")


async def remove(visit: Visit) -> Response:
    """Take a passkey away."""
    form = await read_form(visit.request)
    await visit.sayso.passkeys.remove(visit.session, form.one("passkey"))
    return visit.see("people#passkeys")


async def loosen(visit: Visit) -> Response:
    """Let so much go without a passkey as sayso.toml says."""
    form = await read_form(visit.request)
    await visit.sayso.passkeys.loosen(visit.session, _signed(visit, form))
    return visit.see("people#passkeys")


def _signed(visit: Visit, form: Form) -> Signature:
    signature = signature_in(visit, form)
    if signature is None:
        raise RefusedError(
            Code.PASSKEY_INVALID,
            "nothing was signed",
            next_step="allow JavaScript on this page, and use your passkey when it asks",
        )
    return signature
