"""Reloading: a server takes up changed settings, connectors and policy files while it serves.

A new workspace is opened beside the running one and takes its place, or does not: what cannot be
opened changes nothing, and whoever looks is told why.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import signal
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sayso.connectors.manifests import FOLDER
from sayso.errors import Code, ConfigError, SaysoError, logged, logged_with_frames
from sayso.sdk.views.base import View
from sayso.sdk.workspace import Workspace
from sayso.settings import FILE_NAME, Settings

logger = logging.getLogger("sayso.reload")
LOOK_S = 2.0
"""How often the files are looked at; a change counts once it has stood for as long."""
_FIXED = ("workspace.name", "workspace.tenant", "store", "signing", "vault", "dispatch")
"""What a process cannot change: another log, key or database is another server."""
_PORT = ("http.host", "http.port")
"""What counts with the next start: the port is taken already."""
Signature = tuple[tuple[str, int, int], ...]


class LoadedView(View):
    """What a process has loaded.

    Attributes:
        version: Sayso's. settings: SHA-256 of sayso.toml, the first 12 hex digits.
        connectors: their versions by name. actions: the names of their actions.
        policy: the number of the version that was judged by last; 0 before the first judgement.
        policy_sha256: its digest, the first 12 hex digits; empty with 0.
        not_reloaded: why the newest reload failed, as a code; empty when it did not.
    """

    version: str
    settings: str
    connectors: dict[str, str]
    actions: tuple[str, ...]
    policy: int
    policy_sha256: str
    not_reloaded: str = ""

    @property
    def connectors_sha256(self) -> str:
        """SHA-256 of the connectors with their versions and actions, the first 12 hex digits."""
        said = json.dumps([sorted(self.connectors.items()), sorted(self.actions)])
        return hashlib.sha256(said.encode()).hexdigest()[:12]


def settings_digest(workspace: Workspace) -> str:
    """SHA-256 of sayso.toml, the first 12 hex digits; empty where there is no such file."""
    try:
        content = (workspace.folder / FILE_NAME).read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(content).hexdigest()[:12]


def check_reloadable(was: Settings, now: Settings) -> list[str]:
    """Refuse what only a restart can change.

    Returns:
        What counts with the next start only, as lines.

    Raises:
        ConfigError: `invalid_setting`.
    """
    for name in _FIXED:
        if _at(was, name) != _at(now, name):
            raise ConfigError(
                Code.INVALID_SETTING,
                f"`{name}` in {FILE_NAME} changed, which a running server cannot follow",
                next_step="restart it, or take the change back",
            )
    return [
        f"`{name}` in {FILE_NAME} changed, which counts with the next start"
        for name in _PORT
        if _at(was, name) != _at(now, name)
    ]


def _at(settings: Settings, name: str) -> object:
    found: object = settings
    for part in name.split("."):
        found = getattr(found, part)
    return found


def signature_of(workspace: Workspace) -> Signature:
    """The files that a server takes up, by name, time of change and size."""
    folder, settings = workspace.folder, workspace.settings
    patterns = [FILE_NAME, *settings.actions, f"{FOLDER}/*", "playbooks/*"]
    if settings.policy.follow == "files":
        patterns += settings.policy.files
    found: set[tuple[str, int, int]] = set()
    for pattern in patterns:
        for path in folder.glob(pattern):
            try:
                stat = path.stat()
            except OSError:  # taken away meanwhile
                continue
            if path.is_file():
                found.add((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(found))


class Reloads:
    """Reloads when it is told to, and when files of the workspace change.

    Args:
        path: the workspace's folder.
        say: told of each reload, and of each that failed.

    Attributes:
        problem: why the newest reload failed; None when it did not.
    """

    def __init__(
        self,
        workspace: Workspace,
        path: Path,
        say: Callable[[str], None],
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self._workspace = workspace
        self._path = path
        self._say = say
        self._look_s = look_s
        self._told = asyncio.Event()
        self.problem: SaysoError | None = None

    def tell(self) -> None:
        """Reload now; for a handler of SIGHUP."""
        self._told.set()

    async def follow(self, reload: Callable[[Workspace], Awaitable[None]]) -> None:
        """Reload whenever there is a reason, until cancelled.

        Args:
            reload: takes up a workspace, or raises and leaves all as it is.
        """
        seen = changed = signature_of(self._workspace)
        while True:
            if not await self._is_told():
                now = await asyncio.to_thread(signature_of, self._workspace)
                if now == seen or now != changed:  # nothing, or somebody is still writing
                    changed = now
                    continue
            self._told.clear()
            seen = changed = await asyncio.to_thread(signature_of, self._workspace)
            # INVARIANT: one that has begun ends, or two workspaces would be left half open.
            running = asyncio.ensure_future(self._reload(reload))
            try:
                await asyncio.shield(running)
            except asyncio.CancelledError:
                await running
                raise

    async def _is_told(self) -> bool:
        try:
            async with asyncio.timeout(self._look_s):
                await self._told.wait()
        except TimeoutError:
            return False
        return True

    async def _reload(self, reload: Callable[[Workspace], Awaitable[None]]) -> None:
        try:
            fresh = Workspace.load(self._path, self._workspace.environment)
            notes = check_reloadable(self._workspace.settings, fresh.settings)
            await reload(fresh)
        except SaysoError as error:
            self.problem = error
            logger.error("not reloaded: %s", logged(error))  # noqa: TRY400
            self._say(f"not reloaded, what ran before goes on: {error}; next: {error.next_step}")
        except Exception as error:  # noqa: BLE001
            # The edge of the process: a team's own connector may raise whatever it likes.
            self.problem = SaysoError(
                Code.INTERNAL, "the reload broke off", next_step="see the log"
            )
            logger.error("not reloaded: %s", logged_with_frames(error))  # noqa: TRY400
            self._say(f"not reloaded, what ran before goes on: {type(error).__name__}")
        else:
            self.problem = None
            self._workspace = fresh
            self._say("; ".join(["reloaded", *notes]))


@asynccontextmanager
async def following(
    reloads: Reloads | None, reload: Callable[[Workspace], Awaitable[None]]
) -> AsyncGenerator[None]:
    """Reload by SIGHUP and by noticing while the block runs."""
    if reloads is None:
        yield
        return
    loop = asyncio.get_running_loop()
    hears = hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread()
    if hears:
        loop.add_signal_handler(signal.SIGHUP, reloads.tell)
    following = asyncio.create_task(reloads.follow(reload), name="sayso reloads")
    try:
        yield
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        if hears:
            loop.remove_signal_handler(signal.SIGHUP)
