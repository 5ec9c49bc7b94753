"""Versions of the policy: what is in force, from when, for whom, and who put it there."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from actions.policy.version_work import LATER, strict_workspace
from actions.steps import (
    assert_verified,
    bodies,
    code_of,
    decide,
    open_rows,
    propose,
    say,
    shown,
    stock,
)
from support.faults.crash import run_child
from support.shop import Shop
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.policy.document import PolicyDocument
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.json import JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.resources.policy import ActivationView
from sayso.sdk.resources.tokens import Scope
from sayso.store.base import Reader, text

STRICT: dict[str, object] = {"files": ["policy.cedar"]}
HIGHER = POLICY.replace('decimal("50.00")', 'decimal("60.00")')
LOWER = POLICY.replace('decimal("50.00")', 'decimal("30.00")')
GREETING = """
@id("hello") @explain("of another action")
forbid (principal, action in Action::"message", resource);
"""
Body = dict[str, JsonValue]


async def token_of(sayso: Sayso, person: str) -> str:
    """A token by which this person decides."""
    by = Actor(kind=ActorKind.SERVICE, id="test")
    scopes = frozenset({Scope.DECIDE})
    _, secret = await sayso.tokens.create(
        sayso.container.tenant, "person", person, scopes, days=1, by=by
    )
    return secret


@asynccontextmanager
async def opened_strictly(folder: Path, **policy: object) -> AsyncGenerator[ShopWorkspace]:
    """A shop whose policy only people change, with the first version in force."""
    async with open_shop(folder, policy_section={**STRICT, **policy}) as opened:
        stock(opened, "o1", "o2", "o3")
        await opened.sayso.policy.begin(by=Actor(kind=ActorKind.SERVICE, id="test"), via="test")
        yield opened


async def activate(
    opened: ShopWorkspace, policy: str, person: str = "maria", note: str = "", sha256: str = ""
) -> ActivationView:
    """Write the file, and put it in force as somebody."""
    (opened.workspace.folder / "policy.cedar").write_text(policy)
    token = await token_of(opened.sayso, person)
    return await opened.sayso.policy.activate(token=token, note=note, sha256=sha256, via="test")


def of_kind(opened: ShopWorkspace, kind: str) -> list[Any]:
    """Bodies of one kind."""
    return [body for body in bodies(opened) if body["kind"] == kind]


@pytest.mark.promise("policy:versions")
async def test_the_files_become_the_first_version_with_the_first_judgement(tmp_path: Path) -> None:
    """Nobody has to do anything to begin; what was begun with stands in the log."""
    async with open_shop(tmp_path, policy_section=STRICT) as opened:
        stock(opened)
        assert await opened.sayso.policy.in_force() is None
        await propose(opened)
        (entry,) = of_kind(opened, "policy.activated")
        found = await opened.sayso.policy.in_force()
        assert found is not None
        assert found.files == {"policy.cedar": POLICY}
        assert entry["data"]["version"] == found.version.version == 1
        assert entry["data"]["sha256"] == found.version.sha256
        assert entry["actor"] == {"kind": "system", "id": "policy"}
        assert of_kind(opened, "action.pending")[0]["data"]["policy"] == 1
        assert_verified(opened)


@pytest.mark.promise("policy:versions")
async def test_a_changed_file_decides_nothing_until_somebody_puts_it_in_force(
    tmp_path: Path,
) -> None:
    """A draft is a file; what decides is a version that a person with a role activated."""
    async with opened_strictly(tmp_path) as opened:
        (tmp_path / "policy.cedar").write_text(LOWER)
        assert (await propose(opened, 4000)).status == "succeeded"
        draft = await opened.sayso.policy.draft()
        assert (draft.version, draft.changed) == (1, ("policy.cedar",))
        assert '-when { context.amount.lessThanOrEqual(decimal("50.00"))' in draft.text_diff
    async with open_shop(tmp_path, policy=LOWER, policy_section=STRICT) as again:
        stock(again, "o2")
        assert (await propose(again, 4000, order="o2")).status == "succeeded"
        done = await activate(again, LOWER, note="too generous")
        assert done.version is not None
        assert (done.version.version, done.version.activated_by) == (2, "person:maria")
        assert (await again.sayso.policy.draft()).changed == ()
        assert (await propose(again, 4000, order="o2")).status == "pending_approval"
        entry = of_kind(again, "policy.activated")[-1]
        assert entry["actor"] == {"kind": "person", "id": "maria"}
        assert entry["data"]["note"] == "too generous"
        assert [one.version for one in await again.sayso.policy.history()] == [2, 1]
        assert_verified(again)


@pytest.mark.promise("policy:follow")
async def test_other_processes_follow_from_the_commit_on(tmp_path: Path) -> None:
    """A process that has judged by the old version reads in its next transaction which is next."""
    async with (
        opened_strictly(tmp_path) as one,
        open_shop(tmp_path, policy_section=STRICT) as other,
    ):
        stock(other, "o2", "o3")
        assert (await propose(other, 4000, order="o2")).status == "succeeded"
        await activate(one, LOWER)
        assert (await propose(other, 4000, order="o3")).status == "pending_approval"
        last = of_kind(other, "action.pending")[-1]
        assert last["data"]["policy"] == 2


@pytest.mark.promise("policy:slices")
async def test_a_waiting_card_is_judged_anew_only_where_its_own_rules_changed(
    tmp_path: Path,
) -> None:
    """An approval is bound to its action's part of the policy, not to all of it."""
    async with opened_strictly(tmp_path) as opened:
        kept, lost = await propose(opened), await propose(opened, order="o2")
        await activate(opened, POLICY + GREETING)
        await decide(opened, say(await shown(opened, kept)))
        assert (await opened.sayso.actions.get(kept.id)).status == "succeeded"
        intent = of_kind(opened, "action.intent")[-1]
        assert intent["data"]["policy"] == 2
        await activate(opened, LOWER + GREETING)
        assert await code_of(opened, say(await shown(opened, lost))) == "stale_revision"
        view = await opened.sayso.actions.get(lost.id)
        assert (view.status, view.revision) == ("pending_approval", 2)
        assert len(opened.shop.books.payouts) == 1
        assert_verified(opened)


