"""Every shipped action is asked for by the first sentence of its act, in every language of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from actions.fault_life import settle_all
from actions.steps import say
from agent.acts.reached import Reached, reached
from connectors.manifest.stand import changed, shipped, stand

from sayso.actions.model.definition import Subject
from sayso.agent.formats import written_money
from sayso.agent.understanding.act_file import Act, read_shipped_acts
from sayso.agent.understanding.playbook import (
    ChoiceSlot,
    DateSlot,
    MoneySlot,
    OptionSlot,
    TextSlot,
    WordsSlot,
)
from sayso.agent.understanding.vocabulary import unfilled
from sayso.connectors.manifests import manifest_names
from sayso.money import Money
from sayso.sdk.connectors.manifests import check_manifest
from sayso.testing.manifests import CaseTable

YES = {"en": "yes", "de": "ja", "fr": "oui", "es": "sí", "it": "sì", "nl": "ja", "pt": "sim"}
FORMS = {"address": "New Street 2, 10117 Berlin", "contact": "ana@new.example"}


def value_of(slot: object, says: Mapping[str, str], does: str | None) -> str:
    """How a customer writes a value of a slot."""
    match slot:
        case TextSlot():
            return FORMS[slot.form]
        case DateSlot():
            return "2027-02-15"
        case MoneySlot():
            return "10.00 USD"
        case OptionSlot():
            return "Plus"
        case WordsSlot():
            return "XL"
        case ChoiceSlot():
            return says[does or next(iter(slot.choices))]
        case _:
            return ""


NAMES = manifest_names(Path("/nowhere"))


def asked_of(here: Reached) -> Iterator[tuple[str, Act, CaseTable]]:
    """The actions that customers ask for, with their acts and a case that works."""
    acts = read_shipped_acts()
    for verb, table in here.manifest.actions.items():
        if table.act is not None and table.act in acts:
            cases = (one for one in here.stand.cases.case if one.action == verb)
            yield verb, acts[table.act], next(one for one in cases if one.refused is None)


@pytest.mark.promise("acts:every-action")
@pytest.mark.parametrize("name", NAMES)
async def test_an_action_is_restated_carded_done_and_told_by_its_first_sentence(
    tmp_path: Path, name: str
) -> None:
    """Act, object and value stand in the question and in the answer, whatever the language."""
    async with reached(tmp_path, name) as here:
        for verb, act, case in asked_of(here):
            for language in act.words:
                await _one(here, f"{name}.{verb}", act, case, language)


async def _one(here: Reached, action: str, act: Act, case: CaseTable, language: str) -> None:
    provider = here.at(case)
    words, table = act.words[language], here.manifest.actions[case.action]
    first = (
        words.first_on_account if table.on == "account" and words.first_on_account else words.first
    )
    does = table.does
    values = {
        name: value_of(slot, act.says[language].values, does.get(name))
        for name, slot in act.slots.items()
        if f"{{{name}}}" in first
    }
    if table.on == "account" and "to" in values and act.name == "change_address":
        values["to"] = "9 Harbor Rd, Duluth MN 55806"  # of which the form says the country
    if "{object}" in first:
        values["object"] = await _name_of(here, action, case)
    asked = await here.sayso.ask(
        case.subject, first.format(**values), conversation=f"{action}-{language}"
    )
    assert asked.question is not None, (action, language, asked.reply)
    if asked.question.plan is None and "amount" in act.slots:
        # Nobody knows what it cost.
        asked = await here.sayso.requests.answer(
            asked.id, "12.50 USD", question=asked.question.number
        )
    assert asked.question is not None, (action, language, asked.reply)
    assert asked.question.plan is not None, (action, language, asked.question)
    (step,) = asked.question.plan.steps
    assert step.action == action
    for value in values.values():
        ten = written_money(Money(1_000, "USD"), language)
        shown = {"10.00 USD": ten, "Plus": "price_big"}.get(value, value)
        if value == "10.00 USD":
            assert shown in asked.question.text, (language, asked.question)
            continue
        assert shown.split(",")[0].lstrip("#") in asked.question.text, (language, asked.question)
    carded = await here.sayso.requests.answer(
        asked.id, YES[language], question=asked.question.number
    )
    assert [one.status for one in carded.actions] == ["pending_approval"], (language, asked, carded)
    (card,) = await here.sayso.approvals.list()
    await here.sayso.approvals.decide_as(say(card), wait=False)
    await settle_all(here.sayso, lambda: here.clock.advance(minutes=10))
    assert provider.effects == 1
    told = await here.sayso.requests.get(asked.id)
    # What a provider has taken on and works on is told as such.
    assert told.actions[0].status in ("succeeded", "accepted"), (action, told)
    assert told.reply is not None
    names = (values.get("object", ""), *(str(one) for one in case.args.values()))
    assert any(one.lstrip("#") in told.reply for one in names)


async def _name_of(here: Reached, action: str, case: CaseTable) -> str:
    """What a customer calls the object of a case; its id where nobody lists it."""
    use = here.stand.connector.defined[action].action.act
    assert use is not None
    wanted = next(str(case.args[name]) for name, slot in use.fills.items() if slot == "object")
    listed = await here.sayso.container.connectors.list_records(Subject(id=case.subject))
    found = [record for record in listed if record.id == wanted]
    return next(one for one in (*found[0].references, found[0].label) if one) if found else wanted


@pytest.mark.promise("acts:none-inert")
@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_ships_is_inert(name: str) -> None:
    """Each action has an act whose slots fill its arguments, or says why nobody asks for it."""
    source, cases = shipped(name)
    for made in stand(source, cases, cases.case[0]).connector.defined.values():
        assert unfilled(made.action, read_shipped_acts()) is None, made.action.name


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('act = "cancel_order"', 'act = "cancel_orders"', "there is no act `cancel_orders`"),
        ('fills = { street = "to.street",', "fills = {", "nothing that customers say fills"),
        ('act = "cancel_order"', 'act = "none"', "says no reason"),
        ('act = "cancel_order"\n', "", "neither which act it is"),
    ],
)
def test_a_check_says_what_no_customer_can_ask_for(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    """An act that there is not, an argument that nothing fills, a `none` without its reason."""
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "shopify.toml").write_text(changed("shopify", (old, new)), "utf-8")
    (mistake,) = check_manifest(tmp_path, "shopify").mistakes
    assert why in str(mistake)
