"""Which test process runs what: a whole file, so that what a file sets up is set up once.

pytest-xdist hands out tests one after the other, so that each of its processes starts the server
and seeds the shop of the same file. Only the tools that judge the whole tree are handed out alone.
"""

from __future__ import annotations

import pytest
from xdist.scheduler.loadscope import (  # type: ignore[import-untyped]
    LoadScopeScheduling,
)
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

_FILES_EACH = 8
"""With fewer for each process, some would have nothing to do."""
_ALONE = ("tests/test_docs.py", "tests/test_house.py", "tests/test_wheel.py")


class FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out files in the order of the collection; single tests where there are few files."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._by_file = False

    def schedule(self) -> None:
        """See how many files there are before the first is handed out."""
        if self.collection is None:
            files = {_file(name) for one in self.registered_collections.values() for name in one}
            self._by_file = len(files) >= _FILES_EACH * len(self.nodes)
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        file = _file(nodeid)
        return file if self._by_file and file not in _ALONE else nodeid

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        """Forget what is done: all that a process has had would be counted after each test."""
        nodeid = self.registered_collections[node][item_index]
        scope = self._split_scope(nodeid)
        unit = self.assigned_work[node][scope]
        unit[nodeid] = True
        if all(unit.values()):
            del self.assigned_work[node][scope]
        self._reschedule(node)


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
