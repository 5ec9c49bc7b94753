"""Whether what a customer is told of a record can be told: its kind, its states, its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sayso.actions.model.snapshot import TOLD_STATES
from sayso.connectors.manifest.request_check import Found, Place
from sayso.connectors.manifest.schema import AnswerTable, Manifest

_VALUE = re.compile(r"\{([a-z_]+)\}")


def check_answer(manifest: Manifest, at: Place, answer: AnswerTable) -> Iterator[Found]:
    """Every mistake, with its place and the next step."""
    if answer.on not in manifest.records:
        yield (*at, "on"), f"there are no records `{answer.on}`", "name a kind of `[records]`"
    states = TOLD_STATES.get(answer.topic)
    if states is None:
        names = ", ".join(TOLD_STATES)
        yield (*at, "topic"), f"there is no topic `{answer.topic}`", f"use one of {names}"
    last = len(answer.state) - 1
    for number, rule in enumerate(answer.state):
        if rule.when is None and number < last:
            step = "give it a `when`, or move it to the end"
            yield (*at, "state", number), "what comes after it is never reached", step
        if rule.name not in (states or ()) and "en" not in answer.says.get(rule.name, {}):
            known = ", ".join(states or ())
            step = f"use one of {known}; or write `says.{rule.name}.en`"
            yield (*at, "state", number), f"nothing says what `{rule.name}` is", step
    for state, says in answer.says.items():
        for language, said in says.items():
            unknown = sorted(set(_VALUE.findall(said)) - set(answer.values))
            if unknown:
                yield (*at, "says", state, language), f"no value `{unknown[0]}`", "name a value"
