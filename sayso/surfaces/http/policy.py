"""Routes of the policy: versions, drafts, limits, the dials of the roll-out, the report."""

from __future__ import annotations

from collections.abc import Awaitable
from decimal import Decimal
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query

import sayso.surfaces.http.examples as examples
from sayso.errors import Code, ConfigError, RefusedError
from sayso.sdk.resources.analysis import ExplanationView, RowFindingView
from sayso.sdk.resources.backtesting import BacktestView
from sayso.sdk.resources.policy import ActivationView, PolicyChangeView, PolicyTextView
from sayso.sdk.resources.report import ReportView
from sayso.sdk.views.base import View
from sayso.surfaces.http.auth import Decider, Open, Viewer
from sayso.surfaces.http.documents import asked, problems, reads, shown, writes
from sayso.surfaces.http.edge import GuardedRoute
from sayso.surfaces.http.idempotency import Key, key_mark
from sayso.surfaces.http.policy_shapes import (
    ActivateBody,
    BacktestBody,
    ChangeList,
    ConfirmBody,
    DialBody,
    DialList,
    DraftBody,
    DraftView,
    LimitBody,
    LimitList,
    LimitsQuery,
    PolicyTests,
    ProofList,
    ReportQuery,
    RollbackBody,
    SuggestionList,
    VersionPage,
    VersionsQuery,
    WrongBody,
)
from sayso.surfaces.http.problem import HttpError
from sayso.surfaces.http.shapes import NoBody, NoQuery

router = APIRouter(tags=["policy"], route_class=GuardedRoute)

LimitId = Annotated[str, Path(max_length=40, description="the limit's id")]
DialId = Annotated[str, Path(max_length=40, description="the dial's id")]
VersionNumber = Annotated[int, Path(ge=1, le=2**53 - 1, description="the version's number")]
ChangeId = Annotated[str, Path(max_length=64, description="the change's id, `pol_…`")]
SuggestionId = Annotated[str, Path(max_length=80, description="the suggestion's id")]
ActionId = Annotated[str, Path(max_length=64, description="the action's id, `act_…`")]

_Found = TypeVar("_Found")


class FindingList(View):
    """What stands in a draft in vain."""

    items: tuple[RowFindingView, ...]


_DONE = {"version": examples.POLICY["version"]}


@router.get(
    "/v1/policy",
    summary="The policy in force",
    responses={
        200: shown("the version with its texts", examples.POLICY),
        **problems(401, 403, 404, 503),
    },
)
async def show_policy(sayso: Open, token: Viewer, _query: NoQuery) -> PolicyTextView:
    """Scope: `actions:read`, or `approvals:decide`."""
    found = await sayso.policy.in_force()
    if found is None:
        raise RefusedError(
            Code.NOT_FOUND,
            "no version is in force yet",
            next_step="`sayso policy activate` puts the first one in force",
        )
    return found


@router.get(
    "/v1/policy/versions",
    summary="Versions of the policy, newest first",
    responses=reads("a page", {"items": [examples.POLICY["version"]], "next_after": 14}),
)
async def list_versions(
    sayso: Open, token: Viewer, query: Annotated[VersionsQuery, Query()]
) -> VersionPage:
    """Scope: `actions:read`, or `approvals:decide`."""
    items = await sayso.policy.history(limit=query.limit, after=query.after)
    more = len(items) == query.limit
    return VersionPage(items=tuple(items), next_after=items[-1].version if more else None)


@router.get(
    "/v1/policy/versions/{version}",
    summary="One version of the policy",
    responses=reads("the version with its texts", examples.POLICY, 404),
)
async def show_version(
    sayso: Open, token: Viewer, version: VersionNumber, _query: NoQuery
) -> PolicyTextView:
    """Scope: `actions:read`, or `approvals:decide`."""
    return await sayso.policy.version(version)


@router.get(
    "/v1/policy/changes",
    summary="What waits for a second person",
    responses={
        200: shown("oldest first", {"items": [examples.POLICY_CHANGE]}),
        **problems(401, 403, 503),
    },
)
async def list_changes(sayso: Open, token: Viewer, _query: NoQuery) -> ChangeList:
    """Scope: `actions:read`, or `approvals:decide`."""
    return ChangeList(items=tuple(await sayso.policy.changes()))


