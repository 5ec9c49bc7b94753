"""The SDK: what every other door stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from urllib.parse import parse_qs, urlencode, urlsplit

from walk.surfaces.base import VOUCHED, Said, Surface

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.repository import DecisionChoice
from sayso.audit.entry import Actor, ActorKind
from sayso.json import JsonValue
from sayso.sdk.resources.rollout import How
from sayso.sdk.resources.tokens import Token
from sayso.sdk.resources.work import WorkResource
from sayso.sdk.views.solution import SolutionView

STATES_OF_REQUESTS = ("received", "needs_customer", "acting", "answered", "handed_over")


class SdkSurface(Surface):
    """Calls the SDK with everybody's own token."""

    name = "sdk"

    async def _holder(self, holder: str) -> Token:
        return await self.world.sayso.authentication.holder(self.world.token(holder), via="sdk")

    async def _person(self, person: str) -> Token:
        return await self.world.sayso.authentication.person(self.world.token(person), via="sdk")

    async def ask(
        self, subject: str, words: str, *, by: str, key: str, conversation: str | None = None
    ) -> str:
        holder = await self._holder(by)
        asked = await self.world.sayso.ask(
            subject,
            words,
            idempotency_key=key,
            conversation=conversation,
            requester=holder.actor,
            tenant=holder.tenant,
        )
        return asked.id

    async def reply(self, request_id: str, number: int, *, words: str, choice: str | None) -> None:
        await self.world.sayso.requests.answer(request_id, words, question=number, choice=choice)

    async def withdraw(self, request_id: str, words: str) -> None:
        await self.world.sayso.requests.withdraw(request_id, words)

    async def propose(
        self, action: str, args: Mapping[str, JsonValue], subject: str, *, by: str, key: str
    ) -> str:
        holder = await self._holder(by)
        proposed = await self.world.sayso.propose(
            action,
            args,
            subject=subject,
            idempotency_key=key,
            requester=holder.actor,
            tenant=holder.tenant,
        )
        return proposed.id

    async def answer(self, card: SolutionView, person: str, said: Said) -> None:
        await self.world.sayso.solutions.answer(
            card.id,
            said.choice,
            token=self.world.token(person),
            revision=card.revision,
            digest=card.digest,
            steps=said.steps,
            lower=said.lower or None,
            reason_code="not_covered" if said.choice == "reject" else "",
        )

    async def answer_test(self, card: SolutionView, person: str, choice: str) -> None:
        holder = await self._person(person)
        answer = SolutionDecision(
            tenant=holder.tenant,
            approval_id=card.id,
            revision=card.revision,
            digest=card.digest,
            choice=DecisionChoice(choice),
            person=person,
            via="sdk",
            credential=holder.id,
            reason_code="not_covered" if choice == "reject" else "",
        )
        await self.world.sayso.canaries.answer_as(answer)

    async def ask_customer(self, card: SolutionView, person: str, question: str) -> None:
        await self.world.sayso.solutions.ask_customer(
            card.id,
            question,
            token=self.world.token(person),
            revision=card.revision,
            digest=card.digest,
        )

    async def note(self, card: SolutionView, person: str, text: str) -> None:
        await self.world.sayso.solutions.note(card.id, text, token=self.world.token(person))

    async def engage(self, by: str, scope: str, target: str) -> str:
        holder = await self._holder(by)
        stop = await self.world.sayso.stops.engage(
            scope, target, reason="it looks odd", by=holder.actor, credential=holder.id
        )
        return stop.id

    async def resume(self, stop_id: str, person: str) -> None:
        await self.world.sayso.stops.resume(stop_id, token=self.world.token(person))

    async def settle(self, action_id: str, person: str, outcome: str, receipt_id: str) -> None:
        await self.world.sayso.actions.settle(
            action_id,
            outcome,
            token=self.world.token(person),
            evidence="seen on the provider's page",
            receipt_id=receipt_id,
        )

    async def work(self, about: str, person: str, verb: str, text: str) -> None:
        work: WorkResource = self.world.sayso.work
        token = self.world.token(person)
        match verb:
            case "take":
                await work.take(about, token=token)
            case "note":
                await work.note(about, text, token=token)
            case _:
                await work.end(about, text, token=token)

    async def propose_draft(self, about: str, person: str, digest: str) -> None:
        work: WorkResource = self.world.sayso.work
        await work.propose(about, token=self.world.token(person), digest=digest)

    async def report_wrong(self, action_id: str, person: str, how: How) -> None:
        await self.world.sayso.rollout.report_wrong(action_id, how, token=self.world.token(person))

    async def set_cap(
        self, limit_id: str, person: str, *, sums: Mapping[str, Decimal], cards: int | None
    ) -> None:
        await self.world.sayso.limits.set(
            limit_id, token=self.world.token(person), sums=sums or None, cards=cards
        )

    async def set_dial(self, dial: str, person: str, stage: str, share: int | None) -> None:
        await self.world.sayso.rollout.set(
            dial,
            stage,
            token=self.world.token(person),
            share=None if share is None else Decimal(share),
        )

    async def activate(self, person: str) -> None:
        await self.world.sayso.policy.activate(token=self.world.token(person), note="the files")

    async def rollback(self, person: str, number: int) -> None:
        await self.world.sayso.policy.rollback(number, token=self.world.token(person))

    async def confirm(self, change_id: str, person: str, sha256: str) -> None:
        await self.world.sayso.policy.confirm(
            change_id, sha256=sha256, token=self.world.token(person)
        )

    async def erase(self, subject: str, person: str, key: str) -> None:
        await self.world.sayso.privacy.erase(
            subject, reason="subject_request", by=await self._person(person), key=key
        )

    async def hold(self, subject: str, person: str, key: str) -> str:
        held = await self.world.sayso.privacy.hold(
            subject, reason="litigation", by=await self._person(person), key=key
        )
        return held.id

    async def release(self, hold_id: str, person: str, key: str) -> None:
        await self.world.sayso.privacy.release(hold_id, by=await self._person(person), key=key)

    async def vouch(self, a: str, b: str, person: str, key: str) -> str:
        by = await self._person(person)
        return (await self.world.sayso.customers.link(a, b, reason=VOUCHED, by=by)).link.id

    async def merge(self, a: str, b: str, person: str, key: str) -> str:
        by = await self._person(person)
        return (await self.world.sayso.customers.merge(a, b, reason=VOUCHED, by=by)).link.id

    async def vouch_for(self, request_id: str, person: str, key: str, reason: str) -> None:
        by = await self._person(person)
        await self.world.sayso.customers.vouch(request_id, reason=reason, by=by)

    async def unlink(self, link_id: str, person: str, key: str) -> None:
        by = await self._person(person)
        await self.world.sayso.customers.unlink(link_id, reason=VOUCHED, by=by)

    async def see(self, account: str, person: str) -> frozenset[str]:
        by = await self._person(person)
        found = await self.world.sayso.customers.show(account, by=by)
        return frozenset(one.account for one in found.accounts)

    async def repair(self, repair_id: str, person: str) -> None:
        await self.world.sayso.repairs.repair(repair_id, token=self.world.token(person))

    async def accept(self, finding: str, person: str) -> None:
        await self.world.sayso.repairs.accept(finding, token=self.world.token(person))

    async def connect(
        self, person: str, name: str, answer: Callable[[str], Mapping[str, str]]
    ) -> None:
        holder, accounts = await self._person(person), self.world.sayso.accounts
        begun = await accounts.begin(name, holder)
        (state,) = parse_qs(urlsplit(begun.url).query)["state"]
        await accounts.finish(name, begun, urlencode(answer(state)), holder)

    async def look(self) -> None:
        sayso = self.world.sayso
        for state in STATES_OF_REQUESTS:
            await sayso.requests.list(status=state)
        await sayso.limits.list()
        await sayso.rollout.list()
        await sayso.policy.history()
        await sayso.policy.changes()
        await sayso.people.list(sayso.tenant)
        await sayso.people.away(sayso.tenant, sayso.now())
        await sayso.figures()
        await sayso.report(weeks=2)
        await sayso.audit.query("")
        await sayso.stops.list(released=None)
        await sayso.privacy.holds(released=True)
        await sayso.privacy.erasures()
        await sayso.solutions.waiting()
        await sayso.solutions.decided()


def actor_of(holder: str) -> str:
    """How the log calls whoever asks: `service:bot`, `person:maria`."""
    kind = ActorKind.SERVICE if holder.endswith("bot") else ActorKind.PERSON
    actor = Actor(kind=kind, id=holder)
    return f"{actor.kind}:{actor.id}"
