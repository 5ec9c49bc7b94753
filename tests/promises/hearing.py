"""Promises: hearing of changes, by streams, polls and webhooks."""

from __future__ import annotations

from promises.promise import Promise

PROMISES: dict[str, Promise] = {
    "events:all": Promise(
        "`GET /v1/events` tells of every change of the tenant's requests and actions, in the order "
        "of the log, once.",
    ),
    "events:resume": Promise(
        "A stream that broke off is taken up by `Last-Event-ID`, with nothing left out.",
    ),
    "events:impersonal": Promise("An event holds nothing that is personal.", "invariant 9"),
    "events:scope": Promise(
        "Nobody hears of another tenant, nor of more than the token's scopes may read.",
        "invariant 9",
    ),
    "events:wait": Promise(
        "A long poll answers when the request or the action has ended, people included.",
    ),
    "events:follow": Promise(
        "`sayso.follow` gives every change of one request or action, whichever process makes it, "
        "until it has ended.",
    ),
    "events:streamed-ask": Promise(
        "Whoever asks hears where it stands in the same call, nothing but what the answer says; a "
        "stream that breaks off changes nothing of what was asked.",
        "invariant 9",
    ),
    "webhooks:ended": Promise(
        "An endpoint that the log has removed or disabled hears nothing, though its row is back.",
    ),
    "webhooks:unskipped": Promise(
        "Whoever writes the database has no event skipped by moving how far an endpoint was told.",
    ),
    "webhooks:signed": Promise(
        "A message carries a Standard Webhooks signature by each secret that is valid then.",
    ),
    "webhooks:ordered": Promise(
        "The changes of one request, or of one action of its own, arrive in their order, and hold "
        "up nothing else.",
    ),
    "webhooks:outage": Promise(
        "A receiver that was down, or a sender that was killed, loses no message."
    ),
    "webhooks:once-each": Promise(
        "As long as nothing fails, each change is told once, however many processes send.",
    ),
    "webhooks:running": Promise("Whatever has a workspace open to run it calls its webhooks."),
    "webhooks:replay": Promise(
        "A replay tells again with the same ids, from any place of the log on."
    ),
    "webhooks:log": Promise(
        "Each change of an endpoint is an entry, which holds neither its address nor a secret.",
        "invariant 6",
    ),
    "webhooks:address": Promise(
        "No webhook leads to a private or special address, when it is added and at each call.",
    ),
    "webhooks:sealed": Promise(
        "Whoever can only write the database sends no message to another address.", "invariant 12"
    ),
}
