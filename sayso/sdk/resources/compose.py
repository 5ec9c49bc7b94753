"""`sayso.compose`: a colleague proposes something for a customer, and sees first what comes of it.

A person with a role proposes as themselves: it is resolved, judged and logged like everything else,
and they never approve it. Nothing is stored by looking.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, cast

from sayso.actions.customers.proof import verified_in
from sayso.actions.engine.proposals import Proposal
from sayso.actions.limits.limit_check import LimitCheck
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Action, Assurance, Subject, plannable
from sayso.actions.model.digest import hash_of
from sayso.actions.model.idempotency import read_by_key
from sayso.actions.model.priority import WAITED_FOR
from sayso.actions.policy.base import Judgement, Outcome
from sayso.actions.policy.card import sentence_of
from sayso.actions.policy.judged import Judged
from sayso.actions.policy.why import needed_sentence
from sayso.agent.base import Handles
from sayso.agent.request_row import get_request
from sayso.audit.entry import Actor, ActorKind, Json
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.frozen import replace
from sayso.ids import rfc3339, to_micros
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.progress.take_in import take_in
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.compose_fields import option_of
from sayso.sdk.resources.customer_search import CustomerSearch
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.resources.vouching import is_unknown
from sayso.sdk.views.compose import (
    ComposedView,
    ComposeOptionView,
    ComposeRecordView,
    LimitMetView,
    Verdict,
)
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Reader
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container

MAX_WHY_CHARS = 500
_KEY_CHARS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What a person puts together.

    Attributes:
        customer: `cst_…`, an account such as `zendesk:7723`, or the `req_…` of who writes.
        action: such as `shop.refund`. args: its arguments, as JSON.
        why: the person's own words, for whoever decides.
    """

    customer: str
    action: str
    args: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    why: str = ""


