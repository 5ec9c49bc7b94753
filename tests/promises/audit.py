"""What the log proves, and what is owed to customers."""

from __future__ import annotations

from promises.promise import Promise

PROMISES: dict[str, Promise] = {
    # ---- the log ---------------------------------------------------------------------------
    "audit:receipt": Promise(
        "How an action ended is handed to a customer or a court as one file in a published form, "
        "which verifies with the log's key alone and names nobody.",
    ),
    "audit:says": Promise(
        "Each entry is said in words by one place: a version and what it changes, whom, which "
        "token, on whose word.",
        "3",
    ),
    "audit:cases": Promise(
        "Who decided what for a customer is found by the customer's name; that somebody looked is "
        "an entry, which doesn't say for whom, and who was erased is found no more.",
        "6, 8",
    ),
    "audit:questions": Promise(
        "Ten questions with names are answered alike from a workspace and from an export alone, "
        "each row from an entry that has verified; a log that does not verify answers nothing.",
        "3",
    ),
    "audit:yes-of": Promise(
        "What came about on a person's yes is found by that person's name.",
    ),
    "audit:why-nothing": Promise(
        "A question to the log that no entry fits says which part of it finds nothing.",
    ),
    "audit:evidence-lowered": Promise(
        "The evidence of a lowered amount says from what to what and by whom, and shows no card "
        "that nobody saw.",
    ),
    "audit:tree": Promise(
        "The log is an RFC 6962 tree: roots and proofs are those of Certificate Transparency.",
    ),
    "audit:one-encoding": Promise(
        "An entry has one encoding, that of RFC 8785; every other is refused."
    ),
    "audit:attacks": Promise("Each of the fifteen attacks on a log is noticed."),
    "audit:bits": Promise(
        "No flipped bit of an entry, head, note, bundle or database file goes unnoticed.",
    ),
    "audit:verifier-alone": Promise(
        "The verifier needs neither server nor key, and imports nothing of the server.",
    ),
    "audit:read-only-medium": Promise(
        "A database on a read-only medium is verified, and never without what stands beside it.",
    ),
    "audit:verifier-tested": Promise(
        "Each of the verifier's checks finds a case that no other check finds."
    ),
    "audit:second-verifier": Promise(
        "The page about the format is enough for a second verifier, in another language, which "
        "agrees with ours on bundles of every kind, honest and tampered with.",
    ),
    "audit:empty": Promise("What is empty is never called verified."),
    "audit:rebuilt": Promise(
        "Rows of actions, approvals, votes, requests and stops that are rebuilt from the log equal "
        "the stored ones, and one that somebody changed by hand is found, on both stores.",
        "invariant 3",
    ),
    "audit:passkey": Promise(
        "A yes to so much without its person's signature does not verify, whoever wrote it and "
        "with whichever keys of the server; nor one by a passkey that none which counts confirmed.",
    ),
    "customers:judged": Promise(
        "An action for another account than the one that wrote does not verify unless a chain of "
        "links between the two was in force at that entry, in that conversation; nor does one "
        "that moved money without a person on less than a code.",
        "invariant 12",
    ),
    "customers:links": Promise(
        "Which accounts are one customer's is what the log says: a link that was put into the "
        "database, changed there, revived or deleted is tampered before anything goes by it.",
        "invariant 4",
    ),
    "customers:step-up": Promise(
        "A customer whom nobody knows is asked for a code that goes to the address on file at the "
        "account that acts; who has it moves the money that the policy allows, in that "
        "conversation, for the time that you set, and nobody else does.",
        "invariant 4",
    ),
    "customers:step-up:link": Promise(
        "Beside the code a link leads to a page with a button, which alone acts: what opens the "
        "page changes nothing and uses no try, and a press counts once, as the code does.",
        "invariant 4",
    ),
    "customers:step-up:text": Promise(
        "A customer without an address on file gets their code by text message, in one message, to "
        "the number on file at the account that acts, where a connector sends texts.",
    ),
    "customers:step-up:unseen": Promise(
        "A code stands in no row, entry, view, span, export or prompt, and neither does the answer "
        "that held it; what is said is the same whether or not there is such an account.",
        "invariant 8",
    ),
    "customers:signed": Promise(
        "An assertion that names several accounts of one person ties them in the request that it "
        "comes with, for as long as it holds; a list that names nobody is refused, and a link that "
        "rests on no such assertion does not verify.",
        "invariant 4",
    ),
    "customers:step-up:people": Promise(
        "A customer who cannot show who they are becomes a person's work with the plan that they "
        "asked for; nobody is told to write again with nobody seeing it.",
    ),
    "customers:step-up:judged": Promise(
        "Money for somebody whom nobody knew does not verify unless a code that was sent to that "
        "account came back in that request, in time, or a person vouched and a person said yes.",
        "invariant 12",
    ),
    "customers:found": Promise(
        "A customer is one line, whatever they are looked for by; whoever looked by an address "
        "stands in the log, and whom they looked for does not.",
        "invariant 8",
    ),
    "customers:tied-by-people": Promise(
        "Accounts are tied and untied by a person with a reason, which is sealed; nothing that was "
        "done is rewritten, and what a person has untied does not tie itself again.",
    ),
    "customers:who-may": Promise(
        "Who a customer is sees a person with a role, or a program with a scope for it; each "
        "refusal is recorded, and says nothing of whom it was about.",
    ),
    "audit:rules": Promise(
        "A log that shows a broken rule does not verify, whoever signed it: no call without a "
        "judgement or enough people's yes, nobody's yes to their own request or by a credential "
        "that had ended, nothing under an open stop, nothing erased under a hold.",
        "invariant 12",
    ),
    "audit:thieves": Promise(
        "Each thief of the threat model gets what the page says, and nothing more unseen: a copy "
        "opens no text, planted rows open and pay nothing, changed rows and broken rules are "
        "noticed, and whoever writes the files stands in the log.",
        "invariant 12",
    ),
    "audit:self": Promise(
        "A server that serves finds out by itself, within seconds in a small log, that an entry or "
        "a row was changed: it is not ready, says so, and signs nothing on top; one that nobody "
        "touched is never accused. On both stores.",
        "invariant 12",
    ),
    "audit:verdicts": Promise(
        "Tampered, a wrong key, a damaged medium and an older build are told apart: only the first "
        "accuses and is remembered, and the others end by themselves with their cause. A page that "
        "cannot be read keeps a server from being ready, with its place named. On both stores.",
        "invariant 12",
    ),
    "audit:repair": Promise(
        "A row that is not what its entries say stops its own log alone. Two people, each by a "
        "token of theirs, have it written again exactly as the log says, under an entry of its "
        "own, or accept one finding as it is, which every later verification shows. No entry is "
        "ever touched. On both stores.",
        "invariant 12",
    ),
    "authority:rows": Promise(
        "A row of the database gives nobody a power: a token, a stop, a hold, a vote or a "
        "requester that no entry made, or that was changed or put back, opens nothing.",
        "invariant 12",
    ),
    "authority:named": Promise(
        "Each decision names the credential by which it came, and one that has ended decides "
        "nothing, even between a look at it and the commit.",
        "invariant 12",
    ),
    "authority:at-once": Promise(
        "Other people and other roles count from their entry on, in every process.",
    ),
    "authority:files": Promise(
        "What sayso.toml says of people becomes entries, once, and takes back no command until it "
        "says another thing.",
    ),
    "subjects:wrapped": Promise(
        "Customers' keys open with a key outside the database, at their own place, and with "
        "nothing that stands in the database or in a backup.",
    ),
    "subjects:rewrapped": Promise(
        "The key outside is exchanged by one command, which rewrites no text.",
    ),
    "audit:kept-head": Promise(
        "An older copy of the database, a log that was cut and a tenant that was dropped are "
        "noticed by the next server that starts on that host.",
    ),
    "audit:momentary": Promise(
        "A row that was changed for a moment, replaced by an older one, or deleted, is found "
        "before anything is signed on top of it: a caller's retry is no new call.",
    ),
    "audit:row-attacks": Promise(
        "A row of any table that is deleted, planted, or replaced by an older one is noticed, or "
        "declared with a reason; and what is declared pays nothing and takes nobody's word.",
    ),
    "audit:columns": Promise(
        "Whoever edits any column of any table by SQL is noticed, or the column is declared free "
        "with a reason.",
        "invariant 3",
    ),
    "audit:texts": Promise(
        "Every text column is declared: personal, or bounded by a form that its values have."
    ),
    "audit:witness": Promise(
        "A witness cosigns only what follows from the last checkpoint that it saw, and never "
        "forgets it.",
    ),
    "audit:published": Promise(
        "Signed heads are kept where the database's administrator cannot write, and a history that "
        "contradicts one of them is noticed there.",
    ),
    "audit:published:unreachable": Promise(
        "A place that cannot be reached holds up neither the log nor another place."
    ),
    "audit:timestamped": Promise(
        "A time stamp (RFC 3161) of a head is kept and believed only when a pinned authority gave "
        "it over exactly these bytes; it says since when, never that a log only grew.",
    ),
    "audit:rotation": Promise(
        "Another key signs a log only from the entry on in which the key before it vouches for it.",
    ),
    "audit:one-key": Promise(
        "A process with another signing key begins no log in a database, not even a new tenant's.",
    ),
    "audit:pinned": Promise(
        "A key that the auditor pinned vouches for no other one that stands in an export, nor for "
        "the log of somebody else.",
    ),
    "audit:no-crash": Promise(
        "Whatever somebody puts into a database, a bundle or an export, the verifier ends with a "
        "verdict, in bounded memory, and prints nothing that a terminal obeys.",
    ),
    "audit:anchored": Promise(
        "The verifier says how far enough witnesses vouch for a log, and what they saw convicts "
        "even the holder of the key.",
    ),
    "audit:evidence": Promise(
        "A checkpoint convicts a log only where somebody signed it whom the auditor or the log "
        "knows; any other one is told and leaves the verdict open.",
    ),
    "audit:memory": Promise(
        "A verification that is remembered shows any later change of what was verified.",
    ),
    "audit:oracle": Promise(
        "Go's own note and tlog packages verify our checkpoints, proofs and tiles, where a Go is "
        "installed.",
    ),
    "audit:log-of-logs": Promise(
        "One anchored log of logs vouches for every tenant: a log that is dropped or rewritten "
        "contradicts it.",
    ),
    "audit:export": Promise(
        "A filtered export proves each of its rows and says that it is not whole."
    ),
    "audit:whole-exports": Promise(
        "An export appears whole or not at all; what a killed one left is gone with the next one "
        "to the same path, and nothing of one that still runs.",
    ),
    "audit:older": Promise(
        "An export that is proven to be the beginning of the log that the auditor holds is said to "
        "be older, neither verified nor accused; without the proof, and for a database, it was "
        "rolled back.",
    ),
    "audit:sealed": Promise(
        "A segment of the log is sealed in a file that proves itself before any of its entries may "
        "leave the database.",
    ),
    "audit:sealed:crash": Promise(
        "A crash at any step of sealing or pruning loses no entry, and the next run goes on.",
    ),
    "audit:sealed:covered": Promise(
        "The verifier says which entries it read, which of them from sealed files, and which are "
        "covered by their hashes only.",
    ),
    "audit:pruned": Promise(
        "The database gives up entries only with the entry that tells of it, in order, and never "
        "before 183 days.",
    ),
    "audit:pruned:agreed": Promise(
        "Nothing is old enough to go by one reading of a clock: the log has to hold an entry of a "
        "day ago or more by the same time.",
        "invariant 10",
    ),
    "audit:pruned:told": Promise(
        "Who asks for an entry that is only in a sealed segment is told so, with the file.",
    ),
    "audit:pruned:said": Promise(
        "What has not ended and keeps a log from being pruned is named, with since when and what "
        "to do, by the command and over HTTP.",
    ),
    "audit:pruned:held": Promise(
        "While a legal hold is in force, nothing of the tenant's log is pruned."
    ),
    "audit:one-meaning": Promise(
        "What an entry makes of a row is what the verifier makes of it, whatever features meet.",
        "invariant 3",
    ),
    # ---- what is owed to customers ---------------------------------------------------------
    "subjects:erased": Promise(
        "A customer is erased from every row, and the log still verifies.", "invariant 8"
    ),
    "identity:bare-ids": Promise(
        "An id that was stored before ids named their provider is nobody else's: a workspace whose "
        "settings do not say whose it is, or say another connector, does not open.",
        "invariant 4",
    ),
    "subjects:every-account": Promise(
        "An erasure, a hold and an access request are about every account that is linked to a "
        "customer's, name each, and take all of them or none.",
        "invariant 8",
    ),
    "subjects:texts": Promise(
        "What is declared personal is blank after an erasure, and stands in no entry.",
        "invariant 8",
    ),
    "subjects:erased:crash": Promise(
        "An erasure that a crash interrupts at any step is taken up again, and said once.",
        "invariant 8",
    ),
    "subjects:files": Promise(
        "An evidence pack that is sent over HTTP is written to no file, and what an export wrote "
        "to be sent is gone with its call, or with the next start.",
    ),
    "subjects:held": Promise(
        "Nothing of a customer under a legal hold is erased or swept until two people release it.",
    ),
    "subjects:access": Promise(
        "A customer can be shown all that is held about them, and nobody else's."
    ),
    "subjects:restored": Promise(
        "Who was erased and is back from a backup is erased again, and never unnoticed."
    ),
    "subjects:swept": Promise(
        "What has ended is blanked when it was kept long enough, down to the customer's key.",
    ),
}
