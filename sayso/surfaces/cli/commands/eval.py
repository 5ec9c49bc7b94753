"""`sayso eval`: planners measured on labelled messages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from sayso.errors import Code, ConfigError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.evaluations import EvaluationView
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import FAILED, OK, usage
from sayso.surfaces.cli.workspace import run

if TYPE_CHECKING:
    from sayso.sdk.resources.evaluations import JudgedView, MeasuresView

app = typer.Typer(help="Measure planners on labelled messages: run, collect.")

_HIGHER = ("trust", "reliability", "stability", "uptime")
_LOWER = (
    "malleability",
    "lost_right_plans",
    "turns_to_done",
    "micro_usd",
    "tokens",
    "p50_ms",
    "p95_ms",
)


@command(app, "run")
def measure(
    here: Here,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[CASES]...", help="JSONL files; else the cases in the box."),
    ] = None,
    planner: Annotated[
        list[str] | None, typer.Option("--planner", metavar="NAME", help="Only these.")
    ] = None,
    prompt: Annotated[
        list[Path] | None,
        typer.Option("--prompt", metavar="FILE", help="Each model with this prompt as well."),
    ] = None,
    policy: Annotated[
        list[Path] | None,
        typer.Option("--policy", metavar="PATH", help="What each policy makes of the plans."),
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=1, max=100)] = 1,
    torture: Annotated[
        bool, typer.Option("--torture", help="With paraphrases and injections of each case.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Keep the figures as JSON.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="FILE", help="With figures kept before.")
    ] = None,
    least: Annotated[
        list[str] | None,
        typer.Option("--least", metavar="NAME=VALUE", help="Fail below it: reliability=0.65."),
    ] = None,
) -> int:
    """Measure planners: trust, cost, reliability, stability, uptime, malleability, speed.

    Exit status 1 when a plan that nobody would confirm was wrong, a `--least` is not met, or the
    figures and the list of mistakes tell of different ones. No provider is asked where each case
    has its records, so its key may be missing.
    """
    from sayso.agent.evaluation.cases import load_cases

    out = here.out
    bars = dict(map(_bar, least or ()))
    cases = load_cases(files or ())
    before = None if compare is None else _read(compare)
    folder = here.folder

    async def work() -> EvaluationView:
        async with Sayso.open(folder, mode="decide", environment=_without_keys(folder)) as sayso:
            return await sayso.evaluations.run(
                cases,
                planners=planner or (),
                prompts=prompt or (),
                policies=policy or (),
                repeat=repeat,
                torture=torture,
            )

    found = run(work())
    if save is not None:
        save.write_bytes(orjson.dumps(found.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
    if html is not None:
        _draw(html, found, before)
    if out.as_json:
        out.document(found)
    else:
        _show(out, found, before)
    failed = [*_failed(found.planners, bars), *disagreeing(found)]
    for line in failed:
        out.warn(line)
    return FAILED if failed else OK


@command(app, "collect")
def collect(
    here: Here,
    to: Annotated[Path, typer.Argument(metavar="FILE", help="Where the cases are written.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=200)] = 200,
) -> None:
    """Make cases of the newest requests, labelled by what people made of them.

    The file holds the customers' own words: keep it as you keep those.
    """
    out = here.out

    async def work(sayso: Sayso) -> list[str]:
        cases = await sayso.evaluations.collect(limit=limit)
        return [case.model_dump_json(exclude_defaults=True) for case in cases]

    lines = here.act(work)
    to.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if out.as_json:
        out.document({"cases": len(lines), "file": str(to)})
    else:
        out.line(f"{len(lines)} cases in {to}")


def _bar(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        bar = float(value)
    except ValueError:
        bar = -1.0
    if name not in (*_HIGHER, *_LOWER) or bar < 0:
        raise usage(
            f"`{text}` is no bar", f"write NAME=VALUE; names: {', '.join((*_HIGHER, *_LOWER))}"
        )
    return name, bar


def _failed(planners: Mapping[str, MeasuresView], bars: Mapping[str, float]) -> list[str]:
    found: list[str] = []
    for who, measures in planners.items():
        if measures.trust < 1.0:
            found.append(f"{who}: a wrong plan would have gone on with nobody asked")
        for name, bar in bars.items():
            value = float(getattr(measures, name))
            if (value < bar) if name in _HIGHER else (value > bar):
                found.append(f"{who}: {name} is {value:.3f}, and the bar is {bar:g}")
    return found


def disagreeing(found: EvaluationView) -> Iterator[str]:
    """Whether figures and list tell of different mistakes, so that neither can be relied on."""
    for who, measures in found.planners.items():
        listed = [one for one in found.mistakes if one.planner == who]
        counted = sum(
            count
            for counts in measures.verdicts.values()
            for verdict, count in counts.items()
            if verdict != "right"
        )
        unattended = any(one.verdict == "wrong unattended" for one in listed)
        if len(listed) != counted or unattended != (measures.trust < 1.0):
            yield f"{who}: the figures count {counted} mistakes, and {len(listed)} are listed"


def _without_keys(folder: Path) -> Mapping[str, str]:
    """The variables of this process, and something for each key of a provider that is missing."""
    named = orjson.dumps(Workspace.load(folder, os.environ).settings.connectors, default=str)
    missing = set(re.findall(r"\"env:([A-Za-z_][A-Za-z0-9_]*)", named.decode())) - set(os.environ)
    return {**os.environ, **dict.fromkeys(missing, "not-set")}


def _read(path: Path) -> EvaluationView:
    try:
        return EvaluationView.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            Code.INVALID_INPUT,
            f"`{path}` holds no figures",
            next_step="name a file that `sayso eval run --save` wrote",
        ) from error


def _draw(path: Path, found: EvaluationView, before: EvaluationView | None) -> None:
    from sayso.agent.evaluation.measures import Measures
    from sayso.agent.evaluation.page import draw_page

    named = dict(found.planners)
    if before is not None:
        named = {f"{who} before": one for who, one in before.planners.items()} | named
    every = {who: Measures(**one.model_dump()) for who, one in named.items()}
    policies = {
        f"{one.planner} · {one.policy}": (one.alone, one.asked, one.refused)
        for one in found.policies
    }
    path.write_text(draw_page(every, policies), encoding="utf-8")


def _show(out: Out, found: EvaluationView, before: EvaluationView | None) -> None:
    names = list(found.planners)
    rows: list[Sequence[str]] = []
    for name in ("cases", *_HIGHER, *_LOWER):
        row = [name.replace("_", " ")]
        for who in names:
            was = before.planners.get(who) if before is not None else None
            now = _figure(found.planners[who], name)
            row.append(now if was is None else f"{_figure(was, name)} → {now}")
        rows.append(row)
    out.table(["", *names], rows)
    if found.policies:
        heads = ("planner", "policy", "plans", "alone", "asked", "refused", "wrong alone")
        out.table(heads, [_judged(one) for one in found.policies])
    for one in found.mistakes[:20]:
        out.line(f"{one.verdict}: {one.case} ({one.planner}) {' '.join(one.steps)} {one.why}")
    if len(found.mistakes) > 20:
        out.line(f"… and {len(found.mistakes) - 20} more; --json or --save has all of them")


def _judged(one: JudgedView) -> Sequence[str]:
    shares = (f"{share:.3f}" for share in (one.alone, one.asked, one.refused))
    return [one.planner, one.policy, str(one.plans), *shares, str(one.wrong_alone)]


def _figure(measures: MeasuresView, name: str) -> str:
    return f"{float(getattr(measures, name)):,.3f}"
