"""The evidence pack: a page that a person reads, and that proves every byte it shows."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pages import ALLOWED, ATTRIBUTES, Tags
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Plan, Step
from sayso.agent.base import Handles, Message
from sayso.audit.evidence.page import DATA_END, DATA_START, conversation, render, shown
from sayso.audit.evidence.style import STYLES
from sayso.audit.exports.reading import read_evidence
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, RefusedError
from sayso.money import Money

HOSTILE = (
    "</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>"
    ' "><svg/onload=alert(3)> \u202eesrever\u202c &amp; <!-- \u0007'
)


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A workspace with an action that a person allowed, and the pack about it."""

    workspace: ShopWorkspace
    action: str
    path: Path

    def verdict(self, path: Path | None = None) -> Verdict:
        """Judged with the log's own key pinned."""
        trust = Trust.parse([self.workspace.sayso.audit.vkey()])
        return verify(path or self.path, trust=trust).verdict


@pytest.fixture
async def packed(tmp_path: Path) -> AsyncGenerator[Packed]:
    """A refund of 300, with hostile words of the customer and of the manager."""
    async with open_shop(tmp_path) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(30000, "USD"))
        action = await workspace.sayso.propose(
            "shop.refund", {"order": "o1"}, subject="cus_1", reason=HOSTILE
        )
        assert action.approval is not None
        for person in ("idle", "maria"):  # the first one may not
            decision = Decision(
                tenant=workspace.sayso.container.tenant,
                approval_id=action.approval.id,
                revision=1,
                digest=action.approval.digest,
                choice=DecisionChoice.APPROVE,
                person=person,
                via="slack/T1/U1",
                credential="host",
                reason=f"fine {HOSTILE}",
            )
            try:
                await workspace.sayso.approvals.decide_as(decision)
            except RefusedError:
                assert person == "idle"
        path = tmp_path / "pack.html"
        await workspace.sayso.audit.evidence(action.id, path)
        yield Packed(workspace=workspace, action=action.id, path=path)


async def test_the_pack_tells_who_asked_saw_decided_ran_and_what_came(packed: Packed) -> None:
    """Everything that an auditor asks about one action, on one page."""
    page = Tags()
    page.feed(packed.path.read_text())
    for told in (
        packed.action,
        "Refund $300.00 of order o1",
        "cus_1",
        "service:sdk",
        "up to 500 once a support manager says yes",
        "maria",
        "slack/T1/U1",
        "approve, refused: not_an_approver",
        "pay_1",
        "succeeded",
        "proven: its digest is in the log",
        "action.intent",
        "sayso_",
    ):
        assert told in page.text, told


async def test_the_pack_verifies_without_the_server(packed: Packed) -> None:
    """With the pinned key; with another key nothing is judged."""
    found = verify(packed.path, trust=Trust.parse([packed.workspace.sayso.audit.vkey()]))
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert found.entries == 5
    assert found.logs[0].pinned


async def test_hostile_words_are_only_words(packed: Packed) -> None:
    """No script, no handler, nothing from outside, and no mark that turns a line around."""
    content = packed.path.read_text()
    page = Tags()
    page.feed(content)
    assert page.names <= ALLOWED, page.names - ALLOWED
    assert page.attributes <= ATTRIBUTES
    assert "\u202e" not in content
    assert "\u27e8U+202E\u27e9" in content
    assert "default-src 'none'" in content
    assert not re.search(r"(src|href)\s*=\s*[\"']", content)
    assert "<script>alert(1)</script>" in page.text  # to be read, not to be run


@given(st.text())
def test_no_text_gets_out_of_its_place(text: str) -> None:
    """Whatever somebody writes, it is text in the page."""
    page = Tags()
    page.feed(f"<p>{shown(text)}</p>")
    page.close()
    assert page.names == {"p"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
async def test_no_byte_of_the_page_can_change_unseen(packed: Packed, data: st.DataObject) -> None:
    """What a person reads is what is proven: the page is made again from its data."""
    content = packed.path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    other = packed.path.with_name("changed.html")
    other.write_bytes(bytes(changed))
    assert packed.verdict(other) is not Verdict.VERIFIED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<strong>maria</strong>", "<strong>marta</strong>"),
        ("Refund $300.00 of order o1</h1>", "Refund $900.00 of order o1</h1>"),
        ("</body>", "<p>and more</p></body>"),
    ],
)
async def test_an_edited_page_is_tampered_with(packed: Packed, old: str, new: str) -> None:
    """Although the data in it is still proven."""
    content = packed.path.read_text()
    assert old in content
    other = packed.path.with_name("edited.html")
    other.write_text(content.replace(old, new))
    assert packed.verdict(other) is Verdict.TAMPERED


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize(
    "made_at", [b"1e308", b"9007199254740993", b"99999999999999999", b"-1", b"{}"]
)
async def test_a_time_that_is_none_is_judged(packed: Packed, made_at: bytes) -> None:
    """Data that makes no page cannot have made this one."""
    page = packed.path.read_bytes()
    before, _, rest = page.partition(DATA_START.encode())
    encoded, _, behind = rest.partition(DATA_END.encode())
    data = base64.b64decode(encoded)
    known = b'"made_at":' + str(orjson.loads(data)["made_at"]).encode()
    assert known in data
    edited = base64.b64encode(data.replace(known, b'"made_at":' + made_at))
    packed.path.write_bytes(before + DATA_START.encode() + edited + DATA_END.encode() + behind)
    assert verify(packed.path).verdict is not Verdict.VERIFIED


