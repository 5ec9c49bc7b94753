"""Manifests of a workspace: checked, reviewed, tried."""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sayso.connectors.manifest.check import ManifestMistake, mistakes
from sayso.connectors.manifest.definition import define
from sayso.connectors.manifest.derive import UNPROVEN, derive
from sayso.connectors.manifest.proof import read_proofs
from sayso.connectors.manifest.review import Review, find_source, read_reviews, write_reviews
from sayso.connectors.manifest.source import ManifestSource
from sayso.connectors.manifests import FOLDER, SHIPPED, manifest_names
from sayso.errors import Code, ConfigError, RefusedError

_SEEN = ".reviewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionReport:
    """What an action of a manifest is worth.

    Attributes:
        name: such as `chargebee.pause`.
        guarantee: in words. reasons: why it is that one. ask: why a person always decides.
    """

    name: str
    guarantee: str
    reasons: tuple[str, ...]
    ask: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReport:
    """What is known of a manifest without asking its provider.

    Attributes:
        name: the connector.
        path: the file. ships: whether it comes with Sayso.
        digest: of its bytes.
        is_draft: whether it has `[draft]`.
        review: what was reviewed last, of whatever bytes; None for never.
        mistakes: what is wrong.
        actions: what each is worth.
    """

    name: str
    path: Path
    ships: bool
    digest: str
    is_draft: bool
    review: Review | None
    mistakes: tuple[ManifestMistake, ...]
    actions: tuple[ActionReport, ...]

    @property
    def is_reviewed(self) -> bool:
        """Whether these very bytes were reviewed."""
        return self.review is not None and self.review.digest == self.digest

    @property
    def loads(self) -> bool:
        """Whether it is loaded as it stands."""
        return self.is_reviewed and not self.is_draft and not self.mistakes


def _acts(source: ManifestSource) -> Iterator[ManifestMistake]:
    """Actions that no customer can be told of, and arguments that nothing they say fills."""
    from sayso.agent.understanding.act_file import read_shipped_acts  # only where it is checked
    from sayso.agent.understanding.vocabulary import unfilled

    for verb, table in source.manifest.actions.items():
        made = define(source.manifest, verb, table, hosts=frozenset(), verified=False)
        why = unfilled(made.action, read_shipped_acts())
        if why is not None:
            at = ("actions", verb, "act") if table.act is not None else ("actions", verb)
            step = 'write `act` and `on`, or `act = "none"`; see docs/how-to/add-an-act.md'
            yield ManifestMistake(at=at, line=source.line(*at), problem=why, next_step=step)


def check_manifest(folder: Path, name: str, specs: Sequence[Path] = ()) -> ManifestReport:
    """Check a manifest of the workspace in a folder, or one that ships.

    Args:
        specs: the provider's own descriptions, beside those that the manifest's `[spec]` names.

    Raises:
        ConfigError: `invalid_setting` when there is none of that name, with the nearest;
            `invalid_manifest` when it cannot be read at all.
    """
    source, home = _find(folder, name)
    wrong = [*mistakes(source), *_deviations(source, home, specs)]
    wrong += [] if wrong else _acts(source)
    review = _review_of(folder, home, name, source)
    verified = review is not None and review.digest == source.digest and review.verified is not None
    actions: list[ActionReport] = []
    proofs = read_proofs(folder, source.manifest)
    for verb, table in source.manifest.actions.items():
        found = derive(table, verified=verified, proven=proofs.get(verb, UNPROVEN))
        actions.append(
            ActionReport(
                name=f"{name}.{verb}",
                guarantee=found.guarantee.sentence,
                reasons=found.reasons,
                ask=found.ask,
            )
        )
    return ManifestReport(
        name=name,
        path=home / f"{name}.toml",
        ships=home == SHIPPED,
        digest=source.digest,
        is_draft=source.is_draft,
        review=review,
        mistakes=tuple(wrong),
        actions=tuple(actions),
    )


def _deviations(source: ManifestSource, home: Path, specs: Sequence[Path]) -> list[ManifestMistake]:
    """Where a manifest says something else than the provider does; nothing without descriptions.

    Raises:
        ConfigError: `missing_extra`, `invalid_setting`.
    """
    from sayso.connectors.describe.conform import Description, deviations, named_in

    paths = [*named_in(source.manifest, home), *specs]
    if not paths and not any(_documents(source)):
        return []
    return deviations(source, Description.read(paths))


