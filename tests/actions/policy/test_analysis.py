"""Tests of a policy, why something was judged so, what a change does, and playing it again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from actions.policy.test_versions import HIGHER, LOWER, activate, opened_strictly
from actions.steps import decide, open_rows, propose, say, shown, stock
from support.shop_workspace import POLICY, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.errors import ConfigError, RefusedError
from sayso.sdk.views.backtest import as_csv, as_svg

FILES: dict[str, object] = {"files": ["policy.cedar", "shop.test.toml"], "follow": "files"}
TESTS = """
action   = "shop.refund"
currency = "USD"
[given]
count_30d = 0
[[test]]
say = "small"
amount = 50
wants = "allow"
[[test]]
say = "bigger"
amount = 50.01
wants = "support_manager"
[[test]]
say = "much"
amount = 900
wants = ["support_manager", "finance"]
[[test]]
say = "third"
amount = 20
count_30d = 3
wants = "allow"
"""
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.promise("policy:tests")
async def test_tests_beside_the_policy_say_what_is_not_as_wanted(tmp_path: Path) -> None:
    """By the engine: what was wanted, what came, and the rule; tests change no answer."""
    (tmp_path / "shop.test.toml").write_text(TESTS)
    async with open_shop(tmp_path, policy_section=FILES) as opened:
        stock(opened)
        await propose(opened, 4000)
        in_force = await opened.sayso.policy.in_force()
        assert in_force is not None
        assert in_force.files.keys() == {"policy.cedar"}
        found = await opened.sayso.analysis.test()
        assert [one.passed for one in found] == [True, True, True, False]
        assert (found[3].wanted, found[3].got) == ("nobody asked", "support manager alone")
        assert found[3].question == "$20.00 · count 30d 3"
        assert found[3].rules == ("manager",)


@pytest.mark.promise("policy:tests")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('wants = "allow"', ""), "does not say what it wants"),
        (("amount = 50\n", "amuont = 50\n"), "did you mean `amount`?"),
        (('"support_manager"', '"manager"'), "did you mean `support_manager`?"),
        (('"shop.refund"', '"shop.refnd"'), "did you mean `shop.refund`?"),
        (("amount = 900", 'amount = "much"'), "write amount = 75.50"),
    ],
)
async def test_a_wrong_test_is_refused_with_what_to_write(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    """With the file and the test's own words."""
    (tmp_path / "shop.test.toml").write_text(TESTS.replace(*change, 1))
    async with open_shop(tmp_path, policy_section=FILES) as opened:
        with pytest.raises(ConfigError) as wrong:
            await opened.sayso.analysis.test()
        assert said in f"{wrong.value.message} {wrong.value.next_step}"


@pytest.mark.promise("policy:explain")
async def test_a_judgement_is_explained_by_the_version_that_judged_it(tmp_path: Path) -> None:
    """With the facts as they were then, and what the version in force says of them today."""
    async with opened_strictly(tmp_path) as opened:
        view = await propose(opened, 4000)
        before = await opened.sayso.analysis.explain(view.id)
        assert (before.version, before.outcome, before.today) == (1, "allow", "")
        assert before.question == "$40.00 · count 30d 0"
        await activate(opened, LOWER)
        after = await opened.sayso.analysis.explain(view.id)
        assert (after.version, after.outcome) == (1, "allow")
        assert (after.today_version, after.today) == (2, "support manager alone")
        assert [(step.who, step.allowed) for step in after.steps] == [("nobody", True)]
        with pytest.raises(RefusedError):
            await opened.sayso.analysis.explain("act_01m8997dg0jw1993dqct7cjj2z")


