"""Values that run code in whoever reads them as more than data, for tests and for the bench."""

from __future__ import annotations

import base64
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import ormsgpack

_MSGPACK_CALL = 1
"""SOURCE: langgraph/checkpoint/serde/jsonplus.py: `(module, name, args)`, imported and called."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A folder that is there once a value was called; it dies with the test.

    Args:
        path: nothing is there yet.
    """

    path: Path

    @property
    def sings(self) -> bool:
        """Whether code ran."""
        return self.path.exists()

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)

    @property
    def pickled(self) -> bytes:
        """As Python's own serializer calls it."""
        return pickle.dumps(self)

    @property
    def packed(self) -> bytes:
        """As LangGraph's serializer calls it, in a state of a graph."""
        call = ormsgpack.Ext(_MSGPACK_CALL, ormsgpack.packb(("os", "mkdir", (str(self.path),))))
        return ormsgpack.packb({"v": 4, "channel_values": {"plan": call}, "plan": call})

    @property
    def constructors(self) -> Iterator[Mapping[str, object]]:
        """JSON that names what is to be called, as LangChain, LangGraph and jsonpickle take it."""
        path = str(self.path)
        yield {"lc": 1, "type": "constructor", "id": ["os", "mkdir"], "kwargs": {"path": path}}
        yield {"lc": 2, "type": "constructor", "id": ["os", "mkdir"], "args": [path]}
        yield {"lc": 2, "type": "constructor", "id": ["pathlib", "Path"], "method": ["mkdir"]}
        yield {"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": [path]}]}
        yield {"module": "os", "function": "mkdir", "args": [path], "kwargs": {}}

    def texts(self) -> Iterator[str]:
        """What stands in a column of text."""
        yield base64.b64encode(self.pickled).decode()
        for one in self.constructors:
            yield json.dumps(one)

    def blobs(self) -> Iterator[bytes]:
        """What stands in a column of bytes."""
        yield self.pickled
        yield self.packed
        yield base64.b64encode(self.pickled)
        for one in self.constructors:
            yield json.dumps(one).encode()
