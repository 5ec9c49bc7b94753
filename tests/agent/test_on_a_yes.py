"""What a model plans and no words show: restated, and done on the customer's yes and a person's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from agent.understanding.demo import conversation, handles_of, knowledge
from support.workspace import make_workspace

from sayso import Sayso
from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.model.definition import Action, at_most_once
from sayso.actions.model.plan import Handoff, Plan, Step
from sayso.agent.base import Asking, Choice, Handles, Message, Question
from sayso.agent.chain import PlannerChain
from sayso.agent.understanding.planner import PlaybookPlanner
from sayso.connectors.email import actions_with
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.sandbox import Sandbox
from sayso.sdk.views.rows import RequestView

KNOWN = (REFUND, CANCEL_SUBSCRIPTION, CREDIT, *actions_with(at_most_once()))
PERMISSIVE = '@id("all") @explain("everything") permit (principal, action, resource);'
CARELESS = '[planner.confirm]\ndefault = "never"\n'
MODEL = "model:one"
SLANG = "gimme what the mugs cost, they r trash"
"""Words that no playbook reads as a wish."""
OPEN = "I'd like a refund, please"
"""Two orders could be meant."""


def usd(minor: int) -> JsonValue:
    """An amount as an argument."""
    return {"amount_minor": minor, "currency": "USD"}


def refund(charge: str = "charge#1", **more: JsonValue) -> Step:
    """A step that refunds one of theirs."""
    return Step(id="s1", action="stripe.refund", args={"charge": charge, **more})


class Model:
    """A planner that answers as a test says."""

    name = MODEL

    def __init__(self, answer: Plan | Question | Handoff | None = None) -> None:
        self.answer = answer or Handoff(reason="no idea", planner=MODEL, tokens=7)
        self.asked = 0

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Question | Handoff:
        """The answer."""
        del messages, handles, actions
        self.asked += 1
        return self.answer


def planned(*steps: Step, certain: bool = True) -> Plan:
    """The model's plan, which calls itself certain."""
    return Plan(steps=steps, planner=MODEL, certain=certain, tokens=11)


async def chained(model: Model, words: str) -> Plan | Question | Handoff:
    """What playbooks and then that model make of a message of Ana's."""
    chain = PlannerChain(planners=(PlaybookPlanner(knowledge=knowledge()), model))
    return await chain.plan_for(conversation(words), handles_of("ana"), KNOWN, Asking())


@pytest.mark.promise("agent:models-after-playbooks")
async def test_a_model_is_asked_before_the_customer_is() -> None:
    """A playbook's plan needs none; its question goes out only where the model has no plan."""
    model = Model(planned(refund()))
    clear = await chained(model, "Please refund order 1042")
    assert isinstance(clear, Plan)
    assert (clear.planner, model.asked) == ("playbook:refund", 0)
    found = await chained(model, OPEN)
    assert isinstance(found, Plan)
    assert (found.planner, found.tokens, model.asked) == (MODEL, 11, 1)
    nothing = Model()
    question = await chained(nothing, OPEN)
    assert isinstance(question, Question)
    assert {one.value for one in question.choices} == {"charge#1", "charge#2"}
    assert (question.tokens, nothing.asked) == (7, 1), "what the model took is counted with it"


async def test_a_models_question_goes_out_where_playbooks_have_none() -> None:
    """The playbooks' own goes first, since it follows from the records."""
    own = Question(about="stripe.refund", slot="charge", planner=MODEL)
    asked = Question(about=own.about, slot=own.slot, choices=(Choice(slot="charge", value="x"),))
    assert await chained(Model(asked), SLANG) == asked
    found = await chained(Model(asked), OPEN)
    assert isinstance(found, Question)
    assert found.planner == "playbook:refund"


@asynccontextmanager
async def careless(folder: Path, model: Model) -> AsyncGenerator[tuple[Sayso, Sandbox]]:
    """A workspace that permits everything and restates nothing."""
    with Sandbox.start(seed="demo") as sandbox:
        workspace = make_workspace(
            folder / "ws",
            stripe_url=sandbox.url,
            policy=PERMISSIVE,
            more=CARELESS,
            people={"maria": ["support_manager"]},
        )
        async with Sayso(workspace, planner=model) as sayso:
            yield sayso, sandbox


async def say_yes(sayso: Sayso, view: RequestView) -> RequestView:
    """The customer's yes to what was restated."""
    assert view.question is not None
    return await sayso.requests.answer(view.id, question=view.question.number, choice="yes")


@pytest.mark.promise("agent:on-a-yes")
async def test_a_plan_that_no_words_show_needs_two_yeses(tmp_path: Path) -> None:
    """Theirs to what is restated, then a person's; what the words show follows the policy."""
    model = Model(planned(refund("charge#1")))
    async with careless(tmp_path, model) as (sayso, sandbox):
        asked = await sayso.ask("cus_demo_ana", SLANG)
        assert asked.status == "needs_customer", asked
        assert asked.question is not None
        assert asked.question.plan is not None
        assert (asked.actions, sandbox.books().effects) == ((), ())
        waits = await say_yes(sayso, asked)
        assert [action.status for action in waits.actions] == ["pending_approval"]
        assert sandbox.books().effects == ()
        (card,) = await sayso.approvals.list(status="pending")
        assert card.card["planner"] == f"{MODEL}@yes"
        assert "own words" in str(card.card["unusual"]), card.card
        assert "own words" in str(card.card["reason"])
        await sayso.approvals.decide_as(
            Decision(
                tenant=Tenant("main"),
                approval_id=card.id,
                revision=card.revision,
                digest=card.digest,
                choice=DecisionChoice.APPROVE,
                person="maria",
                via="cli",
                credential="host",
            )
        )
        done = await sayso.actions.get(waits.actions[0].id)
        assert done.status == "succeeded", done
        assert len(sandbox.books().effects) == 1
        entries = await sayso.audit.about_request(asked.id, after=-1)
        (told,) = [one for one in entries if one.kind == "request.planned"]
        assert told.body["data"]["planner"] == f"{MODEL}@yes"
        assert told.body["data"]["confirmed"] is True
        assert sayso.audit.verify(deep=True).exit_status == 0


@pytest.mark.promise("agent:on-a-yes")
async def test_the_same_plan_goes_by_the_policy_where_words_show_it(tmp_path: Path) -> None:
    """No yes and no person: the policy permits it, and nothing is restated."""
    model = Model(planned(refund("charge#1")))
    async with careless(tmp_path, model) as (sayso, sandbox):
        view = await sayso.ask("cus_demo_ana", "Please refund order 1042")
        assert [action.status for action in view.actions] == ["succeeded"]
        assert view.actions[0].planner == MODEL
        assert len(sandbox.books().effects) == 1


@pytest.mark.promise("agent:on-a-yes")
async def test_what_the_words_say_otherwise_is_not_even_restated(tmp_path: Path) -> None:
    """A person gets the draft; the customer is not asked to agree to another order than theirs."""
    model = Model(planned(refund("charge#2")))
    async with careless(tmp_path, model) as (sayso, _):
        view = await sayso.ask("cus_demo_ana", "Please refund order 1042")
        assert (view.status, view.actions) == ("handed_over", ())
        assert view.error is not None
        assert view.error.code == "not_asked_for"