@router.post(
    "/v1/policy/diff",
    summary="What a draft changes",
    responses=writes("with examples that the engine has confirmed", examples.POLICY_DRAFT),
    openapi_extra=asked(files=examples.POLICY_FILES, workspace={}),
)
async def diff_policy(
    sayso: Open, token: Decider, _key: Key, _query: NoQuery, body: DraftBody
) -> DraftView:
    """Scope: `approvals:decide`. Changes nothing."""
    sayso.policy.check_home(token)
    found = await _read(sayso.policy.draft(body.files))
    change = await _read(sayso.analysis.compare(body.files))
    return DraftView(**dict(found), change=change)


@router.post(
    "/v1/policy/test",
    summary="Ask a draft about its tests",
    responses=writes("each test", {"items": [examples.POLICY_TEST], "failed": 1}),
    openapi_extra=asked(files=examples.POLICY_FILES, workspace={}),
)
async def try_policy(
    sayso: Open, token: Decider, _key: Key, _query: NoQuery, body: DraftBody
) -> PolicyTests:
    """Scope: `approvals:decide`. Changes nothing."""
    sayso.policy.check_home(token)
    found = await _read(sayso.analysis.test(body.files))
    return PolicyTests(items=tuple(found), failed=sum(not one.passed for one in found))


@router.post(
    "/v1/policy/check",
    summary="Find rows of a draft that are in vain",
    responses=writes("each with its place and what to do", {"items": [examples.FINDING]}),
    openapi_extra=asked(files=examples.POLICY_FILES, workspace={}),
)
async def check_policy(
    sayso: Open, token: Decider, _key: Key, _query: NoQuery, body: DraftBody
) -> FindingList:
    """Scope: `approvals:decide`. Changes nothing; each is proved for all requests there can be."""
    sayso.policy.check_home(token)
    return FindingList(items=tuple(await _read(sayso.analysis.check(body.files))))


@router.post(
    "/v1/policy/prove",
    summary="Prove or refute the claims about a draft",
    responses=writes("each claim", {"items": [examples.PROOF]}),
    openapi_extra=asked(files=examples.POLICY_FILES, workspace={}),
)
async def prove_policy(
    sayso: Open, token: Decider, _key: Key, _query: NoQuery, body: DraftBody
) -> ProofList:
    """Scope: `approvals:decide`. Changes nothing."""
    sayso.policy.check_home(token)
    return ProofList(items=tuple(await _read(sayso.analysis.prove(body.files))))


@router.post(
    "/v1/policy/backtest",
    summary="Play what was judged again by a draft",
    responses=writes("beside what people had said", examples.BACKTEST),
    openapi_extra=asked(since=examples.BACKTEST_ASKED),
)
async def backtest_policy(
    sayso: Open, token: Decider, _key: Key, _query: NoQuery, body: BacktestBody
) -> BacktestView:
    """Scope: `approvals:decide`. Changes nothing; a million takes about a minute."""
    sayso.policy.check_home(token)
    return await _read(
        sayso.analysis.backtest(since=body.since, given=body.files, tenant=token.tenant)
    )


@router.post(
    "/v1/policy/activate",
    summary="Put a draft in force",
    responses=writes("in force, or waiting for a second person", _DONE),
    openapi_extra=asked(activate=examples.ACTIVATE),
)
async def activate_policy(
    sayso: Open, token: Decider, key: Key, _query: NoQuery, body: ActivateBody
) -> ActivationView:
    """Scope: `approvals:decide`, of a person who may change the policy.

    What loosens anything waits for another person where the workspace says so. What is in force
    already is answered as it stands.
    """
    return await _done(
        sayso,
        sayso.policy.activate_as(
            token, note=body.note, sha256=body.sha256, given=body.files, via=key_mark(key)
        ),
    )


@router.post(
    "/v1/policy/rollback",
    summary="Put an earlier version's content in force again",
    responses=writes("under a new number, or waiting for a second person", _DONE, 404),
    openapi_extra=asked(rollback=examples.ROLLBACK),
)
async def roll_back_policy(
    sayso: Open, token: Decider, key: Key, _query: NoQuery, body: RollbackBody
) -> ActivationView:
    """Scope: `approvals:decide`, of a person who may change the policy."""
    return await _done(
        sayso,
        sayso.policy.rollback_as(body.version, token, note=body.note, via=key_mark(key)),
    )