class ComposeResource(Resource):
    """`sayso.compose`."""

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self._search = CustomerSearch(container)

    async def records(self, customer: str, *, by: Token) -> Sequence[ComposeRecordView]:
        """What a customer has over all their accounts, newest first.

        Args:
            customer: as in `Composition`. by: the token of a person with a role.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`, `not_found`, `unknown_subject`,
                `invalid_input`; `forbidden` also where nobody knows that the customer writes.
            RetryableError: a provider cannot be read now.
        """
        await self._check(by)
        subject, request = await self._subject(customer, by)
        found = await self._container.agent.records.of(by.tenant, subject, request)
        return tuple(
            ComposeRecordView(
                id=one.id,
                kind=one.kind,
                title=plain(one.title, limit=200),
                label=plain(one.label, limit=120),
                connector=one.connector,
                left=one.left,
            )
            for one in found
        )

    async def options(self, record: ComposeRecordView | None) -> Sequence[ComposeOptionView]:
        """What can be proposed about a record of its kind, or about none at all."""
        kinds = await self._container.action_catalog.read()
        handles = Handles(())
        found = (option_of(action, record, handles) for action in plannable(kinds.actions))
        return tuple(one for one in found if one is not None)

    async def judge(self, wanted: Composition, *, by: Token) -> ComposedView:
        """What would come of it now; reads the provider and stores nothing.

        Raises:
            RefusedError: as `records`; whatever is wrong with the action is in the answer.
        """
        await self._check(by)
        return await self._judge(await self._proposal(wanted, by, key="looked-at"))

    async def propose(
        self, wanted: Composition, *, by: Token, digest: str, key: str, via: str = "sdk"
    ) -> ActionView:
        """Propose it as the person whose token this is, exactly as it was judged for them.

        Args:
            digest: of the `ComposedView` that they saw.
            key: the same key by the same person is one action, however often it is sent.

        Raises:
            RefusedError: as `judge`; `digest_mismatch` where it would be judged otherwise now;
                `idempotency_conflict`; and what refuses a proposal.
            RetryableError: the provider cannot be read now; nothing was stored.
        """
        await self._check(by)
        if not key or len(key) > _KEY_CHARS or not key.isascii():
            raise RefusedError(
                Code.INVALID_INPUT, "a proposal has a key", next_step="load the page again"
            )
        named = hashlib.sha256(f"{by.holder}\n{key}".encode()).hexdigest()[:40]
        proposal = await self._proposal(wanted, by, key=f"compose:{named}")
        proposal = replace(proposal, shown_by={"via": via, "credential": by.id})
        known = await self._container.store.read(partial(_is_known, proposal))
        if not known:
            judged = await self._judge(proposal)
            if not judged.digest or judged.digest != digest:
                raise RefusedError(
                    Code.DIGEST_MISMATCH,
                    "it is judged otherwise now than what you saw",
                    next_step="look at it again, and propose what it shows now",
                )
        return await take_in(self._container, proposal)

    # ---- who, and for whom ---------------------------------------------------------------------

    async def _check(self, by: Token) -> None:
        """Refuse whoever is no person with a role."""
        if by.kind != "person" or Scope.DECIDE not in by.scopes:
            raise RefusedError(
                Code.FORBIDDEN,
                "only a person with a role composes",
                next_step="use the token of somebody who may decide",
            )
        person = (await self._container.people.authority(by.tenant)).person(by.holder)
        if person is None or not person.roles:
            raise RefusedError(
                Code.NOT_AN_APPROVER,
                "only somebody with a role composes",
                next_step="ask an approver",
            )

    async def _subject(self, customer: str, by: Token) -> tuple[Subject, str | None]:
        """Whom it is for, and the request in which they write."""
        said = customer.strip()
        if not said.startswith("req_"):
            account = await self._search.account_of(by.tenant, said)
            await self._search.known(by.tenant, account)  # nobody who is nowhere
            return Subject(id=account), None
        now = to_micros(self._container.clock.now())

        def read(reader: Reader) -> Subject:
            row = get_request(reader, by.tenant, said)
            known = verified_in(reader, row.tenant, row.id, row.subject.id, now)
            unproved = row.subject.assurance is Assurance.UNVERIFIED and known is None
            # INVARIANT: before it is known who writes, nobody sees what the customer has.
            if unproved or is_unknown(reader, row, now):
                raise RefusedError(
                    Code.FORBIDDEN,
                    "nobody knows that the customer writes in this conversation",
                    next_step="vouch for them, or have them send back a code",
                )
            return replace(row.subject, assurance=Assurance.VERIFIED)

        return await self._container.store.read(read), said

    async def _proposal(self, wanted: Composition, by: Token, *, key: str) -> Proposal:
        subject, _ = await self._subject(wanted.customer, by)
        if len(wanted.why) > MAX_WHY_CHARS:
            raise RefusedError(
                Code.MESSAGE_TOO_LONG,
                f"why it is done has at most {MAX_WHY_CHARS} characters",
                next_step="shorten it",
            )
        return Proposal(
            tenant=by.tenant,
            requester=Actor(kind=ActorKind.PERSON, id=by.holder),
            subject=subject,
            action=wanted.action,
            args=wanted.args,
            key=key,
            reason=wanted.why,
            priority=WAITED_FOR,
        )

    # ---- what would come of it -----------------------------------------------------------------

    async def _judge(self, proposal: Proposal) -> ComposedView:
        now = rfc3339(to_micros(self._container.clock.now()))
        try:
            action = self._container.connectors.action(proposal.action)
            if action.name not in {one.name for one in plannable([action])}:
                raise RefusedError(Code.UNKNOWN_ACTION, f"`{action.name}` only takes back")
            judged, looks = await self._container.proposals.dry_run_within(proposal)
        except RetryableError as error:
            return ComposedView(
                verdict="unknown", title="Not known yet", why=_say(error.message), judged_at=now
            )
        except (RefusedError, ConfigError) as error:
            return ComposedView(
                verdict="cannot", title="Cannot be done", why=_say(error.message), judged_at=now
            )
        return _composed(action, judged, looks, proposal, now)


def _is_known(proposal: Proposal, reader: Reader) -> bool:
    """Whether this very key was used before: it is the same action then, or a conflict."""
    return read_by_key(reader, "action.by_key", proposal.tenant, proposal.key) is not None


