"""The demo on a terminal: what happens as it happens, and the table at the end."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sayso.money import Money
from sayso.sdk.views.rows import ActionView, QuestionView, RequestView
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.cli.demo.answers import DemoAnswer
from sayso.surfaces.cli.demo.messages import CustomerMessage, why_refused
from sayso.surfaces.cli.demo.tally import ENDS, MessageTally, Tally
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.show import receipt_text
from sayso.surfaces.cli.solution import solution_panel
from sayso.surfaces.cli.words import counted, many_lines, one_line

_INDENT = 2
_END_STYLES = {
    "done": "green",
    "declined": "red",
    "refused": "red",
    "waiting": "yellow",
    "asked back": "yellow",
    "answered": "green",
    "handed over": "cyan",
    "failed": "bold red",
}
_OUTCOME_STYLES = {"allow": "green", "ask": "yellow", "deny": "red"}


class Screen:
    """A `Watcher` that writes for a person.

    Args:
        total: how many messages there are.
        names: customers' names by id.
        panels: whether cards are drawn here; not where Slack shows them.
    """

    def __init__(
        self, out: Out, total: int, names: Mapping[str, str], *, panels: bool = True
    ) -> None:
        self._panels = panels
        self._console = out.console
        self._total = total
        self._names = names

    def opening(self, url: str) -> None:
        """Say what is about to happen."""
        self._console.print()
        self._console.print(Text("Sayso", style="bold"), Text("demo", style="dim"))
        self._console.print(
            Text(
                f"{self._total} customers' messages · a Stripe-compatible sandbox on {url} · "
                "no account, no key, no network"
            )
        )

    def asked(self, number: int, message: CustomerMessage) -> None:
        """See `Watcher.asked`."""
        name = self._names.get(message.subject, "")
        title = f"{number}/{self._total}  {name}  {message.subject}".replace("    ", "  ")
        self._console.print()
        self._console.print(Rule(Text(one_line(title), style="bold"), align="left", style="dim"))
        self._row("wrote", Text(f"“{one_line(message.text, limit=400)}”", style="italic"))

    def questioned(self, question: QuestionView, answer: str) -> None:
        """See `Watcher.questioned`."""
        self._row("asked", Text(one_line(question.text, limit=1000)))
        for choice in question.choices if question.plan is None else ():
            self._row("", Text(f"· {one_line(choice.label)}", style="dim"))
        said = Text(f"“{one_line(answer, limit=400)}”", style="italic") if answer else None
        self._row("answered", said or Text("nothing yet", style="dim"))

    def judged(self, request: RequestView, handed_over: str) -> None:
        """See `Watcher.judged`."""
        planner = request.planner or "nobody"
        if handed_over:
            self._row("plan", Text(f"none: {one_line(handed_over)}"))
            return
        for action in request.actions:
            self._row("plan", Text(f"{_what(action)}  by {planner}"))
            self._decision(action)

    def _decision(self, action: ActionView) -> None:
        decision = action.decision
        if decision is None:
            if action.error is None:
                self._row("decision", Text("after the step before it", style="dim"))
            return
        by, said = decision.decided_by()
        text = Text.assemble(
            (decision.outcome, _OUTCOME_STYLES[decision.outcome]),
            f"  {by or 'no rule'}  ",
            (one_line(said), "dim"),
        )
        self._row("decision", text)

    def card(self, solution: SolutionView) -> None:
        """See `Watcher.card`."""
        if self._panels:
            self._print(solution_panel(solution))

    def slack_card(self, text: str) -> None:
        """Show a card as Slack's channel shows it."""
        self._print(
            Panel(
                Text(many_lines(text)),
                title=Text("Slack, the approvers' channel", style="bold"),
                title_align="left",
                border_style="magenta",
                box=box.ROUNDED,
            )
        )

    def answered(self, answer: DemoAnswer) -> None:
        """See `Watcher.answered`."""
        self._row("answer", Text(one_line(answer.words, limit=1000), style="bold"))
        if answer.error:
            self._row("not taken", Text(one_line(answer.error), style="red"))
        if answer.shown:
            first = [line for line in answer.shown.splitlines() if line.strip("= ")][:2]
            self._row("in Slack", Text(one_line(" · ".join(first)), style="magenta"))

    def ended(self, told: MessageTally) -> None:
        """See `Watcher.ended`."""
        end = Text(told.end, style=_END_STYLES[told.end])
        if told.refused is not None:
            end.append(f"  {one_line(why_refused(told.refused))}", style="default")
            self._row("result", end)
            return
        assert told.request is not None, "it was taken"
        actions = told.request.actions
        if len(actions) <= 1:
            detail = _detail(actions[0]) if actions else _NOBODY[told.end]
            end.append(f"  {detail}", style="default")
            self._row("result", end)
        else:
            for action in actions:
                line = Text(_SAID.get(action.status, action.status))
                self._row("result", line.append(f"  {action.action}  {_detail(action)}"))
        if told.request.reply:
            self._row("reply", Text(many_lines(told.request.reply), style="default"))

    def _row(self, label: str, value: Text) -> None:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=9, style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(label, value)
        self._print(grid)

    def closing(self, tally: Tally) -> None:
        """Print the table, the log's verification and the comparison of the books."""
        self._console.print()
        self._console.print(Rule(Text("What it comes to", style="bold"), align="left", style="dim"))
        self._print(_summary(tally))
        self._row("planning", Text(_planning(tally)))
        self._row("time", Text(f"{tally.seconds:.1f} s"))
        states = sum(log.state_rows for log in tally.log.logs)
        self._verdict(
            tally.log.exit_status == 0,
            f"the log is {tally.log.verdict.replace('_', ' ')}",
            f"{counted(tally.log.entries, 'entry')} under one signed root; "
            f"{counted(states, 'state')} compared with the last entry of each",
        )
        for finding in tally.log.all_findings[:5]:
            self._console.print(Text(f"      {finding.message}", style="red"))
        books = tally.books
        self._verdict(
            books.agree,
            "the provider's books agree" if books.agree else "the provider's books differ",
            f"{counted(books.effects, 'effect')} there and here; "
            f"refunded {_sums(books.provider_out)}; credited {_sums(books.provider_credit)}",
        )
        for difference in books.differences[:20]:
            self._console.print(Text(f"      {difference}", style="red"))

    def _verdict(self, good: bool, what: str, detail: str) -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(overflow="fold")
        mark = Text("✓" if good else "✗", style="bold green" if good else "bold red")
        grid.add_row(mark, Text(what, style="bold").append(f": {detail}", style="not bold"))
        self._print(grid)

    def _print(self, what: RenderableType) -> None:
        self._console.print(Padding(what, (0, 0, 0, _INDENT), expand=False))