@pytest.mark.promise("policy:change")
async def test_a_change_is_shown_by_examples_that_the_engine_confirms(tmp_path: Path) -> None:
    """Who was asked and who is asked now, and how many waiting cards are asked again."""
    async with opened_strictly(tmp_path) as opened:
        await propose(opened)
        (tmp_path / "policy.cedar").write_text(HIGHER)
        change = await opened.sayso.analysis.compare()
        assert (change.direction, change.asked_again) == ("looser", 1)
        (one,) = change.examples
        assert (one.way, one.was, one.now) == ("looser", "support manager alone", "nobody asked")
        assert one.question.startswith("60.00 ")  # the policy names no currency
        assert one.rules == ("small",)
        (tmp_path / "policy.cedar").write_text(POLICY)
        same = await opened.sayso.analysis.compare()
        assert (same.direction, same.examples, same.asked_again) == ("same", (), 0)


@pytest.mark.promise("policy:change")
async def test_each_rule_that_changed_has_an_example_of_its_own(tmp_path: Path) -> None:
    """Two that say the same to two kinds of question are two; each is asked of the engine."""
    asks = """
@id("{name}") @explain("{name}") forbid (principal, action == Action::"shop.refund", resource)
when {{ {when} }} unless {{ context.approvedBy.contains("support_manager") }};
"""
    weekend = asks.format(name="weekend", when='["sat", "sun"].contains(context.weekday)')
    night = asks.format(name="night", when="context.hour >= 22")
    async with opened_strictly(tmp_path) as opened:
        (tmp_path / "policy.cedar").write_text(HIGHER + weekend + night)
        change = await opened.sayso.analysis.compare()
        shown = {one.rules[0]: one for one in change.examples if len(one.rules) == 1}
        assert shown.keys() >= {"small", "weekend", "night"}
        assert [shown[name].way for name in ("small", "weekend", "night")] == [
            "looser",
            "tighter",
            "tighter",
        ]
        assert " Sat " in f"{shown['weekend'].question} " or " Sun " in shown["weekend"].question
        assert shown["weekend"].now == shown["night"].now == "support manager alone"
        await activate(opened, HIGHER + weekend + night)
        (tmp_path / "policy.cedar").write_text(HIGHER + night)
        (one,) = (await opened.sayso.analysis.compare()).examples
        assert (one.way, one.rules) == ("looser", ("weekend",))


@pytest.mark.promise("policy:change")
async def test_a_changed_row_is_told_as_a_sentence_with_a_card_of_the_past(tmp_path: Path) -> None:
    """Whom it is about and between which amounts; without one of the past it is made up."""
    rows = 'action = "shop.refund"\ncurrency = "USD"\n[[allow]]\nid = "few"\nsay = "Few"\n'
    rows += "up_to = {amount}\ncount_30d = {{ under = 9 }}\n"
    files = ["policy.cedar", "rows.toml"]
    (tmp_path / "rows.toml").write_text(rows.format(amount=55))
    async with opened_strictly(tmp_path, files=files) as opened:
        stock(opened, "p1")
        for amount, card in ((80, ""), (150, "p1")):
            (tmp_path / "rows.toml").write_text(rows.format(amount=amount))
            asked = "" if not card else (await propose(opened, 12_900, order=card)).id
            (one,) = (await opened.sayso.analysis.compare()).examples
            assert one.sentence == (
                f"Above $55 up to ${amount}, count 30d under 9: nobody asked,"
                " before support manager alone"
            )
            assert (one.way, one.card, one.rules) == ("looser", asked, ("rows.few",))
            assert one.question.startswith("$129.00" if card else f"${amount}.00")


@pytest.mark.promise("policy:change")
async def test_what_no_formula_says_has_examples_all_the_same(tmp_path: Path) -> None:
    """Tried by the engine at the boundaries that the rules name."""
    like = '@id("like") @explain("l") forbid (principal, action, resource)\n'
    like += 'when { context.currency like "J*" && context.amount.lessThan(decimal("9.00")) };'
    async with opened_strictly(tmp_path) as opened:
        change = await opened.sayso.analysis.compare({"policy.cedar": POLICY + like})
        assert not change.decided
        change = await opened.sayso.analysis.compare({"policy.cedar": HIGHER + like})
        assert [one.way for one in change.examples] == ["looser", "tighter"]


