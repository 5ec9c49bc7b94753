"""`sayso.analysis`: tests of the policy, why something was judged so, what a change does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from tomllib import TOMLDecodeError
from typing import TYPE_CHECKING, Literal, cast

from sayso.actions.approvals.repository import approval_of
from sayso.actions.model.action_row import get_action, read_action
from sayso.actions.model.definition import Action
from sayso.actions.policy.activation import get_change
from sayso.actions.policy.active import read_in_force
from sayso.actions.policy.document import PolicyDocument
from sayso.actions.policy.versions import get_version
from sayso.errors import Code, RefusedError
from sayso.ids import rfc3339, to_micros
from sayso.nesting import read_toml
from sayso.sdk.resources.backtesting import BacktestView, play_again, recently_judged, slice_of
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.change_examples import ChangeExampleView, change_examples
from sayso.sdk.resources.policy import PolicyResource
from sayso.sdk.views.base import View
from sayso.sdk.wiring.policy_in_force import weigh_change
from sayso.sdk.workspace import Workspace, compile_policy, unsigned_facts
from sayso.store.base import Reader

if TYPE_CHECKING:
    from sayso.actions.policy.cedar import CedarPolicy
    from sayso.actions.policy.claims import ClaimProof
    from sayso.actions.policy.formula.terms import Value
    from sayso.actions.policy.reading import ReadPolicy
    from sayso.actions.policy.tables.fields import RowFields
    from sayso.sdk.container import Container


class PolicyTestView(View):
    """A test of the policy.

    Attributes:
        question: what was asked, in words. wanted, got: who has to say yes, in words.
        rules: that decided. why: their sentences.
        asked: what asks people, each rule with the facts of its condition and a sentence.
    """

    file: str
    say: str
    passed: bool
    question: str
    wanted: str
    got: str
    rules: tuple[str, ...]
    why: str
    asked: tuple[str, ...] = ()


class ProofView(View):
    """A claim, for every question there can be.

    Attributes:
        counterexample: in words, with who would be enough; empty but for `false`.
        why: why nobody can say; empty but for `unknown`.
        by: who says so.
    """

    id: str
    say: str
    verdict: Literal["proved", "false", "unknown"]
    counterexample: str
    why: str
    by: Literal["search", "search and solver"] = "search"


class RowFindingView(View):
    """What stands in a table in vain, or is not what it looks like.

    Attributes:
        kind: `never`, `overridden`, `nothing`, `conflict`, `unsupplied`, `missing`; or a note that
            may well be meant so: `beside`, `addition`, `unsure`.
        mistake: whether it can hardly be meant so.
        rule: its id; empty where it is the whole file.
        message: without its full stop.
    """

    kind: str
    mistake: bool
    file: str
    line: int
    rule: str
    message: str
    next_step: str


class JudgedStepView(View):
    """Whether it may be done with some people's yes.

    Attributes:
        who: such as `nobody`. rules: that decide, each with its sentence.
    """

    who: str
    allowed: bool
    rules: tuple[tuple[str, str], ...]


class ExplanationView(View):
    """Why an action was judged as it was.

    Attributes:
        version: of the policy, that judged it. question: in words.
        outcome: what became of it. by: the rules that decided. asked: what asked people, by name.
        steps: what the version says to nobody's yes, each one's, …
        stage: of the roll-out; empty without dials.
        today: what the version in force says to the same question; empty where it is the same one.
    """

    action: str
    name: str
    version: int
    judged_at: str
    question: str
    outcome: str
    explain: str
    by: tuple[str, ...]
    asked: tuple[str, ...] = ()
    stage: str
    steps: tuple[JudgedStepView, ...]
    today: str
    today_version: int


class ChangeView(View):
    """What a change of the policy does.

    Attributes:
        direction: `same`, `looser`, `tighter`. decided: whether all could be decided.
        loosens, tightens: limits, dials and settings, in words.
        examples: of the rules.
        asked_again: how many waiting cards are judged anew.
    """

    direction: Literal["first", "same", "looser", "tighter"]
    decided: bool
    loosens: tuple[str, ...]
    tightens: tuple[str, ...]
    examples: tuple[ChangeExampleView, ...]
    asked_again: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """A table as fields.

    Attributes:
        facts: names of what a row may have a condition about.
    """

    rows: tuple[RowFields, ...]
    facts: tuple[str, ...]


class AnalysisResource(Resource):
    """`sayso.analysis`."""

    def __init__(self, container: Container, workspace: Workspace, policy: PolicyResource) -> None:
        super().__init__(container)
        self._workspace = workspace
        self._policy = policy

    async def test(self, given: Mapping[str, str] | None = None) -> list[PolicyTestView]:
        """Ask what the files say about every test in `policies/*.test.toml`.

        Args:
            given: as for `policy.draft`.

        Raises:
            ConfigError: `invalid_policy`.
        """
        from sayso.actions.policy.examples import read_examples, try_example  # loads Cedar
        from sayso.actions.policy.reading import is_test

        document, read = await self.draft(given)
        kinds = await self._container.action_catalog.read()
        texts = await asyncio.to_thread(self._workspace.policy_texts, given)
        found: list[PolicyTestView] = []
        for name, content in sorted(texts.items()):
            if not is_test(name):
                continue
            for example in read_examples(name, content, kinds.actions, document.rules.roles):
                tried = await asyncio.to_thread(try_example, read.policy, example)
                found.append(_test_view(read.policy, tried))
        return found

    async def prove(self, given: Mapping[str, str] | None = None) -> list[ProofView]:
        """Prove or refute each claim in `policies/*.test.toml` by what the files say.

        Args:
            given: as for `policy.draft`.

        Raises:
            ConfigError: `invalid_policy`.
        """

        from sayso.actions.policy.claims import prove, read_claims  # loads Cedar
        from sayso.actions.policy.reading import is_test

        document, read = await self.draft(given)
        kinds = await self._container.action_catalog.read()
        known = {action.name: action for action in kinds.actions}
        texts = await asyncio.to_thread(self._workspace.policy_texts, given)
        found: list[ProofView] = []
        for name, content in sorted(texts.items()):
            if not is_test(name):
                continue
            values = read_toml(content, parse_float=Decimal)
            roles = document.rules.roles
            for claim in read_claims(name, content, values, kinds.actions, roles):
                proof = await asyncio.to_thread(prove, read.policy, claim, known[claim.action])
                found.append(_proof_view(read.policy, proof))
        return found

    async def check(self, given: Mapping[str, str] | None = None) -> list[RowFindingView]:
        """What stands in the files' tables in vain, each proved for every request there can be.

        Args:
            given: as for `policy.draft`.

        Raises:
            ConfigError: `invalid_policy`, for what is wrong rather than in vain.
        """
        from sayso.actions.policy.analysis.lint import lint  # loads Cedar

        _, read = await self.draft(given)
        unsupplied = unsigned_facts(self._workspace)
        found = await asyncio.to_thread(lint, read, unsupplied)
        return [
            RowFindingView(
                kind=one.kind,
                mistake=one.is_mistake,
                file=one.file,
                line=one.line,
                rule=one.rule,
                message=one.message,
                next_step=one.next_step,
            )
            for one in found
        ]

    async def rows(self, content: str) -> TableView:
        """The rows of a table's text as fields, with what a row may read; none of what is none."""
        from sayso.actions.policy.tables.fields import rows_in  # loads Cedar
        from sayso.actions.policy.tables.file import readable_fields

        action = await self._action_of(content)
        return TableView(
            rows=tuple(rows_in(content)),
            facts=() if action is None else tuple(sorted(readable_fields(action))),
        )

    async def put_row(self, content: str, was: str, row: RowFields | None) -> str:
        """A table's text with one row written anew; without it when None.

        Args:
            was: its id until now; empty for a new one.
        """
        from sayso.actions.policy.tables.fields import drop_row, put_row  # loads Cedar

        if row is None:
            return drop_row(content, was)
        return put_row(content, was, row, await self._action_of(content))

    async def _action_of(self, content: str) -> Action | None:
        try:
            named = read_toml(content).get("action")
        except TOMLDecodeError:
            return None
        kinds = await self._container.action_catalog.read()
        return next((action for action in kinds.actions if action.name == named), None)

    async def explain(self, action_id: str, *, tenant: str | None = None) -> ExplanationView:
        """Why an action was judged as it was, by the version that judged it.

        Raises:
            RefusedError: `not_found`; `wrong_state` where it was not judged, or its facts were
                not recorded.
        """
        where = self._tenant(tenant)
        row = await self._container.store.read(lambda reader: get_action(reader, where, action_id))
        judged, snapshot = row.judgement, row.snapshot
        if judged is None or snapshot is None or snapshot.question is None or not judged.policy:
            raise RefusedError(
                Code.WRONG_STATE,
                f"`{action_id}` was not judged, or its facts were not recorded",
                next_step=f"see `sayso actions show {action_id}`",
            )
        number = judged.policy

        def work(reader: Reader) -> tuple[PolicyDocument, int, PolicyDocument, tuple[str, ...]]:
            version, document = read_in_force(reader)
            card = approval_of(reader, row)
            said = () if card is None or card.revision != row.revision else card.card.reasons
            then = get_version(reader, number)[1]
            return then, version.number, document, tuple(one.named for one in said)

        then, present, now, asked = await self._container.store.read(work)
        before, after = await self.compile(then), await self.compile(now)
        steps, question, _, by_rules = _answered(before.policy, row.name, snapshot.question)
        _, _, today, _ = _answered(after.policy, row.name, snapshot.question)
        return ExplanationView(
            action=row.id,
            name=row.name,
            version=number,
            judged_at=rfc3339(snapshot.resolved_at),
            question=question,
            outcome=judged.outcome.value,
            explain=judged.explain,
            by=judged.rules,
            asked=asked or by_rules,
            stage=judged.stage,
            steps=steps,
            today="" if present == number else today,
            today_version=present,
        )

    async def compare(self, given: Mapping[str, str] | None = None) -> ChangeView:
        """What the files would change against what is in force, with examples.

        Args:
            given: as for `policy.draft`.

        Raises:
            ConfigError: `invalid_policy`.
            IntegrityError: `tampered`, where the search and the engine disagree: a fault of ours.
        """
        document, after = await self.draft(given)
        state = await self._policy.state()
        if state.document is None:
            return ChangeView(
                direction="first",
                decided=True,
                loosens=(),
                tightens=(),
                examples=(),
                asked_again=0,
            )
        kinds = await self._container.action_catalog.read()
        weighed, found = await asyncio.to_thread(
            weigh_change, state.document, document, kinds.actions
        )
        before = await self.compile(state.document)
        names = [action.name for action in kinds.actions]
        past = await recently_judged(self._container, self._container.tenant)
        shown = await asyncio.to_thread(
            lambda: list(change_examples(before.policy, after.policy, names, past))
        )
        return ChangeView(
            direction=weighed.direction,
            decided=weighed.decided,
            loosens=() if found is None else found.loosens,
            tightens=() if found is None else found.tightens,
            examples=tuple(shown),
            asked_again=await self._asked_again(before, after),
        )

    async def backtest(
        self,
        *,
        since: datetime,
        given: Mapping[str, str] | None = None,
        of: int | str | None = None,
        tenant: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> BacktestView:
        """Play what was judged since a moment by the files, and by what is in force.

        Limits and dials are played as they would have stood; see `sayso.actions.policy.playing`.

        Args:
            given: as for `policy.draft`. progress: is told how many are played.
            of: a version's number, or the id of a change that waits, in place of the files.

        Raises:
            ConfigError: `invalid_policy`.
            RefusedError: `not_found`, for what `of` names.
            IntegrityError: `tampered`, where formulas and engine disagree: a fault of ours.
        """
        after = (await self.draft(given))[1] if of is None else await self._named(of)
        state = await self._policy.state()
        before = after if state.document is None else await self.compile(state.document)
        return await play_again(
            self._container, self._tenant(tenant), to_micros(since), before, after, progress
        )

    async def _named(self, of: int | str) -> ReadPolicy:
        def read(reader: Reader) -> PolicyDocument:
            return (get_version(reader, of) if isinstance(of, int) else get_change(reader, of))[1]

        return await self.compile(await self._container.store.read(read))

    async def _asked_again(self, before: ReadPolicy, after: ReadPolicy) -> int:
        def work(reader: Reader) -> int:
            rows = reader.all("policy.waiting", tenant=self._container.tenant)
            names = [read_action(row).name for row in rows]
            return sum(
                before.policy.version_for(name) != after.policy.version_for(name) for name in names
            )

        return await self._container.store.read(work)

    async def draft(
        self, given: Mapping[str, str] | None = None
    ) -> tuple[PolicyDocument, ReadPolicy]:
        """What the files say, compiled; see `policy.draft`."""
        kinds = await self._container.action_catalog.read()
        document = await asyncio.to_thread(self._workspace.draft, kinds.actions, given)
        return document, await self.compile(document)

    async def compile(self, document: PolicyDocument) -> ReadPolicy:
        """A document, compiled for this program's actions."""
        kinds = await self._container.action_catalog.read()
        return await asyncio.to_thread(compile_policy, document, kinds.actions)


def _test_view(policy: CedarPolicy, tried: object) -> PolicyTestView:
    from sayso.actions.policy.analysis.words import question_words
    from sayso.actions.policy.examples import ExampleResult
    from sayso.actions.policy.reasons.asked import asked_words

    assert isinstance(tried, ExampleResult), "of a test"
    mine = slice_of(policy, tried.example.action)
    said = [mine.rules.explains.get(rule, rule) for rule in tried.answer.rules]
    return PolicyTestView(
        file=tried.example.file,
        say=tried.example.say,
        passed=tried.passed,
        question=question_words(tried.values, tried.reads),
        wanted=tried.example.wanted,
        got=tried.answer.words,
        rules=tried.answer.rules,
        why="; ".join(said) or "no rule allows it",
        asked=asked_words(mine, tried.values, (), tried.answer.roles),
    )


def _proof_view(policy: CedarPolicy, proof: ClaimProof) -> ProofView:
    from sayso.actions.policy.analysis.words import question_words

    shown = ""
    if proof.counterexample is not None:
        values, approvals = proof.counterexample
        reads = slice_of(policy, proof.claim.action).form.reads
        names = ", ".join(sorted(role.replace("_", " ") for role in approvals.roles))
        people = approvals.people
        enough = f"{people} {'person' if people == 1 else 'people'} ({names})"
        shown = f"{question_words(values, reads)}: {enough if people else 'nobody'} is enough"
    return ProofView(
        id=proof.claim.id,
        say=proof.claim.say,
        verdict=proof.verdict,
        counterexample=shown,
        why=proof.why,
        by="search and solver" if proof.solved else "search",
    )


def _answered(
    policy: CedarPolicy, action: str, recorded: object
) -> tuple[tuple[JudgedStepView, ...], str, str, tuple[str, ...]]:
    """Each step of a judgement, the question, the answer, and what asks, in words."""
    from sayso.actions.policy.analysis.people import who
    from sayso.actions.policy.analysis.words import answer_of, missing_of, question_words, whole
    from sayso.actions.policy.reasons.asked import asked_words

    mine = slice_of(policy, action)
    values = whole(cast("dict[str, Value]", recorded))
    question = question_words(values, mine.form.reads)
    missing, denies = missing_of(mine, values)
    if denies:
        return (), question, "refused", ()
    answer = answer_of(mine, values, missing)
    steps = tuple(
        JudgedStepView(
            who=who(roles),
            allowed=verdict.allowed,
            rules=tuple(
                (rule, mine.rules.explains.get(rule, "")) for rule in sorted(verdict.rules)
            ),
        )
        for roles, verdict in answer.steps
    )
    return steps, question, answer.words, asked_words(mine, values, missing, answer.roles)
