"""The doors, by name."""

from __future__ import annotations

from collections.abc import Mapping

from walk.surfaces.base import Surface
from walk.surfaces.cli import CliSurface
from walk.surfaces.console import ConsoleSurface
from walk.surfaces.http import HttpSurface
from walk.surfaces.sdk import SdkSurface
from walk.surfaces.slack import SlackSurface

SURFACES: Mapping[str, type[Surface]] = {
    one.name: one for one in (SdkSurface, HttpSurface, CliSurface, ConsoleSurface, SlackSurface)
}
