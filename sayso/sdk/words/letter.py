"""A solution as a plain text, whole, in the order in which one decides: for e-mails to people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sayso.sdk.views.solution import SolutionView, StepView
from sayso.sdk.words.quoted import UNCHECKED, who_wrote
from sayso.sdk.words.solution_outcome import title_of
from sayso.text import plain

_TITLE_CHARS = 120
_QUOTE_CHARS = 4000
_LETTER_CHARS = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplesLetter:
    """One line, and the text below it."""

    title: str
    text: str


def letter_of(view: SolutionView, now: datetime, link: str) -> PeoplesLetter:
    """What somebody who may decide reads.

    Args:
        now: aware. link: to the solution's page; empty where others cannot open the console.
    """
    lead = view.lead
    left = datetime.fromisoformat(view.expires_at) - now
    hours = max(0, round(left.total_seconds() / 3600))
    until = f"{view.expires_at[:10]} {view.expires_at[11:16]} UTC"
    escalated = [] if view.escalated is None else [f"Escalated {_line(view.escalated.whom)}."]
    odd = "; ".join(map(_line, lead.unusual)) or "nothing"
    parts = [f"{amount} {_line(what)}".strip() for amount, what in lead.split]
    lines = [
        _line(lead.headline),
        *([", ".join(parts)] if parts else []),
        "",
        *escalated,
        f"Yes or no by {until}, in about {hours} hours. No answer counts as no.",
        f"Open it to decide: {link}" if link else f"Decide it: sayso approvals show {view.id}",
        "Nothing is decided by this e-mail, and the link asks who you are.",
        "",
        *_quote(view),
        *_reasons(lead.reasons or (lead.why,)),
        _line(lead.needed),
        f"Unusual: {odd} ({lead.quiet} other signs looked at)",
        "",
        "What a yes does, in this order:",
    ]
    for place, step in enumerate(view.steps, 1):
        lines += _step(place, step)
    lines += ["", f"Yes: {_line(lead.on_yes)}", f"No: {_line(lead.on_no)}", ""]
    lines += [f"{_line(label)}: {_line(value)}" for label, value in lead.facts]
    lines += ["", f"{view.id}, revision {view.revision}, digest {view.digest[:12]}", ""]
    title = f"{_line(lead.headline)}: yes or no?"
    return PeoplesLetter(title=title[:_TITLE_CHARS], text="\n".join(lines))


def _reasons(reasons: tuple[str, ...]) -> list[str]:
    if len(reasons) == 1:
        return [f"Why it came to people: {_line(reasons[0])}"]
    return ["Why it came to people:", *(f"- {_line(one)}" for one in reasons)]


def _quote(view: SolutionView) -> list[str]:
    if not view.lead.quote.strip():
        return []
    quote, more = view.lead.quote[:_QUOTE_CHARS], len(view.lead.quote) - _QUOTE_CHARS
    said = [f"> {_line(line)}" for line in quote.splitlines()]
    cut = [f"> … and {more:,} more characters"] if more > 0 else []
    return [_line(f"{who_wrote(view)} {UNCHECKED}"), *said, *cut, ""]


def _step(place: int, step: StepView) -> list[str]:
    money = f" [{step.amount}]" if step.amount is not None else ""
    alone = " Needs nobody." if step.needs == "nobody" else ""
    lines = [f"{place}. {_line(title_of(step))}{money}.{alone} {_line(step.consequence)}".rstrip()]
    if step.letter is not None:
        text, more = step.letter.text[:_LETTER_CHARS], len(step.letter.text) - _LETTER_CHARS
        lines.append(f"   It writes: {_line(step.letter.subject)}")
        lines += [f"   | {_line(line)}" for line in text.splitlines()]
        lines += [f"   | … and {more:,} more characters"] if more > 0 else []
    return lines


def _line(text: str) -> str:
    """One line of foreign text: no control or hidden characters, and no link that can be clicked.

    NOTE: a mail program makes links of what looks like one; the only link is ours.
    """
    shown = plain(text, limit=_QUOTE_CHARS)
    return shown.replace("://", ":/ /").replace("www.", "www .")
