"""The document of /openapi.json: what a client is generated from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel
from surfaces.http.api_server import ApiServer, Json, as_json

from sayso.errors import CODES
from sayso.sdk.connectors.catalog import ActionTypesView
from sayso.sdk.privacy.views import ErasureView, HoldView, SubjectView
from sayso.sdk.resources.analysis import BacktestView, ExplanationView
from sayso.sdk.resources.policy import ActivationView, PolicyChangeView, PolicyTextView
from sayso.sdk.resources.report import ReportView
from sayso.sdk.resources.work import WorkView
from sayso.sdk.views.rows import ActionView, ApprovalView, EntryView, RequestView, StopView
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.webhooks.resource import WebhookTestView, WebhookView
from sayso.surfaces.http import examples
from sayso.surfaces.http.audit import PublicationPage
from sayso.surfaces.http.operations import HealthView, ReadyView
from sayso.surfaces.http.privacy import (
    AccessBody,
    EraseBody,
    ErasurePage,
    HoldBody,
    HoldPage,
    ReleaseBody,
)
from sayso.surfaces.http.problem import Problem
from sayso.surfaces.http.repairs import AcceptBody, MendedShape, RepairBody, RepairShape
from sayso.surfaces.http.shapes import (
    ActionBody,
    ActionPage,
    ActivateBody,
    AnswerBody,
    ApprovalPage,
    AskBody,
    BacktestBody,
    ChangeList,
    ConfirmBody,
    DecisionBody,
    DialBody,
    DialList,
    DraftBody,
    DraftView,
    EntryPage,
    ExportBody,
    LimitBody,
    LimitList,
    NoBody,
    PlanDecisionBody,
    PolicyTests,
    ProofList,
    ReplayBody,
    RequestPage,
    ResumeBody,
    RollbackBody,
    SettleBody,
    StopBody,
    StopPage,
    SuggestionList,
    VersionPage,
    WebhookBody,
    WebhookPage,
    WrongBody,
)
from sayso.surfaces.http.solutions import NoteBody, QuestionBody, SolutionDecisionBody, SolutionPage
from sayso.surfaces.http.upkeep import (
    PruneBody,
    SealBody,
    SegmentPage,
    SweepBody,
    UpkeepView,
)
from sayso.surfaces.http.work import EXAMPLE as WORK
from sayso.surfaces.http.work import ProposalBody, TakeBody, WorkPage

CONTRACT = {
    "POST /v1/requests",
    "GET /v1/requests",
    "GET /v1/requests/{request_id}",
    "GET /v1/requests/{request_id}/events",
    "POST /v1/requests/{request_id}/answer",
    "POST /v1/requests/{request_id}/decision",
    "POST /v1/actions",
    "GET /v1/action-types",
    "GET /v1/actions",
    "GET /v1/actions/{action_id}",
    "GET /v1/actions/{action_id}/events",
    "GET /v1/events",
    "GET /v1/approvals",
    "GET /v1/approvals/{approval_id}",
    "POST /v1/approvals/{approval_id}/decision",
    "GET /v1/solutions",
    "GET /v1/solutions/{solution_id}",
    "POST /v1/solutions/{solution_id}/decision",
    "POST /v1/solutions/{solution_id}/note",
    "POST /v1/solutions/{solution_id}/question",
    "GET /v1/work",
    "GET /v1/work/{about}",
    "POST /v1/work/{about}/take",
    "POST /v1/work/{about}/note",
    "POST /v1/work/{about}/propose",
    "POST /v1/work/{about}/end",
    "POST /v1/actions/{action_id}/settle",
    "POST /v1/stop",
    "POST /v1/resume",
    "GET /v1/stops",
    "GET /v1/policy",
    "GET /v1/policy/versions",
    "GET /v1/policy/versions/{version}",
    "GET /v1/policy/changes",
    "GET /v1/policy/suggestions",
    "POST /v1/policy/suggestions/{suggestion_id}/decline",
    "POST /v1/policy/diff",
    "POST /v1/policy/test",
    "POST /v1/policy/prove",
    "POST /v1/policy/backtest",
    "POST /v1/policy/activate",
    "POST /v1/policy/rollback",
    "POST /v1/policy/changes/{change_id}/confirm",
    "POST /v1/policy/changes/{change_id}/withdraw",
    "GET /v1/actions/{action_id}/explanation",
    "GET /v1/limits",
    "POST /v1/limits/{limit_id}",
    "POST /v1/limits/{limit_id}/drop",
    "GET /v1/dials",
    "GET /v1/report",
    "POST /v1/dials/{dial_id}",
    "POST /v1/actions/{action_id}/wrong",
    "POST /v1/webhooks",
    "GET /v1/webhooks",
    "GET /v1/webhooks/{webhook_id}",
    "POST /v1/webhooks/{webhook_id}/replay",
    "POST /v1/webhooks/{webhook_id}/test",
    "POST /v1/webhooks/{webhook_id}/{change}",
    "POST /v1/privacy/exports",
    "POST /v1/privacy/erasures",
    "GET /v1/privacy/erasures",
    "GET /v1/privacy/erasures/{erasure_id}",
    "POST /v1/privacy/holds",
    "GET /v1/privacy/holds",
    "GET /v1/privacy/holds/{hold_id}",
    "POST /v1/privacy/holds/{hold_id}/release",
    "GET /v1/audit/entries",
    "POST /v1/audit/exports",
    "GET /v1/actions/{action_id}/evidence",
    "GET /v1/audit/segments",
    "POST /v1/audit/segments",
    "POST /v1/audit/prunings",
    "POST /v1/privacy/sweeps",
    "GET /v1/audit/checkpoint",
    "GET /v1/audit/proof",
    "GET /v1/audit/publications",
    "GET /v1/audit/tile/{path}",
    "GET /v1/audit/repair",
    "POST /v1/audit/repair",
    "POST /v1/audit/accept",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
}
"""Design section 6, as far as it is built; nothing that is not there is in the document."""

BODIES: dict[str, type[BaseModel]] = {
    "diff_policy": DraftBody,
    "try_policy": DraftBody,
    "prove_policy": DraftBody,
    "backtest_policy": BacktestBody,
    "activate_policy": ActivateBody,
    "roll_back_policy": RollbackBody,
    "confirm_change": ConfirmBody,
    "withdraw_change": NoBody,
    "decline_suggestion": NoBody,
    "move_dial": DialBody,
    "set_limit": LimitBody,
    "drop_limit": NoBody,
    "report_wrong": WrongBody,
    "answer": AnswerBody,
    "ask": AskBody,
    "propose": ActionBody,
    "decide": DecisionBody,
    "decide_plan": PlanDecisionBody,
    "decide_solution": SolutionDecisionBody,
    "ask_customer": QuestionBody,
    "note_solution": NoteBody,
    "take_work": TakeBody,
    "note_work": NoteBody,
    "propose_work": ProposalBody,
    "end_work": NoteBody,
    "settle": SettleBody,
    "stop": StopBody,
    "resume": ResumeBody,
    "export_log": ExportBody,
    "export_subject": AccessBody,
    "erase_subject": EraseBody,
    "place_hold": HoldBody,
    "release_hold": ReleaseBody,
    "seal_log": SealBody,
    "prune_log": PruneBody,
    "repair": RepairBody,
    "accept": AcceptBody,
    "sweep_subjects": SweepBody,
    "add_webhook": WebhookBody,
    "replay_webhook": ReplayBody,
    "try_webhook": NoBody,
    "change_webhook": NoBody,
}
ANSWERS: dict[str, type[BaseModel]] = {
    "show_policy": PolicyTextView,
    "list_versions": VersionPage,
    "show_version": PolicyTextView,
    "list_changes": ChangeList,
    "diff_policy": DraftView,
    "try_policy": PolicyTests,
    "prove_policy": ProofList,
    "backtest_policy": BacktestView,
    "activate_policy": ActivationView,
    "roll_back_policy": ActivationView,
    "confirm_change": ActivationView,
    "withdraw_change": PolicyChangeView,
    "list_suggestions": SuggestionList,
    "decline_suggestion": SuggestionList,
    "explain_action": ExplanationView,
    "list_limits": LimitList,
    "set_limit": ActivationView,
    "drop_limit": ActivationView,
    "list_dials": DialList,
    "show_report": ReportView,
    "move_dial": ActivationView,
    "report_wrong": DialList,
    "answer": RequestView,
    "ask": RequestView,
    "list_requests": RequestPage,
    "show_request": RequestView,
    "propose": ActionView,
    "list_actions": ActionPage,
    "list_action_types": ActionTypesView,
    "show_action": ActionView,
    "list_approvals": ApprovalPage,
    "show_approval": ApprovalView,
    "decide": ActionView,
    "decide_plan": RequestView,
    "list_solutions": SolutionPage,
    "show_solution": SolutionView,
    "decide_solution": SolutionView,
    "ask_customer": SolutionView,
    "note_solution": SolutionView,
    "list_work": WorkPage,
    "show_work": WorkView,
    "take_work": WorkView,
    "note_work": WorkView,
    "propose_work": RequestView,
    "end_work": WorkView,
    "settle": ActionView,
    "stop": StopView,
    "resume": StopView,
    "list_stops": StopPage,
    "add_webhook": WebhookView,
    "list_webhooks": WebhookPage,
    "show_webhook": WebhookView,
    "replay_webhook": WebhookView,
    "try_webhook": WebhookTestView,
    "change_webhook": WebhookView,
    "export_subject": SubjectView,
    "list_segments": SegmentPage,
    "seal_log": UpkeepView,
    "prune_log": UpkeepView,
    "sweep_subjects": UpkeepView,
    "erase_subject": ErasureView,
    "list_erasures": ErasurePage,
    "show_erasure": ErasureView,
    "place_hold": HoldView,
    "list_holds": HoldPage,
    "show_hold": HoldView,
    "release_hold": HoldView,
    "query_entries": EntryPage,
    "list_publications": PublicationPage,
    "show_repair": RepairShape,
    "repair": MendedShape,
    "accept": MendedShape,
    "show_health": HealthView,
    "show_readiness": ReadyView,
}


@pytest.fixture(scope="module")
def document(api: ApiServer) -> Json:
    """The document, as it is served, without a token."""
    return as_json(api.get("/openapi.json", by=None))


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Every operation as `METHOD /path`."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_valid(document: Json) -> None:
    """OpenAPI 3.1, by the specification's own schema."""
    assert document["openapi"].startswith("3.1")
    errors = [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert errors == []


@pytest.mark.promise("http:contract")
def test_the_paths_are_those_of_the_contract(document: Json) -> None:
    """design.md 6, no more and no less."""
    assert {name for name, _ in operations(document)} == CONTRACT


def test_every_route_of_the_contract_needs_a_token(document: Json) -> None:
    """Only the operators' probes are open, and their figures to this machine."""
    for name, operation in operations(document):
        open_to_all = name in {"GET /healthz", "GET /readyz"}
        assert ("security" in operation) is not open_to_all, name
        assert ({} in operation.get("security", ())) is (name == "GET /metrics"), name
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_post_names_the_key(document: Json) -> None:
    """`Idempotency-Key`, required except where a dry run does without."""
    for name, operation in operations(document):
        if not name.startswith("POST"):
            continue
        (key,) = [
            parameter
            for parameter in operation["parameters"]
            if parameter["name"] == "Idempotency-Key"
        ]
        assert key["required"] is (name != "POST /v1/actions"), name


@pytest.mark.promise("http:contract")
def test_every_error_is_a_problem_with_an_example(document: Json) -> None:
    """RFC 9457, with codes that exist, and the statuses that each route can give."""
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                continue
            (media,) = response["content"]
            assert media == "application/problem+json", (name, status)
            content = response["content"][media]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            shown = Problem.model_validate(content["example"])
            assert shown.code in set(CODES)
            assert status in {str(shown.status), "default"}
        if name.startswith(("GET /v1", "POST /v1")):
            assert {"401", "403", "default"} <= set(operation["responses"]), name


def test_every_body_and_answer_has_a_true_example(document: Json) -> None:
    """Each example is read by the very model that serves the route."""
    for name, operation in operations(document):
        operation_id = operation["operationId"]
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            for example in content["examples"].values():
                BODIES[operation_id].model_validate(example["value"])
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                continue
            for media, content in response["content"].items():
                assert content["example"], (name, status)
                if media == "application/json":
                    ANSWERS[operation_id].model_validate(content["example"])


def test_the_examples_are_whole() -> None:
    """None of the shared examples has fallen behind its model."""
    models: list[tuple[type[BaseModel], dict[str, Any]]] = [
        (ActionView, examples.ACTION),
        (ActionView, examples.DONE),
        (ApprovalView, examples.APPROVAL),
        (EntryView, examples.ENTRY),
        (RequestView, examples.REQUEST),
        (SolutionView, examples.SOLUTION),
        (WorkView, WORK),
        (SubjectView, examples.SUBJECT),
        (ErasureView, examples.ERASURE),
        (HoldView, examples.HOLD),
    ]
    for model, example in models:
        assert set(example) == set(model.model_fields), model


def test_money_is_described(document: Json) -> None:
    """A generated client knows what an amount is."""
    schemas = document["components"]["schemas"]
    amount = schemas["ActionView"]["properties"]["amount"]
    assert amount["anyOf"][0] == {"$ref": "#/components/schemas/Money"}
    assert set(schemas["Money"]["required"]) == {"amount_minor", "currency"}


def test_operation_ids_are_names(document: Json) -> None:
    """What a generated client calls them: one each, readable."""
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert all(name.isidentifier() and "v1" not in name for name in ids)
