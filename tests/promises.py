"""What Sayso promises: each promise has a test that claims it, and each claim is a promise here.

A test claims one by `@pytest.mark.promise("area:feature")`, on the function, its class or its
module. `tests/test_promises.py` ties the two; docs/promises.md is made of this file by
`python tests/generated.py`. A promise that no test proves yet does not stand here but under "Open"
in docs/promises.md.

Origins: `invariant n` and `design n` of the design (docs/life-of-an-action.md tells it), `SE-n`,
`AU-n`, `SL-n` and `WC-n` of the numbered security requirements, `audit n` of the log's design,
`issue 2` of the bars, `style n` of the house.
"""

from __future__ import annotations

from typing import NamedTuple


class Promise(NamedTuple):
    """One sentence that a test proves.

    Attributes:
        sentence: what holds, in the present tense.
        origin: where it was asked for.
    """

    sentence: str
    origin: str


PROMISES: dict[str, Promise] = {
    # ---- the engine ------------------------------------------------------------------------
    "engine:one-effect": Promise(
        "An approved action has at most one effect at the provider, whichever boundary between "
        "intent, call and outcome its worker stops at.",
        "invariant 2",
    ),
    "engine:one-effect:workers": Promise(
        "Any number of callers may advance an action at once, and one that wakes after its lease "
        "changes nothing.",
        "invariant 2",
    ),
    "engine:one-effect:cut-off": Promise(
        "A call whose lease ends, because its worker cannot reach the database, goes on only where "
        "no empty look-up will be taken for proof.",
        "issue 3, invariant 2",
    ),
    "engine:one-effect:lost-answer": Promise(
        "A lost answer becomes `unknown` and is never made good by a second effect, under each of "
        "the three guarantees.",
        "invariant 2, SE-8",
    ),
    "engine:one-effect:denied": Promise(
        "What a provider did and denied is found by a look-up, and gets no second effect under a "
        "new key, as long as absence is not proven.",
        "SE-9",
    ),
    "engine:one-effect:key-forgotten": Promise(
        "Once the provider may have forgotten the key, only a look-up or a person decides.",
        "SE-9",
    ),
    "engine:unknown": Promise(
        "What may have had its effect is `unknown`, never `failed`, until a look-up proves it.",
        "design 2.8, SE-9",
    ),
    "engine:broken-reading": Promise(
        "An action whose connector breaks off while it reads the provider is tried a few times, "
        "then refused with a code; nothing is called.",
        "invariant 10",
    ),
    "engine:own-keys": Promise(
        "A caller's idempotency key is never that of a plan's step or of what takes one back; no "
        "step is missing for it.",
        "design 2.1",
    ),
    "engine:same-key": Promise(
        "A caller's key is one action, and cannot be turned to other content.", "design 2.1"
    ),
    "engine:own-key": Promise(
        "Two equal actions are two: the provider's key comes from the action, not its content.",
        "SE-8",
    ),
    "plans:undo": Promise(
        "When a step of an `undo` plan fails, what the others did is taken back once each, the "
        "newest first, whatever crashes on the way, and what cannot be taken back is named.",
        "design 2.8",
    ),
    "plans:undo:rights": Promise(
        "Whether an action takes back what its plan did is read from the ledger, never claimed.",
        "design 2.8, invariant 4",
    ),
    "plans:stop": Promise(
        "Once a step of a `stop` plan has failed, no other step of it is begun.", "design 2.8"
    ),
    "plans:together": Promise(
        "The decisions about the steps of one plan are taken together or not at all, each bound to "
        "its own step's digest.",
        "design 2.5",
    ),
    "states:approved-first": Promise(
        "No way through the states reaches a call without `approved` before it, and every try "
        "writes its intent.",
        "invariant 1",
    ),
    "states:closed": Promise(
        "A change of state that the table does not have is refused, and nothing is written.",
        "invariant 3",
    ),
    "states:page": Promise(
        "The page about an action's life shows the very table that the code uses.", "issue 2"
    ),
    # ---- the stop switch, and what waits for its own object ------------------------------------
    "stop:holds": Promise(
        "From the commit of a stop on, no worker of any process makes a claim under it: all, a "
        "tenant, a connector, an action, a customer.",
        "SE-11",
    ),
    "stop:prompt": Promise(
        "A claimed call that has not left within half a second looks for stops once more, and is "
        "taken back under one.",
        "SE-11",
    ),
    "stop:under-way": Promise(
        "A call that is under way when a stop is committed is finished and settled.", "SE-11"
    ),
    "stop:second-call": Promise(
        "Under a stop a lost answer is looked up, and never called a second time.", "SE-11, SE-9"
    ),
    "stop:resumed": Promise(
        "What was held runs once after the resume without a new yes, if all that its claim checks "
        "still holds.",
        "SE-11, SE-7",
    ),
    "stop:two-people": Promise(
        "A stop ends by the word of two people with the role, one after the other, and by nothing "
        "else.",
        "SE-11",
    ),
    "stop:fail-closed": Promise(
        "Where the stops cannot be read, nothing is called.", "invariant 10, SE-23"
    ),
    "stop:crash": Promise(
        "A process that is killed between hold and resume loses nothing, and the next one makes "
        "one effect.",
        "SE-11, invariant 2",
    ),
    "guards:closed": Promise(
        "While any one guard cannot be evaluated (log, signed head, state, stops, rates, votes, "
        "approvals, subjects, history, policy, directory, signing key, clock), nothing is called.",
        "invariant 10, SE-23",
    ),
    "object:one-at-a-time": Promise(
        "While an action on a provider's object is being called or is unknown, no other action on "
        "that object is; everything else goes on.",
        "issue 3",
    ),
    "object:freed": Promise(
        "What waits for its object goes on by the very transaction that settles it, also by a "
        "person's word, and never waits in a circle.",
        "issue 3",
    ),
    "unknown:alarm": Promise(
        "An outcome that is left to a person is logged as a warning and counted, once.", "issue 3"
    ),
    "card:guarantee": Promise(
        "Every card says in words what `once` rests on, with the time for which a key is kept.",
        "issue 3",
    ),
    # ---- the policy ------------------------------------------------------------------------
    "policy:no-rule-no": Promise("What no rule allows is denied, and says so.", "design 2.4"),
    "policy:error-denies": Promise(
        "Whatever cannot be evaluated is denied: an error is never an allow, approved or not.",
        "invariant 10, SE-23",
    ),
    "policy:owner": Promise(
        "An object of somebody else is never touched, whatever the text and the approvals say.",
        "SE-1",
    ),
    "policy:assurance": Promise("An unverified customer gets messages only.", "SE-2"),
    "policy:nobody": Promise("With no role declared, nobody can be asked.", "invariant 5"),
    "policy:people": Promise(
        "Approvals are counted by person and needed role, in any order, however often one clicks.",
        "invariant 5, SL-13",
    ),
    "policy:monotone": Promise(
        "A higher amount never makes a decision laxer, and another yes never turns an allow into "
        "a deny.",
        "issue 2",
    ),
    "policy:forbid": Promise("A forbid wins over every permit and every approval.", "design 2.4"),
    "policy:named": Promise(
        "A judgement names the deciding rule, its words and the policy's version.", "design 2.4"
    ),
    "policy:misspelt": Promise(
        "A misspelt word in a rule is refused with file, line and the next step.", "design 5"
    ),
    "policy:default": Promise(
        "The shipped policy decides refunds, credit, cancellations and messages at the limits "
        "that it documents.",
        "issue 2",
    ),
    # ---- planning --------------------------------------------------------------------------
    "agent:handles": Promise(
        "A planner sees the verified customer's own objects, under handles, and no provider's id.",
        "invariant 4, SE-1",
    ),
    "agent:hostile-plan": Promise(
        "A planner that obeys every attacker gets nothing foreign past the guard.",
        "invariant 4, SE-5",
    ),
    "agent:hostile-books": Promise(
        "Hostile plans, through guard, policy and engine or past the guard's back, move nobody "
        "else's money at the provider, and nothing that neither a rule nor a person allowed.",
        "invariant 4, SE-5",
    ),
    "agent:grounded": Promise(
        "An amount comes from the customer's words or the records, never from nowhere.", "SE-3"
    ),
    "agent:closed-form": Promise(
        "A model answers in a closed form that lists only what the customer has.", "SE-3"
    ),
    "agent:words-are-data": Promise(
        "A customer's text cannot leave its place in a prompt.", "SE-3"
    ),
    "agent:budget": Promise(
        "A model's calls are limited; when they are used up, a person takes over.", "SE-16"
    ),
    "agent:not-asked-for": Promise(
        "Playbooks plan nothing that nobody asked for: questions, negations, injections, other "
        "people.",
        "issue 2",
    ),
    "agent:hand-over": Promise(
        "What no planner understands becomes an honest, recorded hand-over to a person.", "issue 2"
    ),
    "agent:reply": Promise("A reply claims a result only where the ledger holds it.", "design 2.9"),
    "agent:reply:discreet": Promise(
        "A reply names no policy, person or code, and does not tell which ids exist.", "design 2.9"
    ),
    "agent:request-once": Promise("A request is proposed once, by whoever runs it.", "invariant 2"),
    "agent:request-goes-on": Promise(
        "A request that waited goes on in another process.", "issue 2"
    ),
    "agent:nothing-personal": Promise(
        "No word of the customer is in the log or in the checkpoints.", "invariant 8"
    ),
    # ---- the log ---------------------------------------------------------------------------
    "audit:tree": Promise(
        "The log is an RFC 6962 tree: roots and proofs are those of Certificate Transparency.",
        "audit 4.2",
    ),
    "audit:one-encoding": Promise(
        "An entry has one encoding, that of RFC 8785; every other is refused.", "audit 4.1"
    ),
    "audit:attacks": Promise("Each of the fifteen attacks on a log is noticed.", "audit 4.9"),
    "audit:bits": Promise(
        "No flipped bit of an entry, head, note, bundle or database file goes unnoticed.",
        "audit 4.9",
    ),
    "audit:verifier-alone": Promise(
        "The verifier needs neither server nor key, and imports nothing of the server.",
        "audit 4.6",
    ),
    "audit:verifier-tested": Promise(
        "Each of the verifier's checks finds a case that no other check finds.", "audit 4.9"
    ),
    "audit:second-verifier": Promise(
        "The page about the format is enough for a second verifier, which verifies our bundles.",
        "audit 4.6",
    ),
    "audit:empty": Promise("What is empty is never called verified.", "audit 4.6"),
    "audit:rebuilt": Promise(
        "Rows of actions, approvals, votes, requests and stops that are rebuilt from the log equal "
        "the stored ones, and one that somebody changed by hand is found, on both stores.",
        "invariant 3, SE-6",
    ),
    "audit:witness": Promise(
        "A witness cosigns only what follows from the last checkpoint that it saw, and never "
        "forgets it.",
        "audit 4.5",
    ),
    "audit:published": Promise(
        "Signed heads are kept where the database's administrator cannot write, and a history that "
        "contradicts one of them is noticed there.",
        "audit 4.5",
    ),
    "audit:published:unreachable": Promise(
        "A place that cannot be reached holds up neither the log nor another place.", "audit 4.5"
    ),
    "audit:rotation": Promise(
        "Another key signs a log only from the entry on in which the key before it vouches for it.",
        "audit 4.5",
    ),
    "audit:one-key": Promise(
        "A process with another signing key begins no log in a database, not even a new tenant's.",
        "audit 4.5",
    ),
    "audit:pinned": Promise(
        "A key that the auditor pinned vouches for no other one that stands in an export, nor for "
        "the log of somebody else.",
        "audit 4.5",
    ),
    "audit:no-crash": Promise(
        "Whatever somebody puts into a database, a bundle or an export, the verifier ends with a "
        "verdict, in bounded memory, and prints nothing that a terminal obeys.",
        "audit 4.6",
    ),
    "audit:anchored": Promise(
        "The verifier says how far enough witnesses vouch for a log, and what they saw convicts "
        "even the holder of the key.",
        "audit 4.6",
    ),
    "audit:memory": Promise(
        "A verification that is remembered shows any later change of what was verified.",
        "audit 4.6",
    ),
    "audit:oracle": Promise(
        "Go's own note and tlog packages verify our checkpoints, proofs and tiles, where a Go is "
        "installed.",
        "audit 4.6",
    ),
    "audit:log-of-logs": Promise(
        "One anchored log of logs vouches for every tenant: a log that is dropped or rewritten "
        "contradicts it.",
        "audit 4.2",
    ),
    "audit:export": Promise(
        "A filtered export proves each of its rows and says that it is not whole.", "audit 4.8"
    ),
    "audit:sealed": Promise(
        "A segment of the log is sealed in a file that proves itself before any of its entries may "
        "leave the database.",
        "audit 4.8",
    ),
    "audit:sealed:crash": Promise(
        "A crash at any step of sealing or pruning loses no entry, and the next run goes on.",
        "issue 4",
    ),
    "audit:sealed:covered": Promise(
        "The verifier says which entries it read, which of them from sealed files, and which are "
        "covered by their hashes only.",
        "audit 4.6",
    ),
    "audit:pruned": Promise(
        "The database gives up entries only with the entry that tells of it, in order, and never "
        "before 183 days.",
        "audit 4.8, issue 4",
    ),
    "audit:pruned:told": Promise(
        "Who asks for an entry that is only in a sealed segment is told so, with the file.",
        "audit 4.8",
    ),
    "audit:pruned:said": Promise(
        "What has not ended and keeps a log from being pruned is named, with since when and what "
        "to do, by the command and over HTTP.",
        "audit 4.8",
    ),
    "audit:pruned:held": Promise(
        "While a legal hold is in force, nothing of the tenant's log is pruned.", "audit 4.8"
    ),
    # ---- what is owed to customers ---------------------------------------------------------
    "subjects:erased": Promise(
        "A customer is erased from every row, and the log still verifies.", "invariant 8"
    ),
    "subjects:erased:crash": Promise(
        "An erasure that a crash interrupts at any step is taken up again, and said once.",
        "invariant 8",
    ),
    "subjects:held": Promise(
        "Nothing of a customer under a legal hold is erased or swept until two people release it.",
        "issue 4",
    ),
    "subjects:access": Promise(
        "A customer can be shown all that is held about them, and nobody else's.", "issue 4"
    ),
    "subjects:restored": Promise(
        "Who was erased and is back from a backup is erased again, and never unnoticed.", "issue 4"
    ),
    "subjects:swept": Promise(
        "What has ended is blanked when it was kept long enough, down to the customer's key.",
        "issue 4",
    ),
    # ---- the store -------------------------------------------------------------------------
    "store:failover": Promise(
        "After a failover to a standby that has what was answered, everybody goes on there, and it "
        "holds what `write` said.",
        "issue 3",
    ),
    "store:durable": Promise(
        "What was written is seen by everybody once `write` has returned.", "invariant 3"
    ),
    "store:unit": Promise(
        "A unit is stored whole or not at all, also among units that share its commit.",
        "invariant 3",
    ),
    "store:brief": Promise(
        "On SQLite a unit that is called brief and is not holds up no event loop: after some two "
        "milliseconds of statements it begins anew on a thread.",
        "issue 3",
    ),
    "store:signed": Promise("Without a signed head no entry is committed.", "invariant 10"),
    "store:no-gap": Promise(
        "The log has no gap and no second entry at an index, per tenant.", "audit 4.4"
    ),
    # ---- the fleet -------------------------------------------------------------------------
    "fleet:shared": Promise(
        "Any number of workers share what is due, and each of it has one effect.", "issue 3"
    ),
    "fleet:recovered": Promise(
        "What a killed worker had in hand is taken over by another one once its lease is over.",
        "issue 3, invariant 2",
    ),
    "fleet:fenced": Promise(
        "A worker that stood still past its lease, and goes on, changes nothing.",
        "issue 3, invariant 2",
    ),
    "fleet:drained": Promise(
        "A worker that is told to end takes nothing new and finishes what it does.", "issue 3"
    ),
    "fleet:approved": Promise(
        "A yes hands the action to the fleet in its own transaction.", "issue 3"
    ),
    "fleet:sweep": Promise(
        "Whatever the engine loses, or when there is no engine, the workers' sweep finds it.",
        "issue 3",
    ),
    "fleet:engine": Promise(
        "To the engine each worker is its own executor of one pinned version, and it holds ids "
        "only.",
        "issue 3",
    ),
    "dispatch:priority": Promise(
        "What somebody waits for is run before batch work, and nothing waits for ever.", "issue 3"
    ),
    "rates:held": Promise(
        "No more calls leave than a connector's and a tenant's rate say; what waits keeps its "
        "state and gets no entry.",
        "issue 3",
    ),
    "rates:shared": Promise("All workers take from the same buckets.", "issue 3"),
    "rates:off": Promise("Without a rate nothing is asked and nothing is kept.", "issue 3"),
    "rates:priority": Promise(
        "Who waits at a chat is before batch work in the line for a rate, and nothing stands in it "
        "for ever.",
        "issue 3",
    ),
    "approvals:reminded": Promise(
        "People who do not decide in time are reminded once, whatever is restarted meanwhile.",
        "issue 3",
    ),
    "approvals:escalated": Promise(
        "After that another role may decide too, as the log says, and no fewer people.", "issue 3"
    ),
    "fleet:contract": Promise(
        "What is relied upon of the engine is checked before it is used; another version is not.",
        "issue 3",
    ),
    "fleet:grants": Promise(
        "A worker may change rows of the engine's tables, and nothing of its schema.", "issue 3"
    ),
    "fleet:kept": Promise(
        "Deliveries are deleted after a time, whatever became of them.", "issue 3"
    ),
    "fleet:clock": Promise(
        "On PostgreSQL leases go by the server's clock; a machine's own may say anything.",
        "issue 3",
    ),
    # ---- connectors ------------------------------------------------------------------------
    "connectors:stripe-described": Promise(
        "What we say to Stripe, and what the sandbox answers, has the form that Stripe describes.",
        "issue 2",
    ),
    "connectors:suite": Promise(
        "Every shipped connector keeps the contract, by the suite that ships for everybody's.",
        "issue 2",
    ),
    "connectors:known": Promise(
        "A customer whom one connector knows is known, whatever the others say; whom none knows is "
        "refused.",
        "invariant 10",
    ),
    "connectors:suite-bites": Promise(
        "The suite finds a connector that breaks a promise.", "style 26"
    ),
    "connectors:proof": Promise(
        "After a lost answer the effect is found at Stripe by our reference, and somebody else's "
        "is never taken for it.",
        "SE-8, SE-9",
    ),
    "connectors:no-repeat": Promise("A connector never repeats a write by itself.", "issue 2"),
    "connectors:least-privilege": Promise(
        "The documented permissions are enough, and each one is needed.", "SE-14"
    ),
    "connectors:nothing-personal": Promise(
        "Metadata and keys at the provider hold ids of ours, and nothing of the customer.",
        "invariant 8",
    ),
    "connectors:email:recipient": Promise(
        "A message goes to the approved address on file, or not at all.", "SE-7, SE-21"
    ),
    "connectors:email:links": Promise("Links lead to allowed hosts only.", "SE-21"),
    "connectors:own-action": Promise(
        "An own action with its connector takes under thirty lines.", "issue 2"
    ),
    "secrets:hidden": Promise(
        "No way of printing, logging, copying or encoding shows a secret.", "invariant 6, AU-17"
    ),
    "secrets:forty": Promise(
        "Forty seeded secrets come out nowhere in a full run with failures: not in prompts, cards, "
        "entries, exports, spans, logs, tracebacks, rows or answers over HTTP.",
        "invariant 6, AU-17",
    ),
    "secrets:logs": Promise(
        "With every logger at DEBUG, no secret and no customer is written.", "invariant 6, AU-17"
    ),
    "logs:wordless": Promise(
        "The log of a process names an error by its code and kind, never in words that may quote "
        "a customer or a provider.",
        "invariant 6",
    ),
    # ---- tokens ----------------------------------------------------------------------------
    "tokens:one-refresh": Promise(
        "Any number of callers and processes make one refresh, and no grant is revoked.", "AU-3"
    ),
    "tokens:margin": Promise("A short-lived token is not refreshed without end.", "AU-4"),
    "tokens:crash": Promise(
        "A crash during a refresh recovers or ends in `needs_reauth`, never in a loop.", "AU-5"
    ),
    "tokens:race": Promise(
        "The loser of a race uses the winner's token, and an outage changes nothing.", "AU-6"
    ),
    "tokens:client": Promise("One token is shared per client and scopes.", "AU-19"),
    "tokens:pkce": Promise(
        "Connecting always sends an S256 challenge and checks the state.", "AU-2"
    ),
    # ---- a person decides ------------------------------------------------------------------
    "approvals:bound": Promise(
        "A decision about another digest, another revision or an old card decides nothing.",
        "invariant 1, SE-6, SL-4",
    ),
    "approvals:once": Promise(
        "However many people click at once, one decision stands and the others are told.",
        "invariant 2, SL-1",
    ),
    "approvals:not-own": Promise("Nobody decides their own request.", "invariant 5"),
    "approvals:role": Promise(
        "Only a listed, active person with the needed role decides.", "invariant 5, SL-9"
    ),
    "approvals:service": Promise("A service's token never decides.", "invariant 5, AU-16"),
    "approvals:people": Promise("A quorum counts people, not clicks or accounts.", "SL-13"),
    "approvals:reason": Promise("A no needs a reason code, which reaches the action.", "SL-21"),
    "approvals:less": Promise(
        "An edit only lowers the amount, is judged again, and the old card is dead.", "SL-22"
    ),
    "approvals:settle": Promise(
        "A person settles an unknown outcome with evidence, once.", "design 2.8"
    ),
    "refusals:recorded": Promise(
        "An action that is refused and a decision that is refused are recorded with the reason.",
        "invariant 7",
    ),
    "refusals:turned-away": Promise(
        "A call that HTTP refuses before anything is asked is recorded by its code; a flood makes "
        "one entry a minute.",
        "invariant 7",
    ),
    # ---- Slack -----------------------------------------------------------------------------
    "slack:commit-first": Promise(
        "A click is acknowledged after its decision is durable, kill -9 included, or answered "
        "with an error in time.",
        "SL-2",
    ),
    "slack:told": Promise("Every click is answered visibly, in every state.", "SL-3"),
    "slack:pointer": Promise("A button carries a pointer and no facts.", "SL-4"),
    "slack:by-id": Promise("A click decides the approval that it names and no other.", "SL-5"),
    "slack:signed": Promise(
        "Only fresh, well-signed requests are answered, and a replay runs nothing.", "SL-6"
    ),
    "slack:fail-closed": Promise(
        "Slack down, an account that cannot be checked, or nobody listed: nothing is decided and "
        "no card is lost.",
        "SL-7, invariant 10",
    ),
    "slack:linked": Promise(
        "Only an account that sayso.toml names, with its workspace, is a person.", "SL-8"
    ),
    "slack:guests": Promise("Guests, bots and strangers decide nothing.", "SL-9"),
    "slack:left": Promise("A deactivated account is refused within five minutes.", "SL-10"),
    "slack:shared": Promise("A channel that others read gets no cards.", "SL-11"),
    "slack:newest": Promise(
        "The newest state is what is sent, however many changes came before.", "SL-14"
    ),
    "slack:one-card": Promise("A lost answer or a crash while posting makes one card.", "SL-15"),
    "slack:pace": Promise("Cards keep Slack's pace and none is lost.", "SL-16"),
    "slack:plain-text": Promise(
        "Foreign text is shown as text: no mention, link, hidden or reordered character works.",
        "SL-18",
    ),
    "slack:cut": Promise("A long text is cut with a count and a way to the rest.", "SL-19"),
    "slack:valid": Promise("Every card is checked before it is sent.", "SL-20"),
    # ---- HTTP ------------------------------------------------------------------------------
    "http:closed": Promise(
        "Nothing opens without a live token of the right scope, and only loopback is served "
        "unless it is said.",
        "AU-15",
    ),
    "http:retention": Promise(
        "Sealing, pruning and sweeping over HTTP need a person's token with the scope `admin` and "
        "a role; long work goes on, is not begun twice, and its end is told to who asks again.",
        "issue 4",
    ),
    "http:tenant": Promise(
        "A token of another tenant sees and decides nothing of this one.", "invariant 9"
    ),
    "tenants:apart": Promise(
        "Two tenants in one database, with the same customers, orders and keys, read and change "
        "nothing of each other: SDK, HTTP, command line, index, proofs, exports and evidence, on "
        "both stores.",
        "invariant 9, SE-17",
    ),
    "http:hidden": Promise(
        "No token is taken from an address, and no log line holds a token or a body.", "AU-17"
    ),
    "http:bad-input": Promise(
        "Bad JSON, bad money, deep nesting and large bodies are refused by code, and nothing is "
        "half done.",
        "issue 2",
    ),
    "http:contract": Promise("The paths and errors are those of the contract.", "design 6"),
    "http:tree": Promise(
        "Tiles and proofs over HTTP lead to the signed head, without trust in the server.",
        "audit 4.6",
    ),
    "http:auditor": Promise(
        "Who refunded what to whom, on whose yes, is one query, which is recorded itself.",
        "design 1",
    ),
    "http:subjects": Promise(
        "Access, erasure and legal holds work over HTTP, for people with the role; what is shown "
        "in clear stands in no log, span or address.",
        "issue 4",
    ),
    "http:pseudonym": Promise("The customer's id is nowhere in the log.", "invariant 8"),
    # ---- keys at rest ----------------------------------------------------------------------
    "vault:place": Promise(
        "A sealed token opens at its own row and nowhere else, and stands nowhere in clear.",
        "AU-7, invariant 9",
    ),
    "vault:rotation": Promise("A new key seals while an older one still opens.", "AU-8"),
    # ---- the rest --------------------------------------------------------------------------
    "sdk:sync": Promise("Synchronous code, on several threads, has the same SDK.", "issue 2"),
    "telemetry:one-trace": Promise(
        "One trace joins what happens before and after the wait, with nothing personal in it.",
        "issue 2, invariant 6",
    ),
    "sandbox:truth": Promise(
        "The sandbox's books survive kill -9 before and after an effect, and tell which it was.",
        "style 26",
    ),
    "demo:books": Promise(
        "The demo ends with a verified log, and the provider's own books agree with the ledger to "
        "the cent.",
        "issue 2",
    ),
    "demo:never-hangs": Promise(
        "Without a flag and without a terminal the demo says no to every card.", "issue 2"
    ),
    "demo:bad-line": Promise(
        "A malformed line in the middle of a file is named, and nothing is half done.", "issue 2"
    ),
    "cli:left": Promise(
        "A command that ends before its action is done says what it waits for and who goes on.",
        "issue 2",
    ),
    "cli:bad-input": Promise(
        "Bad refunds, words and databases are refused with a code and a status that is not 0, and "
        "nothing is at the provider.",
        "issue 2",
    ),
    "cli:shared": Promise(
        "Real processes share one workspace: one key is one action, one effect, a verified log.",
        "issue 2, invariant 2",
    ),
    "cli:anchored": Promise(
        "`audit verify` says how far witnesses vouch for the log, and asks them itself.",
        "audit 4.6",
    ),
    "cli:rotation": Promise(
        "The signing key is changed by command, and every step verifies.", "audit 4.5"
    ),
    "cli:orphans": Promise(
        "Open actions that no connector of the workspace has are said by `doctor`, `check` and "
        "`actions`, with what to do.",
        "design 5",
    ),
    "cli:segments": Promise(
        "The log is sealed, pruned and verified by command, and what forbids it is said.",
        "issue 4",
    ),
    "cli:subjects": Promise(
        "Access, erasure and legal holds work from the command line, for people with the role.",
        "issue 4",
    ),
    "cli:exit-status": Promise(
        "`audit verify` ends with 0 verified, 1 tampered, 2 cannot judge.", "audit 4.6"
    ),
    "cli:documented": Promise(
        "The page about the command line is its own help, and every command takes `--json`.",
        "style 28",
    ),
    "cli:light": Promise(
        "Help, `import sayso` and the commands that only look load nothing heavy.", "issue 2"
    ),
    "cli:check": Promise(
        "`sayso check` finds every problem of a workspace, each with its next step.", "design 5"
    ),
    "cli:init": Promise(
        "`sayso init` makes a workspace that checks, keeps secrets from others and from git, or "
        "leaves nothing.",
        "design 5",
    ),
    "bench:crash": Promise("The crash campaign finds what a provider did twice.", "style 26"),
    "bench:log-crash": Promise(
        "Processes that are killed while they write, export, publish, seal and prune leave one "
        "whole log.",
        "issue 4",
    ),
    "house:floors": Promise(
        "Imports go down only: every module has a floor, surfaces do not know each other.",
        "design 3",
    ),
    "house:wheel": Promise(
        "What is tested in CI is the built wheel, with all its data.", "style 30"
    ),
    "house:codes": Promise(
        "Every error code is documented with its status and class, and none is unused.", "style 15"
    ),
}
