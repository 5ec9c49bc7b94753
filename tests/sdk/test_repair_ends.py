"""How a repair ends: in the middle of a crash, for one tenant of two, and in an export.

`test_repairs` has what is repaired of actions, approvals and votes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.limits.limit_work import TOKEN_HOUR, limited, refund
from actions.steps import MAIN, propose, stock, usd
from sdk.test_repairs import OPERATOR, TAMPERED, rows_of, tamper, token_of
from sdk.test_repairs import accused as accused  # the fixture
from sdk.test_self_audit import judging, until_refused
from support.busy_shop import live, planner
from support.faults.crash import crash_at
from support.shop_workspace import STORE_URLS, ShopWorkspace, open_shop

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.damage import Check
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Tenant

pytestmark = [
    pytest.mark.promise("audit:repair"),
    pytest.mark.tampers("rows are changed behind the log's back, to be repaired"),
]
WORK = "sdk.repair_work:say_yes"


async def mended(opened: ShopWorkspace) -> None:
    """Two people have written whatever the log says otherwise."""
    view = await opened.sayso.repairs.show()
    assert view.changes
    assert not view.left, view.left
    for person, said in (("maria", "asked"), ("noor", "done")):
        token = await token_of(opened, person) if person not in _TOKENS else _TOKENS[person]
        assert (await opened.sayso.repairs.repair(token=token)).status == said
    found = opened.sayso.audit.verify()
    assert found.verdict is Verdict.VERIFIED, found.all_findings


_TOKENS: dict[str, str] = {}
"""Of people, made before the log was accused."""


@pytest.fixture(autouse=True)
def no_tokens() -> None:
    """Each test has its own people's."""
    _TOKENS.clear()


async def with_tokens(opened: ShopWorkspace) -> None:
    """An accused log takes no new tokens, so they are made before."""
    for person in ("maria", "noor"):
        _TOKENS[person] = await token_of(opened, person)


@pytest.mark.parametrize(
    ("point", "is_done"),
    [
        ("write log.append", False),
        ("write repair.action_update", False),
        ("unit end", False),
        ("committed", True),
    ],
)
async def test_a_crash_in_the_middle_of_a_repair_leaves_all_of_it_or_nothing(
    point: str, is_done: bool, accused: ShopWorkspace
) -> None:
    """kill -9 wherever it writes: the entry and its rows together, and the same word goes on."""
    await with_tokens(accused)
    before = rows_of(accused)
    tamper(accused, TAMPERED["an amount"])
    changed = rows_of(accused)
    await accused.sayso.repairs.repair(token=_TOKENS["maria"])
    folder = str(accused.workspace.folder)
    nth = 1 if point.startswith("write") else 2  # the first unit notes that the token was used
    crash_at(WORK, point, folder, STORE_URLS[-1], _TOKENS["noor"], nth=nth)
    assert rows_of(accused) == (before if is_done else changed)
    verdict = accused.sayso.audit.verify().verdict
    assert verdict is (Verdict.VERIFIED if is_done else Verdict.TAMPERED)
    if not is_done:
        assert (await accused.sayso.repairs.show()).asked_by == "maria"
        done = await accused.sayso.repairs.repair(token=_TOKENS["noor"])
        assert done.status == "done"
    assert rows_of(accused) == before
    assert accused.sayso.audit.verify().verdict is Verdict.VERIFIED


@pytest.mark.usefixtures("store_url")
async def test_a_request_is_written_again_and_goes_on(tmp_path: Path) -> None:
    """Its status, and who asked for it; the customer's words are sealed, and are untouched."""
    async with open_shop(tmp_path / "shop", planner=planner()) as opened:
        await with_tokens(opened)
        stock(opened)
        await live(opened)
        tamper(
            opened,
            "update request set status = 'received', requester = 'service:other'"
            " where id = (select id from request where status = 'answered' and erased_seq is null)",
        )
        await mended(opened)


@pytest.mark.usefixtures("store_url")
@pytest.mark.parametrize(
    "change",
    [
        "update limit_use set minor = 1",
        "update limit_use set state = 'released'",
        "update limit_use set bucket = 0",
    ],
)
async def test_a_use_of_a_limit_is_written_again_with_its_counter(
    change: str, tmp_path: Path
) -> None:
    """What is used is what the log says, so that the limit holds back what it did before."""
    async with limited(tmp_path / "shop", TOKEN_HOUR, judge=False) as opened:
        await with_tokens(opened)
        for _ in range(2):
            assert (await refund(opened, 40_000)).status == "succeeded"
        assert (await refund(opened, 40_000)).status == "refused"
        tamper(opened, change)
        await mended(opened)
        assert await opened.sayso.limits.check() == []
        assert (await refund(opened, 40_000)).status == "refused"


