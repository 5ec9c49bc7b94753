"""Publishes the heads and time stamps of an open workspace to where its settings say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sayso.audit.log_of_logs import LOGS
from sayso.audit.signed_note.note import encode64
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.ids import Tenant, rfc3339
from sayso.sdk.views.base import View
from sayso.settings import PlaceSection
from sayso.store.base import Reader, Row, blob, integer, text

if TYPE_CHECKING:
    from sayso.audit.publishing.base import PublishTarget
    from sayso.audit.publishing.publisher import Publisher, TargetState
    from sayso.audit.signed_note.cosignature import MlDsaCosigner
    from sayso.sdk.client import Sayso
    from sayso.sdk.workspace import Workspace
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from sayso.audit.signed_note.timestamps import NOTE_SUFFIX, STAMP_SUFFIX

if TYPE_CHECKING:
    from sayso.sdk.client import Sayso


_PAGE = 100


async def write_timestamps(sayso: Sayso, folder: Path) -> int:
    """Write every head that has a time stamp, and its token beside it; returns how many are new.

    `acme/main/x001/x204/331.tsa.checkpoint` is what was stamped, byte for byte, and `….tsa.tst` the
    token that the place `tsa` gave. What is there already is compared, and never written again.

    Raises:
        IntegrityError: `tampered`, when a file there says something else.
        ConfigError: `invalid_setting`, when a log's name cannot be that of a folder.
        OSError: the folder cannot be written.
    """
    from sayso.audit.publishing.reading import read_tenants  # as publishing does

    store, count = sayso.container.store, 0
    for tenant in await read_tenants(store):
        origin = sayso.container.log.origin_of(tenant)
        size, place = -1, ""
        while rows := await store.read(
            partial(_page, tenant=tenant, size=size, place=place), tenant=tenant
        ):
            count += await asyncio.to_thread(_write_all, folder, origin, rows)
            size, place = integer(rows[-1], "size"), text(rows[-1], "place")
    return count


def _page(reader: Reader, *, tenant: str, size: int, place: str) -> list[Row]:
    return reader.all("publication.stamped", tenant=tenant, size=size, place=place, limit=_PAGE)


def _write_all(folder: Path, origin: str, rows: Sequence[Row]) -> int:
    from sayso.audit.publishing.directory import checkpoint_path  # as above

    count = 0
    for row in rows:
        path = checkpoint_path(folder, origin, integer(row, "size"))
        stem = path.with_name(f"{path.stem}.{text(row, 'place')}")
        # The head first, so that no token ever stands there without it.
        _write(Path(f"{stem}{NOTE_SUFFIX}"), text(row, "note").encode())
        count += _write(Path(f"{stem}{STAMP_SUFFIX}"), blob(row, "token"))
    return count


def _write(path: Path, content: bytes) -> bool:
    """Write a file, whole or not at all; returns whether it was not there before."""
    if path.exists():
        if path.read_bytes() != content:
            raise IntegrityError(
                Code.TAMPERED,
                f"`{path}` is not what the database holds now",
                next_step="run `sayso audit verify --timestamps` with that folder",
            )
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
    return True


STAMPED_EVERY_S = 3600.0
"""How often a time-stamp authority is asked unless the settings say it: most belong to others."""
NEVER = 2**62
"""So many entries never come first."""


class PublicationView(View):
    """How far a place outside is behind the log.

    Attributes:
        place: its name.
        size: how many entries the place has seen; 0 for none.
        lag: how many it has not.
        at: when it saw them.
        checkpoint: the signed head as the place keeps it, with cosignatures.
        timestamp: the time stamp over the exact bytes of that (RFC 3161, DER in base64); None from
            a place that gives none.
    """

    place: str
    size: int
    lag: int
    at: str | None
    checkpoint: str | None
    timestamp: str | None = None


def build_publisher(sayso: Sayso) -> Publisher:
    """A publisher for the places of the settings; it begins nothing by itself.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`.
    """
    # Only servers publish.
    from sayso.audit.publishing.log_of_logs_target import LogOfLogs
    from sayso.audit.publishing.publisher import Publisher, PublishingPace

    workspace = sayso.workspace
    section = workspace.settings.publishing
    store, pace = (
        sayso.container.store,
        PublishingPace(every_s=section.every_s, every_entries=section.every_entries),
    )
    stamping = {
        place.name: PublishingPace(every_s=place.every_s or STAMPED_EVERY_S, every_entries=NEVER)
        for place in section.places
        if place.timestamp is not None
    }
    outside = [open_place(workspace, place) for place in section.places]
    # Two databases that each went on with one log of logs would contradict each other.
    inside = [] if workspace.database else [LogOfLogs(store, sayso.container.log)]
    return Publisher(
        store,
        [*inside, *outside],
        sayso.container.clock,
        pace=pace,
        paces={
            LOGS: PublishingPace(every_s=section.logs_every_s, every_entries=100_000),
            **stamping,
        },
        only_logs=[place.name for place in section.places if place.only_logs],
        second=_second(workspace),
    )


@asynccontextmanager
async def publishing(sayso: Sayso) -> AsyncGenerator[None]:
    """Publish in the background while the block runs; does nothing where no place is named.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`, before the block begins.
    """
    if not sayso.workspace.settings.publishing.places:
        yield
        return
    task = asyncio.create_task(build_publisher(sayso).run(), name="publishing")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def publish_now(sayso: Sayso) -> list[TargetState]:
    """One try of every place with every log.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`.
    """
    publisher = build_publisher(sayso)
    try:
        return await publisher.publish_now()
    finally:
        await publisher.close()


def open_place(workspace: Workspace, section: PlaceSection) -> PublishTarget:
    """A place as the settings name it; it is asked nothing yet.

    Raises:
        ConfigError: `invalid_setting`, `missing_extra`.
    """
    from sayso.audit.publishing.directory import DirectoryTarget
    from sayso.audit.publishing.witness_target import WitnessTarget
    from sayso.audit.signed_note.cosignature import CosignatureVerifier

    if section.timestamp is not None:
        return _timestamp_place(workspace, section)
    if section.directory is not None:
        return DirectoryTarget(section.name, workspace.folder / Path(section.directory))
    assert section.witness is not None
    assert section.key is not None
    try:
        key = CosignatureVerifier.parse(section.key)
    except IntegrityError as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`publishing.places`, `{section.name}`: {error.message}",
            next_step=error.next_step,
        ) from error
    return WitnessTarget(section.name, section.witness, key)


def _timestamp_place(workspace: Workspace, section: PlaceSection) -> PublishTarget:
    from sayso.audit.publishing.timestamp_target import TimestampTarget
    from sayso.audit.signed_note.authorities import TimeAuthorities

    assert section.timestamp is not None
    assert section.roots is not None
    authorities = TimeAuthorities.read(workspace.folder / Path(section.roots))
    return TimestampTarget(section.name, section.timestamp, authorities, section.policy)


def _second(workspace: Workspace) -> MlDsaCosigner | None:
    from sayso.audit.signed_note.cosignature import MlDsaCosigner, read_cosigner

    reference = workspace.settings.publishing.second_key
    if reference is None:
        return None
    found = read_cosigner(workspace.secret(reference).reveal())
    if not isinstance(found, MlDsaCosigner):
        raise ConfigError(
            Code.INVALID_SETTING,
            "`publishing.second_key` is no ML-DSA-44 key",
            next_step="make one with `sayso audit make-key FILE --name NAME --for ml-dsa`",
        )
    return found


async def read_log_keys(sayso: Sayso) -> list[tuple[str, str]]:
    """Each tenant that has a log, and the public key that signs it now.

    The tenants of this workspace and the log of logs are there even before their first entry.
    """
    log = sayso.container.log

    def work(reader: Reader) -> dict[str, str]:
        found: dict[str, str] = {}
        for row in reader.all("log.tenants"):
            key = reader.one("log.key", tenant=text(row, "tenant"))
            found[text(row, "tenant")] = "" if key is None else text(key, "vkey")
        return found

    stored = await sayso.container.store.read(work)
    for tenant in (sayso.container.tenant, Tenant(LOGS)):
        if tenant not in stored:
            stored[tenant] = log.vkey_of(tenant)
    return sorted(stored.items())


async def read_next_keys(sayso: Sayso) -> list[tuple[str, str]]:
    """The same for the key that the logs are to be handed over to (`signing.next_key`).

    Nothing of a log that has it already, and nothing where the settings name none.
    """
    now = await read_log_keys(sayso)
    found: list[tuple[str, str]] = []
    for tenant, vkey in now:
        successors = sayso.container.log.signers_of(Tenant(tenant))[1:]
        found += [(tenant, one.vkey) for one in successors if one.vkey != vkey]
    return found


async def read_second_keys(sayso: Sayso) -> list[tuple[str, str]]:
    """The same for the ML-DSA-44 key that signs published heads as well; nothing without one.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`.
    """
    second = _second(sayso.workspace)
    if second is None:
        return []
    origin_of = sayso.container.log.origin_of
    return [
        (tenant, second.named(origin_of(Tenant(tenant))).vkey)
        for tenant, _ in await read_log_keys(sayso)
    ]


def _base64(row: Row) -> str | None:
    return None if row["token"] is None else encode64(blob(row, "token"))


async def read_publications(sayso: Sayso, tenant: Tenant) -> list[PublicationView]:
    """How far each place of the settings is behind a tenant's log."""
    places = [place.name for place in sayso.workspace.settings.publishing.places]

    def work(reader: Reader) -> list[PublicationView]:
        head = reader.one("log.head", tenant=tenant)
        size = 0 if head is None else integer(head, "size")
        rows = {
            text(row, "place"): row for row in reader.all("publication.of_tenant", tenant=tenant)
        }
        found: list[PublicationView] = []
        for name in places:
            row = rows.get(name)
            published = 0 if row is None else integer(row, "size")
            found.append(
                PublicationView(
                    place=name,
                    size=published,
                    lag=max(size - published, 0),
                    at=None if row is None else rfc3339(integer(row, "at")),
                    checkpoint=None if row is None else text(row, "note"),
                    timestamp=None if row is None else _base64(row),
                )
            )
        return found

    return await sayso.container.store.read(work, tenant=tenant)
