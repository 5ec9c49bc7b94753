"""The doors, by name."""

from __future__ import annotations

from collections.abc import Mapping

from walk.surfaces.base import Surface
from walk.surfaces.sdk import SdkSurface

SURFACES: Mapping[str, type[Surface]] = {one.name: one for one in (SdkSurface,)}
