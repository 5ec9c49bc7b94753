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
        "invariant 2",
    ),
    "engine:one-effect:lost-answer": Promise(
        "A lost answer becomes `unknown` and is never made good by a second effect, under each of "
        "the three guarantees.",
        "invariant 2",
    ),
    "engine:one-effect:denied": Promise(
        "What a provider did and denied is found by a look-up, and gets no second effect under a "
        "new key, as long as absence is not proven.",
    ),
    "engine:one-effect:outdated": Promise(
        "A lost call under a stamp of its object, which has changed since, is surely not done: it "
        "is looked up once more after its repeat was refused, then judged anew as the object is "
        "now, and a payment ends as not done.",
        "invariant 17",
    ),
    "engine:own-changes": Promise(
        "A step of a plan goes on over what an earlier step of it has changed of the same object, "
        "as that action declares it, and over no other change.",
    ),
    "engine:followed": Promise(
        "What a provider has taken on and not done is told as on its way to the customer, on the "
        "card and in the log, and followed until it ends; what fails then, or comes back, is told "
        "to people and to the customer.",
        "invariant 3",
    ),
    "engine:one-effect:late": Promise(
        "An effect that a provider shows only after its action has ended as not done is looked for "
        "an hour, a day and a week later, told with an alarm, and not repeated.",
        "invariant 3",
    ),
    "engine:after-paying": Promise(
        "A provider that fails after it has paid, in any of ten ways, has paid once at most; what "
        "nobody can know is with a person, and never told as not done.",
        "invariant 15",
    ),
    "engine:after-paying:real": Promise(
        "At a real shop server that fails, or is killed, after its acquirer has paid, and with "
        "Sayso killed at any moment, the acquirer's books and the ledger agree.",
        "invariant 15",
    ),
    "engine:after-paying:once-more": Promise(
        "A payment is repeated once at most without a person, and what is answered with an error "
        "twice is called no more and told to people.",
        "invariant 15",
    ),
    "engine:after-paying:worth": Promise(
        "For money a guarantee is worth what was proven at a provider that holds the money itself; "
        "one function says so.",
        "invariant 15",
    ),
    "engine:after-paying:fits": Promise(
        "What was paid is compared with what the provider shows after it; what does not fit is "
        "work for people, and told as it is.",
        "invariant 15",
    ),
    "engine:one-effect:key-forgotten": Promise(
        "Once the provider may have forgotten the key, only a look-up or a person decides.",
    ),
    "engine:accepted": Promise(
        "What a provider has taken on is looked up until it shows, and called once."
    ),
    "engine:short-keys": Promise(
        "A key is trusted only while a call that begins now ends before the provider forgets it.",
    ),
    "engine:unknown": Promise(
        "What may have had its effect is `unknown`, never `failed`, until a look-up proves it.",
    ),
    "engine:broken-reading": Promise(
        "An action whose connector breaks off while it reads the provider is tried a few times, "
        "then refused with a code; nothing is called.",
        "invariant 10",
    ),
    "engine:own-keys": Promise(
        "A caller's idempotency key is never that of a plan's step or of what takes one back; no "
        "step is missing for it.",
    ),
    "engine:same-key": Promise(
        "A caller's key is one action, and cannot be turned to other content."
    ),
    "engine:own-key": Promise(
        "Two equal actions are two: the provider's key comes from the action, not its content.",
    ),
    "plans:undo": Promise(
        "When a step of an `undo` plan fails, what the others did is taken back once each, the "
        "newest first, whatever crashes on the way, and what cannot be taken back is named.",
    ),
    "plans:undo:rights": Promise(
        "Whether an action takes back what its plan did is read from the ledger, never claimed.",
        "invariant 4",
    ),
    "plans:stop": Promise("Once a step of a `stop` plan has failed, no other step of it is begun."),
    "plans:together": Promise(
        "The decisions about the steps of one plan are taken together or not at all, each bound to "
        "its own step's digest.",
    ),
    "solution:waits-together": Promise(
        "What belongs to a step that people are asked about waits for the same people, although "
        "the policy allows it by itself; a no gives nothing away.",
    ),
    "solution:one-yes": Promise(
        "One yes to a plan starts all its steps, in one transaction, and each step's entry names "
        "the digest of the whole.",
    ),
    "solution:some": Promise(
        "A yes to some steps is a no to the others in the same commit, and no step stays that "
        "cannot be done without one that is left out.",
    ),
    "solution:less": Promise(
        "Less of a step is judged again and taken together with the yes to the others, and never "
        "more.",
    ),
    "solution:bound": Promise(
        "An answer to a plan counts only for exactly what waits now: digest and revision of the "
        "whole are computed again in the transaction that takes it.",
    ),
    "solution:quorum": Promise(
        "Every step that waits with its plan waits for as many distinct people as any step asks.",
    ),
    "solution:one-decision": Promise(
        "Of many answers to a plan at once one counts, whole, and the others are told."
    ),
    "card:unusual": Promise(
        "A card says what is unusual, computed from history, and how many signs were looked at "
        "in vain.",
    ),
    "card:why": Promise(
        "A card names every condition, limit and dial that asks, and nobody is asked once all of "
        "them are as it says.",
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
        "The page about an action's life shows the very table that the code uses."
    ),
    # ---- the stop switch, and what waits for its own object ------------------------------------
    "stop:holds": Promise(
        "From the commit of a stop on, no worker of any process makes a claim under it: all, a "
        "tenant, a connector, an action, a customer.",
    ),
    "stop:prompt": Promise(
        "A claimed call that has not left within half a second looks for stops once more, and is "
        "taken back under one.",
    ),
    "stop:under-way": Promise(
        "A call that is under way when a stop is committed is finished and settled."
    ),
    "stop:second-call": Promise(
        "Under a stop a lost answer is looked up, and never called a second time."
    ),
    "stop:resumed": Promise(
        "What was held runs once after the resume without a new yes, if all that its claim checks "
        "still holds.",
    ),
    "stop:two-people": Promise(
        "A stop ends by the word of two people with the role, one after the other, and by nothing "
        "else.",
    ),
    "stop:never-blocked": Promise(
        "A connector that cannot be loaded keeps nobody from stopping it: the name is taken as it "
        "is, and that it was not checked is said.",
    ),
    "stop:fail-closed": Promise(
        "Where the stops cannot be read, nothing is called.", "invariant 10"
    ),
    "stop:crash": Promise(
        "A process that is killed between hold and resume loses nothing, and the next one makes "
        "one effect.",
        "invariant 2",
    ),
    "guards:closed": Promise(
        "While any one guard cannot be evaluated (log, signed head, state, stops, rates, votes, "
        "approvals, subjects, history, policy, directory, signing key, clock), nothing is called.",
        "invariant 10",
    ),
    "object:one-at-a-time": Promise(
        "While an action on a provider's object is being called or is unknown, no other action on "
        "that object is; everything else goes on.",
    ),
    "object:read-again": Promise(
        "What another action for the same customer has left at the provider is read before the "
        "next one is called, however short ago it was read last.",
    ),
    "object:freed": Promise(
        "What waits for its object goes on by the very transaction that settles it, also by a "
        "person's word, and never waits in a circle.",
    ),
    "unknown:alarm": Promise(
        "An outcome that is left to a person is logged as a warning and counted, once."
    ),
    "card:guarantee": Promise(
        "Every card says in words what `once` rests on, with the time for which a key is kept.",
    ),
    # ---- the policy ------------------------------------------------------------------------
    "policy:no-rule-no": Promise("What no rule allows is denied, and says so."),
    "policy:error-denies": Promise(
        "Whatever cannot be evaluated is denied: an error is never an allow, approved or not.",
        "invariant 10",
    ),
    "policy:owner": Promise(
        "An object of somebody else is never touched, whatever the text and the approvals say.",
    ),
    "policy:assurance": Promise("An unverified customer gets messages only."),
    "policy:forced": Promise(
        "Where an action's definition asks for a person, no policy lets it run without one.",
        "invariant 1",
    ),
    "policy:nobody": Promise("With no role declared, nobody can be asked.", "invariant 5"),
    "policy:people": Promise(
        "Approvals are counted by person and needed role, in any order, however often one clicks.",
        "invariant 5",
    ),
    "policy:monotone": Promise(
        "A higher amount never makes a decision laxer, and another yes never turns an allow into "
        "a deny.",
    ),
    "policy:forbid": Promise("A forbid wins over every permit and every approval."),
    "policy:named": Promise(
        "A judgement names the deciding rule, its words and the policy's version."
    ),
    "policy:misspelt": Promise(
        "A misspelt word in a rule is refused with file, line and the next step."
    ),
    "policy:default": Promise(
        "The shipped policy decides refunds, credit, cancellations and messages at the limits "
        "that it documents.",
    ),
    # ---- planning --------------------------------------------------------------------------
    "agent:remarks": Promise(
        "A greeting, thanks, or a question about an order or about terms makes no work; a message "
        "with a wish in it is a wish."
    ),
    "agent:told-from-records": Promise(
        "What a customer is told of a record is what its provider has just shown, with its time; "
        "of what was done, what the ledger holds; and whom nobody knows is told of nothing.",
        "invariant 4",
    ),
    "agent:handles": Promise(
        "A planner sees the verified customer's own objects, under handles, and no provider's id.",
        "invariant 4",
    ),
    "agent:hostile-plan": Promise(
        "A planner that obeys every attacker gets nothing foreign past the guard.",
        "invariant 4",
    ),
    "agent:hostile-books": Promise(
        "Hostile plans, through guard, policy and engine or past the guard's back, move nobody "
        "else's money at the provider, and nothing that neither a rule nor a person allowed.",
        "invariant 4",
    ),
    "agent:grounded": Promise(
        "An amount comes from the customer's words or the records, never from nowhere."
    ),
    "agent:closed-form": Promise(
        "A model answers in a closed form that lists only what the customer has."
    ),
    "agent:closed-question": Promise(
        "A model may ask one question, whose choices are what the customer has or the values of a "
        "closed list; it writes none of its text."
    ),
    "agent:words-are-data": Promise("A customer's text cannot leave its place in a prompt."),
    "agent:budget": Promise(
        "A model's calls are limited; when they are used up, a person takes over."
    ),
    "agent:not-asked-for": Promise(
        "Whoever planned: a step that is not found in the customer's own words is a person's.",
    ),
    "agent:on-a-yes": Promise(
        "A plan that no words of the customer's show is restated to them, needs their yes and then "
        "a person's, whatever the policy allows; card and log say which of the two it was."
    ),
    "agent:few-turns": Promise(
        "A plan whose act, object and amount the words name is not restated where a person decides "
        "anyway, or where it can be taken back."
    ),
    "agent:doubted": Promise(
        "A plan against which a word of the message may stand needs a person's yes after the "
        "customer's, whatever the policy allows."
    ),
    "agent:traps": Promise(
        "Words that stand against a plan (received, already, nothing, enough, hold, stop, once, "
        "after, if, somebody else's, another shop) keep it from being restated, in seven languages."
    ),
    "agent:intent-by-argument": Promise(
        "Amount, time, payee and reason of a planned step are each compared with the words; what a "
        "playbook fixes no planner can set."
    ),
    "agent:models-after-playbooks": Promise(
        "A model is asked where playbooks have no plan, before the customer is asked anything."
    ),
    "agent:own-texts": Promise(
        "What goes out under the team's name is the playbook's text, whatever a model wrote."
    ),
    "acts:every-action": Promise(
        "What a shipped action does can be asked for: it is restated with act, object and value, "
        "planned, shown to a person, done and told."
    ),
    "acts:none-inert": Promise(
        "No shipped action is inert: it says by which act customers reach it, or why none does."
    ),
    "agent:own-action": Promise("A team's own action brings its act, slots and words in one file."),
    "agent:understands": Promise(
        "Playbooks plan, ask back or hand over as a careful person would, in seven languages.",
    ),
    "agent:certain-is-rare": Promise(
        "A plan needs no second yes only where every word of it is from a closed list."
    ),
    "agent:asks-back": Promise(
        "What is not clear is asked, with the customer's own objects to choose from; nothing is "
        "done before the answer.",
    ),
    "agent:restated-bound": Promise(
        "A customer's yes is to the plan that the log says was restated, and to no other.",
    ),
    "agent:answers-once": Promise("An answer belongs to one question and counts once."),
    "agent:asks-three-times": Promise("At most three questions, then a person."),
    "agent:continues": Promise("The next message of a thread answers what was asked in it."),
    "agent:prompts": Promise(
        "Which prompt a model gets is chosen by a person, counts from the next request on, and "
        "stands in the log."
    ),
    "agent:measured": Promise(
        "What comes in the box to measure planners by is understood, and no injection in it "
        "changes what would be done."
    ),
    "agent:few-rounds": Promise(
        "A request makes at most three rounds of reads at its provider; the first one finds "
        "everything warm."
    ),
    "agent:hand-over": Promise(
        "What no planner understands becomes an honest, recorded hand-over to a person."
    ),
    "agent:reply": Promise("A reply claims a result only where the ledger holds it."),
    "agent:reply:discreet": Promise(
        "A reply names no policy, person or code, and does not tell which ids exist."
    ),
    "agent:reply:standing": Promise(
        "A request has a reply in every state, which is so whenever it is read; whoever asked for "
        "the same twice hears twice how it ended."
    ),
    "agent:withdrawn": Promise(
        "What a customer takes back is not carried out, unless it was under way: then that is "
        "said. A withdrawal and a yes at one moment are never both.",
        "invariant 18",
    ),
    "agent:thread": Promise(
        "A message is read with what is open in its thread: one that clearly takes it back stops "
        "it, and every reply is true at its time."
    ),
    "agent:corrected": Promise(
        "Once a customer has put right what they asked for, nobody can say yes to what it was: it "
        "is read anew with their message, or it was under way, and that is said.",
        "invariant 18",
    ),
    "agent:asked-beside": Promise(
        "A question about something of theirs beside a wish, or beside a yes, is answered from the "
        "records, and the wish goes on."
    ),
    "agent:one-choice-one-thing": Promise(
        "Each choice of a question picks one thing; of many the newest ten are offered, and one "
        "that is not is named by its number."
    ),
    "agent:formats": Promise(
        "What a customer reads has money in the form of their language, and foreign texts as they "
        "are: none of them is markup."
    ),
    "agent:request-once": Promise("A request is proposed once, by whoever runs it.", "invariant 2"),
    "agent:request-goes-on": Promise("A request that waited goes on in another process."),
    "agent:nothing-personal": Promise(
        "No word of the customer is in the log or in a plan.", "invariant 8"
    ),
    # ---- the policy as an object -----------------------------------------------------------
    "policy:absent": Promise(
        "What the policy says of an action that a process does not have stops nothing that it has; "
        "such an action is left, without counting an attempt, to a process that has it.",
    ),
    "policy:versions": Promise(
        "What decides is a version in the store, put in force by an entry of the log that names it "
        "by digest, and never a file.",
    ),
    "policy:follow": Promise(
        "Every process judges by a new version from the commit on that put it in force.",
    ),
    "policy:slices": Promise(
        "A card is judged anew where the rules of its own action changed, and only there.",
    ),
    "policy:who": Promise(
        "Only a person with a role that the version in force names puts another one in force.",
    ),
    "policy:two-people": Promise(
        "Where the workspace says so, what loosens waits for another person, who confirms this "
        "digest on this parent.",
    ),
    "policy:tables": Promise(
        "A row of a table is one Cedar rule and is read back from it as it stands; what is wrong "
        "with it is said with what to write instead.",
    ),
    "policy:check": Promise("Rows in vain are named, proved: no request contradicts a finding."),
    "policy:replaces": Promise(
        "A table stands beside the rules that ship for its action or in their place; guards stay."
    ),
    "policy:translation": Promise(
        "What formulas say of a policy is what the engine says, and a part that they cannot say is "
        "named.",
    ),
    "policy:missing": Promise(
        "A fact that cannot be read makes no answer looser than any value of it would.",
    ),
    "policy:calendar": Promise(
        "Weekdays, hours and holidays are those of the workspace's place, by data that a version "
        "names.",
    ),
    "policy:direction": Promise(
        "A change that lets anybody do with fewer people what needed more is called looser, and so "
        "is one that nobody can decide.",
    ),
    "limits:exact": Promise(
        "Of a hundred actions at once at a limit's edge exactly as many pass as fit, on both "
        "stores, in one process and in four, and the rows stay true when it is killed.",
    ),
    "limits:first-day": Promise(
        "What `sayso init` writes bounds the money that one bot, and one customer in all tenants, "
        "gets a day without a person's yes."
    ),
    "limits:token": Promise("One bot stops at its own limit, whoever the customers are."),
    "limits:customer": Promise(
        "A limit counts together whom it names; a customer is who the provider knows, under "
        "however many tenants.",
    ),
    "limits:approver": Promise(
        "A person who has agreed to as much as they may is not counted, and somebody else is.",
    ),
    "limits:soft": Promise(
        "Beyond a soft limit somebody with its role has to agree, whatever the rules allow.",
    ),
    "limits:hard": Promise("Nobody approves beyond a hard limit."),
    "limits:holds": Promise(
        "A waiting card holds nothing, what may have happened keeps its hold for however long, "
        "and what surely did not is free again.",
    ),
    "limits:verified": Promise(
        "The verifier adds up what is used of limits by the log alone: an action beyond a hard "
        "limit, a counter that was lowered, and a use that was changed do not verify.",
        "invariant 12",
    ),
    "limits:by-log": Promise(
        "Whoever writes the database has no limit passed once more: a counter that was deleted, "
        "lowered or put back as it was is not what the log's entries say, and nothing runs by it.",
        "invariant 12",
    ),
    "limits:linked-accounts": Promise(
        "A limit of customers counts every account that is linked to one now, whatever was tied "
        "or untied meanwhile; nothing passes the cap by two accounts at once.",
    ),
    "limits:windows": Promise(
        "A rolling limit is above its cap in no true window, and what is done later counts then.",
    ),
    "limits:near": Promise(
        "People are told, in the log and in Slack, once of each limit, key and window of which "
        "four fifths are used, and once when it is full; a card says how full limits are after it."
    ),
    "limits:cards": Promise("How many questions wait for people is limited too."),
    "limits:currencies": Promise(
        "Currencies count apart, an unnamed one is over, and nothing is converted by old rates.",
    ),
    "limits:plans": Promise("The steps of a plan count as many."),
    "limits:filled": Promise("A new limit counts what was done before it came in force."),
    "limits:late": Promise("An effect that shows up late is booked, also above the limit."),
    "limits:declared": Promise(
        "A limit that cannot be read is refused with what to write instead."
    ),
    "limits:direction": Promise(
        "A limit that goes, rises or asks instead of refusing loosens; what it counts never "
        "changes under its id.",
    ),
    "limits:checked": Promise("Rows of limits that do not say what happened are found."),
    "rollout:stages": Promise(
        "A stage is a ceiling, never a permission: off and shadow leave it to a person, suggest "
        "asks about each, and a refusal is one at every stage.",
    ),
    "rollout:dials": Promise(
        "Of an action's dials the first that fits decides; one that nothing can reach is refused.",
    ),
    "rollout:share": Promise(
        "A share is always the same customers, and a wider one keeps who is in.",
    ),
    "rollout:schedule": Promise(
        "Outside its schedule and after its time a dial falls back to the left.",
    ),
    "rollout:claim": Promise(
        "A dial that moved left holds back what was allowed before, at the yes and at the claim.",
    ),
    "rollout:plans": Promise(
        "A plan goes as far as the step that goes least far: in shadow nothing of a request is "
        "touched, and the customer is told that a person takes over.",
    ),
    "rollout:direction": Promise(
        "A change that moves a dial right for anybody loosens, found by search.",
    ),
    "rollout:shadow": Promise(
        "What shadow would have done is compared once with what people did at the provider; what "
        "nobody can see is in no share.",
    ),
    "rollout:agreement": Promise(
        "Agreement is told with its interval, and is ready to widen only at five looks, with "
        "enough customers and days, and nothing wrong for a month.",
    ),
    "rollout:brake": Promise(
        "A brake moves a dial left by itself, and only a person moves it right again.",
    ),
    "rollout:set": Promise(
        "A dial is moved in force by a person, to the right by two where the workspace says so.",
    ),
    "policy:tests": Promise(
        "Tests beside the policy are asked of the engine, and say what is not as wanted."
    ),
    "facts:signed": Promise(
        "A fact that a caller signs counts for minutes, for this customer and workspace; an "
        "unsigned one, a connector's or a stale one does not."
    ),
    "facts:signed-words": Promise(
        "Facts that are signed with a customer's words count for each step of the plan, while they "
        "count; words, bots and writers of the database sign nothing."
    ),
    "policy:nouns": Promise(
        "What can be done with policy, limits, roll-out, report and stop is named alike on the "
        "command line, over HTTP, in Python and in the console; where a surface has it not, the "
        "table says so."
    ),
    "policy:everywhere": Promise(
        "A draft is looked at, tried, put in force and confirmed over HTTP as on the command line,"
        " by the same people, and the log names their token."
    ),
    "policy:explain": Promise(
        "A judgement is explained by the version that judged it, with the facts as they were."
    ),
    "policy:change": Promise(
        "Each changed rule is told in a sentence, with a card whose answers the engine confirms."
    ),
    "policy:backtest": Promise(
        "What was judged is played again with limits and dials, beside what people had said; what "
        "is newly refused is named by what refuses it, and formulas and engine never differ."
    ),
    "report:honest": Promise(
        "In the report whatever was asked for counts once, in its most manual class; what is open "
        "is told apart, money is never added up over currencies, and what is young is not called "
        "right."
    ),
    "policy:prove": Promise(
        "A claim about the policy is proved for every question, or refuted by one that the engine "
        "confirms, or nobody can say and it is told why."
    ),
    "policy:suggestions-tighter": Promise(
        "What was regretted, always refused or never used is suggested to be tighter, with counts "
        "and interval; each suggestion is of the direction that it says."
    ),
    "limits:set": Promise(
        "A cap is changed by a person, down at once and up by two where the workspace says so, and "
        "the rest of the file stays as people wrote it."
    ),
    "policy:suggestions": Promise(
        "What people always approve is suggested as a draft, with its figures and the cases that "
        "went otherwise; nothing is in force until a person activates it."
    ),
    "policy:tampered": Promise(
        "A version that the log does not tell of, or one that was taken away, lets nothing be "
        "judged.",
        "invariant 12",
    ),
}