@pytest.mark.promise("policy:who")
async def test_only_a_person_with_the_role_puts_a_version_in_force(tmp_path: Path) -> None:
    """By the version in force: a draft cannot give its own author the right. Refusals are kept."""
    async with opened_strictly(tmp_path, activate=["finance"]) as opened:
        with pytest.raises(RefusedError) as refused:
            await activate(opened, LOWER)
        assert refused.value.code is Code.NOT_AN_APPROVER
        by = Actor(kind=ActorKind.SERVICE, id="test")
        scopes = frozenset({Scope.PROPOSE})
        _, secret = await opened.sayso.tokens.create(
            opened.sayso.container.tenant, "service", "bot", scopes, days=1, by=by
        )
        with pytest.raises(RefusedError) as refused:
            await opened.sayso.policy.activate(token=secret)
        assert refused.value.code is Code.FORBIDDEN
        (entry,) = of_kind(opened, "policy.refused")
        assert entry["actor"]["id"] == "maria"
        assert entry["data"]["code"] == "not_an_approver"
        done = await activate(opened, LOWER, "finn")
        assert done.version is not None


@pytest.mark.promise("policy:two-people")
async def test_a_loosening_waits_for_another_person(tmp_path: Path) -> None:
    """This digest on this parent, by somebody else with the role; nobody confirms their own."""
    two: dict[str, object] = {"loosening_needs": 2, "confirm": ["finance"]}
    async with opened_strictly(tmp_path, **two) as opened:
        policy = opened.sayso.policy
        asked = (
            await activate(opened, POLICY.replace('decimal("50.00")', 'decimal("60.00")'))
        ).waits
        assert asked is not None
        assert asked.status == "waiting"
        assert [one.version for one in await policy.history()] == [1]
        maria, noor, finn = [await token_of(opened.sayso, one) for one in ("maria", "noor", "finn")]
        for token, digest, code in (
            (maria, asked.sha256, Code.NOT_AN_APPROVER),
            (noor, asked.sha256, Code.NOT_AN_APPROVER),
            (finn, "0" * 64, Code.DIGEST_MISMATCH),
            (finn, asked.sha256[:5], Code.DIGEST_MISMATCH),
        ):
            with pytest.raises(RefusedError) as refused:
                await policy.confirm(asked.id, sha256=digest, token=token)
            assert refused.value.code is code
        done = await policy.confirm(asked.id, sha256=asked.sha256[:12], token=finn)
        assert (done.version, done.asked_by, done.activated_by) == (
            2,
            "person:maria",
            "person:finn",
        )
        with pytest.raises(RefusedError) as refused:
            await policy.confirm(asked.id, sha256=asked.sha256, token=finn)
        assert refused.value.code is Code.ALREADY_DECIDED
        assert_verified(opened)


