"""A case on one page, in words: who said yes to what, what they were shown, what moved, the proof.

It reads well on paper, too; machine lines are folded away. Cases are found by a form, so that no
name stands in an address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from sayso.errors import IntegrityError, RefusedError
from sayso.money import Money
from sayso.sdk.audit.cases import CaseView
from sayso.sdk.audit.publishing import read_publications
from sayso.sdk.views.rows import ActionView, EntryView, RequestView
from sayso.sdk.views.solution import SolutionView, StepView
from sayso.sdk.words.no_reasons import NO_REASONS
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.render import plural, sums
from sayso.surfaces.console.visit import Visit

_LOGINS = {
    "console": "in the console",
    "cli": "on the command line",
    "slack": "in Slack",
    "teams": "in Teams",
    "sdk": "through a program of the team",
    "http": "over HTTP",
}
_SAID = {"approve": "yes", "edit": "yes to less", "reject": "no"}
_HOW = {
    "signed_in": "signed in with the shop",
    "verified": "known to whoever passed the message on",
    "unverified": "not verified",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePart:
    """One part of the page: its label, sentences, smaller ones, and somebody's own words."""

    label: str
    lines: tuple[str, ...]
    small: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Case:
    visit: Visit
    view: CaseView
    actions: list[ActionView]
    solution: SolutionView | None
    request: RequestView | None
    turns: Sequence[tuple[str, str]] = field(default=())
    why_yes: Sequence[tuple[str, str]] = field(default=())

    def when(self, at: str) -> str:
        return self.visit.times.dated(at)

    def entries(self, *kinds: str) -> list[EntryView]:
        return [one for one in self.view.entries if one.kind in kinds]

    @property
    def decided(self) -> list[EntryView]:
        """What people decided, and what counted: no yes that was taken back."""
        back = {one.body["action"]: one.seq for one in self.taken_back}
        return [
            one
            for one in self.view.entries
            if one.body.get("data", {}).get("decision") in _SAID
            and one.kind != "approval.refused"
            and one.actor.startswith("person:")
            and one.seq > back.get(one.body.get("action"), -1)
        ]

    @property
    def taken_back(self) -> list[EntryView]:
        """By which somebody took back what was agreed to."""
        stale = self.entries("action.stale")
        return [one for one in stale if one.body["data"].get("taken_back") is True]

    @property
    def customer(self) -> str:
        if self.view.erased is not None:
            return self.visit.times.language.say("an erased customer")
        if self.solution is not None:
            return self.solution.customer.name
        return (
            self.actions[0].subject if self.actions else self.visit.times.language.say("a customer")
        )

    @property
    def totals(self) -> str:
        asked = [one.amount for one in self.actions if one.amount is not None]
        return " and ".join(map(str, sums(asked)))


async def find(visit: Visit) -> Response:
    """What fits, below the field; that somebody looked behind the mask is an entry."""
    said = (await read_form(visit.request)).one("words").strip()[:200]
    page = visit.page("Audit", "audit")
    try:
        found = await visit.sayso.audit.cases.find(said, by=visit.session.token, via="console")
    except RefusedError as error:
        return visit.show("cases.html", page, status=422, said=said, found=None, problem=error)
    return visit.show("cases.html", page, said=said, found=found, problem=None)


async def show_case(visit: Visit) -> Response:
    """The page."""
    about = visit.request.path_params["id"]
    sayso = visit.sayso
    try:
        view = await sayso.audit.cases.show(about, by=visit.session.token)
    except IntegrityError as error:
        return visit.note("This case cannot be proved", error.message, error.next_step, status=503)
    case = _Case(
        visit=visit,
        view=view,
        actions=[await sayso.actions.get(one) for one in view.actions],
        solution=None,
        request=await sayso.requests.get(about) if about.startswith("req_") else None,
    )
    card = next((one.approval.id for one in case.actions if one.approval is not None), None)
    if card is not None:
        case.solution = await sayso.solutions.get(card)
        cards_of = [one.approval.id for one in case.actions if one.approval is not None]
        told = [one for card_id in cards_of for one in await sayso.approvals.why_yes(card_id)]
        case.why_yes = list(dict.fromkeys(told))
        order = [step.action_id for step in case.solution.steps]
        case.actions.sort(key=lambda one: order.index(one.id) if one.id in order else len(order))
    if case.request is not None:
        case.turns = [(one.role, one.content) for one in await sayso.solutions.turns(about)]
    title = _headline(case)
    return visit.show(
        "case.html",
        visit.page(title, "audit"),
        title=title,
        parts=[part for part in _parts(case) if part.lines or part.quotes],
        proofs=list(_proofs(case, await read_publications(sayso, sayso.tenant))),
        case=view,
        actions=case.actions,
        cards=[] if case.solution is None else [s for s in case.solution.steps if s.card],
        head=await sayso.audit.checkpoint(),
        origin=(await sayso.audit.checkpoint()).partition("\n")[0],
        printed=case.when(visit.times.now.isoformat()),
    )


