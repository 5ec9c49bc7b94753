"""The ten questions: each has an answer, in which a wrong one would be seen; cut logs have none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from audit.ruled_log import SUBJECT, RuledLog, by_the_book, write_ruled

from sayso.audit.ask import main
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.exports.bundle import write_bundle
from sayso.audit.questions.answer import Answer, Covered, QuestionScope, answer
from sayso.audit.questions.catalog import question_of, questions
from sayso.audit.questions.exports import ask_export, query_export
from sayso.audit.questions.index import QuestionIndex
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verifier.checks import Trust
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import to_micros
from sayso.money import Money

pytestmark = pytest.mark.promise("audit:questions")

K = EntryKind
BOT = Actor(kind=ActorKind.SERVICE, id="bot")
ENGINE = Actor(kind=ActorKind.SYSTEM, id="engine")
HOST = Actor(kind=ActorKind.SYSTEM, id="workspace")
Line = tuple[str, Entry]


def who(name: str) -> Actor:
    """A person."""
    return Actor(kind=ActorKind.PERSON, id=name)


def line(day: str, kind: EntryKind, by: Actor, data: dict[str, Json], **more: object) -> Line:
    """An entry of a day of 2026, such as `11-03`."""
    return day, Entry(kind=kind, actor=by, data=data, **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def act(day: str, kind: EntryKind, status: str, by: Actor = ENGINE, **data: Json) -> Line:
    """An entry of an action; `_id` and `_usd` are its id and its dollars."""
    name, usd = str(data.pop("_id", "act_1")), data.pop("_usd", 139)
    amount = Money(int(str(usd)) * 100, "USD")
    named = {"action": name, "request": f"req_{name[-1]}", "name": "shop.refund", "amount": amount}
    return line(day, kind, by, data, status=status, **named)


def asked(day: str, *roles: str, by: Actor = BOT, **data: Json) -> Line:
    """People are asked about it."""
    judged: dict[str, Json] = {"outcome": "ask", "policy_version": "p1", "roles": list[Json](roles)}
    return act(day, K.ACTION_PENDING, "pending_approval", by, **judged, **data)


def yes(day: str, by: str, *, enough: bool = True, **data: Json) -> Line:
    """Somebody says yes to it."""
    kind, status = (
        (K.ACTION_APPROVED, "approved") if enough else (K.ACTION_PENDING, "pending_approval")
    )
    said: dict[str, Json] = {"decision": "approve", "credential": f"tok_{by}", "roles": ["boss"]}
    return act(day, kind, status, who(by), **said, **data)


def told(name: str, *lines: Line, size: int = 0, complete: bool = True, **with_: str) -> Answer:
    """What a question says of these entries."""
    with QuestionIndex() as index:
        for seq, (day, entry) in enumerate(lines):
            at = to_micros(datetime.fromisoformat(f"2026-{day}T10:00:00").replace(tzinfo=UTC)) + seq
            index.add(seq, entry.body(tenant="main", seq=seq, at_micros=at))
        covered = Covered(
            entries=len(lines), size=size or len(lines), complete=complete, pinned=True, words=""
        )
        index.finish(size=covered.size, low=0, complete=complete)
        return answer(index, question_of(name), QuestionScope.read(**with_), covered)


def cells(found: Answer, *names: str) -> list[tuple[Json, ...]]:
    """These columns of each row."""
    return [tuple(row[name] for name in names) for row in found.items]


def test_whether_two_people_agreed_is_counted_from_their_own_entries() -> None:
    """One person's yes in the place of two is `NO`, whatever the call says; one role needs one."""
    two = [asked("11-02", "boss", "finance"), yes("11-02", "maria", enough=False)]
    call = act("11-03", K.ACTION_INTENT, "executing", approvers=["maria", "finn"])
    good = told("four-eyes", *two, yes("11-03", "finn"), call)
    assert cells(good, "entry", "what", "needed", "agreed", "held") == [
        (3, "shop.refund $139.00", 2, "maria,finn", "yes")
    ]
    again = told("four-eyes", *two, yes("11-03", "maria"), call)
    assert cells(again, "agreed", "held") == [("maria", "NO")]
    anew = told("four-eyes", *two, asked("11-03", "boss", "finance"), yes("11-03", "finn"), call)
    assert cells(anew, "agreed", "held") == [("finn", "NO")], "a new judgement begins without a yes"
    one = told("four-eyes", asked("11-02", "boss"), yes("11-03", "maria"), call)
    assert not one.rows
    assert one.nothing == "Nothing needed two people."


