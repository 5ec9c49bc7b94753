"""A verification in words, for a terminal."""

from __future__ import annotations

from sayso.audit.verifier.verification import Finding, Verdict, Verification, next_step_of


def describe(verification: Verification) -> str:
    """The verification for a person, ending in a line feed."""
    lines = [f"{_words(verification.verdict)}: {verification.source}"]
    for log in verification.logs:
        lines.append(f"  {log.origin or log.tenant}: {_words(log.verdict)}")
        lines.append(f"    covers {log.coverage}")
        if log.state_rows:
            lines.append(f"    {log.state_rows} rows of actions and approvals compared")
        lines += [f"    {_describe_finding(found)}" for found in log.findings]
        lines += [
            f"    accepted by two people in entry {one.seq}: {_describe_finding(one.finding)}"
            for one in log.accepted
        ]
        lines += [f"    and {log.dropped} more findings"] if log.dropped else []
        lines += [f"    note: {warning}" for warning in log.warnings]
    lines += [f"  {_describe_finding(found)}" for found in verification.findings]
    lines += [f"  note: {warning}" for warning in verification.warnings]
    step = next_step_of(verification)
    lines += [f"next: {step}"] if step else []
    return "".join(f"{printable(line)}\n" for line in lines)


def printable(line: str) -> str:
    """A line with nothing in it that a terminal obeys: names in it are whatever somebody wrote."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )


def _words(verdict: Verdict) -> str:
    return verdict.value.replace("_", " ")


def _describe_finding(found: Finding) -> str:
    where = ""
    if found.seq is not None:
        where = f" at {found.seq}"
        if found.last_seq not in {None, found.seq}:
            where = f" from {found.seq} to {found.last_seq}"
    return f"{found.damage.value}{where}: {found.message} [{found.check.value}]"
