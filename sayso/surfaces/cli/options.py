"""The options that many commands share, written once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

if TYPE_CHECKING:
    from sayso.audit.verifier.flags import Flag

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; problems too.", show_default=False)
]
WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="FOLDER",
        help="The workspace; else SAYSO_WORKSPACE, else the nearest sayso.toml upwards.",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask again.", show_default=False)]
SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject", "-s", metavar="ID", help="The verified customer, by the provider's id."
    ),
]
AssuranceOption = Annotated[
    str,
    typer.Option(
        "--assurance",
        metavar="LEVEL",
        help="How strongly they were identified: unverified, verified or signed_in.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="KEY", help="Idempotency key: the same key is the same thing, done once."
    ),
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait", metavar="S", min=0, max=600, help="Wait so many seconds for what needs nobody."
    ),
]
TenantOption = Annotated[
    str | None,
    typer.Option(
        "--tenant", metavar="NAME", help="Of this tenant; else of the workspace's own one."
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", "-n", metavar="N", help="How many, to 200.")]
AfterOption = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Go on after this id, a page further.")
]


def flag_option(flag: Flag) -> OptionInfo:
    """A flag of the verifier as Typer takes it."""
    info: OptionInfo = typer.Option(
        flag.name, metavar=flag.metavar or None, help=flag.help, show_default=False
    )
    return info
