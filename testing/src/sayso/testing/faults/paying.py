"""What a provider does wrong *after* it has paid: where a second call is a second payment."""

from __future__ import annotations

from enum import StrEnum


class PayingFault(StrEnum):
    """Ten ways of failing after the money has moved.

    | way | its own record | what the caller gets |
    |---|---|---|
    | error_answered | written | an error |
    | connection_cut | written | nothing |
    | killed_before_commit | never written, the key neither | nothing |
    | rolled_back | rolled back, the key too | an error |
    | late_record | written minutes later | nothing |
    | listed_elsewhere | written where nobody looks | nothing |
    | amount_rounded | written, of a rounded amount | success, of that amount |
    | answered_twice | rolled back | an error, and the same to each further call |
    | pending_then_gone | gone after it was shown as pending | that it was taken on |
    | key_ignored | written, of each call with the same key anew | nothing |
    """

    ERROR_ANSWERED = "error_answered"
    CONNECTION_CUT = "connection_cut"
    KILLED_BEFORE_COMMIT = "killed_before_commit"
    ROLLED_BACK = "rolled_back"
    LATE_RECORD = "late_record"
    LISTED_ELSEWHERE = "listed_elsewhere"
    AMOUNT_ROUNDED = "amount_rounded"
    ANSWERED_TWICE = "answered_twice"
    PENDING_THEN_GONE = "pending_then_gone"
    KEY_IGNORED = "key_ignored"