@pytest.mark.tampers("a question is cut out of a row, to be one that was not recorded")
@pytest.mark.promise("policy:backtest")
async def test_what_was_judged_is_played_again_beside_what_people_had_said(tmp_path: Path) -> None:
    """Of the newly automatic: yes unchanged, less, no; what was not recorded is said apart."""
    everything = '@id("all") @explain("all") permit (principal, action, resource);'
    async with opened_strictly(tmp_path) as opened:
        orders = [f"p{at}" for at in range(6)]
        stock(opened, *orders)
        small = await propose(opened, 4000, order=orders[4])
        views = [await propose(opened, 12_900, order=order) for order in orders[:4]]
        lost = await propose(opened, 12_900, order=orders[5])
        await decide(opened, say(await shown(opened, views[0])))
        await decide(
            opened,
            say(
                await shown(opened, views[1]),
                choice=DecisionChoice.EDIT,
                args={"amount": {"amount_minor": 6000, "currency": "USD"}},
            ),
        )
        await decide(opened, say(await shown(opened, views[2]), choice=DecisionChoice.REJECT))
        rows = open_rows(opened)
        rows.execute(
            "update action set snapshot = json_remove(snapshot, '$.question') where id = ?",
            (lost.id,),
        )
        rows.close()
        (tmp_path / "policy.cedar").write_text(everything)
        found = await opened.sayso.analysis.backtest(since=LONG_AGO)
        assert (found.was.automatic, found.was.asked, found.was.cannot_say) == (1, 4, 1)
        assert (found.now.automatic, found.now.asked, found.now.cannot_say) == (5, 0, 1)
        assert (found.newly_yes, found.newly_less, found.newly_no) == (1, 1, 1)
        assert found.newly_undecided == 1
        assert {case.said for case in found.cases} == {"less", "no"}
        assert found.checked >= 5
        assert "automatic,1,5" in as_csv(found)
        assert as_svg(found).startswith("<svg")
        assert small.status == "succeeded"


CLAIMS = """
action   = "shop.refund"
currency = "USD"
[[claim]]
id = "over-500"
say = "Over $500 finance is always among those who agree"
amount = { over = 500 }
needs = "finance"
[[claim]]
id = "over-20"
say = "Over $20 somebody is always asked"
amount = { over = 20 }
needs = "somebody"
[[claim]]
id = "never"
say = "Over $500 nobody can approve it"
amount = { over = 500 }
needs = "refuse"
"""


@pytest.mark.promise("policy:prove")
async def test_a_claim_is_proved_or_refuted_with_a_question(tmp_path: Path) -> None:
    """By exact search; each counterexample is the engine's own answer."""
    (tmp_path / "shop.test.toml").write_text(CLAIMS)
    async with open_shop(tmp_path, policy_section=FILES) as opened:
        found = await opened.sayso.analysis.prove()
        assert [one.verdict for one in found] == ["proved", "false", "false"]
        assert found[1].counterexample == "$50.00 · count 30d 0: nobody is enough"
        assert found[2].counterexample.endswith("2 people (finance) is enough")
        (tmp_path / "policy.cedar").write_text(
            POLICY + '@id("odd") @explain("odd") permit (principal, action, resource)'
            ' when { context.currency like "U*" };'
        )
        unknown = await opened.sayso.analysis.prove()
        assert {one.verdict for one in unknown} == {"unknown"}


@pytest.mark.promise("policy:prove")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('needs = "finance"', 'needs = "finanse"'), "what it needs"),
        (("amount", "amuont"), "amount"),
    ],
)
async def test_a_wrong_claim_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """With what to write."""
    (tmp_path / "shop.test.toml").write_text(CLAIMS.replace(*change, 1))
    async with open_shop(tmp_path, policy_section=FILES) as opened:
        with pytest.raises(ConfigError) as wrong:
            await opened.sayso.analysis.prove()
        assert said in f"{wrong.value.message} {wrong.value.next_step}"
