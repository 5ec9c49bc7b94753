"""`sayso.evaluations`: planners measured on labelled messages, and why a message is planned so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Subject, plannable
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message
from sayso.agent.evaluation.cases import CaseTurn, EvalCase
from sayso.agent.evaluation.collected import case_of
from sayso.agent.request_row import RequestRow, actions_of, read_request
from sayso.errors import Code, ConfigError
from sayso.sdk.resources.base import Resource
from sayso.sdk.views.base import View
from sayso.sdk.workspace import Workspace, compile_policy
from sayso.store.base import Reader

if TYPE_CHECKING:
    from sayso.actions.policy.base import Policy
    from sayso.agent.base import Planner
    from sayso.agent.evaluation.trial import Trial
    from sayso.sdk.container import Container

_Past = tuple[RequestRow, Sequence[Message], Sequence[ActionRow]]
ALL = "chain"
"""The name of all planners in a row, as requests meet them."""


class MeasuresView(View):
    """One planner's figures; see `sayso.agent.evaluation.measures.Measures`."""

    cases: int
    trust: float
    reliability: float
    stability: float
    uptime: float
    malleability: float
    micro_usd: float
    tokens: float
    p50_ms: float
    p95_ms: float
    lost_right_plans: int = 0
    turns_to_done: float = 0.0
    verdicts: Mapping[str, Mapping[str, int]]


class TrialView(View):
    """What one planner answered to one case that it did not get right."""

    planner: str
    case: str
    outcome: str
    verdict: str
    steps: tuple[str, ...]
    choices: tuple[str, ...]
    why: str


class JudgedView(View):
    """One planner's plans under one policy; see `sayso.agent.evaluation.judged.JudgedPlans`."""

    planner: str
    policy: str
    plans: int
    alone: float
    asked: float
    refused: float
    wrong_alone: int


class EvaluationView(View):
    """A run.

    Attributes:
        planners: figures by planner.
        policies: what each policy makes of each planner's plans.
        mistakes: the trials that are not right, of the cases themselves and of their variants.
    """

    planners: Mapping[str, MeasuresView]
    policies: tuple[JudgedView, ...] = ()
    mistakes: tuple[TrialView, ...] = ()


class MessageExplanationView(View):
    """Why a message is planned, asked back or handed over.

    Attributes:
        read: what the words were read as, one line for each act.
        steps: what would be asked for, with the provider's ids.
    """

    language: str
    outcome: str
    planner: str
    why: str
    read: tuple[str, ...]
    steps: tuple[str, ...]


