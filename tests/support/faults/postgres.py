"""Real trouble for PostgreSQL: connections cut at a message, ended, a server without room or will.

A `PostgresCutter` stands in front of a server's socket and reads the protocol's messages, so that a
connection is lost in exactly the statement that a test names, before the server gets it or after it
was done and before its answer.
"""

from __future__ import annotations

import secrets
import socket
import struct
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from support.postgres_server import PostgresServer

Side = Literal["request", "answer"]
"""Cut before the server gets the message, or once the server has done it."""

_CHUNK = 1 << 16
_HEAD = struct.Struct("!i")
# SOURCE: PostgreSQL documentation, "Message Formats" (protocol 3).
_NAMES = {
    b"P": "Parse",
    b"B": "Bind",
    b"D": "Describe",
    b"E": "Execute",
    b"H": "Flush",
    b"S": "Sync",
    b"Q": "Query",
    b"C": "Close",
    b"X": "Terminate",
    b"p": "Password",
}
_ANSWERED_WHOLE = {b"S", b"Q"}
_READY = b"Z"
_NEGOTIATIONS = {80877103, 80877104}
_FIRST_PORT = 5433
_MOST_LOOKS = 200


def _ignore(name: str) -> None:
    """What is done about a message by default."""


class PostgresCutter:
    """A second socket of a server, in the server's folder, that hands every message on.

    The name of a message is such as `Bind action.insert`, `Parse ~commit` or `Sync`: what a
    `Points` counts. In its strike, `cut_request` and `cut_answer` cut that very connection.

    Attributes:
        passing: called with each message's name, in the thread of its connection.
        cuts: how many connections have been cut.
    """

    def __init__(self, server: PostgresServer, port: int) -> None:
        self._server = server
        self._port = port
        self.passing: Callable[[str], None] = _ignore
        self.cuts = 0
        self._lock = threading.Lock()
        self._wanted = threading.local()

    def url(self, database: str = "postgres") -> str:
        """The URL of a database through this socket."""
        return f"{self._server.url(database)}&port={self._port}"

    def strike(self, side: Side) -> Callable[[], None]:
        """The strike of a `Points` that cuts on this side."""
        return self.cut_request if side == "request" else self.cut_answer

    def cut_request(self) -> None:
        """Lose the connection before the server gets the message."""
        self._wanted.side = "request"

    def cut_answer(self) -> None:
        """Lose it once the server has done the message, before any word of that comes back."""
        self._wanted.side = "answer"

    def side_of(self, name: str) -> Side | None:
        """Tell of a message; on which side to cut now."""
        self._wanted.side = None
        self.passing(name)
        side: Side | None = self._wanted.side
        if side is not None:
            with self._lock:
                self.cuts += 1
        return side


@contextmanager
def cutting_proxy(server: PostgresServer, port: int = _FIRST_PORT) -> Generator[PostgresCutter]:
    """A second socket of the same server, in its folder; closed at the end of the block."""
    cutter = PostgresCutter(server, port)
    place = server.folder / f".s.PGSQL.{port}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()
        behind = server.folder / ".s.PGSQL.5432"
        thread = threading.Thread(target=_serve, args=(listening, behind, cutter), daemon=True)
        thread.start()
        try:
            yield cutter
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            place.unlink()


def _serve(listening: socket.socket, behind: Path, cutter: PostgresCutter) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        relay = _Relay(client, cutter)
        threading.Thread(target=relay.run, args=(behind,), daemon=True).start()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    kind: bytes
    raw: bytes

    @property
    def name(self) -> str:
        """Such as `Bind action.insert`; the statement's generation is left out."""
        word = _NAMES.get(self.kind, "Other")
        body = self.raw[5:]
        match self.kind:
            case b"P":
                statement = body.partition(b"\0")[0]
            case b"B":
                statement = body.partition(b"\0")[2].partition(b"\0")[0]
            case b"Q":
                statement = body.split()[0] if body.split() else b""
            case _:
                return word
        text = statement.decode(errors="replace")
        return f"{word} {text.rpartition('/')[0] or text}"


