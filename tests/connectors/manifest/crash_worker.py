"""What a child process does that is killed: one manifest's action, at the named boundary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.faults.points import Points

from sayso.json import JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace

ENVIRONMENT = {"PROVIDER_KEY": "test_key_of_the_provider"}


async def propose(passing: Points, told: dict[str, Any]) -> JsonValue:
    """Propose it once; the policy lets it run."""
    workspace = Workspace.load(Path(told["folder"]), ENVIRONMENT)
    async with Sayso(workspace, mode="decide", passing=passing) as sayso:
        view = await sayso.propose(
            told["action"], told["args"], subject=told["subject"], idempotency_key="once"
        )
        return view.status
