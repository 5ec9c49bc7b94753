"""A row, the Cedar rule that it becomes, and the row that is read back from it: the same."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from bench.random_policies import PLANS, REFUND, WEEKDAYS
from sayso.actions.policy.cedarpy_adapter import parse_rules
from sayso.actions.policy.document import PolicyDocument, PolicyRules
from sayso.actions.policy.reading import read_policy, rows_of
from sayso.actions.policy.tables.compile import amounts_in_order, compile_rows
from sayso.actions.policy.tables.file import read_table, readable_fields
from sayso.actions.policy.tables.read_back import read_row
from sayso.actions.policy.tables.rows import (
    BOUNDS,
    Condition,
    FlagIs,
    HourIs,
    MoneyIs,
    NumberIs,
    RowKind,
    RuleRow,
    TextIs,
)

ROLES = ("support_manager", "finance", "lead")
FIELDS = readable_fields(REFUND)
NUMBERS = [field.name for field in FIELDS.values() if field.type == "number"]
MONEY = [field.name for field in FIELDS.values() if field.type == "money"]
SAYS = ('Up to $75 for "good" customers', "Wochenende: Rückfrage", "a\\b", "tab\there", "emoji 🙂")


def _bounds(dice: random.Random) -> tuple[str, ...]:
    return tuple(sort for sort in BOUNDS if dice.random() < 0.5)[:2] or ("over",)


def _condition(dice: random.Random, name: str) -> Condition:
    match name:
        case "tenure_days" | "charge_age_days" | "count30d" | "hour":
            return NumberIs(
                name,
                tuple((sort, dice.choice((-3, 0, 3, 365))) for sort in _bounds(dice)),  # type: ignore[misc]
            )
        case "charge_amount" | "amount30d":
            amounts = (Decimal("0.01"), Decimal(50), Decimal("75.5"))
            return MoneyIs(
                name,
                dice.choice(("USD", "EUR")),
                tuple((sort, dice.choice(amounts)) for sort in _bounds(dice)),  # type: ignore[misc]
            )
        case "full" | "holiday" | "vip":
            return FlagIs(name, dice.random() < 0.5)
        case "localHour":
            return HourIs(22, dice.randint(0, 8))
        case "plan" | "weekday":
            words = PLANS if name == "plan" else WEEKDAYS
            chosen = tuple(dice.sample(words, dice.randint(1, 3)))
            return TextIs(name, chosen, dice.random() < 0.3)
        case _:
            return TextIs(name, (dice.choice(("signed_in", "verified")),), dice.random() < 0.3)


CONDITIONS = (
    *("tenure_days", "charge_age_days", "count30d", "hour", "charge_amount", "amount30d", "full"),
    *("holiday", "vip", "localHour", "plan", "weekday", "principal.assurance", "resource.kind"),
)


def random_row(dice: random.Random, number: int) -> RuleRow:
    sort = dice.choice(tuple(RowKind))
    names = dice.sample(CONDITIONS, dice.randint(0, 4))
    amounts = None
    if dice.random() < 0.6:
        currencies = dice.sample(("USD", "EUR", "JPY"), dice.randint(1, 3))
        amounts = amounts_in_order({one: Decimal(dice.choice((1, 20, 75))) for one in currencies})
    by: tuple[str, ...] = ()
    if sort is RowKind.ASK or (sort is RowKind.ALLOW and dice.random() < 0.5):
        by = tuple(dice.sample(ROLES, dice.randint(1, 3)))
    return RuleRow(
        sort=sort,
        id=f"t.r{number}",
        say=dice.choice(SAYS),
        conditions=tuple(_condition(dice, name) for name in names),
        amounts=amounts,
        by=by,
        people=dice.randint(1, 3) if by else 1,
    )


@pytest.mark.promise("policy:tables")
def test_random_rows_are_read_back_as_they_are() -> None:
    """400 tables, some 2,600 rows; the engine takes each of them."""
    dice = random.Random(17)
    count = 0
    for _ in range(400):
        rows = [random_row(dice, number) for number in range(dice.randint(1, 12))]
        text = compile_rows(REFUND.name, rows)
        nodes = parse_rules(text).static_policies.values()
        found = {row.id: row for node in nodes if (row := read_row(node, NUMBERS, MONEY))}
        assert found == {row.id: row for row in rows}
        count += len(rows)
    assert count > 2000


WISHES = """
action   = "shop.refund"
currency = "USD"
missing  = { plan = "ask" }

[[allow]]
id          = "year"
say         = "Up to $75 for a customer of over a year"
tenure_days = { over = 365 }
count_30d   = { under = 3 }
up_to       = 75

[[ask]]
id   = "free"
say  = "On the free plan more than $20 needs a support manager"
plan = "free"
over = 20
by   = "support_manager"