class _Relay:
    """One connection on its way through."""

    def __init__(self, client: socket.socket, cutter: PostgresCutter) -> None:
        self._client = client
        self._cutter = cutter
        self._server = socket.socket(socket.AF_UNIX)
        self._swallows = False
        self._asked = 1  # the start is answered with a ReadyForQuery, too
        self._ready = 0
        self._swallowed = 0
        self._changed = threading.Condition()

    def run(self, behind: Path) -> None:
        """Hand everything on until either end is gone, or it is cut."""
        with self._client, self._server, suppress(OSError):
            self._server.connect(str(behind))
            back = threading.Thread(target=self._bring_back, daemon=True)
            back.start()
            with suppress(OSError):
                self._hand_on()
            self._hang_up()
            back.join()

    def _hand_on(self) -> None:
        cut = False
        for message in _messages(self._client):
            if message.kind in _NAMES and not cut:
                side = self._cutter.side_of(message.name)
                if side == "request":
                    return
                if side == "answer":
                    with self._changed:
                        cut = self._swallows = True
            with self._changed:
                self._asked += message.kind in _ANSWERED_WHOLE
                before = self._swallowed
            self._server.sendall(message.raw)
            if cut and (message.kind in _ANSWERED_WHOLE or message.kind == b"H"):
                self._wait_for_answer(message.kind, before)
                return

    def _wait_for_answer(self, kind: bytes, before: int) -> None:
        def answered() -> bool:
            if self._ready < 0:
                return True
            return self._ready >= self._asked if kind != b"H" else self._swallowed > before

        with self._changed:
            self._changed.wait_for(answered)

    def _bring_back(self) -> None:
        with suppress(OSError):
            for message in _messages(self._server, starts=False):
                with self._changed:
                    swallowed = self._swallows
                    self._swallowed += swallowed
                    self._ready += message.kind == _READY
                    self._changed.notify_all()
                if not swallowed:
                    self._client.sendall(message.raw)
        with self._changed:
            self._ready = -1
            self._changed.notify_all()
        self._hang_up()

    def _hang_up(self) -> None:
        for end in (self._server, self._client):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _messages(end: socket.socket, *, starts: bool = True) -> Iterator[_Message]:
    """The messages that come from one end, whole; a start has no kind."""
    buffer = bytearray()
    while piece := end.recv(_CHUNK):
        buffer += piece
        while True:
            head = 0 if starts else 1
            if len(buffer) < head + 4:
                break
            length = head + int(_HEAD.unpack_from(buffer, head)[0])
            if len(buffer) < length:
                break
            raw = bytes(buffer[:length])
            del buffer[:length]
            if starts and length == 8 and _HEAD.unpack_from(raw, 4)[0] in _NEGOTIATIONS:
                end.sendall(b"N")  # neither TLS nor GSS is spoken on a local socket
                continue
            yield _Message(kind=raw[:head], raw=raw)
            starts = False


def end_connections(server: PostgresServer, database: str = "postgres") -> None:
    """End every connection of Sayso to a database, as an administrator or a failover would."""
    server.run(
        "postgres",
        "select pg_terminate_backend(pid) from pg_stat_activity"
        f" where application_name = 'sayso' and datname = '{database}'"
        " and pid <> pg_backend_pid()",
    )


@contextmanager
def read_only_server(server: PostgresServer) -> Generator[None]:
    """Let the whole server take no writes, open connections too, while the block runs."""
    _set_read_only(server, "on")
    try:
        yield
    finally:
        _set_read_only(server, "off")


def _set_read_only(server: PostgresServer, value: str) -> None:
    server.run("postgres", f"alter system set default_transaction_read_only = {value}")
    server.run("postgres", "select pg_reload_conf()")
    # A new connection has the value once the server has told it to all that were open.
    for _ in range(_MOST_LOOKS):
        if server.run("postgres", "show default_transaction_read_only").strip() == value:
            return
    raise AssertionError("the server does not take the setting")


@contextmanager
def full_disk(server: PostgresServer, database: str = "postgres") -> Generator[None]:
    """Let the log's table take no more entries, by the server's own error for a full disk.

    The disk is not full: a trigger raises SQLSTATE 53100, which is what the server would say.
    """
    name = f"no_room_{secrets.token_hex(4)}"
    server.run(
        database,
        f"create function public.{name}() returns trigger language plpgsql as"
        f" $$ begin raise exception 'no space left on device' using errcode = '53100'; end $$;"
        f" grant execute on function public.{name}() to public;"
        f" create trigger {name} before insert on sayso.log_entry"
        f" for each row execute function public.{name}();"
        f" alter table sayso.log_entry enable always trigger {name}",
    )
    try:
        yield
    finally:
        server.run(
            database,
            f"drop trigger {name} on sayso.log_entry; drop function public.{name}()",
        )
