"""The older set: four acts at Stripe, at the demo customers of the sandbox."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bench.place import make_workspace
from bench.understanding.dialogue import Json
from bench.understanding.world import Customer, Thing, World
from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Record
from sayso.money import Money
from sayso.sandbox import API_KEY, Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import write_secret_file

_ACTS = {
    "stripe.refund": "refund",
    "stripe.cancel_subscription": "cancel_subscription",
    "stripe.credit": "credit",
    "email.send_apology": "apology",
}
_TODAY = "2026-11-28"


async def read_world(folder: Path, items: Sequence[Json]) -> World:
    """What the sandbox's demo customers have, as the shipped connector lists it."""
    names = sorted({str(item["customer"]) for item in items})
    things: dict[str, tuple[Thing, ...]] = {}
    with Sandbox.start(seed="demo") as sandbox:
        write_secret_file(folder / "stripe.key", API_KEY)
        stripe = {"api_key": f"file:{folder / 'stripe.key'}", "base_url": sandbox.url}
        workspace = make_workspace(folder / "demo", connectors={"stripe": stripe})
        async with Sayso(workspace, mode="decide") as sayso:
            for name in names:
                found = await sayso.container.connectors.list_records(Subject(id=name))
                things[name] = tuple(map(_thing, found))
    customers = {
        name: Customer(name=name, email="", currency=_currency(things[name]), address="")
        for name in names
    }
    return World(customers=customers, things=things, plans=(), today=_TODAY)


def _thing(record: Record) -> Thing:
    fields: dict[str, object] = {"state": str(record.facts.get("status", "")), "record": record}
    for fact, name in (("amount", "total_minor"), ("left", "left_minor"), ("price", "price_minor")):
        value = record.facts.get(fact)
        if isinstance(value, Money):
            fields[name] = value.amount_minor
            fields["currency"] = value.currency
    is_charge = record.kind == "charge"
    number = record.references[0] if is_charge else ""
    return Thing(
        provider="stripe",
        kind="payment" if is_charge else record.kind,
        id=record.id,
        number=number,
        handle=number or record.id,
        fields=fields,
    )


def _currency(things: Sequence[Thing]) -> str:
    return next((one.text("currency") for one in things if one.text("currency")), "USD")


def as_conversations(items: Sequence[Json]) -> Iterator[Json]:
    """The cases in the form of the other set, without its labels."""
    for item in items:
        turns = cast("list[Json]", item["turns"])
        thread = [{"role": turn["role"], "text": turn["content"]} for turn in turns]
        yield {
            "id": item["id"],
            "customer": item["customer"],
            "lang": item["lang"],
            "mode": "history",
            "thread": thread,
        }


@dataclass(kw_only=True)
class PlannerFigures:
    """What came of the cases, by group; and those that did what nobody asked for."""

    rows: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    wrong_executed: list[str] = field(default_factory=list[str])
    failures: list[str] = field(default_factory=list[str])

    @property
    def plans(self) -> tuple[int, int]:
        """Of the cases in which a plan was due, how many got it."""
        due = self.rows["due plan"]
        return due["right"], due.total()


def judge(items: Sequence[Json], answers: Sequence[Json]) -> PlannerFigures:
    """Judge each case by its label."""
    given = {answer["id"]: answer for answer in answers}
    found = PlannerFigures()
    for item in items:
        answer = given[item["id"]]
        word = _word(item, answer)
        group = cast("list[str]", item["tags"])[0]
        for name in (f"group {group}", f"due {item['due']}", f"lang {item['lang']}"):
            found.rows[name][word] += 1
        allowed = [step for plan in _plans(item) for step in plan]
        executed = [_step(one) for one in cast("list[Json]", answer["executed"])]
        whole = [_whole(step, item, answer) for step in executed]
        if any(a not in allowed and b not in allowed for a, b in zip(executed, whole, strict=True)):
            found.wrong_executed.append(str(item["id"]))
        if word != "right":
            turns = cast("list[Json]", item["turns"])
            found.failures.append(
                f"{word} | {item['id']} {turns[-1]['content']!r} | due {item['due']} "
                f"{item['plans'] or item['choices']} | came {answer['kind']} "
                f"{answer['plan'] or answer.get('asks', '')}"
            )
    return found


Step = tuple[str, str | None, str | int | None]


def _plans(item: Json) -> list[list[Step]]:
    return [
        sorted(
            (
                (
                    _ACTS[str(step["action"])],
                    cast("str | None", step.get("object")),
                    cast("str | int | None", step.get("when") or step.get("amount_minor")),
                )
                for step in plan
            ),
            key=str,
        )
        for plan in cast("list[list[Json]]", item["plans"])
    ]


def _step(step: Json) -> Step:
    act = str(step["act"])
    object_ = None if act in ("credit", "apology") else str(step["object"])
    given = step.get("when") or step.get("amount")
    if act == "cancel_subscription":
        given = given or "period_end"
    return act, object_, cast("str | int | None", given)


def _whole(step: Step, item: Json, answer: Json) -> Step:
    """A refund of all that was left, as the labels write it."""
    planned = [_step(one) for one in cast("list[Json]", answer["plan"])]
    return next((one for one in planned if one[:2] == step[:2] and one[2] is None), step)


def _word(item: Json, answer: Json) -> str:
    allowed = {str(item["due"]), *cast("list[str]", item["also"])}
    if item["due"] == "either":
        allowed |= {"plan", "answer", "hand_over"}
    if answer["plan"]:
        planned = sorted((_step(one) for one in cast("list[Json]", answer["plan"])), key=str)
        right = "plan" in allowed and planned in _plans(item)
        return "right" if right else "wrong plan"
    if answer["kind"] == "question":
        asks = cast("Mapping[str, object]", answer["asks"])
        offered = {str(one) for one in cast("list[object]", asks["choices"])}
        wanted = {str(one) for one in cast("list[object]", item["choices"])}
        return "right" if "clarify" in allowed and wanted <= offered else "wrong question"
    return "right" if allowed & {"answer", "hand_over"} else "missed"
