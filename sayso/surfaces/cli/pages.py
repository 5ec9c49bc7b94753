"""Pages of a list: whether there are more rows than were asked for, and how to see them."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from sayso.sdk.client import Sayso
from sayso.surfaces.cli.command import Here


class _Named(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=_Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[R]):
    """The rows that were asked for.

    Attributes:
        after: the id behind which there are more; None where these were the last.
    """

    rows: Sequence[R]
    after: str | None


def read_page(
    here: Here,
    read: Callable[[Sayso, int, str | None], Awaitable[Sequence[R]]],
    limit: int,
    after: str | None,
) -> ListPage[R]:
    """Read a page of a workspace, and whether it is the last one.

    Args:
        read: rows for a limit, and the id after which they begin.
    """

    async def work(sayso: Sayso) -> ListPage[R]:
        rows = await read(sayso, limit, after)
        if len(rows) < limit or not rows:
            return ListPage(rows=rows, after=None)
        last = rows[-1].id
        return ListPage(rows=rows, after=last if await read(sayso, 1, last) else None)

    return here.read(work)


def show_page(
    here: Here,
    command: str,
    read: ListPage[R],
    *,
    columns: Sequence[str],
    row: Callable[[R], Sequence[str]],
    nothing: Sequence[str],
    options: Mapping[str, str | int | bool | Path | None],
) -> None:
    """Show a page of a list, and by which command it goes on.

    Args:
        command: such as `approvals list`, with its arguments in a shell's form.
        columns: what stands above the cells that `row` makes.
        nothing: the lines that say that there is none.
        options: those that were given, by name, but for `--workspace`; what is None or False
            was not.
    """
    out = here.out
    if out.as_json:
        out.document({"items": read.rows, "after": read.after})
    elif not read.rows:
        for line in nothing:
            out.line(line)
    else:
        out.table(columns, [row(one) for one in read.rows])
        if read.after is not None:
            given = {**options, "--workspace": here.workspace, "--after": read.after}
            out.line(f"more: {again(command, given)}")


def again(command: str, options: Mapping[str, str | int | bool | Path | None]) -> str:
    """The command with these options, fit for a shell."""
    words = [f"sayso {command}"]
    for name, value in options.items():
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words += [name, shlex.quote(str(value))]
    return " ".join(words)
