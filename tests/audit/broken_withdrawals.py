"""Logs in which something goes on of what its customer has taken back."""

from __future__ import annotations

from audit.ruled_log import BOT, DIGEST, ENGINE, SUBJECT, RuledLog

from sayso.audit.entry import EntryKind, Json


def _goes_on_after_a_withdrawal(log: RuledLog) -> None:
    log.say(EntryKind.REQUEST_ASKED, BOT, {}, request="req_8", subject=SUBJECT)
    log.say(EntryKind.REQUEST_WITHDRAWN, BOT, {}, request="req_8", subject=SUBJECT)
    plan: dict[str, Json] = {"planner": "playbook", "plan": DIGEST}
    log.say(EntryKind.REQUEST_PLANNED, ENGINE, plan, request="req_8", subject=SUBJECT)


def _a_yes_after_a_withdrawal(log: RuledLog) -> None:
    log.say(EntryKind.REQUEST_ASKED, BOT, {}, request="req_1", subject=SUBJECT)
    data: dict[str, Json] = {"planner": "playbook", "step": "s1"}
    log.act(EntryKind.ACTION_PROPOSED, "planned", ENGINE, data, request="req_1", digest=None)
    log.asked()
    log.say(EntryKind.REQUEST_WITHDRAWN, BOT, {}, request="req_1", subject=SUBJECT)
    log.yes()


AFTER_A_WITHDRAWAL = (_goes_on_after_a_withdrawal, _a_yes_after_a_withdrawal)
