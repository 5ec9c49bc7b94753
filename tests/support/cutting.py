"""A proxy in front of PostgreSQL's socket that cuts a connection where a test says so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sayso.testing.postgres import PostgresServer

PORT = 5433
_CHUNK = 1 << 16

Side = Literal["request", "answer"]


@dataclass(kw_only=True)
class Cutter:
    """Decides about each piece that the client sends.

    Attributes:
        when: whether to cut at this piece; asked until it says so once.
        side: `request` cuts before the server gets the piece, `answer` once it has answered.
        cuts: how often it has cut.
    """

    when: Callable[[bytes], bool] = field(default=lambda piece: False)
    side: Side = "request"
    cuts: int = 0
    pieces: int = 0

    def arm(self, when: Callable[[bytes], bool], side: Side) -> None:
        """Cut the next connection that sends such a piece."""
        self.when, self.side = when, side

    def takes(self, piece: bytes) -> bool:
        """Whether to cut now."""
        self.pieces += 1
        if not self.when(piece):
            return False
        self.when = lambda piece: False
        self.cuts += 1
        return True


@contextmanager
def cutting_proxy(server: PostgresServer) -> Generator[Cutter]:
    """A second socket of the same server, on port 5433 in its folder."""
    cutter = Cutter()
    place = server.folder / f".s.PGSQL.{PORT}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()
        thread = threading.Thread(target=_serve, args=(listening, server, cutter), daemon=True)
        thread.start()
        try:
            yield cutter
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            place.unlink()


def _serve(listening: socket.socket, server: PostgresServer, cutter: Cutter) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_relay, args=(client, server.folder, cutter), daemon=True).start()


def _relay(client: socket.socket, folder: Path, cutter: Cutter) -> None:
    with client, socket.socket(socket.AF_UNIX) as behind:
        try:
            behind.connect(str(folder / ".s.PGSQL.5432"))
        except OSError:
            return
        swallow = threading.Event()
        back = threading.Thread(target=_answers, args=(behind, client, swallow), daemon=True)
        back.start()
        try:
            while piece := client.recv(_CHUNK):
                if cutter.takes(piece):
                    if cutter.side == "answer":
                        swallow.set()
                        behind.sendall(piece)
                        back.join()
                    break
                behind.sendall(piece)
        except OSError:
            pass
        _hang_up(behind, client)
        back.join()


def _answers(behind: socket.socket, client: socket.socket, swallow: threading.Event) -> None:
    try:
        while piece := behind.recv(_CHUNK):
            if swallow.is_set():
                return
            client.sendall(piece)
    except OSError:
        pass
    _hang_up(client)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