def test_whether_two_people_loosened_the_policy_and_ended_a_stop() -> None:
    """By the rules of the version in force before; one who confirms themselves is not two."""
    first: dict[str, Json] = {"version": 1, "direction": "first", "rules": {"loosening_needs": 2}}
    looser: dict[str, Json] = {"direction": "looser", "rules": {"loosening_needs": 1}}
    lines = [
        line("11-01", K.POLICY_ACTIVATED, BOT, first),
        line("11-02", K.POLICY_ACTIVATED, who("dana"), looser | {"version": 2, "asked_by": "jo"}),
        line("11-03", K.POLICY_ACTIVATED, who("dana"), looser | {"version": 3}),
        line("11-04", K.STOP_RELEASED, who("dana"), {"stop": "stp_1", "asked_by": "dana"}),
        line("11-05", K.SUBJECT_RELEASE_ASKED, who("jo"), {"hold": "hld_1"}, subject=SUBJECT),
        line("11-05", K.SUBJECT_RELEASED, who("dana"), {"hold": "hld_1"}, subject=SUBJECT),
    ]
    found = told("four-eyes", *lines)
    assert cells(found, "entry", "agreed", "held") == [
        (3, "dana,dana", "NO"),
        (5, "jo,dana", "yes"),
        (1, "jo,dana", "yes"),
    ]


def test_refunds_over_an_amount_are_added_up_by_the_month_in_which_they_were_done() -> None:
    """Without what failed, was undone or is smaller; by what moved, not by what was asked."""
    done = [
        act("10-31", K.ACTION_SUCCEEDED, "succeeded", _id="act_1", _usd=200),
        act("11-01", K.ACTION_SUCCEEDED, "succeeded", _id="act_2", _usd=139),
        act("11-02", K.ACTION_SUCCEEDED, "succeeded", _id="act_3", _usd=100),
        act("11-03", K.ACTION_FAILED, "failed", _id="act_4", _usd=900),
        act("11-04", K.ACTION_SUCCEEDED, "succeeded", _id="act_5", _usd=500),
        act("11-05", K.ACTION_COMPENSATED, "compensated", _id="act_5", _usd=500),
        yes("11-06", "maria", _id="act_6", _usd=900),
        act(
            "11-06",
            K.ACTION_SUCCEEDED,
            "succeeded",
            _id="act_6",
            _usd=900,
            moved={"amount_minor": 30_000, "currency": "USD"},
        ),
    ]
    found = told("refunds", *done, over="100USD")
    names = ("month", "refunds", "sum", "largest", "agreed to by people", "by themselves")
    assert cells(found, *names) == [
        ("2026-10", 1, "$200.00", "$200.00", 0, 1),
        ("2026-11", 2, "$439.00", "$300.00", 1, 1),
    ]
    assert cells(told("refunds", *done, over="100USD", since="2026-11-01"), "month") == [
        ("2026-11",)
    ]
    assert not told("refunds", *done, over="1EUR").rows


def token(day: str, name: str, holder: str, kind: str = "person") -> Line:
    """A token is made."""
    expires = to_micros(datetime(2027, 1, 1, tzinfo=UTC))
    data: dict[str, Json] = {"token": name, "holder": holder, "token_kind": kind}
    return line(day, K.TOKEN_CREATED, HOST, data | {"scopes": ["stop"], "expires_at": expires})