def _headline(case: _Case) -> str:
    what = case.totals or ", ".join(one.action for one in case.actions) or "nothing"
    if case.decided:
        last = case.decided[-1]
        person = last.actor.partition(":")[2]
        said = _SAID[last.body["data"]["decision"]]
        return f"{person} said {said} to {what} for {case.customer} on {case.when(last.at)}."
    if case.actions and all(one.status == "succeeded" for one in case.actions):
        return f"The policy allowed {what} for {case.customer}; nobody was asked."
    return f"{what} for {case.customer}: nobody has said yes."


def _parts(case: _Case) -> Iterator[CasePart]:
    yield _who(case)
    yield _asked_by(case)
    yield _shown(case)
    yield _why_asked(case)
    yield _why_so(case)
    yield _moved(case)
    yield _told(case)


def _who(case: _Case) -> CasePart:
    lines: list[str] = []
    for name in dict.fromkeys(one.actor.partition(":")[2] for one in case.decided):
        own = [one for one in case.decided if one.actor.partition(":")[2] == name]
        known = case.view.people.get(name)
        roles = ", ".join(own[-1].body["data"].get("roles", ())).replace("_", " ")
        since = "" if known is None else f" since {case.when(known.at)}, entry {known.seq:,}"
        via = own[-1].body["data"].get("via", "")
        said = _SAID[own[-1].body["data"]["decision"]]
        place = _LOGINS.get(via, f"by {via}")
        lines.append(f"{name}, {roles or 'without a role'}{since}. Said {said} {place}.")
    askers = {
        one.actor.partition(":")[2]
        for one in case.entries("request.asked", "request.proposed", "action.proposed")
        if one.actor.startswith("person:")
    }
    small = [] if case.solution is None else [case.solution.lead.needed]
    if case.decided:
        both = sorted(askers & {one.actor.partition(":")[2] for one in case.decided})
        small.append(
            f"{', '.join(both)} had asked for it, too."
            if both
            else "Who decided had asked for none of it."
        )
    if not case.decided:
        lines.append("Nobody: the policy decided, or it never came to that.")
    backs = [(one.actor.partition(":")[2], case.when(one.at)) for one in case.taken_back]
    lines += [f"{name} took a yes back on {when}." for name, when in dict.fromkeys(backs)]
    return CasePart(label="Who", lines=tuple(lines), small=tuple(small))


def _asked_by(case: _Case) -> CasePart:
    first = case.view.entries[0] if case.view.entries else None
    if first is None:
        return CasePart(label="Asked by", lines=())
    kind, _, name = first.actor.partition(":")
    program = case.visit.times.language.say_of_log(f"{kind} {name}")
    through = "" if kind == "person" else f", through {program}"
    how = first.body.get("data", {}).get("assurance", "")
    how = f" They were {_HOW.get(how, how)}." if how else ""
    words = tuple(content for role, content in case.turns if role == "customer")
    if case.view.erased is not None:
        who = case.view.erased.actor.partition(":")[2]
        gone = f"Erased on {case.when(case.view.erased.at)} on the word of {who}"
        return CasePart(
            label="Asked by",
            lines=(f"{gone}; their words and their name are gone. What moved is still proved.",),
        )
    asked = f"{case.customer}{through}, on {case.when(first.at)}.{how}"
    if not case.turns:
        asked = (
            f"{name} ({kind}) for {case.customer}, on {case.when(first.at)}, without their words."
        )
    return CasePart(label="Asked by", lines=(asked,), quotes=words)


def _shown(case: _Case) -> CasePart:
    if case.solution is None or case.view.erased is not None:
        return CasePart(label="What they were shown", lines=())
    lead = case.solution.lead
    lines = tuple(f"{_sentence(one)}" for one in case.solution.steps if one.card is not None)
    odd = "; ".join(lead.unusual)
    unusual = (
        f"Unusual: {odd or 'nothing'}, {plural(lead.quiet + len(lead.unusual), 'sign')} looked at."
    )
    digests = sorted({str(one.body["data"].get("view_sha256", "")) for one in case.decided} - {""})
    bound = "The decision is bound to exactly this card, by its digest." if digests else ""
    return CasePart(
        label="What they were shown", lines=lines, small=tuple(filter(None, (unusual, bound)))
    )


