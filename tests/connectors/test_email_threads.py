"""Reading an e-mail: which conversation it belongs to, and with whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sayso.connectors.email.inbox.heads import MailHead, read_head
from sayso.connectors.email.inbox.threads import (
    MailPlace,
    Threads,
    account_id,
    address_in,
    root_digest,
    thread_of,
)

AT = datetime(2026, 11, 30, tzinfo=UTC)


def head(sender: str, message_id: str, *references: str, to: str = "s@shop.example") -> MailHead:
    """A mail's head; the last reference is what it answers."""
    lines = [f"From: {sender}", f"To: {to}", f"Message-ID: <{message_id}>", "Subject: Order 1042"]
    if references:
        lines += [
            "References: " + " ".join(f"<{one}>" for one in references),
            f"In-Reply-To: <{references[-1]}>",
        ]
    return read_head("\n".join([*lines, "", ""]).encode())


def place(uid: int) -> MailPlace:
    """In the inbox."""
    return MailPlace("INBOX", uid)


def at(uid: int) -> tuple[MailPlace, datetime]:
    """In the inbox, a second later than the one before."""
    return place(uid), AT + timedelta(seconds=uid)


@pytest.mark.promise("desk:mail:threads")
def test_a_thread_is_one_conversation_with_one_customer() -> None:
    """By References; ours carry the root, so it is found when they were cut; never by a subject."""
    threads = Threads(own=frozenset({"s@shop.example"}))
    (first,) = threads.add(head("ana@example.com", "a1"), *at(1))
    ours = f"sayso.{root_digest('a1')}.{'0' * 40}@shop.example"
    (sent,) = threads.add(head("s@shop.example", ours, "a1", to="ana@example.com"), *at(2))
    (whole,) = threads.add(head("ana@example.com", "a2", "a1", ours), *at(3))
    (cut,) = threads.add(head("ana@example.com", "a3", ours), *at(4))
    (cut_to_theirs,) = threads.add(head("ana@example.com", "a4", "a3"), *at(5))
    (same_subject,) = threads.add(head("ana@example.com", "b1"), *at(6))
    assert {one.thread for one in (first, sent, whole, cut, cut_to_theirs)} == {first.thread}
    assert same_subject.thread != first.thread
    assert [one.place.uid for one in threads.of(first.thread)] == [1, 2, 3, 4, 5]


@pytest.mark.promise("desk:mail:threads")
def test_whoever_else_answers_is_in_a_thread_of_their_own() -> None:
    """Somebody who got the mail forwarded knows its Message-ID, and gets nothing of Ana's."""
    threads = Threads(own=frozenset({"s@shop.example"}))
    (hers,) = threads.add(head("ana@example.com", "a1"), place(1), AT)
    ours = f"sayso.{root_digest('a1')}.{'0' * 40}@shop.example"
    for uid, sender in enumerate(("mallory@evil.example", "ana@example.com.evil.example"), 2):
        (theirs,) = threads.add(head(sender, f"m{uid}", "a1", ours), place(uid), AT)
        assert theirs.thread != hers.thread
        assert [one.place.uid for one in threads.of(theirs.thread)] == [uid]
    assert [one.place.uid for one in threads.of(hers.thread)] == [1]


def test_what_is_forgotten_names_no_thread_any_more() -> None:
    """A mailbox that is read for years keeps nothing of what was deleted; what was moved stays."""
    threads = Threads(own=frozenset({"s@shop.example"}))
    root = threads.root_of(head("ana@example.com", "a2", "a1"))
    (first,) = threads.add(head("ana@example.com", "a2", "a1"), *at(1))
    threads.forget("INBOX", [1])
    threads.add(head("ana@example.com", "a2", "a1"), MailPlace("Done", 1), AT)
    threads.settle()
    assert threads.root_of(head("ana@example.com", "a3", "a2")) == root
    assert threads.latest_of("ana@example.com") == first.thread
    threads.forget("Done")
    threads.settle()
    assert threads.root_of(head("ana@example.com", "a3", "a2")) != root
    assert threads.latest_of("ana@example.com") == ""


def test_two_mails_with_one_message_id_are_two() -> None:
    """A mail is never taken for another one because somebody wrote its id; a copy is the same."""
    one, copy = head("ana@example.com", "x"), head("ana@example.com", "x")
    other = head("ben@example.com", "x")
    assert one.id == copy.id != other.id


def test_a_threads_id_names_nobody() -> None:
    """It stands in the log, which no erasure changes."""
    assert "ana" not in thread_of(root_digest("a1"), "ana@example.com")


@pytest.mark.parametrize(
    "address",
    [
        "ana@example.com",
        "o'hara@example.com",
        "_x@example.com",
        "a&b/c=d@example.com",
        "A@B.example",
    ],
)
def test_an_account_is_an_address_and_back(address: str) -> None:
    """Also one with characters that no id has; two are never one."""
    assert address_in(account_id(address)) == address.lower()


def test_no_address_is_read_out_of_what_is_none() -> None:
    """An id that nobody made from an address has none."""
    for account in ("cus_9", "b32-!!", "b32-aaaa", "sha-00", "Ana@example.com"):
        assert address_in(account) == ""
