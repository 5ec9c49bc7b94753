"""How providers are reached, and by whom."""

from __future__ import annotations

from promises.promise import Promise

PROMISES: dict[str, Promise] = {
    # ---- where Sayso connects to -----------------------------------------------------------
    "network:configured": Promise(
        "A configured address is https, or http on this machine, judged after parsing; none is "
        "private unless its network is named.",
    ),
    "network:connected": Promise(
        "No connection goes to a private, link-local, metadata, NAT64 or 6to4 address, also when a "
        "name moves there in between.",
    ),
    "secrets:embedded": Promise(
        "In a program that logs everything, whatever providers, Slack, models and token endpoints "
        "repeat of our secrets is in no log line, error, span, answer or row.",
        "invariant 6",
    ),
    # ---- money -------------------------------------------------------------------------------
    "money:possible": Promise(
        "An amount that a provider cannot do is refused before anybody is asked, with the nearest "
        "that it can.",
    ),
    # ---- the one HTTP client ---------------------------------------------------------------
    "http:outcome": Promise(
        "What the client says of a request is true: nothing sent, said no, or nobody knows.",
    ),
    "http:bounds": Promise(
        "A request goes once, to an allowed host, within bounds of time and size, and no redirect, "
        "proxy or environment leads it elsewhere.",
    ),
    "http:breaker": Promise("A host that is down is left alone for a while.", "ASI08"),
    # ---- connectors by manifest ------------------------------------------------------------
    "manifests:strict": Promise(
        "An unknown key of a manifest is an error with its line and the nearest known one.",
    ),
    "manifests:check": Promise(
        "A manifest that breaks a rule is found out without asking the provider."
    ),
    "manifests:reviewed": Promise(
        "A manifest loads only by the digest that somebody has reviewed; one changed byte is "
        "enough.",
    ),
    "manifests:derived": Promise(
        "An action's guarantee is derived from what its manifest says, with the reasons.",
    ),
    "manifests:proven": Promise(
        "What a manifest claims of key and look-up is tried at a test account: one answer is "
        "dropped, the same key is sent twice, one effect is demanded; what held is bound to what "
        "was sent, and everything else stays claimed.",
        "invariant 15",
    ),
    "manifests:cited": Promise(
        "Times and promises of a provider are cited from its own pages, no key is believed to be "
        "kept for more than 45 days, and a description has to know the key's header.",
        "invariant 15",
    ),
    "connectors:optional-fields": Promise(
        "A field that Stripe may leave out does not lose the answer that it is missing in; what "
        "says whose, how much or how it stands is never made up.",
    ),
    "connectors:suite:rolled-back": Promise(
        "The connector suite pays, has the provider lose its record and answers an error: who is "
        "paid again then, or told as not paid, is found.",
        "invariant 15",
    ),
    "manifests:money": Promise(
        "Money by a manifest is at most once, until key and look-up were seen to hold at an "
        "account of a provider that, as who recorded it says, holds the money itself; a key alone "
        "counts once it is proven.",
        "invariant 15",
    ),
    "manifests:lies": Promise(
        "What a manifest says wrongly is found by its check, by a trial of its reads, or at the "
        "test account, where a person says what no trial compares; or it pays at most once.",
    ),
    "manifests:ask": Promise(
        "A person decides wherever a manifest proves too little, whatever the policy says.",
        "invariant 4",
    ),
    "manifests:answers": Promise(
        "A spoilt answer to a manifest's call is never a success, and unknown when in doubt.",
        "invariant 2",
    ),
    "manifests:person": Promise(
        "A manifest says who a customer is at its provider by their own record alone, with ids of "
        "other systems from places that the shop alone can write, and finds by exact addresses.",
        "invariant 4",
    ),
    "desks:doubles": Promise(
        "At each help desk that ships, by a double of what it publishes: a sweep tells all that a "
        "webhook may lose and nothing twice, who wrote is told apart, a reply stands there once.",
        "invariant 2",
    ),
    "desks:real": Promise(
        "At a real help desk a reply is mailed once and found again, a note stays with colleagues, "
        "and what changed since it was read is left alone.",
        "invariant 2",
    ),
    "manifests:absence": Promise(
        "A spoilt answer to a look-up never proves that an effect is not there.", "invariant 2"
    ),
    "manifests:no-ssrf": Promise(
        "No template, answer or redirect sends a request to a host that the manifest does not "
        "name.",
    ),
    "manifests:suite": Promise(
        "Every shipped manifest keeps the contract, by the suite that ships, on a provider that is "
        "built from it.",
    ),
    "manifests:crash": Promise(
        "Kill -9 around the call of a manifest's action leaves one effect and loses none, for "
        "each derived guarantee.",
        "invariant 2",
    ),
    "manifests:size": Promise("A provider takes some two hundred lines and no Python."),
    "manifests:whole-life": Promise(
        "A manifest's action is resolved, judged, called, settled and logged like any other.",
    ),
    "describe:deviations": Promise(
        "A manifest that says something else than the provider's own description is found out: "
        "requests, bodies, words, and every read.",
    ),
    "describe:shipped": Promise(
        "Every request and read of a shipped manifest is one that its provider publishes.",
    ),
    "connect:person": Promise(
        "A person authorises an account by code and PKCE; only what carries our state is taken."
    ),
    "connect:account": Promise("Whoever connects is told as whom the provider knows them."),
    "identity:signed": Promise(
        "A customer is whom a platform's fresh signature names, by the keys that are configured."
    ),
    "identity:bot": Promise(
        "Where an assertion is required, a bot's own word makes nobody more than unverified."
    ),
    "desk:answers": Promise(
        "What a customer writes at a desk becomes a request, and whatever Sayso has to say of it "
        "is said in its thread, as actions of the desk; colleagues read there what waits for them."
    ),
    "desk:once": Promise(
        "Each message of a customer is one turn, and each answer is said once, in order, whatever "
        "webhook, answer or process is lost."
    ),
    "desk:true": Promise(
        "Just before it leaves an answer is written again from the ledger; one that is not true "
        "any more, or that something newer has overtaken, is not sent, and its action says why."
    ),
    "desk:silent": Promise(
        "Once a colleague has answered, taken or closed a thread, Sayso says nothing more to its "
        "customer, one note says why, and what the customer writes there is people's."
    ),
    "desk:hand-over": Promise(
        "What Sayso cannot do is given to colleagues with a note: what is wanted, who it is and "
        "how that is known, what was tried, why a person."
    ),
    "desk:no-loop": Promise(
        "Own messages, other bots and auto-replies are never answered, and nobody more than six "
        "times an hour in a thread: then a person has it."
    ),
    "desk:left": Promise(
        "A message that can be no request, and an answer that cannot be delivered, become work for "
        "people with the reason, each once."
    ),
    "desk:own-words": Promise(
        "The law `sayso.own-words` permits exactly the texts that Sayso renders from the ledger, "
        "in the thread and to the customer of their request; any other text the policy judges."
    ),
    "inbound:signed": Promise(
        "A provider's webhook counts by its own signature over the very bytes, lately where it "
        "says when."
    ),
    "inbound:hint": Promise(
        "A webhook settles nothing: what it speaks of is looked up at the provider, at once."
    ),
    "inbound:once": Promise(
        "A customer's words on a support platform become one request, however often they come."
    ),
    "inbound:elsewhere": Promise(
        "A refund that was made outside Sayso is read at the provider, and becomes one piece of "
        "work, however often, and by however many, it is heard of."
    ),
    # ---- drafts ------------------------------------------------------------------------------
    "draft:sure": Promise(
        "A draft fills in what the description says, and asks the rest; foreign words stay words.",
    ),
    "draft:first-call": Promise(
        "A description becomes a first gated call by a draft, its answers, a check and a review.",
    ),
    "draft:addresses": Promise(
        "A draft names no private address, and no user or password of an address."
    ),
    "draft:quoted": Promise(
        "What a model reads in a page counts only with a quote that stands there."
    ),
    "mcp-upstream:gated": Promise(
        "A tool of somebody's MCP server is at most once, and a person decides."
    ),
    "mcp-upstream:pinned": Promise(
        "A tool that its server has changed since the review is not called."
    ),
    # ---- connectors ------------------------------------------------------------------------
    "connectors:contract": Promise(
        "Contract v1 of connectors and manifests: nothing goes, and nothing new is demanded."
    ),
    "fin:connector": Promise("Intercom's Fin proposes through Sayso, by a data connector of ours."),
    "secrets:hashicorp": Promise("Secrets and keys may be kept in HashiCorp Vault."),
    "connectors:somebody-elses-fake": Promise(
        "Stripe's connector works, unchanged, on a fake that somebody else has written."
    ),
    "connectors:stripe-described": Promise(
        "What we say to Stripe, and what the sandbox answers, has the form that Stripe describes.",
    ),
    "connectors:settings": Promise(
        "A setting that a connector does not have is refused, with the one that may be meant.",
    ),
    "connectors:own-settings": Promise(
        "A connector of the workspace's own file gets settings and secrets as an installed one.",
    ),
    "connectors:new": Promise("The start of a connector in Python keeps the contract as it is."),
    "connectors:suite": Promise(
        "Every shipped connector keeps the contract, by the suite that ships for everybody's.",
    ),
    "connectors:known": Promise(
        "A customer whom one connector knows is known, whatever the others say; whom none knows is "
        "refused.",
        "invariant 10",
    ),
    "connectors:person": Promise(
        "What a connector says of a customer counts for the id or the address that it was asked "
        "for alone; an address counts as verified where the provider itself has verified it.",
        "invariant 4",
    ),
    "connectors:suite-bites": Promise("The suite finds a connector that breaks a promise."),
    "connectors:proof": Promise(
        "After a lost answer the effect is found at Stripe by our reference, and somebody else's "
        "is never taken for it.",
    ),
    "connectors:stripe-left": Promise(
        "The card and the planner name what was taken of a charge at Stripe and what is left of "
        "that, and where its figures leave that open, no amount is guessed.",
        "invariant 10",
    ),
    "connectors:no-repeat": Promise("A connector never repeats a write by itself."),
    "connectors:least-privilege": Promise(
        "The documented permissions are enough, and each one is needed."
    ),
    "connectors:nothing-personal": Promise(
        "Metadata and keys at the provider hold ids of ours, and nothing of the customer.",
        "invariant 8",
    ),
    "connectors:email:recipient": Promise(
        "A message goes to the approved address on file, or not at all."
    ),
    "connectors:email:links": Promise("Links lead to allowed hosts only."),
    "connectors:own-action": Promise("An own action with its connector takes under thirty lines."),
    "secrets:hidden": Promise(
        "No way of printing, logging, copying or encoding shows a secret.", "invariant 6"
    ),
    "secrets:forty": Promise(
        "Forty seeded secrets come out nowhere in a full run with failures: not in prompts, cards, "
        "entries, exports, spans, logs, tracebacks, rows or answers over HTTP.",
        "invariant 6",
    ),
    "secrets:logs": Promise(
        "With every logger at DEBUG, no secret and no customer is written.", "invariant 6"
    ),
    "logs:wordless": Promise(
        "The log of a process names an error by its code and kind, never in words that may quote "
        "a customer or a provider.",
        "invariant 6",
    ),
    # ---- customers' mail ---------------------------------------------------------------------
    "desk:mail:sender": Promise(
        "Only the topmost Authentication-Results of the mail server that you name says that a mail "
        "is its sender's; without it whoever writes is unverified, and machines are not answered."
    ),
    "desk:mail:words": Promise(
        "What a customer wrote is read without what they quote and what nobody sees, in seven "
        "languages, and nothing that they wrote is lost."
    ),
    "desk:mail:threads": Promise(
        "A conversation by e-mail is with one customer: whoever else answers into it is another "
        "one, to whom nothing of it is said.",
        "invariant 16",
    ),
    "desk:mail:complete": Promise(
        "Every mail that comes in is told once by its id, also when the mailbox was renumbered, "
        "moved or restarted; nothing is marked as read, moved or deleted for it."
    ),
    "desk:mail:answer": Promise(
        "An answer goes to the customer of its conversation alone, as their mailbox shows them at "
        "the call, and stands in their mailbox in its thread once.",
        "invariant 4",
    ),
    # ---- tokens ----------------------------------------------------------------------------
    "tokens:one-refresh": Promise(
        "Any number of callers and processes make one refresh, and no grant is revoked."
    ),
    "tokens:margin": Promise("A short-lived token is not refreshed without end."),
    "tokens:crash": Promise(
        "A crash during a refresh recovers or ends in `needs_reauth`, never in a loop."
    ),
    "tokens:race": Promise(
        "The loser of a race uses the winner's token, and an outage changes nothing."
    ),
    "tokens:client": Promise("One token is shared per client and scopes."),
    "tokens:pkce": Promise("Connecting always sends an S256 challenge and checks the state."),
}