[[ask]]
id      = "weekend"
say     = "At weekends a support manager is asked"
weekday = ["sat", "sun"]
by      = "support_manager"
"""


@pytest.mark.promise("policy:tables")
def test_the_three_wishes_are_the_rules_of_the_page() -> None:
    """One rule for each row, with the id FILE.ROW, as docs/how-to/write-a-policy.md prints them."""
    table, problems = read_table("policies/refunds.toml", WISHES, [REFUND], ROLES)
    assert problems == []
    assert table is not None
    assert [row.id for row in table.rows] == ["refunds.year", "refunds.free", "refunds.weekend"]
    assert compile_rows(table.action, table.rows[:1]) == (
        '@id("refunds.year") @explain("Up to $75 for a customer of over a year")\n'
        'permit (principal, action == Action::"shop.refund", resource)\n'
        'when { context.currency == "USD" && '
        'context.amount.lessThanOrEqual(decimal("75.00")) && '
        "context.tenure_days > 365 && context.count30d < 3 };\n"
    )
    assert table.missing == {"plan": "ask"}


@pytest.mark.promise("policy:tables")
def test_a_rule_written_by_hand_is_a_row_too_where_it_has_its_shape() -> None:
    """What is shown as a table need not have been written as one; the rest is named as it is."""
    cedar = """
    @id("hand") @explain("By hand")
    permit (principal, action == Action::"shop.refund", resource)
    when { context.currency == "USD" && context.amount.lessThanOrEqual(decimal("9.00")) };
    @id("other") @explain("Of another shape")
    permit (principal, action == Action::"shop.refund", resource)
    when { context.full || context.vip };
    """
    document = PolicyDocument(
        files={"a.cedar": cedar, "policies/refunds.toml": WISHES}, rules=PolicyRules(roles=ROLES)
    )
    rows = rows_of(read_policy(document, [REFUND]).policy, REFUND)
    assert rows["other"] is None
    hand = rows["hand"]
    assert hand is not None
    assert hand.amounts == {"USD": Decimal("9.00")}
    assert all(rows[f"refunds.{name}"] for name in ("year", "free", "weekend"))


ROW = '[[allow]]\nid = "a"\nsay = "Because"\n'


@pytest.mark.parametrize(
    ("text", "message", "step"),
    [
        (ROW, "names no action", "stripe.refund"),
        ('action = "shop.refnud"\n' + ROW, "no action `shop.refnud`", "did you mean `shop.refund`"),
        (
            'action = "shop.refund"\n' + ROW + "up_to = 75",
            "75 of what?",
            'currency = "USD"` on top',
        ),
        (
            'action = "shop.refund"\n' + ROW + "tenure_days = 365",
            "`tenure_days` is a number",
            "tenure_days = { over = 365 }, or at_least, under, up_to",
        ),
        (
            'action = "shop.refund"\n[[never]]\nid = "a"\nsay = "No"\nby = "finance"',
            "[[never]] has no `by`",
            "if finance may allow it, it is an [[ask]]",
        ),
        ('action = "shop.refund"\n[[ask]]\nid = "a"\nsay = "No"', "nobody is asked", "by ="),
        ('action = "shop.refund"\n' + ROW + 'plan = "fre"', "never `fre`", "did you mean `free`"),
        ('action = "shop.refund"\n' + ROW + 'plna = "free"', "knows no `plna`", "`plan`"),
        ('action = "shop.refund"\n' + ROW + 'by = "finanse"', "not declared", "`finance`"),
        ('action = "shop.refund"\n' + ROW + "over = 5", "[[allow]] has no `over`", "up_to"),
        ('action = "shop.refund"\n' + ROW + "up_to = { USD = 0 }", "no amount above zero", "75"),
        ('action = "shop.refund"\n' + ROW + "up_to = { JPY = 7.5 }", "0 decimals", "round"),
        ('action = "shop.refund"\n' + ROW + "up_to = { usd = 7 }", "no ISO 4217", "USD"),
        ('action = "shop.refund"\n' + ROW + "full = 1", "yes or no", "full = true"),
        ('action = "shop.refund"\n' + ROW + "people = 2", "`people` needs `by`", "by ="),
        ('action = "shop.refund"\n' + ROW + ROW, "a second row with the id", "another id"),
        ('action = "shop.refund"\n[[allow]]\nsay = "x"', "`id` is missing", "id ="),
        ('action = "shop.refund"\n[[allow]]\nid = "a"', "does not explain itself", "say ="),
        ('action = "shop.refund"\nactoin = 1\n' + ROW, "`actoin` means nothing", "`action`"),
        ('action = "shop.refund"\nmissing = { plna = "ask" }\n' + ROW, "no fact `plna`", "`plan`"),
        ('action = "shop.refund"\n', "there is no row", "[[allow]]"),
        ("action = ", "no TOML", "fix"),
        (
            'action = "shop.refund"\n' + ROW + "hour = { from = 25, to = 6 }",
            "no time of the day",
            "from = 22",
        ),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_what_to_write(
    text: str, message: str, step: str
) -> None:
    """Each mistake with its file, its row and the next step."""
    table, problems = read_table("policies/refunds.toml", text, [REFUND], ROLES)
    assert table is None
    assert message in problems[0].message, problems
    assert step in problems[0].next_step, problems