def _documents(source: ManifestSource) -> Iterator[str]:
    """The GraphQL texts of a manifest, which are parsed whether or not a schema is there."""
    manifest = source.manifest
    for action in manifest.actions.values():
        if action.call.mutation is not None:
            yield action.call.mutation


def list_manifests(folder: Path) -> Iterator[ManifestReport]:
    """Every manifest of the workspace, and those that ship.

    Raises:
        ConfigError: `invalid_manifest`, for the first that cannot be read.
    """
    for name in manifest_names(folder):
        yield check_manifest(folder, name)


def changes_since_review(folder: Path, name: str) -> list[str]:
    """The difference to what was reviewed last, as a unified diff; at first it is all of it."""
    source, _ = _find(folder, name)
    seen = folder / FOLDER / _SEEN / f"{name}.toml"
    before = seen.read_text("utf-8").splitlines() if seen.is_file() else []
    after = source.text.splitlines()
    return list(difflib.unified_diff(before, after, "reviewed", source.name, lineterm=""))


def review_manifest(folder: Path, name: str, *, by: str, now: datetime) -> Review:
    """Record that somebody has reviewed a manifest's bytes as they are.

    Raises:
        RefusedError: `wrong_state` for a draft, or while something is wrong with it.
        ConfigError: as `check_manifest`.
    """
    report = check_manifest(folder, name)
    if report.is_draft:
        raise RefusedError(
            Code.WRONG_STATE,
            f"`{report.path.name}` is a draft",
            next_step="answer what `# ASK` asks, take `[draft]` out, then review it",
        )
    if report.mistakes:
        raise RefusedError(
            Code.WRONG_STATE,
            f"`{report.path.name}`, {report.mistakes[0]}",
            next_step=f"correct it; `sayso connector check {name}` lists everything",
        )
    review = Review(digest=report.digest, by=by, at=now)
    _write_review(folder, name, review)
    seen = folder / FOLDER / _SEEN
    seen.mkdir(exist_ok=True)
    (seen / f"{name}.toml").write_bytes(report.path.read_bytes())
    return review


def mark_recorded(folder: Path, name: str, *, by: str, now: datetime) -> None:
    """Note that the bytes of a manifest as they are were tried at an account of the provider's.

    Raises:
        ConfigError: as `check_manifest`.
    """
    report = check_manifest(folder, name)
    was = report.review if report.is_reviewed else None
    reviewed_by = was.by if was is not None else by
    at = was.at if was is not None else now
    _write_review(
        folder, name, Review(digest=report.digest, by=reviewed_by, at=at, verified="recorded")
    )


def try_manifest(folder: Path, name: str) -> Iterator[dict[str, object]]:
    """Judge a manifest by the cases beside it, in a process of its own.

    Returns:
        `{"what", "ok", "why"}` for each thing that was judged.

    Raises:
        ConfigError: as `check_manifest`.
    """
    path = check_manifest(folder, name).path
    command = [sys.executable, "-m", "sayso.testing.manifests", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603
        assert child.stdout is not None
        for line in child.stdout:
            yield json.loads(line)


def _write_review(folder: Path, name: str, review: Review) -> None:
    home = folder / FOLDER
    home.mkdir(exist_ok=True)
    write_reviews(home, {**read_reviews(home), name: review})


def _review_of(folder: Path, home: Path, name: str, source: ManifestSource) -> Review | None:
    """The workspace's own review; of what ships, the release's where that is of these bytes."""
    own = read_reviews(folder / FOLDER).get(name)
    if home != SHIPPED or (own is not None and own.digest == source.digest):
        return own
    return read_reviews(SHIPPED).get(name) or own


def _find(folder: Path, name: str) -> tuple[ManifestSource, Path]:
    found = find_source(name, folder)
    if found is not None:
        return found
    names = manifest_names(folder)
    near = difflib.get_close_matches(name[:60], names, 1)
    raise ConfigError(
        Code.INVALID_SETTING,
        f"there is no manifest `{name[:60]}`",
        next_step=f"did you mean `{near[0]}`?"
        if near
        else f"there are {', '.join(f'`{one}`' for one in names)}; put yours into {FOLDER}/",
    )
