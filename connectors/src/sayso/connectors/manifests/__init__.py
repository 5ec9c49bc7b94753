"""The manifests that ship, and where a workspace has its own; importing this reads none."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).parent
"""The folder of those that ship, reviewed by whoever released it."""

FOLDER = "connectors"
"""The folder of a workspace's own."""

REVIEWS = "reviewed.toml"
"""The file that says which bytes were reviewed, in either folder."""


def manifest_names(base: Path) -> list[str]:
    """The connectors that have a manifest, in the workspace or shipped."""
    return sorted(
        {
            path.stem
            for folder in (base / FOLDER, SHIPPED)
            for path in folder.glob("*.toml")
            if path.name != REVIEWS and not path.name.endswith(".cases.toml")
        }
    )
