"""The formulas against the engine: `python -m bench.translation [--json] [--requests N]`.

Random policies, a hundred questions each at the bounds of their rules, each with somebody's yes.
What the formula says and what Cedar says have to be the same, a million times unless said: in
chunks, each with a seed of its own, on every core.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cedarpy
import orjson

from bench.random_policies import GREET, REFUND, ROLES, Policies, Questions, context_of
from bench.report import show_progress
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.cedarpy_adapter import parse_entities
from sayso.actions.policy.formula.terms import holds
from sayso.actions.policy.slices import Slice
from sayso.json import JsonValue

A_POLICY = 250
CHUNK = 25_000
MONEY = frozenset({"amount", "amount30d", "charge_amount"})


def differences(requests: int, seed: int) -> tuple[int, int, int]:
    """Compare; returns how many requests differed, were made, and how many policies there were."""
    dice = random.Random(seed)
    made = differ = policies = 0
    while made < requests:
        text = Policies(dice).text(dice.randint(1, 20))
        policy = CedarPolicy({"p": text}, [REFUND, GREET], ROLES, calendar=Calendar())
        mine = policy.slice(REFUND.name)
        assert mine is not None
        assert not mine.translated.left_out, mine.translated.left_out
        policies += 1
        for one in (mine, mine.lacking(("plan",)), mine.lacking(("plan", "vip"))):
            differ += _compare(one, dice, A_POLICY)
            made += A_POLICY
    return differ, made, policies


def _compare(mine: Slice, dice: random.Random, count: int) -> int:
    questions = Questions(dice)
    asked = [questions.values() for _ in range(count)]
    people = [dice.choice(_PEOPLE) for _ in range(count)]
    formula = mine.translated.allowed
    ours = [
        holds(formula, values, number, roles)
        for values, (number, roles) in zip(asked, people, strict=True)
    ]
    return sum(a != b for a, b in zip(ours, _engine(mine, asked, people), strict=True))


_PEOPLE: list[tuple[int, frozenset[str]]] = [
    (number, frozenset(roles))
    for number in range(4)
    for size in range(len(ROLES) + 1)
    for roles in itertools.combinations(ROLES, size)
    if (number == 0) == (size == 0)
]


def _engine(
    mine: Slice,
    asked: list[dict[str, int | str | bool]],
    people: list[tuple[int, frozenset[str]]],
) -> list[bool]:
    answers: list[bool] = [False] * len(asked)
    by_assurance: dict[str, list[int]] = {}
    for at, values in enumerate(asked):
        by_assurance.setdefault(str(values["principal.assurance"]), []).append(at)
    reads = {*mine.reads}
    for assurance, places in by_assurance.items():
        requests: list[dict[str, JsonValue]] = []
        for at in places:
            number, roles = people[at]
            context = {k: v for k, v in context_of(asked[at], MONEY).items() if k in reads}
            context |= {"approvals": number, "approvedBy": sorted(roles)}
            requests.append(
                {
                    "principal": {"type": "Customer", "id": "cus_1"},
                    "action": {"type": "Action", "id": REFUND.name},
                    "resource": {"type": "Object", "id": "ch_1"},
                    "context": orjson.dumps(context).decode(),
                }
            )
        entities: list[JsonValue] = [
            {
                "uid": {"type": "Customer", "id": "cus_1"},
                "attrs": {"assurance": assurance},
                "parents": [],
            },
            {
                "uid": {"type": "Object", "id": "ch_1"},
                "attrs": {
                    "kind": "charge",
                    "owner": {"__entity": {"type": "Customer", "id": "cus_1"}},
                },
                "parents": [],
            },
        ]
        found = cedarpy.is_authorized_batch(  # pyright: ignore[reportUnknownMemberType]
            requests,
            mine.rule_set,
            parse_entities(orjson.dumps(entities).decode(), mine.form.schema),
            mine.form.schema,
        )
        for at, result in zip(places, found, strict=True):
            assert not result.diagnostics.errors, result.diagnostics.errors
            answers[at] = result.allowed
    return answers


def in_chunks(requests: int, seed: int, processes: int) -> tuple[int, int, int]:
    """As `differences`, in chunks that say how far it is; the same seed asks the same questions."""
    sizes = [min(CHUNK, requests - begun) for begun in range(0, requests, CHUNK)]
    differ = made = policies = 0
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for found in pool.map(differences, sizes, range(seed, seed + len(sizes))):
            differ, made, policies = differ + found[0], made + found[1], policies + found[2]
            show_progress(f"{made:,} of {requests:,}, {differ} differences")
    return differ, made, policies


def main() -> int:
    """Print the document; with `--json` on one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    start = time.monotonic()
    differ, made, policies = in_chunks(options.requests, options.seed, options.processes)
    seconds = time.monotonic() - start
    rows: list[JsonValue] = [
        {"case": "requests asked of both", "value": made, "unit": "requests"},
        {"case": "random policies", "value": policies, "unit": "policies"},
        {"case": "differences", "value": differ, "unit": "requests", "must": "= 0"},
        {"case": "time", "value": round(seconds, 1), "unit": "s"},
    ]
    result = {"name": "translation", "rows": rows, "ok": differ == 0}
    print(json.dumps(result, indent=None if options.json else 2))
    return 0 if differ == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
