"""What becomes of an action."""

from __future__ import annotations

from promises.promise import Promise

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
    "engine:one-effect:late": Promise(
        "An effect that a provider shows only after its action has ended as not done is looked for "
        "an hour, a day and a week later, told with an alarm, and not repeated.",
        "SE-9, invariant 3",
    ),
    "engine:one-effect:key-forgotten": Promise(
        "Once the provider may have forgotten the key, only a look-up or a person decides.",
        "SE-9",
    ),
    "engine:accepted": Promise(
        "What a provider has taken on is looked up until it shows, and called once.", "issue 18"
    ),
    "engine:short-keys": Promise(
        "A key is trusted only while a call that begins now ends before the provider forgets it.",
        "SE-8",
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
    "solution:waits-together": Promise(
        "What belongs to a step that people are asked about waits for the same people, although "
        "the policy allows it by itself; a no gives nothing away.",
        "design 2.5, SL-22",
    ),
    "solution:one-yes": Promise(
        "One yes to a plan starts all its steps, in one transaction, and each step's entry names "
        "the digest of the whole.",
        "design 2.5",
    ),
    "solution:some": Promise(
        "A yes to some steps is a no to the others in the same commit, and no step stays that "
        "cannot be done without one that is left out.",
        "design 2.5",
    ),
    "solution:less": Promise(
        "Less of a step is judged again and taken together with the yes to the others, and never "
        "more.",
        "SL-22",
    ),
    "solution:bound": Promise(
        "An answer to a plan counts only for exactly what waits now: digest and revision of the "
        "whole are computed again in the transaction that takes it.",
        "SL-4, SE-6",
    ),
    "solution:quorum": Promise(
        "Every step that waits with its plan waits for as many distinct people as any step asks.",
        "SL-13",
    ),
    "solution:one-decision": Promise(
        "Of many answers to a plan at once one counts, whole, and the others are told.", "SL-1"
    ),
    "card:unusual": Promise(
        "A card says what is unusual, computed from history, and how many signs were looked at "
        "in vain.",
        "SL 1.3",
    ),
    "card:why": Promise(
        "A card names the one fact without which nobody, or fewer people, would have been asked.",
        "SL 1.3",
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
    "stop:never-blocked": Promise(
        "A connector that cannot be loaded keeps nobody from stopping it: the name is taken as it "
        "is, and that it was not checked is said.",
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
    "object:read-again": Promise(
        "What another action for the same customer has left at the provider is read before the "
        "next one is called, however short ago it was read last.",
        "decision 3",
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
    "policy:forced": Promise(
        "Where an action's definition asks for a person, no policy lets it run without one.",
        "invariant 1",
    ),
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
    # ---- the policy as an object -----------------------------------------------------------
    "policy:versions": Promise(
        "What decides is a version in the store, put in force by an entry of the log that names it "
        "by digest, and never a file.",
        "issue 13, issue 17",
    ),
    "policy:follow": Promise(
        "Every process judges by a new version from the commit on that put it in force.",
        "autonomy.md d",
    ),
    "policy:slices": Promise(
        "A card is judged anew where the rules of its own action changed, and only there.",
        "autonomy.md d",
    ),
    "policy:who": Promise(
        "Only a person with a role that the version in force names puts another one in force.",
        "autonomy.md d",
    ),
    "policy:two-people": Promise(
        "Where the workspace says so, what loosens waits for another person, who confirms this "
        "digest on this parent.",
        "autonomy.md d",
    ),
    "policy:tables": Promise(
        "A row of a table is one Cedar rule and is read back from it as it stands; what is wrong "
        "with it is said with what to write instead.",
        "autonomy.md b",
    ),
    "policy:translation": Promise(
        "What formulas say of a policy is what the engine says, and a part that they cannot say is "
        "named.",
        "autonomy.md g, issue 17",
    ),
    "policy:missing": Promise(
        "A fact that cannot be read makes no answer looser than any value of it would.",
        "autonomy.md c",
    ),
    "policy:calendar": Promise(
        "Weekdays, hours and holidays are those of the workspace's place, by data that a version "
        "names.",
        "autonomy.md c",
    ),
    "policy:direction": Promise(
        "A change that lets anybody do with fewer people what needed more is called looser, and so "
        "is one that nobody can decide.",
        "autonomy.md d",
    ),
    "policy:tampered": Promise(
        "A version that the log does not tell of, or one that was taken away, lets nothing be "
        "judged.",
        "invariant 12",
    ),
}
