"""The questions that the verifier asks, and the kinds of harm that an answer can mean."""

from __future__ import annotations

from enum import StrEnum


class Damage(StrEnum):
    """What kind of harm was found. Closed."""

    EDITED = "edited"
    """An entry, a head or a projected column was changed."""
    DELETED = "deleted"
    """Entries are missing from the middle."""
    REORDERED = "reordered"
    """An entry stands where another one was."""
    TRUNCATED = "truncated"
    """Entries are missing from the end; the signed head still counts them."""
    FORGED = "forged"
    """Something is there that the log's key did not sign."""
    FORKED = "forked"
    """The signed log contradicts a checkpoint that was signed earlier: history was rewritten."""
    ROLLED_BACK = "rolled_back"
    """The signed log is shorter than a checkpoint seen earlier."""
    OLDER = "older"
    """The export is shorter than a checkpoint that the caller holds, and proven to be the beginning
    of that log: made earlier, or of a log that was rolled back since."""
    STATE_DISAGREES = "state_disagrees"
    """A row does not say what the entries about it say."""
    RULE_BROKEN = "rule_broken"
    """An entry says that something was done that the log's rules do not allow."""
    BAD_SIGNATURE = "bad_signature"
    FOREIGN_TENANT = "foreign_tenant"
    """An entry or a head belongs to another tenant or deployment."""
    NON_CANONICAL = "non_canonical"
    """An entry, or a file of a bundle, is not in the form that the writer writes."""
    UNKNOWN_KEY = "unknown_key"
    """The key is not one of those that were named as trusted."""
    UNWITNESSED = "unwitnessed"
    """The policy asks for cosignatures that no checkpoint has."""
    UNSTAMPED = "unstamped"
    """A time stamp was to be verified, and there is none that holds."""
    PRUNED = "pruned"
    """What would have to be read is only in a sealed segment, whose file is not there."""
    UNCOMPARED = "uncompared"
    """The caller holds a head of a size at which proofs of single entries say nothing."""
    UNREADABLE = "unreadable"
    """The source cannot be read as what it should be."""
    EMPTY = "empty"
    """There is nothing to verify, which is not the same as verified."""
    DAMAGED = "damaged"
    """The medium does not give back what was written."""
    WRONG_KEY = "wrong_key"
    """What was sealed outside of the log was sealed by a key that is not at hand."""
    OLDER_BUILD = "older_build"
    """An older build made it, and it is not upgraded yet."""

    @property
    def accuses(self) -> bool:
        """Whether it means that somebody tampered."""
        return self not in UNDECIDED


UNDECIDED = frozenset(
    {
        Damage.OLDER,
        Damage.UNKNOWN_KEY,
        Damage.UNWITNESSED,
        Damage.UNSTAMPED,
        Damage.PRUNED,
        Damage.UNCOMPARED,
        Damage.UNREADABLE,
        Damage.EMPTY,
        Damage.DAMAGED,
        Damage.WRONG_KEY,
        Damage.OLDER_BUILD,
    }
)
"""What leaves the verdict open; every other damage means tampered."""


