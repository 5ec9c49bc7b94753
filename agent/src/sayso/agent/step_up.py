"""Step-up: asking a customer whom nobody knows for a code, instead of ending with a no.

Who writes by e-mail, or in a name that anybody could have given, gets no money moved. Where that is
all that stands in the way, a code goes to the address on file at the account that is to act, never
to the one that the message came from, and the request waits for it.

INVARIANT: what is said is the same whether or not there is such an account. So everything here goes
on in the same way where no code can be sent: the same question, an answer that nobody can give.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sayso.actions.customers.account import AccountNames
from sayso.actions.customers.accounts import Accounts
from sayso.actions.customers.contact import CodeMessage, ContactOnFile, Medium
from sayso.actions.customers.proof import verified_in
from sayso.actions.model.definition import MONEY, Action, Assurance, Effect, Subject
from sayso.agent.base import Message
from sayso.agent.code_letters import CodeLetter, tell, used, write_message
from sayso.agent.code_links import CodeLink, CodeLinks, new_secret
from sayso.agent.code_places import address_of
from sayso.agent.codes import (
    MOST_A_DAY,
    MOST_AN_HOUR,
    MOST_ASKED,
    Challenge,
    invented,
    masked,
    new_code,
)
from sayso.agent.phrases import phrases_of
from sayso.agent.question import AskedText
from sayso.agent.request_row import RequestRow, RequestStatus, get_request
from sayso.agent.requests import Requests
from sayso.agent.understanding import Knowledge
from sayso.agent.understanding.dialogue import follow
from sayso.agent.understanding.records import Things
from sayso.agent.verify_question import (
    FIRST_NUMBER,
    TIMES,
    TRIES,
    asked_before,
    code_question,
    place_of,
    questioned_data,
)
from sayso.audit.authority.keyring import Keyring
from sayso.audit.customer_codes import ASKED, CODE_MICROS, VERIFY, ToldCode
from sayso.audit.entry import EntryKind
from sayso.audit.personal import Personal
from sayso.errors import Code, RefusedError, RetryableError, logged
from sayso.ids import Clock, Entropy, to_micros
from sayso.store.base import Store, Transaction

logger = logging.getLogger("sayso.step_up")

_PAUSE_S = 0.5
"""So long a letter waits until whoever asked for it has their answer."""
_DAY = 24 * 3600 * 1_000_000


class Senders(Protocol):
    """Who knows where customers are reached, and can send there."""

    @property
    def accounts(self) -> AccountNames:
        """How account ids are read and written."""
        ...

    def provider_of(self, action: str) -> str | None:
        """Whose customers an action is for."""
        ...

    async def contact_of(self, provider: str, subject: Subject) -> ContactOnFile | None:
        """Where a customer can be reached; None where nobody knows. Raises: `RetryableError`."""
        ...

    async def find_people(self, provider: str, email: str) -> Sequence[_Found] | None:
        """A provider's customers with that address. Raises: `RetryableError`."""
        ...

    def sends_to(self, medium: Medium) -> bool:
        """Whether a code can be sent there."""
        ...

    async def send_code(self, medium: Medium, code: CodeMessage) -> None:
        """Hand a code over."""
        ...