@router.post(
    "/v1/policy/changes/{change_id}/confirm",
    summary="Put in force what somebody else asked for",
    responses=writes("in force", _DONE, 404),
    openapi_extra=asked(confirm=examples.CONFIRM),
)
async def confirm_change(
    sayso: Open,
    token: Decider,
    key: Key,
    change_id: ChangeId,
    _query: NoQuery,
    body: ConfirmBody,
) -> ActivationView:
    """Scope: `approvals:decide`, of another person who may; exactly this digest, on its version."""
    try:
        version = await sayso.policy.confirm_as(
            change_id, token, sha256=body.sha256, via=key_mark(key)
        )
    except RefusedError as error:
        known = await _ended(sayso, error, change_id, token.holder, "activated")
        version = (await sayso.policy.version(known.parent + 1)).version
    return ActivationView(version=version, lacking=await sayso.policy.lacking())


@router.post(
    "/v1/policy/changes/{change_id}/withdraw",
    summary="End a change that waits for a second person",
    responses=writes("ended", {**examples.POLICY_CHANGE, "status": "withdrawn"}, 404),
    openapi_extra=asked(withdraw={}),
)
async def withdraw_change(
    sayso: Open,
    token: Decider,
    key: Key,
    change_id: ChangeId,
    _query: NoQuery,
    body: NoBody,
) -> PolicyChangeView:
    """Scope: `approvals:decide`, of a person who may change or confirm."""
    try:
        return await sayso.policy.withdraw_as(change_id, token, via=key_mark(key))
    except RefusedError as error:
        return await _ended(sayso, error, change_id, token.holder, "withdrawn")


@router.get(
    "/v1/policy/suggestions",
    summary="Drafts from what people decided",
    responses=reads("nothing of it is in force", {"items": [examples.SUGGESTION]}),
)
async def list_suggestions(sayso: Open, token: Decider, _query: NoQuery) -> SuggestionList:
    """Scope: `approvals:decide`. Diff one by its `files`, and activate it as any draft."""
    sayso.policy.check_home(token)
    return SuggestionList(items=tuple(await _read(sayso.suggestions.list())))


@router.post(
    "/v1/policy/suggestions/{suggestion_id}/decline",
    summary="Say no to a suggestion for 90 days",
    responses=writes("what is suggested still", {"items": [examples.SUGGESTION]}, 404),
    openapi_extra=asked(decline={}),
)
async def decline_suggestion(
    sayso: Open,
    token: Decider,
    _key: Key,
    suggestion_id: SuggestionId,
    _query: NoQuery,
    body: NoBody,
) -> SuggestionList:
    """Scope: `approvals:decide`. What is suggested no more is answered as it stands."""
    sayso.policy.check_home(token)
    await _read(sayso.suggestions.decline_as(suggestion_id, token))
    return SuggestionList(items=tuple(await _read(sayso.suggestions.list())))


async def _read(doing: Awaitable[_Found]) -> _Found:
    """What is found in a draft; what is wrong with it is its author's to mend, not the server's."""
    try:
        return await doing
    except ConfigError as error:
        if error.code is not Code.INVALID_POLICY:
            raise
        raise HttpError(error, status=422) from error


async def _done(sayso: Open, doing: Awaitable[ActivationView]) -> ActivationView:
    """What came of it; for what is so already, the version in force."""
    try:
        return await _read(doing)
    except RefusedError as error:
        found = await sayso.policy.in_force()
        if error.code is not Code.ALREADY_IN_STATE or found is None:
            raise
        return ActivationView(version=found.version)


async def _ended(
    sayso: Open, error: RefusedError, change_id: str, holder: str, how: str
) -> PolicyChangeView:
    """A change that this person ended so before: the same call, sent again."""
    if error.code is Code.ALREADY_DECIDED:
        known = await sayso.policy.change(change_id)
        if (known.status, known.ended_by) == (how, holder):
            return known
    raise error


@router.get(
    "/v1/actions/{action_id}/explanation",
    summary="Why an action was judged as it was",
    responses=reads("by the version that judged it", examples.EXPLANATION, 404, 409),
)
async def explain_action(
    sayso: Open, token: Viewer, action_id: ActionId, _query: NoQuery
) -> ExplanationView:
    """Scope: `actions:read`, or `approvals:decide`."""
    return await sayso.analysis.explain(action_id, tenant=token.tenant)