class Check(StrEnum):
    """One question the verifier asks. `tests/audit/test_verify_checks.py` removes each in turn."""

    SOURCE_READABLE = "source_readable"
    SOURCE_CONSISTENT = "source_consistent"
    SOURCE_TABLES = "source_tables"
    SOURCE_UNDAMAGED = "source_undamaged"
    KEY_AT_HAND = "key_at_hand"
    KEY_WRAPPED = "key_wrapped"
    LOG_NOT_EMPTY = "log_not_empty"
    SEQ_DENSE = "seq_dense"
    BODY_CANONICAL = "body_canonical"
    BODY_FORMAT = "body_format"
    BODY_TENANT = "body_tenant"
    BODY_SEQ = "body_seq"
    PROJECTIONS_AGREE = "projections_agree"
    HEAD_PRESENT = "head_present"
    HEAD_IS_NOTE = "head_is_note"
    HEAD_SIGNED = "head_signed"
    HEAD_KEY_LISTED = "head_key_listed"
    HEAD_KEY_TRUSTED = "head_key_trusted"
    HEAD_KEY_IN_RANGE = "head_key_in_range"
    KEY_ROTATION = "key_rotation"
    KEY_INTRODUCED = "key_introduced"
    HEAD_ORIGIN = "head_origin"
    HEAD_ROOT = "head_root"
    HEAD_ROW_SIZE = "head_row_size"
    HEAD_ROW_FRONTIER = "head_row_frontier"
    CHECKPOINT_READABLE = "checkpoint_readable"
    CHECKPOINT_SIGNED = "checkpoint_signed"
    CHECKPOINT_HAS_LOG = "checkpoint_has_log"
    PINNED_HAS_LOG = "pinned_has_log"
    CHECKPOINT_REACHED = "checkpoint_reached"
    CHECKPOINT_ROOT = "checkpoint_root"
    CHECKPOINT_COMPARED = "checkpoint_compared"
    COSIGNATURE_FITS = "cosignature_fits"
    ANCHOR_PRESENT = "anchor_present"
    ANCHOR_REACHED = "anchor_reached"
    ANCHOR_ROOT = "anchor_root"
    TIMESTAMP_PRESENT = "timestamp_present"
    TIMESTAMP_TRUSTED = "timestamp_trusted"
    TIMESTAMP_FITS = "timestamp_fits"
    TIMESTAMP_REACHED = "timestamp_reached"
    TIMESTAMP_ROOT = "timestamp_root"
    ENTERED_HAS_LOG = "entered_has_log"
    ENTERED_REACHED = "entered_reached"
    ENTERED_ROOT = "entered_root"
    STATE_ENTRY = "state_entry"
    STATE_STATUS = "state_status"
    STATE_LATEST = "state_latest"
    STATE_ROW_PRESENT = "state_row_present"
    STATE_REBUILT = "state_rebuilt"
    STATE_BOUND = "state_bound"
    STATE_ERASED = "state_erased"
    SEGMENT_ROW = "segment_row"
    SEGMENT_SEALED = "segment_sealed"
    SEGMENT_PRUNED = "segment_pruned"
    SEGMENT_PRESENT = "segment_present"
    SEGMENT_FORM = "segment_form"
    SEGMENT_DIGEST = "segment_digest"
    SEGMENT_ROOT = "segment_root"
    SEGMENT_SIGNED = "segment_signed"
    RULE_TRANSITION = "rule_transition"
    RULE_JUDGED = "rule_judged"
    RULE_POLICY = "rule_policy"
    RULE_APPROVED = "rule_approved"
    RULE_BOUND = "rule_bound"
    RULE_UNEXPIRED = "rule_unexpired"
    RULE_WITHDRAWN = "rule_withdrawn"
    RULE_QUORUM = "rule_quorum"
    RULE_APPROVER = "rule_approver"
    RULE_OWN_REQUEST = "rule_own_request"
    RULE_CREDENTIAL = "rule_credential"
    RULE_STOPPED = "rule_stopped"
    RULE_CALL_KEY = "rule_call_key"
    RULE_COMPENSATED = "rule_compensated"
    RULE_TWO_PEOPLE = "rule_two_people"
    RULE_HELD = "rule_held"
    RULE_ERASURE = "rule_erasure"
    RULE_PEOPLE = "rule_people"
    RULE_TOKEN = "rule_token"  # noqa: S105  (a check, not a secret)
    RULE_LIMIT = "rule_limit"
    RULE_STATED = "rule_stated"
    RULE_PASSKEY = "rule_passkey"
    RULE_CANARY = "rule_canary"
    RULE_REPAIR = "rule_repair"
    RULE_LINK = "rule_link"
    RULE_REACH = "rule_reach"
    RULE_CODE = "rule_code"
    BUNDLE_MANIFEST = "bundle_manifest"
    ROW_PROVEN = "row_proven"