@pytest.mark.promise("audit:one-meaning")
async def test_a_change_that_waits_leaves_the_log_sound(store_url: str, tmp_path: Path) -> None:
    """Each log can be judged by the changes of the policy, also where tenants are kept apart."""
    assert store_url
    async with opened_strictly(tmp_path, loosening_needs=2) as opened:
        asked = (await activate(opened, HIGHER)).waits
        assert asked is not None
        audit, tenant = opened.sayso.audit, opened.sayso.tenant
        assert not (found := audit.verify(tenant=tenant)).exit_status, found.all_findings
        noor = await token_of(opened.sayso, "noor")
        await opened.sayso.policy.confirm(asked.id, sha256=asked.sha256, token=noor)
        assert not (found := audit.verify(tenant=tenant)).exit_status, found.all_findings


@pytest.mark.promise("policy:two-people")
async def test_a_tightening_needs_one_person_and_says_what_it_is(tmp_path: Path) -> None:
    """Also where a loosening needs two; taking it back is a loosening again."""
    async with opened_strictly(tmp_path, loosening_needs=2) as opened:
        done = (await activate(opened, LOWER)).version
        assert done is not None
        assert done.direction == "tighter"
        token = await token_of(opened.sayso, "maria")
        back = await opened.sayso.policy.rollback(1, token=token)
        assert back.waits is not None
        assert back.waits.direction == "looser"
        (entry,) = of_kind(opened, "policy.asked")
        assert entry["data"]["decided"] is True


@pytest.mark.promise("policy:two-people")
async def test_nobody_confirms_their_own_change(tmp_path: Path) -> None:
    """Not even with both roles; and a second order of the same is the same change."""
    people = [{"id": "maria", "roles": ["support_manager", "finance"]}]
    settings = {**STRICT, "loosening_needs": 2}
    async with open_shop(tmp_path, policy_section=settings, people=people) as opened:
        await opened.sayso.policy.begin(by=Actor(kind=ActorKind.SERVICE, id="test"), via="test")
        first = (await activate(opened, HIGHER)).waits
        second = (await activate(opened, HIGHER)).waits
        assert first is not None
        assert first == second
        token = await token_of(opened.sayso, "maria")
        with pytest.raises(RefusedError) as refused:
            await opened.sayso.policy.confirm(first.id, sha256=first.sha256, token=token)
        assert refused.value.code is Code.OWN_REQUEST
        withdrawn = await opened.sayso.policy.withdraw(first.id, token=token)
        assert withdrawn.status == "withdrawn"
        assert await opened.sayso.policy.changes() == []


@pytest.mark.promise("policy:two-people")
async def test_a_change_on_a_version_that_moved_begins_again(tmp_path: Path) -> None:
    """What was looked at is not what would change now."""
    async with opened_strictly(tmp_path, loosening_needs=2) as opened:
        asked = (await activate(opened, HIGHER)).waits
        other = (await activate(opened, HIGHER + GREETING)).waits
        assert asked is not None
        assert other is not None
        noor = await token_of(opened.sayso, "noor")
        await opened.sayso.policy.confirm(asked.id, sha256=asked.sha256, token=noor)
        with pytest.raises(RefusedError) as refused:
            await opened.sayso.policy.confirm(other.id, sha256=other.sha256, token=noor)
        assert refused.value.code is Code.VERSION_MOVED
        assert (await opened.sayso.policy.change(other.id)).status == "moved"
        assert_verified(opened)


@pytest.mark.promise("policy:versions")
async def test_a_rollback_is_a_new_version_with_an_old_text(tmp_path: Path) -> None:
    """What was is never put over what is."""
    async with opened_strictly(tmp_path) as opened:
        await activate(opened, LOWER)
        token = await token_of(opened.sayso, "maria")
        done = (await opened.sayso.policy.rollback(1, token=token)).version
        assert done is not None
        first = await opened.sayso.policy.version(1)
        assert (done.version, done.sha256) == (3, first.version.sha256)
        assert (await propose(opened, 4000)).status == "succeeded"
        with pytest.raises(RefusedError) as refused:
            await opened.sayso.policy.rollback(3, token=token)
        assert refused.value.code is Code.ALREADY_IN_STATE


@pytest.mark.promise("policy:versions")
async def test_a_draft_that_nothing_can_be_judged_by_is_not_put_in_force(tmp_path: Path) -> None:
    """Nor does it keep what is in force from judging, also after a start."""
    async with opened_strictly(tmp_path) as opened:
        with pytest.raises(ConfigError) as wrong:
            await activate(opened, POLICY.replace("context.amount.", "context.amuont."))
        assert wrong.value.code is Code.INVALID_POLICY
    async with open_shop(tmp_path, policy="permit", policy_section=STRICT) as again:
        stock(again)
        assert (await propose(again, 4000)).status == "succeeded"


