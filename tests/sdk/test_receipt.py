"""The receipt of an action: one file that somebody outside verifies with the log's key alone."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.evidence.receipt import ActionReceipt
from sayso.audit.signed_note.note import Ed25519Signer, Verifier
from sayso.audit.tree.proof import EntryProof
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Damage, Verdict, Verification
from sayso.audit.verify import verify
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.money import Money

pytestmark = pytest.mark.promise("audit:receipt")


@dataclass(frozen=True, kw_only=True)
class Given:
    """A receipt of a refund of $40 that the policy allowed, and the key of the log."""

    workspace: ShopWorkspace
    action: str
    receipt: ActionReceipt
    key: str
    folder: Path

    def judged(self, content: bytes, *keys: str) -> Verification:
        path = self.folder / "given"
        path.write_bytes(content)
        return verify(path, trust=Trust.parse(list(keys or (self.key,))))


@pytest.fixture
async def given(tmp_path: Path) -> AsyncGenerator[Given]:
    """The refund, done."""
    async with open_shop(tmp_path) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(4000, "USD"))
        sayso = workspace.sayso
        action = await sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        receipt = await sayso.audit.receipt(action.id)
        yield Given(
            workspace=workspace,
            action=action.id,
            receipt=receipt,
            key=await sayso.audit.head_vkey(),
            folder=tmp_path,
        )


async def test_a_receipt_says_what_came_of_it_and_verifies_with_the_key_alone(given: Given) -> None:
    """The bare proof as well as the page; the customer is a pseudonym in both."""
    said = dict(given.receipt.lines())
    assert said["outcome"] == "succeeded"
    assert said["moved"] == "$40.00"
    assert said["the provider says"].endswith("pay_1")
    assert given.action in said["action"]
    for content in (given.receipt.text().encode(), given.receipt.page()):
        found = given.judged(content)
        assert found.verdict is Verdict.VERIFIED, found.all_findings
        assert (found.entries, found.logs[0].pinned) == (1, True)
        assert b"cus_1" not in content
        assert ActionReceipt.read(content) == given.receipt


async def test_without_the_key_nothing_is_judged_and_another_key_convicts(given: Given) -> None:
    """A receipt names no key, since whoever forges it would name theirs."""
    path = given.folder / "given"
    path.write_bytes(given.receipt.page())
    alone = verify(path)
    assert alone.verdict is Verdict.CANNOT_JUDGE
    (finding,) = alone.all_findings
    assert (finding.damage, "--vkey" in finding.message) == (Damage.UNKNOWN_KEY, True)
    name = Verifier.parse(given.key).name
    other = Ed25519Signer.generate(name).vkey
    assert given.judged(given.receipt.page(), other).verdict is not Verdict.VERIFIED


async def test_nothing_of_a_receipt_can_be_changed(given: Given) -> None:
    """Neither a word of the page, nor the entry, nor its index, nor its proof, nor the head."""
    page = given.receipt.page()
    proof = given.receipt.proof
    edited = proof.extra.replace(b'"amount_minor":4000', b'"amount_minor":9000')
    assert edited != proof.extra
    others = [
        page.replace(b"$40.00", b"$90.00"),
        page + b"\n",
        *(
            ActionReceipt(one).text().encode()
            for one in (
                replace(proof, extra=edited),
                replace(proof, seq=proof.seq - 1),
                replace(proof, hashes=proof.hashes[:-1]),
                replace(proof, note=proof.note.replace("\n", "\n\n", 1)),
            )
        ),
    ]
    assert page not in others
    for other in others:
        assert given.judged(other).verdict is not Verdict.VERIFIED, other[:200]


async def test_a_receipt_is_given_once_it_has_ended_and_is_itself_an_entry(given: Given) -> None:
    """What waits has none yet, and what is not there never has."""
    workspace = given.workspace
    workspace.shop.books.add("o2", "cus_1", Money(30000, "USD"))
    waits = await workspace.sayso.propose("shop.refund", {"order": "o2"}, subject="cus_1")
    for action, code in ((waits.id, Code.WRONG_STATE), ("act_1", Code.NOT_FOUND)):
        with pytest.raises(RefusedError) as refused:
            await workspace.sayso.audit.receipt(action)
        assert refused.value.code is code
    told = await workspace.sayso.audit.query("kind:audit.exported")
    assert [(one.body["data"]["format"], one.body["data"]["of_action"]) for one in told][-1] == (
        "receipt",
        given.action,
    )


def test_the_form_is_that_of_the_published_draft() -> None:
    """c2sp.org/tlog-proof@v1 with extra data, as its page prints one: our own bytes read and write
    it; what is no base64, or stands in another order, is refused."""
    hashes = tuple(bytes([number]) * 32 for number in range(3))
    note = "example.com/fancylog\n109482\n" + base64.b64encode(bytes(32)).decode() + "\n\n"
    proof = EntryProof(seq=73894, hashes=hashes, note=note, extra=b"age-v1.2.1.tar.gz")
    lines = proof.text().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra YWdlLXYxLjIuMS50YXIuZ3o=", "index 73894"]
    assert lines[3:7] == [*(base64.b64encode(one).decode() for one in hashes), ""]
    assert EntryProof.parse(proof.text()) == proof
    for wrong in (
        proof.text().replace("extra YW", "extra !W"),
        proof.text().replace(f"{lines[1]}\n{lines[2]}", f"{lines[2]}\n{lines[1]}"),
        proof.text().replace(lines[1], "extra "),
    ):
        with pytest.raises(IntegrityError):
            EntryProof.parse(wrong)