@pytest.mark.usefixtures("store_url")
async def test_of_two_tenants_the_one_concerned_stops_and_the_other_goes_on(
    tmp_path: Path,
) -> None:
    """A false alarm of one is no outage of the other, and its own people end it."""
    other = Tenant("other")
    async with open_shop(tmp_path / "shop") as opened:
        await with_tokens(opened)
        stock(opened, "o1", "o2", "o3", "o4")
        await propose(opened, 2_000, order="o1")

        async def elsewhere(order: str) -> str:
            asked = await opened.sayso.propose(
                "shop.refund", {"order": order, "amount": usd(2_000)}, subject="cus_1", tenant=other
            )
            return asked.status

        assert await elsewhere("o2") == "succeeded"
        tamper(opened, f"update action set amount_minor = 1 where tenant = '{MAIN}'")
        async with judging(opened) as audit:
            await until_refused(audit, opened, refused=True)
            assert opened.sayso.unverified == {MAIN}
            assert await elsewhere("o3") == "succeeded"
            with pytest.raises(IntegrityError):
                await propose(opened, 100, order="o4")
            for person in ("maria", "noor"):
                await opened.sayso.repairs.repair(token=_TOKENS[person])
            await until_refused(audit, opened, refused=False)
            assert (await propose(opened, 100, order="o4")).status == "succeeded"
        assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_an_accepted_breach_of_a_rule_is_shown_by_an_export_that_verifies_offline(
    accused: ShopWorkspace, tmp_path: Path
) -> None:
    """Beside the verdict, with the entry that says so: by a bundle alone, on another machine."""
    opened = accused
    await with_tokens(opened)
    somebody = Actor(kind=ActorKind.PERSON, id="stranger")
    data: dict[str, Json] = {"repair": "0" * 64, "rows": [], "via": "cli", "credential": "tok_none"}
    broken = Entry(kind=EntryKind.REPAIR_ASKED, actor=somebody, data=data)
    log = opened.sayso.container.log
    seq = await opened.sayso.container.store.write(
        lambda tx: log.append(tx, MAIN, broken, mends=True)
    )
    found = opened.sayso.audit.verify()
    assert {one.check for one in found.all_findings} == {Check.RULE_REPAIR}
    view = await opened.sayso.repairs.show()
    assert (view.changes, view.left) == ((), ())
    for rule in view.rules:
        for person in ("maria", "noor"):
            await opened.sayso.repairs.accept(rule.id, token=_TOKENS[person], reason="known_defect")
    assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED
    await opened.sayso.audit.export(tmp_path / "bundle", by=OPERATOR)
    trust = Trust.parse([opened.sayso.audit.vkey()])
    alone = verify(tmp_path / "bundle", trust=trust)
    assert alone.verdict is Verdict.VERIFIED, alone.all_findings
    (of_main,) = alone.logs
    assert [one.finding.seq for one in of_main.accepted] == [seq] * len(view.rules)
    assert "accepted by two people" in of_main.coverage


@pytest.mark.usefixtures("store_url")
async def test_people_without_a_token_get_one_while_rows_are_accused_and_nobody_else_does(
    tmp_path: Path,
) -> None:
    """Else a false alarm had a way out for those alone who had come in before it."""
    async with open_shop(tmp_path / "shop") as opened:
        stock(opened, "o1")
        await propose(opened, 2_000, order="o1")
        tamper(opened, "update action set amount_minor = 1")
        async with judging(opened) as audit:
            await until_refused(audit, opened, refused=True)
            with pytest.raises(IntegrityError):
                await token_of(opened, "maria")
            with pytest.raises(RefusedError) as nobody:
                await opened.sayso.repairs.admit("nobody", by=OPERATOR)
            assert nobody.value.code is Code.NOT_FOUND
            for person, said in (("maria", "asked"), ("noor", "done")):
                token, secret = await opened.sayso.repairs.admit(person, by=OPERATOR)
                assert (token.kind, token.holder) == ("person", person)
                assert (await opened.sayso.repairs.repair(token=secret)).status == said
            await until_refused(audit, opened, refused=False)
        assert opened.sayso.audit.verify().verdict is Verdict.VERIFIED


async def test_no_token_is_made_on_top_of_an_entry_that_was_changed(tmp_path: Path) -> None:
    """Bytes come back from a backup alone."""
    async with open_shop(tmp_path / "shop") as opened:
        stock(opened, "o1")
        await propose(opened, 2_000, order="o1")
        tamper(
            opened,
            "update log_entry set body = replace(body, '\"amount_minor\":2000',"
            " '\"amount_minor\":1') where body like '%\"amount_minor\":2000%'",
        )
        with pytest.raises(IntegrityError):
            await opened.sayso.repairs.admit("maria", by=OPERATOR)
