"""docs/reference/sandbox.md says what is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from sayso.sandbox import DEMO, EffectKind, FaultKind

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "sandbox.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    """The Python example of the page runs as it stands."""
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    subprocess.run([sys.executable, "-c", example[1]], check=True, timeout=60)


def test_every_fault_effect_and_customer_is_named() -> None:
    """The page names every kind of fault and effect, and every demo customer."""
    names = {*get_args(FaultKind), *get_args(EffectKind)}

    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []
    assert [who.who for who in DEMO if f"| {who.who} |" not in PAGE] == []