_NOBODY = {
    "handed over": "to a person of the team",
    "asked back": "the customer has to answer",
    "answered": "nothing was to be done",
}
"""Where it ended, by how, when no action came of it."""
_SAID = {"succeeded": "done", "rejected": "declined", "pending_approval": "waiting"}


def _what(action: ActionView) -> str:
    """The action in one line: its name, and its amount or its other arguments."""
    if action.amount is not None:
        return f"{action.action}  {action.amount}"
    return action.action


def _detail(action: ActionView) -> str:
    """What became of an action, with the proof of it."""
    if action.receipt is not None:
        return receipt_text(action)
    if action.error is not None:
        return f"{one_line(action.error.message)} [{action.error.code}]"
    approval = action.approval
    if action.status == "pending_approval" and approval is not None:
        given = {vote.person for vote in approval.votes if vote.decision == "approve"}
        if given:
            left = len(approval.roles) - len(given)
            more = "one more person" if left == 1 else f"{left} more people"
            return f"yes from {', '.join(sorted(given))}; {more} must agree too"
        return "for a person's answer"
    return "a person said no; nothing was done" if action.status == "rejected" else action.status


_RARE = frozenset({"failed", "asked back"})


def _summary(tally: Tally) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    ends = [end for end in ENDS if end not in _RARE or tally.ends[end]]
    for column in ("asked", *ends):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("money out", "credited"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_row(
        Text(str(len(tally.told))),
        *(Text(str(tally.ends[end]), style=_END_STYLES[end]) for end in ends),
        Text(_sums(tally.books.ledger_out, "\n"), style="bold"),
        Text(_sums(tally.books.ledger_credit, "\n")),
    )
    return table


def _planning(tally: Tally) -> str:
    """What planning cost."""
    if not tally.tokens:
        return "$0.00, by playbooks alone, without a model"
    return f"${tally.cost_micro_usd / 1_000_000:.4f}, {tally.tokens:,} tokens"


def _sums(sums: Mapping[str, int], joint: str = ", ") -> str:
    return joint.join(str(Money(sums[one], one)) for one in sorted(sums)) or "nothing"