def _composed(
    action: Action, judged: Judged, looks: Sequence[LimitCheck], proposal: Proposal, now: str
) -> ComposedView:
    row, judgement = judged.row, judged.row.judgement
    if row.snapshot is None or judgement is None or not judged.by_policy:
        return _refused(row, now)
    resolved, card = row.snapshot.resolved, judged.card
    name = plain(resolved.personal.get("name", ""), limit=60) or row.subject.id
    title = sentence_of(action, resolved)
    limits = tuple(_met(look) for look in looks)
    verdict, said = _verdict(judgement)
    counted: dict[str, Json] = {
        "action": row.name,
        "subject": row.subject.id,
        "args": hash_of(cast("Json", resolved.args)),
        "why": proposal.reason,
        "outcome": judgement.outcome.value,
        "ways": [list(way) for way in judgement.ways],
        "payee": resolved.payee,
        "account": resolved.account,
        "amount": None if resolved.amount is None else dict(resolved.amount.to_json()),
        "policy": judgement.policy_version,
    }
    can = judgement.outcome is not Outcome.DENY
    return ComposedView(
        verdict=verdict,
        title=said,
        why=_why(judged, judgement),
        headline=f"{resolved.amount} to {name}" if resolved.amount is not None else title,
        amount=resolved.amount,
        payee=resolved.payee,
        consequence=title if action.reversible else f"{title}. It cannot be undone.",
        facts=() if card is None else card.fields,
        unusual=() if card is None else card.unusual,
        limits=limits,
        digest=hash_of(counted) if can else "",
        judged_at=now,
    )


def _verdict(judgement: Judgement) -> tuple[Verdict, str]:
    match judgement.outcome:
        case Outcome.ALLOW:
            return "runs", "Runs by itself"
        case Outcome.DENY:
            return "cannot", "Cannot be done"
        case Outcome.ASK:
            names = [role.replace("_", " ") for role in judgement.roles]
            if len(names) == 1:
                article = "an" if names[0][:1] in "aeiou" else "a"
                return "asks", f"Needs {article} {names[0]}"
            return "asks", f"Needs {'two' if len(names) == 2 else len(names)} people"


def _why(judged: Judged, judgement: Judgement) -> str:
    if judgement.outcome is Outcome.ALLOW:
        return "Starts at once."
    if judgement.outcome is Outcome.DENY:
        return _say(f"{judgement.explain}: nobody can approve it")
    reason = "" if judged.card is None else judged.card.reason or judged.card.why
    needed = needed_sentence(judgement.roles) if len(judgement.roles) > 1 else ""
    return " ".join(filter(None, (_say(reason), needed)))


def _refused(row: ActionRow, now: str) -> ComposedView:
    message = str((row.error or {}).get("message", "it was refused"))
    return ComposedView(verdict="cannot", title="Cannot be done", why=_say(message), judged_at=now)


def _met(look: LimitCheck) -> LimitMetView:
    limit = look.limit
    assert limit.window is not None, "only of what counts over a time"
    if look.cap_minor is not None:
        used, cap, more = look.used.minor, look.cap_minor, look.minor
        words = [str(Money(number, look.currency)) for number in (used, cap, used + more)]
    else:
        used, cap, more = look.used.count, look.cap_count or 0, 1
        words = [f"{number:,}" for number in (used, cap, used + more)]
    # The first letter of a limit's own sentence is capitalised, since it begins one here.
    says = f"{limit.say[:1].upper()}{limit.say[1:]}, {limit.window.words}: {words[0]} of {words[1]}"
    return LimitMetView(
        limit=limit.id,
        says=f"{says}, with this one {words[2]}{': too much' if look.is_over else ''}",
        share=min(1.0, used / cap) if cap else 1.0,
        with_this=min(1.0, (used + more) / cap) if cap else 1.0,
        over=look.is_over,
    )


def _say(text: str) -> str:
    said = plain(text, limit=400).strip().rstrip(".")
    return f"{said[:1].upper()}{said[1:]}." if said else ""
