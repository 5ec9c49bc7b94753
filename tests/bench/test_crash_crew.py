"""The crew of the crash campaign: workers die when they are told to, or before."""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import cast

from bench.crash.crew import Crew, exit_status, start_process
from bench.crash.worker import Order, Post, Said


def _dies_at_once(post: Post, name: str, line: Connection[Said, Order]) -> BaseProcess:
    return start_process(signal.raise_signal, (signal.SIGKILL,))


def test_a_worker_that_died_before_it_was_killed_is_dead_all_the_same() -> None:
    """One that was told to die at a boundary may come to it in the moment before the blow."""
    crew = Crew(cast("Post", None), 1, "1", start=_dies_at_once)
    (victim,) = crew.members
    assert exit_status(victim.process, 30.0) == -signal.SIGKILL
    crew.kill(victim)
    assert crew.deaths[0] is victim
    assert crew.problems == []
