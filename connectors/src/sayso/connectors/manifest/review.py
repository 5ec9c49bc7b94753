"""Reviews: a manifest loads only by the digest that somebody has reviewed, and drafts never do."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.derive import Proven
from sayso.connectors.manifest.proof import read_proofs
from sayso.connectors.manifest.source import ManifestSource, invalid, read_source
from sayso.connectors.manifests import FOLDER, REVIEWS, SHIPPED
from sayso.errors import Code, ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HEAD = """\
# Written by `sayso connector review` and `sayso connector test`: which bytes of each manifest were
# reviewed, by whom and when, and what its cases have passed against. Keep it in git.
"""


class Review(BaseModel):
    """What somebody has looked at.

    Attributes:
        digest: of the manifest's bytes.
        by, at: who and when.
        verified: what the cases of these very bytes have passed against: `recorded`, exchanges
            with an account of the provider's; None for the generated provider alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    by: str
    at: datetime
    verified: Literal["recorded"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A manifest that may be loaded.

    Attributes:
        proofs: what was seen of its actions at an account of the provider, by verb.
    """

    source: ManifestSource
    review: Review
    proofs: Mapping[str, Proven] = field(default_factory=dict[str, Proven])

    @property
    def verified(self) -> bool:
        """Whether its cases have passed against the provider's own answers."""
        return self.review.verified is not None


def read_reviews(folder: Path) -> dict[str, Review]:
    """The reviews of a folder of manifests, by connector; none where there is no file.

    Raises:
        ConfigError: `invalid_manifest`, for a file that is none.
    """
    path = folder / REVIEWS
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        return {name: Review.model_validate(one) for name, one in table.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ValidationError) as error:
        raise invalid(
            f"{folder.name}/{REVIEWS}",
            f"it cannot be read: {str(error)[:200]}",
            "restore it from git",
        ) from error


def write_reviews(folder: Path, reviews: Mapping[str, Review]) -> None:
    """Write the reviews of a folder, by name."""
    text = _HEAD
    for name in sorted(reviews):
        one = reviews[name]
        at = one.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        by = one.by.replace("\\", "\\\\").replace('"', '\\"')
        text += f'\n[{name}]\ndigest = "{one.digest}"\nby = "{by}"\nat = {at}\n'
        if one.verified is not None:
            text += f'verified = "{one.verified}"\n'
    (folder / REVIEWS).write_text(text, "utf-8")


def find_source(name: str, base: Path) -> tuple[ManifestSource, Path] | None:
    """The manifest of a connector, of the workspace or shipped, and the folder that has it.

    Raises:
        ConfigError: `invalid_manifest`.
    """
    if not _NAME.fullmatch(name) or f"{name}.toml" == REVIEWS:
        return None
    for folder in (base / FOLDER, SHIPPED):
        path = folder / f"{name}.toml"
        if path.is_file():
            source = read_source(path.read_bytes(), f"{folder.name}/{path.name}")
            if source.manifest.connector != name:
                raise invalid(
                    source.name,
                    f"it calls itself `{source.manifest.connector}`",
                    "name the file as the connector",
                    source.line("connector"),
                )
            return source, folder
    return None


def load(name: str, base: Path) -> Reviewed | None:
    """The manifest of a connector, when it may be loaded; None when there is none.

    Args:
        base: the workspace's folder; its `connectors/` comes before what is shipped.

    Raises:
        ConfigError: `invalid_manifest` with the first mistake; `not_reviewed` for a draft, and for
            bytes that nobody has reviewed.
    """
    found = find_source(name, base)
    if found is None:
        return None
    source, folder = found
    if source.is_draft:
        raise _not_reviewed(source, "it is a draft", f"answer what `# ASK` asks in {source.name}")
    wrong = mistakes(source)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise ConfigError(
            Code.INVALID_MANIFEST,
            f"`{source.name}`, {wrong[0]}{more}",
            next_step=f"run `sayso connector check {name}`",
            detail="\n".join(f"{one}; run `sayso connector check {name}`" for one in wrong[1:]),
        )
    own = read_reviews(base / FOLDER)
    review = own.get(name)
    if folder == SHIPPED and (review is None or review.digest != source.digest):
        review = read_reviews(SHIPPED).get(name)
    if review is None:
        raise _not_reviewed(
            source, "nobody has reviewed it", f"run `sayso connector review {name}`"
        )
    if review.digest != source.digest:
        raise _not_reviewed(
            source,
            f"it was changed since {review.by} reviewed it on {review.at.date()}",
            f"run `sayso connector review {name}`, which shows the difference",
        )
    return Reviewed(source=source, review=review, proofs=read_proofs(base, source.manifest))


def _not_reviewed(source: ManifestSource, why: str, step: str) -> ConfigError:
    return ConfigError(Code.NOT_REVIEWED, f"`{source.name}` is not loaded: {why}", next_step=step)