class _Found(Protocol):
    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What the customer has to show.

    Attributes:
        accounts: as they are stored; the writing one where there is none.
        to: where a code goes. shown: that, as the customer reads it.
        recipient: the address on file; empty where no code can be sent.
    """

    accounts: tuple[str, ...]
    to: Medium
    shown: str
    recipient: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Secrets:
    """What shows that somebody has read a message: its code, or the secret of its link."""

    code: str = field(repr=False)
    link: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lack:
    """What is not shown yet: an account, if there is one, and where its customer is reached."""

    account: str | None = None
    contact: ContactOnFile | None = None

    def reached_by(self, medium: Medium) -> str:
        """The address, or the number; empty for none."""
        return address_of(self.contact, medium)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """Finds what has to be shown, asks for it, and sends codes.

    Attributes:
        quiet_days: an address that changed within so many days gets no code.
        links: makes the link beside a code.
        sending: what is on its way; it is awaited when the workspace is closed.
        hurry: letters leave at once while it is set.
    """

    store: Store
    requests: Requests
    accounts: Accounts
    senders: Senders
    personal: Personal
    keyring: Keyring
    clock: Clock
    entropy: Entropy
    quiet_days: int
    links: CodeLinks
    sending: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def media(self) -> tuple[Medium, ...]:
        """Where codes can go; an e-mail address first."""
        known: tuple[Medium, ...] = ("email", "phone")
        return tuple(one for one in known if self.senders.sends_to(one))

    # ---- what has to be shown ------------------------------------------------------------------

    async def need(self, row: RequestRow, actions: Collection[Action]) -> Need | None:
        """What the customer has to show before these can be done; None where nothing.

        None also where no code can be sent at all: a person gets it then.

        Raises:
            RetryableError: a provider cannot be read now.
        """
        gated = [one for one in actions if one.effect is not Effect.MESSAGE]
        providers = self._providers(gated)
        if not providers or not self.media:
            return None
        writer = row.subject
        customer = await self.accounts.of(row.tenant, writer, row.id)
        unknown = writer.assurance is Assurance.UNVERIFIED
        lacking: list[_Lack] = []
        for provider in providers:
            try:
                account = customer.at(self.senders.accounts, provider)[0].id
            except RefusedError as error:
                several = error.code is Code.SEVERAL_ACCOUNTS
                one = _Lack() if several else await self._unproven(writer, provider)
                if unknown or one.contact is not None:
                    lacking.append(one)
                continue
            if unknown and not await self._is_shown(row, account):
                contact = await self.senders.contact_of(provider, Subject(id=account))
                lacking.append(_Lack(account=account, contact=contact))
        return self._need(row, lacking) if lacking else None

    def _providers(self, gated: Sequence[Action]) -> list[str]:
        """Whose accounts act, the ones that pay first."""
        first = sorted(gated, key=lambda action: action.effect not in MONEY)
        found = [self.senders.provider_of(action.name) for action in first]
        return list(dict.fromkeys(one for one in found if one is not None))

    async def _is_shown(self, row: RequestRow, account: str) -> bool:
        now = to_micros(self.clock.now())
        known = await self.store.read(
            lambda reader: verified_in(reader, row.tenant, row.id, account, now), brief=True
        )
        return known is not None

    async def _unproven(self, writer: Subject, provider: str) -> _Lack:
        """The only account there with the writer's address, which nobody has verified.

        Where there is none, or are two, it is no account, and the contact is the writer's own, to
        be read and not to be sent to; none where they have no address, or it is verified, so that
        nobody finds anything out by it.
        """
        names = self.senders.accounts
        wrote = await self.senders.contact_of(names.stored(writer.id).provider, writer)
        unknown = writer.assurance is Assurance.UNVERIFIED
        if wrote is None or not wrote.email or (wrote.email_verified and not unknown):
            return _Lack()
        people = await self.senders.find_people(provider, wrote.email)
        if people is None:
            return _Lack(contact=wrote if unknown else None)
        if len(people) != 1:  # INVARIANT: between two candidates nobody but a person chooses
            # As many reads as with an account, or the time would say whether there is one.
            await self.senders.find_people(provider, wrote.email)
            return _Lack(contact=wrote)
        account = names.write(names.named(provider, people[0].id))
        found = await self.senders.contact_of(provider, Subject(id=account))
        if found is None or found.email.casefold() != wrote.email.casefold():
            return _Lack(contact=wrote)
        return _Lack(account=account, contact=found)

    def _need(self, row: RequestRow, lacking: Sequence[_Lack]) -> Need:
        first = lacking[0]
        to: Medium = self.media[0]
        address = ""
        for medium in self.media:
            if address := first.reached_by(medium):
                to = medium
                break
        ours = [one for one in lacking if address and one.reached_by(to) == address]
        accounts = dict.fromkeys(one.account for one in ours if one.account is not None)
        sends = first.account is not None and not any(map(self._changed_lately, ours))
        place = first.account or row.subject.id
        return Need(
            accounts=tuple(accounts) or (place,),
            to=to,
            shown=masked(address) if address else invented(self.keyring, row.tenant, place, to),
            recipient=address if sends else "",
        )

    def _changed_lately(self, lack: _Lack) -> bool:
        changed = None if lack.contact is None else lack.contact.address_changed_at
        if changed is None:
            return False
        return to_micros(self.clock.now()) - changed < self.quiet_days * _DAY

    # ---- asking --------------------------------------------------------------------------------

    async def ask(self, row: RequestRow, need: Need, language: str) -> bool:
        """Ask for the code, and have it sent; False where a person has to take it.

        The code is on its way after this returns, so that nobody learns by the time that it takes
        whether there is one.

        Raises:
            RetryableError: another worker has this request.
        """
        secrets = _Secrets(code=new_code(self.entropy), link=new_secret(self.entropy))
        sent: list[CodeLetter] = []
        asked = await self.store.write(
            lambda tx: self._ask(tx, row, need, language, secrets, sent), about=row.tenant
        )
        for letter in sent:
            task = asyncio.ensure_future(self._send(letter))
            self.sending.add(task)
            task.add_done_callback(self.sending.discard)
        return asked

    def _ask(
        self,
        tx: Transaction,
        row: RequestRow,
        need: Need,
        language: str,
        secrets: _Secrets,
        sent: list[CodeLetter],
    ) -> bool:
        sent.clear()
        present = get_request(tx, row.tenant, row.id)
        if present.status is not RequestStatus.RECEIVED:
            return True
        now = to_micros(self.clock.now())
        writer = self.personal.pseudonym(tx, row.tenant, row.subject.id, now)
        names = [self.personal.pseudonym(tx, row.tenant, one, now) for one in need.accounts]
        times, tries = asked_before(tx, row.tenant, row.id)
        counted = [used(tx, row.tenant, name, writer, now) for name in names]
        if times >= MOST_ASKED or counted[0][1] >= MOST_AN_HOUR:
            return False
        sends = need.recipient != "" and all(so_far < MOST_A_DAY for so_far, _ in counted)
        nonce = self.requests.new_nonce()
        until = now + CODE_MICROS
        bare = Challenge(accounts=tuple(names), to=need.to, until=until, tries=tries)
        # INVARIANT: what nobody was sent, nobody can guess.
        kept = (
            secrets
            if sends
            else _Secrets(code=self.entropy(32).hex(), link=new_secret(self.entropy))
        )
        place = place_of(row, writer, nonce)
        challenge = bare.sealed(self.keyring, place, kept.code)
        where = need.recipient if sends else self.entropy(32).hex()
        challenge = challenge.addressed(self.keyring, place, where)
        has_link = self.links.url != "" and need.to == "email"
        if has_link:
            challenge = challenge.linked(self.keyring, place, kept.link)
        self._store(tx, replace(present, fence=row.fence), challenge, nonce, language, times, need)
        if sends:
            link = CodeLink(
                tenant=row.tenant,
                request=row.id,
                number=FIRST_NUMBER + times,
                until=until,
                secret=secrets.link,
            )
            message = write_message(
                row,
                recipient=need.recipient,
                code=secrets.code,
                link=self.links.written(link, language) if has_link else "",
                language=language,
                nonce=nonce,
            )
            told = tuple(
                ToldCode(request=row.id, account=name, written_as=writer, to=need.to)
                for name in names
            )
            letter = CodeLetter(
                tenant=row.tenant,
                request=row.id,
                to=need.to,
                message=message,
                told=told,
                nonce=nonce,
                until=until,
            )
            sent.append(letter)
        return True

    def _store(
        self,
        tx: Transaction,
        row: RequestRow,
        challenge: Challenge,
        nonce: str,
        language: str,
        times: int,
        need: Need,
    ) -> None:
        stored = code_question(challenge, nonce, FIRST_NUMBER + times, language)
        phrases = phrases_of(language)
        text = phrases.verify.replace("{to}", need.shown)
        labels = (phrases.verify_again, phrases.verify_no_access)
        moved = self.requests.move(
            tx,
            row,
            EntryKind.REQUEST_QUESTIONED,
            data={
                **questioned_data(stored),
                VERIFY: ASKED,
                TIMES: times + 1,
                TRIES: challenge.tries,
            },
            question=stored,
            reply=AskedText(text=text, labels=labels).to_text(),
        )
        if moved is None:
            raise RetryableError(Code.ACTION_LOST_LEASE, "another worker has this request")

    async def _send(self, letter: CodeLetter) -> None:
        try:
            # NOTE: here and not with the question, and once that was answered, so that it takes the
            # same time for everybody.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_S):
                    await self.hurry.wait()
            now = to_micros(self.clock.now())
            if await self.store.write(
                lambda tx: tell(tx, self.requests, letter, now), about=letter.tenant
            ):
                await self.senders.send_code(letter.to, letter.message)
        except Exception as error:  # noqa: BLE001
            # The customer can have it sent again, and nobody else waits for this.
            # INVARIANT: by its kind, since what it says may quote where the code went.
            logger.warning("a code was not handed over: %s", logged(error))

    async def sent(self) -> None:
        """Wait until what is on its way has left, without a pause before it."""
        self.hurry.set()
        await asyncio.gather(*self.sending, return_exceptions=True)
        self.hurry.clear()


def wanted(messages: Sequence[Message], knowledge: Knowledge) -> frozenset[str]:
    """The actions that the customer asks for, by their words alone, whatever they have."""
    state = follow(messages, Things.of({}, knowledge), knowledge)
    acts = {draft.act for draft in state.open}
    return frozenset(
        step.action for book in knowledge.playbooks if book.name in acts for step in book.steps
    )