async def test_a_page_of_an_earlier_layout_is_made_again_as_it_was(packed: Packed) -> None:
    """A page lives on; one of a layout that is not known yet is judged by nobody."""
    evidence = read_evidence(packed.path.read_bytes()).evidence
    pages = [render(replace(evidence, version=version)) for version in STYLES]
    assert len(set(pages)) == len(STYLES) == evidence.version
    for page in pages:
        packed.path.write_bytes(page)
        assert packed.verdict() is Verdict.VERIFIED
    known = evidence.encoded()
    assert b'"version":3' in known
    for later in (b"4", b"true", b"0", b"[]"):
        encoded = base64.b64encode(known.replace(b'"version":3', b'"version":' + later)).decode()
        packed.path.write_text(f"<!doctype html>{DATA_START}{encoded}{DATA_END}")
        assert packed.verdict() is Verdict.CANNOT_JUDGE


async def test_no_word_moves_a_table_s_columns(packed: Packed) -> None:
    """One without a blank was cut off at the edge of the paper, and the page shrunk with it."""
    style = packed.path.read_text().partition("<style>")[2].partition("</style>")[0]
    assert "table { table-layout: fixed; }" in style
    assert "th, td { overflow-wrap: anywhere; }" in style


async def test_the_pack_is_an_entry_and_is_never_written_over(packed: Packed) -> None:
    """Whoever makes one leaves a trace; an unknown action gives none."""
    audit = packed.workspace.sayso.audit
    (newest,) = await audit.query("kind:audit.exported")
    assert newest.body["data"] == {"format": "evidence", "of_action": packed.action}
    with pytest.raises(RefusedError, match="exists already"):
        await audit.evidence(packed.action, packed.path)
    with pytest.raises(RefusedError) as refused:
        await audit.evidence("act_unknown", packed.path.with_name("other.html"))
    assert refused.value.code is Code.NOT_FOUND


async def test_the_same_evidence_gives_the_same_page(packed: Packed) -> None:
    """The page has no other source than its data."""
    read = read_evidence(packed.path.read_bytes())
    assert read.agrees
    assert read.evidence.words[0].text == HOSTILE


class OneRefund:
    """A planner that refunds what the customer has bought last."""

    name = "one"

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan:
        """As the contract of planners says."""
        step = Step(id="s1", action="shop.refund", args={"order": "order#1"})
        return Plan(steps=(step,), planner=self.name)


async def test_a_page_speaks_to_people(packed: Packed, tmp_path: Path) -> None:
    """Turns of the conversation, yes and no, amounts: an auditor reads them, and no JSON."""
    assert "<dt>customer</dt><dd>cus_1</dd>" in packed.path.read_text()
    words = [
        Message(role="customer", content="My mug broke"),
        Message(role="agent", content="Which order?"),
        Message(role="customer", content="Please refund order o1, all [[of it]]"),
    ]
    async with open_shop(tmp_path / "other", planner=OneRefund()) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(3000, "USD"))
        request = await workspace.sayso.ask("cus_1", words)
        page = (await workspace.sayso.audit.evidence_page(request.actions[0].id)).decode()
    for turn in words:
        assert f"<p class='note'>{turn.role}</p><blockquote>{turn.content}</blockquote>" in page
    assert f"<p class='note'>our reply</p><blockquote>{request.reply}</blockquote>" in page
    assert "<dt>as approved</dt><dd>yes</dd>" in page
    assert "<dt>error</dt><dd>none</dd>" in page
    assert "<dt>moved</dt><dd>$30.00</dd>" in page


@pytest.mark.parametrize(
    "text", ["", "[[", "[]", '[["a","b","c"]]', '[["a",1]]', "{}", "[" * 99_999]
)
def test_what_is_no_conversation_is_not_read_as_one(text: str) -> None:
    """It stands in the page as it is."""
    assert conversation(text) == ""


@pytest.mark.promise("audit:evidence-lowered")
async def test_what_was_lowered_says_from_what_to_what_and_by_whom(tmp_path: Path) -> None:
    """It showed a card of the lower amount, that nobody had seen and no decision named."""
    async with open_shop(tmp_path) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(19900, "USD"))
        action = await workspace.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        approval = action.approval
        assert approval is not None
        pack = tmp_path / "pack.html"

        async def page() -> str:
            pack.unlink(missing_ok=True)
            await workspace.sayso.audit.evidence(action.id, pack)
            assert verify(pack, trust=Trust.parse([workspace.sayso.audit.vkey()])).verdict is (
                Verdict.VERIFIED
            )
            tags = Tags()
            tags.feed(pack.read_text())
            return tags.text

        waiting = await page()
        assert "Refund $199.00 of order o1" in waiting
        assert "no decision names it yet" in waiting
        await workspace.sayso.approvals.decide_as(
            Decision(
                tenant=workspace.sayso.container.tenant,
                approval_id=approval.id,
                revision=1,
                digest=approval.digest,
                choice=DecisionChoice.EDIT,
                args={"amount": {"amount_minor": 10000, "currency": "USD"}},
                person="maria",
                via="test",
                credential="host",
            )
        )
        assert (await workspace.sayso.actions.get(action.id)).status == "succeeded"
        told = await page()
        assert "$199.00 lowered to $100.00 by maria, entry" in told
        assert "yes to less: $199.00 lowered to $100.00" in told
        assert "Nobody was shown a card of what ran: maria was shown more" in told
        assert "a yes means" not in told
        assert "no decision names it yet" not in told