def test_what_each_token_did_is_told_by_the_token_that_entries_name() -> None:
    """A service's calls name none, and are those of its token of that time."""
    lines = [
        token("11-01", "tok_maria", "maria"),
        token("11-01", "tok_old", "bot", "service"),
        act("11-02", K.ACTION_PROPOSED, "planned", BOT),
        line("11-03", K.TOKEN_REVOKED, HOST, {"token": "tok_old"}),
        token("11-03", "tok_new", "bot", "service"),
        asked("11-04", "boss"),
        yes("11-05", "maria"),
        line("11-06", K.APPROVAL_REFUSED, who("maria"), {"credential": "tok_maria"}),
    ]
    names = ("token", "kind", "entries", "yes", "no", "refused", "agreed to", "ends")
    found = cells(told("tokens", *lines), *names)
    until = "until 2027-01-01 00:00:00Z"
    assert found == [
        ("tok_maria", "person", 2, 1, 0, 1, "$139.00", until),
        ("tok_old", "service", 1, 0, 0, 0, "", "ended 2026-11-03 10:00:00Z"),
        ("tok_new", "service", 1, 0, 0, 0, "", until),
    ]


def test_what_changed_in_the_policy_is_told_in_words_or_by_its_limits() -> None:
    """Also of entries that were written before they told it; who asked and who confirmed."""
    caps: dict[str, Json] = {"id": "day", "caps": [100]}
    lines = [
        line("11-01", K.POLICY_ACTIVATED, BOT, {"version": 1, "limits_in_force": [caps]}),
        line(
            "11-02",
            K.POLICY_ACTIVATED,
            who("dana"),
            {"version": 2, "limits_in_force": [caps | {"caps": [200]}, {"id": "new"}]},
        ),
        line(
            "11-03",
            K.POLICY_ACTIVATED,
            who("jo"),
            {
                "version": 3,
                "asked_by": "dana",
                "direction": "looser",
                "changes": ["refunds.toml"],
                "note": "after the fair",
                "limits_in_force": [],
            },
        ),
        line("11-04", K.POLICY_REFUSED, who("eve"), {"code": "own_request"}),
    ]
    found = told("policy-changes", *lines)
    assert cells(found, "version", "by", "asked for by", "what changed") == [
        ("", "eve", "", "refused: own_request"),
        (3, "jo", "dana", "refunds.toml, “after the fair”"),
        (2, "dana", "", "limit day changed, limit new added"),
        (1, "service bot", "", ""),
    ]


def test_who_changed_whom_shows_the_roles_before_and_now() -> None:
    """By the person's own entries, not by the newest of all."""
    lines = [
        line("11-01", K.PERSON_ADDED, HOST, {"person": "noor", "roles": ["agent"]}),
        line("11-02", K.PERSON_ADDED, HOST, {"person": "eve", "roles": ["boss"]}),
        line("11-03", K.PERSON_CHANGED, who("dana"), {"person": "noor", "roles": ["boss", "lead"]}),
        line("11-04", K.PERSON_DEACTIVATED, who("dana"), {"person": "eve"}),
        line("11-05", K.PASSKEY_ENROLLED, who("noor"), {"person": "noor"}),
    ]
    found = told("people-changes", *lines)
    assert cells(found, "what", "whom", "before", "now", "by") == [
        ("Passkey enrolled", "noor", "", "", "noor"),
        ("Person removed", "eve", "boss", "removed", "dana"),
        ("Person changed", "noor", "agent", "boss, lead", "dana"),
        ("Person added", "eve", "nobody", "boss", "system workspace"),
        ("Person added", "noor", "nobody", "agent", "system workspace"),
    ]


def test_each_unknown_outcome_is_told_with_its_end_and_those_without_come_first() -> None:
    """Another try under the same key is no end."""
    lines = [
        act("11-01", K.ACTION_UNKNOWN, "unknown", _id="act_1"),
        act("11-01", K.ACTION_INTENT, "executing", _id="act_1"),
        act("11-03", K.ACTION_RESOLVED, "failed", who("maria"), _id="act_1"),
        act("11-04", K.ACTION_UNKNOWN, "unknown", _id="act_2"),
        act("11-04", K.ACTION_SUCCEEDED, "succeeded", _id="act_3"),
    ]
    found = told("unknown-outcomes", *lines)
    assert cells(found, "about", "ended", "how", "by", "after") == [
        ("act_2", "STILL UNKNOWN", "", "", ""),
        ("act_1", "failed", "Settled by a person", "maria", "2 d"),
    ]


