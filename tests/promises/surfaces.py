"""How people and programs come in."""

from __future__ import annotations

from promises.promise import Promise

PROMISES: dict[str, Promise] = {
    "serve:reload": Promise(
        "A server, a worker and an MCP server take up changed settings and connectors by SIGHUP "
        "and by noticing; a reload that fails changes nothing, and `/readyz` says why and what is "
        "loaded.",
    ),
    "processes:live": Promise(
        "Each process that serves or works is listed with what it has loaded, until it ends; one "
        "that says nothing for a minute is told as stale, and activating a policy says which live "
        "process lacks an action that it names. A worker takes up nothing of such an action.",
    ),
    # ---- a person decides ------------------------------------------------------------------
    "cli:modes": Promise(
        "What the command writes can be written by its owner alone, whatever the umask."
    ),
    "console:tls": Promise(
        "Behind TLS each answer says HSTS and each cookie is `Secure`, also where no URL is set."
    ),
    "input:nesting": Promise(
        "JSON and TOML that is nested very deep is refused with a clear error, wherever it comes "
        "in: settings, limits, playbooks, manifests, answers, files to verify."
    ),
    "canaries:never-done": Promise(
        "A test card is no action and no approval: nothing claims, calls, counts or judges one, "
        "whatever is answered; the log says who was tried with which mistake and what they said, "
        "and a log in which one was carried out does not verify.",
    ),
    "canaries:shown": Promise(
        "A test card is shown in the console and in Slack as a true one would be, to whom that "
        "would be shown, and after the click says what it was.",
    ),
    "console:languages": Promise(
        "Every page is read in seven languages, the log's own and its refusals too; what customers "
        "and colleagues wrote stays as it is, and so does what an answer covers.",
        "issue: reach and habit",
    ),
    "console:settle": Promise(
        "An unknown outcome is settled on the page where a manager meets it, by what they saw at "
        "the provider; what was settled meanwhile stays, and they are told by whom."
    ),
    "console:staff": Promise(
        "Whoever may put a policy in force invites people, changes what they may and removes them "
        "in the browser; what gives a power or a link needs a second one wherever there are two, "
        "and a link or a token is shown once."
    ),
    "console:first": Promise(
        "Where nobody has ever signed in, a server shows a link for the first one: once, for ten "
        "minutes, and to a terminal only."
    ),
    "console:rule": Promise(
        "A file of the policy is written in the browser, by rows or as text: difference, examples, "
        "tests and last month stand above the button, a row that was changed needs a sentence of "
        "its own, and what loosens is signed by two wherever there are two."
    ),
    "console:commands": Promise(
        "Whatever people do by a command of people, tokens, work, unknown outcomes, policy, "
        "limits, roll-out and stops has a page in the console, or a reason why it needs none."
    ),
    "console:connect": Promise(
        "Whoever may change who works here connects an account in the browser: the provider's "
        "answer counts once, in the session that began it, and as what was begun."
    ),
    "console:customers": Promise(
        "A customer is found, linked and unlinked without a script, and what they are looked for "
        "by stands in no address of a page.",
        "invariant 8",
    ),
    "console:figures": Promise(
        "The pages of figures, people and the policy say what the ledger and the log hold, beside "
        "the period before; currencies are never added up, no wait is machine time, and that "
        "people need not be asked is said only where the roll-out calls a segment ready.",
    ),
    "solutions:ask-customer": Promise(
        "A person who may decide can ask the customer first: the answer is on the card, under "
        "another digest, and a decision meanwhile counts.",
    ),
    "console:audit": Promise(
        "What a question to the log finds can be kept, and exported so that it verifies elsewhere, "
        "or as a table with a manifest; each export is an entry.",
    ),
    "people:away": Promise(
        "Who is away is not called: reminders and escalations go to whoever may answer in their "
        "place, in Slack and by e-mail, and nobody gets a power by it.",
    ),
    "mail:no-decision": Promise(
        "An e-mail shows the whole solution and a link to it; nothing is decided by it, and its "
        "link opens nothing without signing in.",
    ),
    "channels:apart": Promise(
        "Whoever tells people, by whatever channel, is told of everything by the outbox, at least "
        "once and in the newest version, with tries of its own; one that fails, comes later or "
        "comes back costs no other anything, and has missed nothing.",
    ),
    "console:together": Promise(
        "Several solutions of one rule are answered with one yes whose digest has each of them and "
        "the total; each is a transaction of its own, and what changed drops out.",
    ),
    "work:waits": Promise(
        "Whoever has waited longest for a person comes first; who waits longer than you promise is "
        "late in words, and told of once by an event.",
        "docs/how-to/use-the-console.md",
    ),
    "compose:proposed": Promise(
        "A person with a role sees what would come of an action before anything is stored, and "
        "proposes exactly that as themselves, once; they never approve it, and a judgement that "
        "has changed meanwhile is shown again.",
        "docs/how-to/work-beside-the-ticket.md",
    ),
    "seat:beside": Promise(
        "Beside a ticket a colleague sees who writes and what waits, and answers, notes, vouches "
        "and proposes as themselves, through the policy; nothing is shown of somebody unproved, "
        "and only pages that you allow have it in a frame.",
        "docs/how-to/work-beside-the-ticket.md",
    ),
    "work:in-chats": Promise(
        "What is handed over to people stands once in the channel of each chat, with who has it, "
        "and is taken, given, answered and ended there; who waits too long is told of once.",
    ),
    "work:kept": Promise(
        "What machines leave to people is listed until somebody ends it, with who has taken it and "
        "what they have noted; each is an entry of the log.",
    ),
    "work:authors": Promise(
        "Who noted what, and when, is read from the log, whatever a row says.",
    ),
    "work:drafted": Promise(
        "A plan that was not carried out is shown with the request that people take: each step and "
        "why not. Nothing of it is done until a person proposes exactly what they saw, once; it is "
        "judged as theirs, and never approved by them.",
    ),
    "console:sign-in": Promise(
        "A link signs one person in, once and within ten minutes; a session is a credential of the "
        "log, ends after 30 minutes without use and after 12 hours, and at once by signing out.",
    ),
    "console:passkey:sums": Promise(
        "A yes needs a passkey by what its customer gets in a day and its payment ever, in a "
        "currency without an amount always; one that was made for another port does not count."
    ),
    "console:passkey": Promise(
        "A yes to so much counts only with the signature of a passkey of its person's, over what "
        "was shown and what of it was agreed to; by any other way it is refused with the way to "
        "the console.",
    ),
    "console:oidc": Promise(
        "A company's provider signs in whom somebody has linked, by issuer and subject alone; "
        "roles follow groups by entries of the log, and a token that says or is anything else "
        "opens nothing.",
    ),
    "console:oidc-recheck": Promise(
        "Nobody decides in a session of a company's provider whom it was not asked about in the "
        "last five minutes; its no ends the session or takes the roles at once, and a logout token "
        "of its own does.",
    ),
    "console:backtest": Promise(
        "A change that waits is played over what was judged, on a page beside its signature, with "
        "what people had said; how far it is stands there while it takes long."
    ),
    "console:rollout": Promise(
        "The policy page shows how far each dial is, how people agree and how full each limit is, "
        "and moves a dial by the rules of the command line: two people to the right.",
    ),
    "console:csrf": Promise(
        "A form counts only when the browser says that one of our own pages has sent it, under a "
        "name that is ours.",
    ),
    "console:csp": Promise("No page lets anything run that its own response has not marked."),
    "console:answer": Promise(
        "The page takes yes, some, less and no by one form, each naming its exact money, and tells "
        "every click what came of it.",
    ),
    "console:accessible": Promise(
        "No page has a fault by WCAG 2.2 A and AA in any state, wide or narrow, light or dark.",
    ),
    "console:narrow": Promise(
        "No page scrolls sideways at 360 pixels, and on 360 by 640 what is read first is seen "
        "together with the buttons.",
    ),
    "console:no-script": Promise("Everything can be answered with JavaScript off."),
    "console:keys": Promise(
        "Keys move the focus, none of them decides, and they can be switched off. A yes takes two, "
        "and the next card comes by itself."
    ),
    "console:queue": Promise(
        "Every card that waits is reached by pages, by Next and by a search of names, orders, "
        "amounts and words; each list is a link."
    ),
    "console:light": Promise(
        "A page with all that it loads is below 60 kB, and asks no other host."
    ),
    "console:hostile-text": Promise(
        "Foreign text in any field is shown as text, hidden characters are named, and no markup "
        "makes a request.",
    ),
    "console:live": Promise(
        "What is decided elsewhere shows on an open page, what one writes meanwhile stays, and a "
        "session that has ended loses its stream.",
    ),
    "console:idle": Promise(
        "An open page to which nothing happens asks the database nothing.", "issue: idle pages"
    ),
    "console:restart": Promise(
        "A click while the server restarts is sent until somebody answers, and counts once.",
    ),
    "console:races": Promise(
        "Of answers from several browsers and surfaces at once one counts, and each of the others "
        "is told whose it was.",
    ),
    "approvals:bound": Promise(
        "A decision about another digest, another revision or an old card decides nothing.",
        "invariant 1",
    ),
    "approvals:once": Promise(
        "However many people click at once, one decision stands and the others are told.",
        "invariant 2",
    ),
    "approvals:not-own": Promise("Nobody decides their own request.", "invariant 5"),
    "text:hidden": Promise(
        "Characters that are not seen are shown by number or dropped by one judge, in cards, "
        "Slack, the console, terminals, evidence, mails and replies, and never reach a prompt.",
    ),
    "approvals:one-card": Promise(
        "What is asked for twice is asked of people once: an equal proposal joins the card that "
        "waits, both keys stand for it, and a card says when another is open for its object.",
    ),
    "approvals:role": Promise(
        "Only a listed, active person with the needed role decides.", "invariant 5"
    ),
    "approvals:service": Promise("A service's token never decides.", "invariant 5"),
    "approvals:people": Promise("A quorum counts people, not clicks or accounts."),
    "approvals:reason": Promise("A no needs a reason code, which reaches the action."),
    "approvals:yes-reason": Promise(
        "From an amount that the settings name on, a yes needs a reason, which is kept and shown."
    ),
    "approvals:hold": Promise(
        "What people agreed to starts only after `[approvals] hold`; until then whoever may decide "
        "takes the yes back, and then nothing of it moves, and people are asked anew.",
        "invariant 2",
    ),
    "approvals:less": Promise(
        "An edit only lowers the amount, is judged again, and the old card is dead."
    ),
    "approvals:told": Promise(
        "A card tells what the ledger holds, whoever was asked and whatever they said.",
    ),
    "approvals:denied-uncounted": Promise(
        "A yes that the policy in force cannot count is refused with the reason, and stands on no "
        "card; what is asked by then is asked anew.",
    ),
    "approvals:settle": Promise("A person settles an unknown outcome with evidence, once."),
    "refusals:recorded": Promise(
        "An action that is refused and a decision that is refused are recorded with the reason.",
        "invariant 7",
    ),
    "refusals:turned-away": Promise(
        "A call that is refused before anything is asked, over HTTP or for its token in Python "
        "and on the command line, is recorded by its code; a flood makes one entry a minute.",
        "invariant 7",
    ),
    # ---- tools for models: MCP, LangChain ---------------------------------------------------
    "tools:subject": Promise(
        "Whose money a tool moves comes from the operator, from a header of the bot's host or from "
        "its own code; an argument that names somebody is refused and recorded.",
        "invariant 4",
    ),
    "tools:no-decision": Promise(
        "No tool decides, whatever its name and arguments, and a person's token opens no MCP "
        "server.",
        "invariant 5",
    ),
    "tools:once": Promise(
        "A tool's call that is repeated, at the same time, after the client gave up or after "
        "kill -9 of the server, is one effect; two equal ones that are meant are two.",
        "invariant 2",
    ),
    "bots:truth": Promise(
        "Each example bot asks the customer back, says that nothing is done while a person is "
        "asked, and tells what the provider's books then hold.",
    ),
    "tools:tasks": Promise(
        "An MCP call that waits for a person is a task, which outlives the server and is its "
        "customer's alone; what ends at once is none.",
    ),
    "tools:progress": Promise("An MCP call that waits tells of each step."),
    "tools:resources": Promise(
        "How an action stands is an MCP resource of its customer alone.", "invariant 4"
    ),
    "tools:paused": Promise(
        "A LangGraph graph that pauses where a person is asked goes on with what became of it, "
        "once, however often it is resumed.",
        "invariant 2",
    ),
    "tools:waiting": Promise(
        "A tool's answer about what waits for a person says that nothing has been done.",
    ),
    "tools:hidden": Promise(
        "An object or an action of another customer answers a tool like one that there is not.",
        "invariant 4",
    ),
    "tools:same": Promise(
        "MCP over stdio and HTTP, LangChain, the OpenAI Agents SDK and Pydantic AI offer the same "
        "tools and answer alike.",
    ),
    "mcp:closed": Promise(
        "Over HTTP an MCP call needs a service's live token of the right scope and the customer in "
        "headers; web pages, and other machines unless it is said, are kept out.",
    ),
    "mcp:oauth": Promise(
        "A hosted MCP client learns from a 401 who signs customers in; the customer is the one of "
        "the issuer's access token for this very address, and no header names another.",
        "invariant 4",
    ),
    # ---- HTTP ------------------------------------------------------------------------------
    "http:fuzzed": Promise(
        "Whatever is sent to the HTTP API by whomever, its answer is one that its OpenAPI document "
        "has, and no 5xx.",
    ),
    "http:javascript": Promise(
        "The client for JavaScript is typed by the OpenAPI document, repeats a call by its "
        "idempotency key alone, follows a stream across lost connections, and refuses a webhook "
        "that was not signed.",
    ),
    "http:mounted": Promise(
        "Inside another ASGI app the console and the API answer as they do alone, behind its own "
        "routes.",
    ),
    "http:ready": Promise(
        "A server whose database has no room, or cannot be written, does not say that it is ready.",
    ),
    "http:closed": Promise(
        "Nothing opens without a live token of the right scope, and only loopback is served "
        "unless it is said.",
    ),
    "http:held-up": Promise(
        "Who calls too often, guesses tokens or holds connections half open is held up, and nobody "
        "else is."
    ),
    "http:left": Promise(
        "A token of a person whom the log does not know as active opens nothing, whatever its "
        "scopes and wherever it is shown.",
    ),
    "http:retention": Promise(
        "Sealing, pruning and sweeping over HTTP need a person's token with the scope `admin` and "
        "a role; long work goes on, is not begun twice, and its end is told to who asks again.",
    ),
    "http:tenant": Promise(
        "A token of another tenant sees and decides nothing of this one.", "invariant 9"
    ),
    "tenants:apart": Promise(
        "Two tenants in one database, with the same customers, orders and keys, read and change "
        "nothing of each other: SDK, HTTP, command line, index, proofs, exports and evidence, on "
        "both stores.",
        "invariant 9",
    ),
    "http:hidden": Promise(
        "No token is taken from an address, and no log line holds a token or a body."
    ),
    "http:bad-input": Promise(
        "Bad JSON, bad money, deep nesting and large bodies are refused by code, and nothing is "
        "half done.",
    ),
    "http:contract": Promise("The paths and errors are those of the contract."),
    "http:tree": Promise(
        "Tiles and proofs over HTTP lead to the signed head, without trust in the server.",
    ),
    "http:auditor": Promise(
        "Who refunded what to whom, on whose yes, is one query, which is recorded itself.",
    ),
    "http:subjects": Promise(
        "Access, erasure and legal holds work over HTTP, for people with the role; what is shown "
        "in clear stands in no log, span or address.",
    ),
    "http:pseudonym": Promise("The customer's id is nowhere in the log.", "invariant 8"),
    # ---- the rest --------------------------------------------------------------------------
    "sdk:sync": Promise("Synchronous code, on several threads, has the same SDK, call for call."),
    "telemetry:one-trace": Promise(
        "One trace joins what happens before and after the wait, with nothing personal in it.",
        "invariant 6",
    ),
    "sandbox:truth": Promise(
        "The sandbox's books survive kill -9 before and after an effect, and tell which it was.",
    ),
    "demo:books": Promise(
        "The demo ends with a verified log, and the provider's own books agree with the ledger to "
        "the cent.",
    ),
    "demo:desk": Promise(
        "In the demo by e-mail sixteen customers write to a mailbox of a real mail server and read "
        "their answers in their own; books and log agree."
    ),
    "demo:answers": Promise(
        "What is no answer at the terminal is told why, and what Enter alone means is shown.",
    ),
    "demo:leaves-nothing": Promise(
        "Ctrl-C, SIGTERM or a closed terminal leave neither the demo's workspace nor its key.",
        "invariant 6",
    ),
    "demo:never-hangs": Promise(
        "Without a flag and without a terminal the demo says no to every card."
    ),
    "demo:bad-line": Promise(
        "A malformed line in the middle of a file is named, and nothing is half done."
    ),
    "cli:interrupted": Promise(
        "Ctrl-C while a command acts says which action or request it leaves behind, whether its "
        "call has left, and who finds out what became of it.",
    ),
    "cli:pages": Promise(
        "A list that shows not all there is says so, and names the command for the rest.",
    ),
    "cli:kinds": Promise(
        "What can be proposed is listed with arguments, card and guarantee, without a secret.",
    ),
    "cli:requests": Promise(
        "Requests are listed by state and shown with why a person has to answer."
    ),
    "cli:readable": Promise(
        "In a terminal of any width no id and no state is broken in two, and piped lines end "
        "without blanks.",
    ),
    "cli:next-steps": Promise(
        "What the policy denies names the rule that decided, or that one has to be written, and a "
        "number out of bounds hears all of them.",
    ),
    "cli:left": Promise(
        "A command that ends before its action is done says what it waits for and who goes on.",
    ),
    "doctor:live": Promise(
        "`sayso doctor --live` asks every provider, key, address and clock that a workspace "
        "depends on, names what does not work with what to do, and sends nothing.",
    ),
    "cli:bad-input": Promise(
        "Bad refunds, words and databases are refused with a code and a status that is not 0, and "
        "nothing is at the provider.",
    ),
    "cli:asks": Promise(
        "A yes at the command line is asked for once more with its amount; scripts pass `--yes`.",
    ),
    "cli:waits": Promise(
        "A server or worker that starts while its database is away waits for it, and says so.",
    ),
    "cli:printed": Promise(
        "Every command that README, quickstart, docs, `init` or an error prints exists, and is "
        "printed as it has to be typed.",
    ),
    "cli:shared": Promise(
        "Real processes share one workspace: one key is one action, one effect, a verified log.",
        "invariant 2",
    ),
    "cli:anchored": Promise(
        "`audit verify` says how far witnesses vouch for the log, and asks them itself.",
    ),
    "cli:timestamped": Promise(
        "A workspace's heads are stamped by an authority, and `audit verify` says since when they "
        "existed, from the database or from files that left it.",
    ),
    "cli:rotation": Promise("The signing key is changed by command, and every step verifies."),
    "cli:orphans": Promise(
        "Open actions that no connector of the workspace has are said by `doctor`, `check` and "
        "`actions`, with what to do.",
    ),
    "cli:segments": Promise(
        "The log is sealed, pruned and verified by command, and what forbids it is said.",
    ),
    "cli:subjects": Promise(
        "Access, erasure and legal holds work from the command line, for people with the role.",
    ),
    "cli:full-folders": Promise(
        "A disk that is full is said as such, with the next step, whatever of the log was to be "
        "written there.",
    ),
    "cli:lost-output": Promise(
        "Output that cannot be written is said, with the next step, and ends a command with no "
        "status of success; where its reader has gone, it ends quietly.",
    ),
    "cli:exit-status": Promise("`audit verify` ends with 0 verified, 1 tampered, 2 cannot judge."),
    "cli:documented": Promise(
        "The page about the command line is its own help, and every command takes `--json`.",
    ),
    "cli:light": Promise(
        "Help, `import sayso` and the commands that only look load nothing heavy."
    ),
    "cli:check": Promise(
        "`sayso check` finds every problem of a workspace, each with its next step."
    ),
    "cli:init": Promise(
        "`sayso init` makes a workspace that checks, keeps secrets from others and from git, or "
        "leaves nothing.",
    ),
    "walk:sound": Promise(
        "Ordinary use, right and wrong, in any order leaves a log that verifies, books that agree, "
        "limits that add up, replies that are true, and nothing open that nobody can end.",
        "invariant 3",
    ),
    "bench:crash": Promise("The crash campaign finds what a provider did twice."),
    "bench:log-crash": Promise(
        "Processes that are killed while they write, export, publish, seal and prune leave one "
        "whole log.",
    ),
    "house:floors": Promise(
        "Imports go down only: every module has a floor, surfaces do not know each other.",
    ),
    "supply:advisories": Promise(
        "No package that ships has a known weakness, as far as an advisory source can be reached.",
        "ASI04",
    ),
    "house:typed": Promise(
        "A program that takes every name from `sayso` passes mypy and pyright in their strict "
        "modes with the wheels alone installed, and a misspelt name is an error to both.",
        "PEP 561",
    ),
    "house:pypi": Promise(
        "What PyPI shows of a release leads somewhere: links, pictures and addresses; each "
        "distribution says its licence by name and with its file.",
        "PEP 639",
    ),
    "house:parts": Promise(
        "Each distribution has its files alone, and what it asks for is all that it needs: a "
        "verifier is installed without the rest.",
    ),
    "house:wheel": Promise("What is tested in CI is the built wheel, with all its data."),
    "house:run": Promise(
        "`./run demo` and `./run test` need bash and a Python: without uv they fetch one into the "
        "clone, or say what to type.",
    ),
    "house:workflows": Promise(
        "Workflows, forms and the verbs of every day are what their schemas and a linter take, run "
        "commands that there are, and no job may do more than it says.",
    ),
    "house:pages": Promise(
        "Every fenced block of the pages is read as what it is, or says why not.",
    ),
    "house:changes": Promise(
        "A channel is a folder and a line: what common changes touch is counted, where each "
        "is made and works.",
    ),
    "house:codes": Promise(
        "Every error code is documented with its status and class, and none is unused."
    ),
}
