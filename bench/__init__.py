"""Benches. They share the tests' shops and servers, which the wheel leaves out."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
