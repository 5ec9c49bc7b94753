"""Every shipped action is asked for by the first sentence of its act, in every language of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from actions.fault_life import settle_all
from actions.steps import say
from agent.acts.reached import Reached, reached

from sayso.actions.model.definition import Subject
from sayso.agent.understanding.act_file import Act, read_shipped_acts
from sayso.connectors.manifests import manifest_names
from sayso.testing.manifests import CaseTable

YES = {"en": "yes", "de": "ja", "fr": "oui", "es": "sí", "it": "sì", "nl": "ja", "pt": "sim"}
VALUES = {
    "address": "New Street 2, 10117 Berlin",
    "email": "ana@new.example",
    "phone": "+49 30 901820",
}
NAMES = manifest_names(Path("/nowhere"))


def asked_of(here: Reached) -> Iterator[tuple[str, Act, CaseTable]]:
    """The actions that customers ask for, with their acts and a case that works."""
    acts = read_shipped_acts()
    for verb, table in here.manifest.actions.items():
        if table.act is not None and table.act in acts:
            cases = (one for one in here.stand.cases.case if one.action == verb)
            yield verb, acts[table.act], next(one for one in cases if one.refused is None)


def first_sentence(act: Act, language: str, values: dict[str, str]) -> str:
    """The act's first sentence, with values in its slots."""
    return act.words[language].first.format(**values)


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
    (record, *_) = await here.stand.connector.list_records(Subject(id=case.subject))
    values = {"object": record.references[0]}
    values |= {n: VALUES[slot.form] for n, slot in act.slots.items() if slot.type == "text"}
    asked = await here.sayso.ask(
        case.subject, first_sentence(act, language, values), conversation=f"{action}-{language}"
    )
    assert asked.question is not None, (action, language, asked.reply)
    assert asked.question.plan is not None, (action, language, asked.question)
    (step,) = asked.question.plan.steps
    assert step.action == action
    for value in values.values():
        assert value.split(",")[0].lstrip("#") in asked.question.text, (language, asked.question)
    carded = await here.sayso.requests.answer(
        asked.id, YES[language], question=asked.question.number
    )
    assert [one.status for one in carded.actions] == ["pending_approval"], (action, carded)
    (card,) = await here.sayso.approvals.list()
    await here.sayso.approvals.decide_as(say(card))
    assert provider.effects == 1
    await settle_all(here.sayso, lambda: here.clock.advance(minutes=10))
    told = await here.sayso.requests.get(asked.id)
    assert [one.status for one in told.actions] == ["succeeded"], (action, told)
    assert told.reply is not None
    assert values["object"].lstrip("#") in told.reply