def _rewrite(rows: sqlite3.Connection) -> None:
    (content,) = rows.execute("select content from policy_version").fetchone()
    looser = content.replace("50.00", "99.00")
    assert looser != content
    rows.execute("update policy_version set content = ?", (looser,))


def _rewrite_whole(rows: sqlite3.Connection) -> None:
    _rewrite(rows)
    (content,) = rows.execute("select content from policy_version").fetchone()
    digest = PolicyDocument.read(content).sha256
    rows.execute("update policy_version set sha256 = ?", (digest,))


def _add(rows: sqlite3.Connection) -> None:
    rows.execute(
        "insert into policy_version select tenant, 2, home, sha256, 1, direction, activated_by,"
        " asked_by, via, note, activated_at, last_seq, content from policy_version"
    )


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("policy:tampered")
@pytest.mark.parametrize("tamper", [_rewrite, _rewrite_whole, _add])
async def test_a_row_that_the_log_does_not_know_decides_nothing(
    tmp_path: Path, tamper: Any
) -> None:
    """Whoever can write the database, and nothing else, loosens no policy: nothing is judged."""
    async with opened_strictly(tmp_path) as opened:
        rows = open_rows(opened)
        tamper(rows)
        rows.close()
        with pytest.raises(RetryableError) as away:
            await propose(opened, 4000)
        assert away.value.code is Code.POLICY_UNAVAILABLE
        assert not opened.shop.books.payouts


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("policy:tampered")
async def test_a_version_that_was_taken_away_leaves_none(tmp_path: Path) -> None:
    """The older and looser one does not come back: the log knows of a later one."""
    async with opened_strictly(tmp_path) as opened:
        await activate(opened, LOWER)
        rows = open_rows(opened)
        rows.execute("delete from policy_version where number = 2")
        rows.close()
        with pytest.raises(RetryableError) as away:
            await propose(opened, 4000)
        assert away.value.code is Code.POLICY_UNAVAILABLE


@pytest.mark.promise("policy:follow")
async def test_a_store_that_is_away_is_no_fault_of_the_policy(tmp_path: Path) -> None:
    """The error is the store's own, and the next judgement goes on."""
    async with opened_strictly(tmp_path) as opened:
        policies = opened.sayso.container.policies

        def gone(reader: Reader) -> None:
            raise RetryableError(Code.STORE_BUSY, "locked")

        class Away:
            read = staticmethod(gone)

        with pytest.raises(RetryableError) as busy:
            await policies.load(Away())  # type: ignore[arg-type]
        assert busy.value.code is Code.STORE_BUSY
        assert (await propose(opened, 4000)).status == "succeeded"


@pytest.mark.promise("policy:follow")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_ten_processes_follow_an_activation_from_its_commit_on(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """In the order of the log: before it each judgement is by the old version, after it by none."""
    url = "" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    workspace = strict_workspace(tmp_path, url)
    async with Sayso(workspace, mode="decide", connectors=[Shop()]) as sayso:
        await sayso.policy.begin(by=Actor(kind=ActorKind.SERVICE, id="test"), via="test")
        token = await token_of(sayso, "maria")
        work = "actions.policy.version_work:judge_many"
        runs = [
            asyncio.create_task(asyncio.to_thread(run_child, work, str(tmp_path), url, number, 12))
            for number in range(10)
        ]
        judged = 0
        while judged < 30:
            judged = (await _log(sayso)).count("1")
        (tmp_path / "next.cedar").write_text(LATER)
        drafts = strict_workspace(tmp_path, url, "next.cedar")
        async with Sayso(drafts, mode="decide", connectors=[Shop()]) as editor:
            await editor.policy.activate(token=token)
        await asyncio.gather(*runs)
        story = await _log(sayso)
    before, _, after = story.partition("!")
    assert set(before) == {"1"}
    assert set(after) == {"2"}
    assert len(before) + len(after) == 240  # a judgement and an intent, or a refusal, each


async def _log(sayso: Sayso) -> str:
    """A sign for each entry, in the order of the log: by which version, or the activation."""

    def work(reader: Reader) -> str:
        signs: list[str] = []
        for row in reader.all("log.bodies", tenant="main", from_seq=0, limit=100_000):
            body = json.loads(text(row, "body"))
            data = body.get("data", {})
            if body["kind"] == "policy.activated" and data["version"] == 2:
                signs.append("!")
            elif body["kind"] == "action.refused":
                signs += [str(data["policy"])] * 2  # no intent follows
            elif "policy" in data:
                signs.append(str(data["policy"]))
        return "".join(signs)

    return await sayso.container.store.read(work)
