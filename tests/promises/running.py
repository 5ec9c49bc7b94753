"""What holds while it runs: the database, the fleet, and keys at rest."""

from __future__ import annotations

from promises.promise import Promise

PROMISES: dict[str, Promise] = {
    # ---- the store -------------------------------------------------------------------------
    "store:failover": Promise(
        "After a failover to a standby that has what was answered, everybody goes on there, and it "
        "holds what `write` said.",
    ),
    "store:replica": Promise(
        "Who only looks may be answered from a standby of this very database, which says how old "
        "it is and is no older than the settings allow; whatever acts is judged by the primary.",
    ),
    "store:cannot-open": Promise(
        "Why a database file cannot be opened is told by what stands on the disk."
    ),
    "store:private": Promise(
        "The database, keys, mails and what stands beside them are made for their owner only, and "
        "`sayso check` names what others can read.",
    ),
    "store:durable": Promise(
        "What was written is seen by everybody once `write` has returned.", "invariant 3"
    ),
    "store:no-code": Promise(
        "Nothing that is read back from a database is code, in our tables or in a library's.",
    ),
    "store:unit": Promise(
        "A unit is stored whole or not at all, also among units that share its commit.",
        "invariant 3",
    ),
    "store:brief": Promise(
        "On SQLite a unit that is called brief and is not holds up no event loop: after some two "
        "milliseconds of statements it begins anew on a thread.",
    ),
    "store:signed": Promise("Without a signed head no entry is committed.", "invariant 10"),
    "store:no-gap": Promise("The log has no gap and no second entry at an index, per tenant."),
    # ---- deployment ------------------------------------------------------------------------
    "deploy:image": Promise(
        "The image's steps install the versions of uv.lock by their hashes, run as nobody special, "
        "and end at SIGTERM; they are run without an image, since none can be pulled in tests.",
    ),
    "deploy:compose": Promise(
        "compose.yaml is what its specification says, starts no server before the migration, has "
        "no default for a secret, and names commands, ports and routes that there are.",
    ),
    "deploy:units": Promise(
        "The units of systemd run commands that there are, hardened as systemd measures it.",
    ),
    "deploy:kubernetes": Promise(
        "The manifests are what Kubernetes' API takes, hold no secret, and lead to routes, ports "
        "and pods that there are.",
    ),
    "deploy:watched": Promise(
        "Alerts and the dashboard ask for metrics and labels that a server shows, and for statuses "
        "that there are.",
    ),
    "deploy:page": Promise(
        "What the page about deployment has you type and write is what the files ask for; what is "
        "typed to begin on PostgreSQL is run.",
    ),
    "deploy:backup": Promise(
        "What the page about backups has you type backs up and restores either store: the drill "
        "verifies, and has the same signed head.",
    ),
    "engine:older-copy": Promise(
        "A database that was put back from a backup does nothing again that was done since, where"
        " the provider drops a repeated key or shows our reference: what was never called, as far"
        " as it knows, is looked up first where the world changed under it or it waited long.",
        "invariant 2",
    ),
    "deploy:moved": Promise(
        "`sayso store copy` moves every row to the other store, or none: the log byte for byte with"
        " its signed heads, what waits and what is in flight, tokens, limits and counters; guards,"
        " roles and row security hold there, and nothing is changed where it came from",
        "invariants 3 and 9",
    ),
    "deploy:tenant-moved": Promise(
        "A tenant is moved to another database with all that it has; killed at any step, the same"
        " command goes on; it takes no work in two places, and no stop of all leaves one out"
        " without a word",
        "invariants 3 and 9",
    ),
    "docs:rotate": Promise(
        "Each key is rotated by what its page has you type: what was done before is still read, and"
        " the log verifies in between and afterwards.",
        "invariant 12",
    ),
    "logs:json": Promise(
        "Lines of a server's log are JSON where the settings say so, with the ids of what they are"
        " about and without a word of a library, a customer or a provider.",
        "invariant 6",
    ),
    # ---- upgrades --------------------------------------------------------------------------
    "upgrade:older-build": Promise(
        "A database of a build from before the first release is refused by every command that "
        "opens it, with what to do, and not one byte of it changes.",
    ),
    "upgrade:released": Promise(
        "A workspace that a released version has left, with something in every state, is upgraded, "
        "reads as what it was, goes on with each effect once, and verifies.",
    ),
    "upgrade:together": Promise(
        "While servers are replaced, old ones and new ones serve one database at once: nobody "
        "meets an error, each action ends as it must and is paid once, and the log verifies.",
    ),
    "demo:first-yes": Promise(
        "One command of the README, or the wheels alone, lead a stranger to a card that they answer"
        " in their browser, and to what came of it."
    ),
    # ---- the fleet -------------------------------------------------------------------------
    "fleet:shared": Promise(
        "Any number of workers share what is due, and each of it has one effect."
    ),
    "fleet:recovered": Promise(
        "What a killed worker had in hand is taken over by another one once its lease is over.",
        "invariant 2",
    ),
    "fleet:fenced": Promise(
        "A worker that stood still past its lease, and goes on, changes nothing.",
        "invariant 2",
    ),
    "fleet:drained": Promise(
        "A worker that is told to end takes nothing new and finishes what it does."
    ),
    "fleet:approved": Promise("A yes hands the action to the fleet in its own transaction."),
    "fleet:sweep": Promise(
        "Whatever the engine loses, or when there is no engine, the workers' sweep finds it.",
    ),
    "fleet:engine": Promise(
        "To the engine each worker is its own executor of one pinned version, and it holds ids "
        "only.",
    ),
    "dispatch:priority": Promise(
        "What somebody waits for is run before batch work, and nothing waits for ever."
    ),
    "rates:held": Promise(
        "No more calls leave than a connector's and a tenant's rate say; what waits keeps its "
        "state and gets no entry.",
    ),
    "rates:shared": Promise("All workers take from the same buckets."),
    "rates:off": Promise("Without a rate nothing is asked and nothing is kept."),
    "rates:priority": Promise(
        "Who waits at a chat is before batch work in the line for a rate, and nothing stands in it "
        "for ever.",
    ),
    "approvals:take-back-first": Promise(
        "Where two have to agree, whoever said yes first takes it back while the second yes is "
        "missing, and nobody else does; two are then asked anew.",
        "invariant 2",
    ),
    "approvals:reminded": Promise(
        "People who do not decide in time are reminded once, whatever is restarted meanwhile.",
    ),
    "approvals:escalated": Promise(
        "After that another role may decide too, as the log says, and no fewer people."
    ),
    "fleet:contract": Promise(
        "What is relied upon of the engine is checked before it is used; another version is not.",
    ),
    "fleet:grants": Promise(
        "A worker may change rows of the engine's tables, and nothing of its schema."
    ),
    "fleet:kept": Promise("Deliveries are deleted after a time, whatever became of them."),
    "fleet:clock": Promise(
        "On PostgreSQL leases go by the server's clock; a machine's own may say anything.",
    ),
    # ---- keys at rest ----------------------------------------------------------------------
    "vault:place": Promise(
        "A sealed token opens at its own row and nowhere else, and stands nowhere in clear.",
        "invariant 9",
    ),
    "vault:rotation": Promise("A new key seals while an older one still opens."),
    "tenants:beside": Promise(
        "On PostgreSQL tenants write beside each other, and whatever reaches beyond one of them "
        "runs alone: nothing of it is seen half done, also after kill -9.",
        "decision 16",
    ),
}
