"""Compares what three witnesses say of a run at Stripe's sandbox: books, ledger and log."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

from bench.crash.judge import Faults
from bench.crash.stripe_plan import AMOUNTS, STEPS, Plan, Step
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify_database
from sayso.sandbox import Books, EffectKind, JournalEffect

KINDS: dict[Step, EffectKind] = {
    "small": "refund",
    "big": "refund",
    "cancel": "cancel_at_period_end",
    "credit": "balance_credit",
}


def read_ledger(path: Path) -> dict[str, sqlite3.Row]:
    """The actions by the caller's key, read past the program that wrote them."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("select * from action").fetchall()
    return {row["idempotency_key"]: row for row in rows}


def read_head(path: Path) -> bytes | None:
    """The newest signed head; None before the first entry."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute("select note from log_head").fetchone()
    return None if row is None else str(row[0]).encode()


def judge(
    plan: Plan,
    path: Path,
    books: Books,
    *,
    vkey: str,
    heads: Sequence[bytes],
    told: Mapping[str, str],
) -> Faults:
    """Judge a finished run.

    Args:
        path: of the database.
        books: of the provider.
        vkey: the log's public key.
        heads: signed heads that were seen after each death.
        told: by action id, the last status that a caller was told.
    """
    faults = Faults()
    ledger = read_ledger(path)
    effects = [effect for effect in books.effects if effect.customer == plan.customer]
    for step in STEPS:
        _judge_step(faults, plan, step, ledger.get(plan.key(step)), effects)
    known = {plan.target(step) for step in STEPS}
    strange = [one for one in effects if one.target not in known or one.kind not in KINDS.values()]
    faults.disagree += [f"run {plan.number}: nobody asked for {one}" for one in strange]
    by_id = {row["id"]: row["status"] for row in ledger.values()}
    for action, status in told.items():
        now = by_id.get(action)
        if now is None or (status == "succeeded" and now != "succeeded"):
            faults.lost.append(f"run {plan.number}: told {status}, and {action} is {now}")
    trust = Trust.parse([vkey], heads)
    verified = verify_database(path, trust=trust, deep=True)
    if verified.verdict is not Verdict.VERIFIED:
        logs = [finding for log in verified.logs for finding in log.findings]
        why = "; ".join(finding.message for finding in (*verified.findings, *logs))
        faults.unverified.append(f"run {plan.number}: {verified.verdict}: {why[:400]}")
    return faults


def _judge_step(
    faults: Faults,
    plan: Plan,
    step: Step,
    row: sqlite3.Row | None,
    effects: Sequence[JournalEffect],
) -> None:
    name = f"run {plan.number} {plan.mode}, {step}"
    done = [one for one in effects if (one.kind, one.target) == (KINDS[step], plan.target(step))]
    if len(done) > 1:
        faults.double += [f"{name}: {one.id} is one too many" for one in done[1:]]
    status = None if row is None else row["status"]
    if not done:
        faults.lost.append(f"{name}: never done, the ledger says {status}")
        return
    if row is None or status != "succeeded":
        faults.lost.append(f"{name}: done, and the ledger says {status}")
        return
    effect, receipt = done[0], cast("dict[str, str]", json.loads(row["receipt"]))
    provider = (effect.amount, effect.id, effect.metadata.get("sayso_action"))
    ours = (row["amount_minor"] or 0, receipt["id"], row["id"])
    if provider != ours or effect.amount != AMOUNTS[step]:
        faults.disagree.append(f"{name}: the provider has {provider}, the ledger {ours}")
