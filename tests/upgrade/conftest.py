"""The command line of `tests/surfaces/cli`, here too."""

from surfaces.cli.conftest import cli, line, new_shop

__all__ = ["cli", "line", "new_shop"]