class EvaluationResource(Resource):
    """Measures and explains; stores nothing and does nothing."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    def planners(self) -> Mapping[str, Planner]:
        """What can be measured: `playbooks`, each model by its name, and `chain`."""
        planner = self._container.agent.ready()
        inner = cast("Sequence[Planner]", getattr(planner, "planners", (planner,)))
        found = {one.name: one for one in inner}
        return found if len(found) == 1 else {**found, ALL: planner}

    async def run(
        self,
        cases: Sequence[EvalCase],
        *,
        planners: Sequence[str] = (),
        prompts: Sequence[Path] = (),
        policies: Sequence[Path] = (),
        repeat: int = 1,
        torture: bool = False,
    ) -> EvaluationView:
        """Run planners on cases.

        Args:
            planners: by name; all of them unless said.
            prompts: files; each model is measured with each of them as well.
            policies: files, or folders of files; each judges the plans of each planner.
            repeat: how often each case is run.
            torture: with paraphrases and injections of each case.

        Raises:
            ConfigError: `invalid_setting` for a planner that there is not; `invalid_policy`.
        """
        from sayso.agent.evaluation.faults import failing
        from sayso.agent.evaluation.judged import judge_trials, people_decide
        from sayso.agent.evaluation.measures import measure
        from sayso.agent.evaluation.torture import variants

        chosen = _with_prompts(self._chosen(planners), prompts)
        every = [*cases, *(variants(cases) if torture else ())]
        known = {case.id: await self._handles(case) for case in cases}
        measures: dict[str, MeasuresView] = {}
        mistakes: list[TrialView] = []
        judged: list[JudgedView] = []
        compiled = {str(path): self._policy(path) for path in policies}
        actions = {one.name: one for one in self._container.connectors.actions}
        now = self._container.clock.now()
        own = self._own_policy()

        def read_anyway(trial: Trial) -> bool:
            return people_decide(trial, known, actions, own, now)

        for name, planner in chosen.items():
            runs = [await self._try(planner, every, known) for _ in range(repeat)]
            worse = failing(planner)
            faulty = [] if worse is planner else await self._try(worse, cases, known)
            found = asdict(measure(runs, faulty, read_anyway))
            measures[name] = MeasuresView.model_validate(found)
            for path, policy in compiled.items():
                figures = asdict(judge_trials(runs[0], known, actions, policy, now))
                judged.append(JudgedView(planner=name, policy=path, **figures))
            wrong = [one for each in runs for one in each if one.verdict != "right"]
            mistakes += [_mistake(name, one) for one in wrong]
        return EvaluationView(planners=measures, policies=tuple(judged), mistakes=tuple(mistakes))

    def _policy(self, path: Path) -> Policy:
        """The policy of a file or a folder, with the roles of this workspace."""
        actions = tuple(self._container.connectors.actions)
        files = sorted(path.glob("*")) if path.is_dir() else [path]
        try:
            texts = {file.name: file.read_text("utf-8") for file in files if not file.is_dir()}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the policy `{path}` cannot be read",
                next_step="name a file or a folder of rules",
            ) from error
        draft = self._workspace.draft(actions)
        return compile_policy(replace(draft, files=texts), actions).policy

    def _own_policy(self) -> Policy:
        """The policy of the workspace's files."""
        actions = tuple(self._container.connectors.actions)
        return compile_policy(self._workspace.draft(actions), actions).policy

    def _chosen(self, names: Sequence[str]) -> dict[str, Planner]:
        there = self.planners()
        for name in names:
            if name not in there:
                raise ConfigError(
                    Code.INVALID_SETTING,
                    f"there is no planner `{name[:60]}`",
                    next_step=f"there are: {', '.join(there)}",
                )
        return {name: one for name, one in there.items() if not names or name in names}

    async def _handles(self, case: EvalCase) -> Handles:
        if case.records or case.customer is None:
            return case.handles
        return Handles(await self._records_of(Subject(id=case.customer)))

    async def _records_of(self, subject: Subject) -> Sequence[Record]:
        container = self._container
        named = container.connectors.subject(subject)
        return await container.agent.records.of(container.tenant, named)

    async def _try(
        self, planner: Planner, cases: Sequence[EvalCase], known: Mapping[str, Handles]
    ) -> list[Trial]:
        from sayso.agent.evaluation.trial import try_case

        actions = plannable(self._container.connectors.actions)
        knowledge = self._container.agent.knowledge()
        return [
            await try_case(planner, case, known[case.like or case.id], actions, knowledge)
            for case in cases
        ]

    async def collect(self, *, limit: int = 200, tenant: str | None = None) -> list[EvalCase]:
        """Cases made of the newest requests, labelled by what people and providers made of them.

        A plan that was done is right; one that a person said no to is a person's. They hold the
        customers' own words: keep the file as you keep those.
        """
        where, found = self._tenant(tenant), list[EvalCase]()
        requests = self._container.requests

        def work(reader: Reader) -> list[_Past]:
            rows = reader.all("request.page", tenant=where, after=None, limit=limit, status=None)
            read = map(read_request, rows)
            return [(row, requests.messages(reader, row), actions_of(reader, row)) for row in read]

        for row, messages, actions in await self._container.store.read(work):
            records = await self._container.agent.records.of(row.tenant, row.subject, row.id)
            case = case_of(row, messages, actions, records)
            if case is not None:
                found.append(case)
        return found

    async def explain(self, subject: Subject, words: str) -> MessageExplanationView:
        """How a message is read, and what comes of it; nothing is stored, nothing is done."""
        from sayso.agent.evaluation.trial import try_case
        from sayso.agent.understanding.explanation import explain

        container = self._container
        handles = Handles(await self._records_of(subject))
        actions, knowledge = plannable(container.connectors.actions), container.agent.knowledge()
        planner = container.agent.ready()
        case = EvalCase(id="x", turns=(CaseTurn(role="customer", content=words),), due="either")
        trial = await try_case(planner, case, handles, actions, knowledge)
        language, read = explain([Message(role="customer", content=words)], handles, knowledge)
        return MessageExplanationView(
            language=language,
            outcome=trial.outcome,
            planner=planner.name,
            why=trial.why,
            read=tuple(read),
            steps=trial.steps,
        )


def _with_prompts(planners: dict[str, Planner], prompts: Sequence[Path]) -> dict[str, Planner]:
    from sayso.agent.models import ModelPlanner
    from sayso.agent.prompts import Prompts, load_prompt

    found = dict(planners)
    for path in prompts:
        prompt = load_prompt(path)
        for name, planner in planners.items():
            if isinstance(planner, ModelPlanner):
                of_file = replace(planner, prompts=Prompts(current=prompt))
                found[f"{name} · {prompt.version}"] = of_file
    return found


def _mistake(planner: str, trial: Trial) -> TrialView:
    return TrialView(
        planner=planner,
        case=trial.case.id,
        outcome=trial.outcome,
        verdict=trial.verdict,
        steps=trial.steps,
        choices=trial.choices,
        why=trial.why,
    )
