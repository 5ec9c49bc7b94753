"""No terminal for people who have none: each command that people need has a page, or says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer import Typer

from sayso.surfaces.cli.commands import (
    actions,
    connect,
    limits,
    people,
    policy,
    resume,
    rollout,
    stop,
    token,
    work,
)
from sayso.surfaces.console import app as console

PAGES = {
    "actions list": "/",
    "actions settle": "/action/{id}/settle",
    "actions show": "/action/{id}",
    "actions types": "/compose",
    "connect": "/people/connect",
    "limits drop": "/policy/rule",
    "limits list": "/policy",
    "limits set": "/policy/limit",
    "people add": "/people/person",
    "people away": "/me",
    "people deactivate": "/people/person",
    "people link": "/account/{offer}",
    "people list": "/people",
    "people role": "/people/person",
    "people slack": "/account/{offer}",
    "policy activate": "/policy/rule",
    "policy backtest": "/policy/backtest",
    "policy check": "/policy/rule",
    "policy confirm": "/policy/change/{id}",
    "policy diff": "/policy/rule",
    "policy explain": "/action/{id}",
    "policy history": "/policy",
    "policy rollback": "/policy/rollback",
    "policy show": "/policy",
    "policy test": "/policy/rule",
    "policy withdraw": "/policy/change/{id}",
    "resume": "/stop/{id}/resume",
    "rollout list": "/policy",
    "rollout set": "/policy/dial",
    "rollout wrong": "/action/{id}/wrong",
    "stop": "/stop",
    "stop list": "/stop",
    "token create": "/people/token",
    "token list": "/people",
    "token revoke": "/people/token",
    "work end": "/work/{id}",
    "work list": "/",
    "work note": "/work/{id}",
    "work propose": "/work/{id}",
    "work show": "/work/{id}",
    "work take": "/work/{id}",
}
"""The page on which the same is read or done."""
NONE = {
    "policy prove": "claims are written beside the files, by whoever writes these",
    "policy suggest": "what it suggests is a file; the dials of /policy say what is ready",
    "rollout compare": "a server compares by itself, every hour",
}
"""Commands without a page, and why nobody without a terminal lacks it."""
_GROUPS = {
    "actions": actions.app,
    "connect": connect.app,
    "limits": limits.app,
    "people": people.app,
    "policy": policy.app,
    "resume": resume.app,
    "rollout": rollout.app,
    "stop": stop.app,
    "token": token.app,
    "work": work.app,
}
_ALONE = frozenset({"connect", "resume"})
"""Groups that are one command."""


def _commands(group: str, app: Typer) -> set[str]:
    names = {
        one.name or (one.callback.__name__.replace("_", "-") if one.callback is not None else "")
        for one in app.registered_commands
    }
    own = {group} if app.registered_callback is not None and group == "stop" else set[str]()
    return own | ({group} if group in _ALONE else {f"{group} {name}" for name in names})


@pytest.mark.promise("console:commands")
def test_each_command_that_people_need_has_a_page_or_a_reason() -> None:
    """A new command of these nouns says where its page is; a page that is gone is noticed."""
    found = {name for group, app in _GROUPS.items() for name in _commands(group, app)}
    assert found - {*PAGES, *NONE} == set()
    assert {*PAGES, *NONE} - found == set()
    source = Path(console.__file__).read_text(encoding="utf-8")
    routes = set(re.findall(r'Route\("([^"]+)"', source))
    assert set(PAGES.values()) - routes == set()