def _sentence(step: StepView) -> str:
    return f"{step.title}. {step.consequence}".strip()


def _why_asked(case: _Case) -> CasePart:
    reasons = () if case.solution is None else case.solution.lead.reasons
    lead = () if case.solution is None else (case.solution.lead.why,)
    lines = reasons or tuple(filter(None, lead))
    if case.solution is None:
        rules = {one.decision.rule for one in case.actions if one.decision is not None}
        lines = tuple(f"Nobody was asked: {rule}" for rule in sorted(filter(None, rules)))
    policy = case.view.policy
    small: tuple[str, ...] = ()
    if policy is not None:
        kind, _, by = policy.actor.partition(":")
        other = policy.body["data"].get("asked_by")
        signed = f"{other} and {by}" if other else by if kind == "person" else "whoever runs it"
        version = policy.body["data"].get("version")
        small = (
            f"Policy version {version}, in force since {case.when(policy.at)}, signed by {signed}.",
        )
    return CasePart(label="Why a person", lines=lines, small=small)


def _why_so(case: _Case) -> CasePart:
    codes = [
        f"{one.actor.partition(':')[2]} · {_reason(one.body['data']['reason_code'])}."
        for one in case.decided
        if one.body["data"].get("reason_code")
    ]
    notes = () if case.solution is None else case.solution.notes
    words = tuple(f"{person}: {text}" for person, text in case.why_yes)
    words += tuple(f"{one.person}: {one.text}" for one in notes if one.text)
    lines = tuple(codes)
    if not codes and not words and case.decided:
        lines = ("No reason was given.",)
    return CasePart(label="Why they said so", lines=lines, quotes=words)


def _reason(code: object) -> str:
    return NO_REASONS.get(str(code), str(code).replace("_", " "))


def _moved(case: _Case) -> CasePart:
    lines: list[str] = []
    for one in case.actions:
        ended = [
            e for e in case.view.entries if e.body.get("action") == one.id and e.body.get("status")
        ]
        at = f" on {case.when(ended[-1].at)}" if ended else ""
        what = one.action.rpartition(".")[2].replace("_", " ")
        moved = one.receipt.amount if one.receipt is not None else None
        money: Money | None = moved or one.amount
        told = f"{money} by {what}" if money is not None else what
        status = one.status.replace("_", " ")
        receipt = f"; reference {one.receipt.id}" if one.receipt is not None else ""
        done = "done" if one.status == "succeeded" else status
        lines.append(f"{told}: {done}{at}{receipt}.")
    if not any(one.receipt is not None for one in case.actions):
        lines.append("Nothing has moved.")
    again = case.entries("action.reconciled", "action.resolved", "action.compensated")
    small = [f"{one.says or one.kind}, on {case.when(one.at)}." for one in again]
    small = small or ["Nothing of it was looked up anew, settled by a person or taken back since."]
    return CasePart(label="What moved", lines=tuple(lines), small=tuple(small))


def _told(case: _Case) -> CasePart:
    told = case.entries("request.replied")
    if case.request is None or case.view.erased is not None:
        return CasePart(label="What they were told", lines=())
    if not told:
        lines = ("No final word yet; whoever asks now is told this:",)
    else:
        lines = (f"On {case.when(told[-1].at)}:",)
    return CasePart(label="What they were told", lines=lines, quotes=(case.request.reply,))


def _proofs(case: _Case, places: Sequence[Any]) -> Iterator[tuple[str, str]]:
    entries = case.view.entries
    if entries:
        span = (
            f"They stand between {entries[0].seq:,} and {entries[-1].seq:,} of {case.view.size:,}"
        )
        proved = f"This server proved each when you opened the page. {span}, under one signed head."
        yield (f"{plural(len(entries), 'entry', 'entries')}, none changed.", proved)
    signed = [one for one in case.decided if one.body["data"].get("passkey")]
    for one in signed:
        name = one.actor.partition(":")[2]
        yield (f"{name}'s passkey signed the decision.", "Nobody who has the server can make one.")
    last = entries[-1].seq if entries else 0
    for place in places:
        if place.size > last:
            yield (
                f"{place.place} vouches for the same log.",
                f"Its newest signed head there covers {place.size:,} entries, with all of these.",
            )