@router.get(
    "/v1/limits",
    summary="The limits in force, and how much of each is used",
    responses=reads("the fullest first", {"items": [examples.LIMIT]}),
)
async def list_limits(
    sayso: Open, token: Viewer, query: Annotated[LimitsQuery, Query()]
) -> LimitList:
    """Scope: `actions:read`, or `approvals:decide`."""
    found = await sayso.limits.list(limit=query.limit, tenant=token.tenant)
    return LimitList(items=tuple(found))


@router.post(
    "/v1/limits/{limit_id}",
    summary="Give a limit other caps",
    responses=writes("in force, or waiting for a second person", _DONE, 404),
    openapi_extra=asked(lower=examples.LOWER),
)
async def set_limit(
    sayso: Open,
    token: Decider,
    key: Key,
    limit_id: LimitId,
    _query: NoQuery,
    body: LimitBody,
) -> ActivationView:
    """Scope: `approvals:decide`, of a person who may change the policy.

    Lower it is in force at once; higher it is a loosening, which a second person confirms where
    the workspace says so. What is so already is answered as it stands.
    """
    return await _done(
        sayso,
        sayso.limits.set_as(
            limit_id,
            token,
            sums={name: Decimal(str(cap)) for name, cap in body.sums.items()} or None,
            count=body.count,
            cards=body.cards,
            note=body.note,
            via=key_mark(key),
        ),
    )


@router.post(
    "/v1/limits/{limit_id}/drop",
    summary="Take a limit away",
    responses=writes("in force, or waiting for a second person", _DONE, 404),
    openapi_extra=asked(drop={}),
)
async def drop_limit(
    sayso: Open,
    token: Decider,
    key: Key,
    limit_id: LimitId,
    _query: NoQuery,
    body: NoBody,
) -> ActivationView:
    """Scope: `approvals:decide`, of a person who may change the policy. It is a loosening."""
    return await _done(sayso, sayso.limits.drop_as(limit_id, token, via=key_mark(key)))


@router.get(
    "/v1/dials",
    summary="The dials in force, and how often shadow agrees with people",
    responses={200: shown("in their order", {"items": [examples.DIAL]}), **problems(401, 403, 503)},
)
async def list_dials(sayso: Open, token: Viewer, _query: NoQuery) -> DialList:
    """Scope: `actions:read`, or `approvals:decide`."""
    return DialList(items=tuple(await sayso.rollout.list(tenant=token.tenant)))


@router.post(
    "/v1/dials/{dial_id}",
    summary="Move a dial",
    responses=writes("in force, or waiting for a second person", _DONE, 404),
    openapi_extra=asked(wider=examples.WIDEN),
)
async def move_dial(
    sayso: Open,
    token: Decider,
    key: Key,
    dial_id: DialId,
    _query: NoQuery,
    body: DialBody,
) -> ActivationView:
    """Scope: `approvals:decide`, of a person who may change the policy.

    To the left it is in force at once; to the right it is a loosening, which a second person
    confirms where the workspace says so. What is so already is answered as it stands.
    """
    return await _done(
        sayso,
        sayso.rollout.set_as(
            dial_id,
            body.stage,
            token,
            share=None if body.share is None else Decimal(str(body.share)),
            otherwise=body.otherwise,
            note=body.note,
            via=key_mark(key),
        ),
    )


@router.post(
    "/v1/actions/{action_id}/wrong",
    summary="Say that something that was done was wrong",
    responses=writes("noted; the dials as they stand now", {"items": [examples.DIAL]}, 404),
    openapi_extra=asked(wrong=examples.WRONG),
)
async def report_wrong(
    sayso: Open,
    token: Decider,
    key: Key,
    action_id: ActionId,
    _query: NoQuery,
    body: WrongBody,
) -> DialList:
    """Scope: `approvals:decide`. An action is wrong once, whoever says so again."""
    await sayso.rollout.report_wrong_as(action_id, body.how, token)
    return DialList(items=tuple(await sayso.rollout.list(tenant=token.tenant)))


@router.get(
    "/v1/report",
    summary="What was done at once, what people were asked, and what was wrong",
    responses=reads("by weeks", examples.REPORT),
)
async def show_report(
    sayso: Open, token: Viewer, query: Annotated[ReportQuery, Query()]
) -> ReportView:
    """Scope: `actions:read`, or `approvals:decide`."""
    return await sayso.report(
        weeks=query.weeks, minutes_by_hand=query.minutes_by_hand, tenant=token.tenant
    )