def test_what_was_refused_is_told_with_its_reason() -> None:
    """By the policy, a person, the provider's answer; clicks that did not count, too."""
    lines = [
        act("11-01", K.ACTION_REFUSED, "refused", explain="over two years old", code="denied"),
        act("11-02", K.ACTION_REJECTED, "rejected", who("maria"), reason_code="not_covered"),
        act("11-03", K.ACTION_SUCCEEDED, "succeeded"),
        line("11-04", K.APPROVAL_REFUSED, who("eve"), {"code": "stale", "of_action": "act_1"}),
    ]
    found = told("denied", *lines, until="2026-11-03")
    assert cells(found, "what", "code", "why", "by") == [
        ("Rejected", "not_covered", "", "maria"),
        ("Refused", "denied", "over two years old", "system engine"),
    ]
    assert cells(told("denied", *lines), "action")[0] == ("act_1",)


def test_an_erasure_is_told_with_who_asked_and_whether_it_is_done() -> None:
    """The second entry belongs to the first by the erasure's id."""
    data: dict[str, Json] = {"erasure": "ers_1", "reason": "subject_request", "via": "cli"}
    lines = [
        line("11-01", K.SUBJECT_ERASING, who("ada"), data, subject="sub_a"),
        line("11-02", K.SUBJECT_ERASING, who("ada"), data | {"erasure": "ers_2"}, subject="sub_b"),
        line("11-03", K.SUBJECT_ERASED, who("ada"), {"erasure": "ers_1"}, subject="sub_a"),
    ]
    found = told("erased", *lines)
    assert cells(found, "customer", "reason", "by", "done") == [
        ("sub_b", "subject_request", "ada", "NOT DONE YET"),
        ("sub_a", "subject_request", "ada", "2026-11-03 10:00:00Z"),
    ]


def test_a_gap_is_told_with_why_the_entries_are_not_here() -> None:
    """At the end, too: what the signed head covers has to be here."""
    lines = [act("11-01", K.ACTION_SUCCEEDED, "succeeded")]
    found = told("gaps", *lines, size=4, complete=False)
    assert cells(found, "first", "last", "entries", "why") == [(1, 3, 3, "not part of this export")]
    assert cells(told("gaps", *lines, size=2), "why") == [("MISSING",)]
    assert "No entry is missing" in told("gaps", *lines).nothing


def test_a_yes_to_ones_own_request_is_found_also_where_it_was_only_tried() -> None:
    """By the request, where another step of it was the one that they proposed; a no is none."""
    tried: dict[str, Json] = {"code": "own_request", "of_action": "act_2"}
    lines = [
        line("11-01", K.REQUEST_PROPOSED, who("maria"), {"draft": "d"}, request="req_1"),
        asked("11-01", "boss"),
        yes("11-02", "maria"),
        asked("11-03", "boss", by=who("noor"), _id="act_2"),
        yes("11-03", "finn", _id="act_2"),
        line("11-04", K.APPROVAL_REFUSED, who("noor"), tried),
    ]
    found = told("own-requests", *lines)
    assert cells(found, "entry", "who", "about", "held") == [
        (2, "maria", "act_1", "NO: it counted"),
        (5, "noor", "act_2", "yes: refused"),
    ]


# ---- of an export, by `sayso-audit` alone --------------------------------------------------------


