"""Processes that are forked from one which has imported all that they need."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

import pytest

_FORKS = multiprocessing.get_context("forkserver")
_IMPORTED = [
    "dbos",
    "dispatch.quick_worker",
    "httpx",
    "real.asking",
    "sayso.connectors.http.client",
]
"""What any test's children need: a test process has one such server, whoever asks for it first."""


def forks() -> ForkServerContext:
    """The context of `multiprocessing` whose server runs.

    NOTE: that of Python 3.11 imports by the path that an interpreter begins with, where no test
    is, and passes over in silence what it cannot import: then each child imports everything.
    """
    _FORKS.set_forkserver_preload(_IMPORTED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        forkserver.ensure_running()
    return _FORKS
