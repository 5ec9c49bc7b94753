"""What every bench prints: one document with `--json`, a plain table without."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sayso.json import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        case: what was measured, in words.
        value: in `unit`; a median where there was more than one round.
        ratio_to: how many times the named peer's figure this one is.
    """

    case: str
    value: float
    unit: str
    ratio_to: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, JsonValue]:
        """The row of the document."""
        row: dict[str, JsonValue] = {
            "case": self.case,
            "value": rounded(self.value),
            "unit": self.unit,
        }
        if self.ratio_to is not None:
            row["ratio_to"] = {peer: rounded(ratio) for peer, ratio in self.ratio_to.items()}
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of a bench; `ok` says whether every bar was met."""

    name: str
    rows: Sequence[Row]
    ok: bool

    def to_json(self) -> dict[str, JsonValue]:
        """`{"name", "rows": [{"case", "value", "unit", "ratio_to"?}], "ok"}`."""
        return {"name": self.name, "rows": [row.to_json() for row in self.rows], "ok": self.ok}

    def table(self) -> str:
        """The same for a person."""
        lines = [
            (row.case, f"{rounded(row.value):,}", row.unit, _ratios(row.ratio_to))
            for row in self.rows
        ]
        cases = max((len(line[0]) for line in lines), default=0)
        values = max((len(line[1]) for line in lines), default=0)
        units = max((len(line[2]) for line in lines), default=0)
        shown = [
            f"{case:<{cases}}  {value:>{values}} {unit:<{units}}  {ratios}".rstrip()
            for case, value, unit, ratios in lines
        ]
        return "\n".join([*shown, f"{self.name}: {'ok' if self.ok else 'not ok'}"])


def print_report(report: Report, *, as_json: bool) -> int:
    """Print it; the exit status is 0 when every bar was met."""
    print(json.dumps(report.to_json()) if as_json else report.table())
    return 0 if report.ok else 1


def show_progress(text: str) -> None:
    """Replace the line on standard error that says how far it is; only where a person looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def median(values: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return statistics.median(values) if values else 0.0


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that `percent` per cent of the values do not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else 0.0


def rounded(value: float) -> float | int:
    """Three significant digits, or whole from 100 on."""
    if value == int(value) or abs(value) >= 100:
        return round(value)
    return float(f"{value:.3g}")


def _ratios(ratios: Mapping[str, float] | None) -> str:
    return ", ".join(f"{rounded(ratio):,} x {peer}" for peer, ratio in (ratios or {}).items())