def test_an_export_answers_all_ten_with_what_it_rests_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m sayso.audit.ask`: as JSON and as a table; where no key is pinned, that is said."""
    folder = write_ruled(tmp_path / "out", by_the_book)
    for name in questions():
        assert main([str(folder), name, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["question"], said["complete"], said["pinned"]) == (name, True, False)
    assert main([str(folder), "people-changes", "--vkey", RuledLog().signer.vkey]) == 0
    said = capsys.readouterr().out
    assert "verified: all " in said
    assert "pin the log's key" not in said
    assert "finance" in said
    assert main([str(folder)]) == 0
    assert capsys.readouterr().out.count("\n") == 10


def _cut(folder: Path) -> None:
    entries = folder / "entries.jsonl"
    entries.write_bytes(b"".join(entries.read_bytes().splitlines(keepends=True)[:-1]))


def _altered(folder: Path) -> None:
    entries = folder / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b'"finance"', b'"finanza"', 1))


def _signed_by_another(folder: Path) -> None:
    (folder / "checkpoint").write_text("acme/main\n1\nAAAA\n\n— acme/main AAAA\n")


@pytest.mark.tampers("cuts, changes or signs an export")
@pytest.mark.parametrize("attack", [_cut, _altered, _signed_by_another])
def test_an_export_that_does_not_verify_answers_nothing(
    tmp_path: Path, attack: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """No row is an answer before all of it is verified, neither of a question nor of a query."""
    folder = write_ruled(tmp_path / "out", by_the_book)
    attack(folder)
    for name in questions():
        with pytest.raises(IntegrityError, match="nothing is answered"):
            ask_export(folder, name, QuestionScope())
    with pytest.raises(IntegrityError, match="nothing is answered"):
        query_export(folder, "kind:person.added")
    assert main([str(folder), "people-changes"]) == 1
    assert capsys.readouterr().out == ""


def test_a_log_that_breaks_a_rule_answers_nothing_though_its_key_signed_it(tmp_path: Path) -> None:
    """Whoever holds the key can sign that one person was two; no row of that is an answer."""
    folder = write_ruled(tmp_path / "out", RuledLog.asked, lambda log: log.yes("nobody"))
    with pytest.raises(IntegrityError) as refused:
        ask_export(folder, "own-requests", QuestionScope())
    assert refused.value.code is Code.TAMPERED


def test_a_part_of_a_log_says_that_an_empty_answer_proves_nothing(tmp_path: Path) -> None:
    """Each of its rows is proven; what was left out is not found, and that is said."""
    log = RuledLog()
    by_the_book(log)
    chosen = [(seq, body) for seq, body in enumerate(log.bodies) if b"person.added" in body]
    write_bundle(
        tmp_path / "out",
        tenant=log.tenant,
        note=log.note(),
        vkeys=[log.signer.vkey],
        entries=chosen,
        proofs=LeafHashes([leaf_hash(body) for body in log.bodies]),
    )
    trust = Trust.parse([log.signer.vkey])
    found = ask_export(tmp_path / "out", "erased", QuestionScope(), trust=trust)
    assert found.nothing.startswith("No row. That proves nothing")
    assert not found.covered.complete
    gaps = ask_export(tmp_path / "out", "gaps", QuestionScope(), trust=trust)
    assert sum(int(str(row["entries"])) for row in gaps.items) == len(log.bodies) - len(chosen)
    people, _ = query_export(tmp_path / "out", "kind:person.added", limit=2, trust=trust)
    assert [one.seq for one in people] == [seq for seq, _ in reversed(chosen)][:2]


def test_what_cannot_be_asked_says_the_next_step(tmp_path: Path) -> None:
    """A name that is none, a day that is none, a customer whom no export knows."""
    with pytest.raises(RefusedError) as near:
        question_of("four-eye")
    assert near.value.next_step == "did you mean `four-eyes`?"
    for odd in (
        {"since": "yesterday"},
        {"over": "100"},
        {"since": "2026-11-02", "until": "2026-11-01"},
    ):
        with pytest.raises(RefusedError):
            QuestionScope.read(**odd)
    folder = write_ruled(tmp_path / "out", by_the_book)
    with pytest.raises(RefusedError, match="pseudonym"):
        query_export(folder, "customer:cus_1")


def test_odd_values_of_a_stranger_s_log_break_no_question() -> None:
    """Whatever stands in `data`: a list where a text is meant, a number beyond SQLite's."""
    odd: dict[str, Json] = {"roles": {"a": 1}, "changes": 7, "decision": ["approve"], "rules": "x"}
    with QuestionIndex() as index:
        for seq, kind in enumerate(EntryKind):
            body = {"kind": kind, "at": 2**63, "data": odd, "action": "a", "status": 3, "actor": 1}
            index.add(seq, json.dumps(body).encode())
        index.add(1000, b'"text"')
        index.add(1001, b"{")
        index.finish(size=1002, low=0, complete=True)
        covered = Covered(entries=0, size=0, complete=True, pinned=False, words="")
        for question in questions().values():
            answer(index, question, QuestionScope(), covered)
