"""How people are asked and answer in Slack and in Microsoft Teams, and told in browsers."""

from __future__ import annotations

from promises.promise import Promise

PROMISES: dict[str, Promise] = {
    "slack:socket": Promise(
        "Clicks over Socket Mode are answered by the same handlers, and `sayso doctor slack` names "
        "what is missing.",
    ),
    "slack:solution": Promise(
        "A plan is one message in Slack, answered by one yes, less or no, and the message says "
        "what came of each step.",
    ),
    "slack:push": Promise("A notification shows amount and payee as the card does, escaped."),
    "slack:take-back": Promise(
        "A yes that waits is taken back from its card, by whoever could say it, until it starts.",
    ),
    "slack:home": Promise(
        "The app's Home shows a linked person what waits for them, the longest wait first, and "
        "decides nothing; whoever is not linked reads how to be.",
    ),
    "slack:direct": Promise(
        "Who is called to decide and is not in the channel is reminded in private, once, without "
        "a customer's name.",
    ),
    "slack:called": Promise(
        "Whoever is given a card or work, or is named in a note, is told so in a direct message, "
        "once for all that calls them to the same thing at once.",
    ),
    "push:told": Promise(
        "A card that waits, a call by name and a stop reach the browsers of whom they concern, "
        "encrypted, in the browser's language, without a customer's name, and nobody else's.",
    ),
    "push:guarded": Promise(
        "A browser's address is called by https alone and on a public host, and one that is gone "
        "is forgotten.",
    ),
    "push:install": Promise(
        "The console installs in a browser, shows there what is pushed, opens its page, and "
        "offline says so; its worker keeps nothing.",
    ),
    "push:extra": Promise(
        "What pushes is loaded where something is pushed, and the doctor names what is missing.",
    ),
    "slack:times": Promise(
        "A time on a card or in a reminder is shown by its reader's clock, and in UTC where Slack "
        "cannot.",
    ),
    "slack:reminders": Promise(
        "Reminders and escalations reach those who may answer in the thread below the card, once.",
    ),
    "slack:commit-first": Promise(
        "A click is acknowledged after its decision is durable, kill -9 included, or answered "
        "with an error in time.",
    ),
    "slack:told": Promise("Every click is answered visibly, in every state."),
    "slack:pointer": Promise("A button carries a pointer and no facts."),
    "slack:by-id": Promise("A click decides the approval that it names and no other."),
    "slack:signed": Promise(
        "Only fresh, well-signed requests are answered, and a replay runs nothing."
    ),
    "slack:fail-closed": Promise(
        "Slack down, an account that cannot be checked, or nobody listed: nothing is decided and "
        "no card is lost.",
        "invariant 10",
    ),
    "slack:linked": Promise(
        "Only an account that the log links to somebody, by its workspace and id, is a person."
    ),
    "slack:guests": Promise("Guests, bots and strangers decide nothing."),
    "slack:left": Promise("A deactivated account is refused within five minutes."),
    "slack:shared": Promise("A channel that others read gets no cards."),
    "slack:newest": Promise("The newest state is what is sent, however many changes came before."),
    "slack:one-card": Promise("A lost answer or a crash while posting makes one card."),
    "slack:pace": Promise("Cards keep Slack's pace and none is lost."),
    "slack:plain-text": Promise(
        "Foreign text is shown as text: no mention, link, hidden or reordered character works.",
    ),
    "slack:cut": Promise("A long text is cut with a count and a way to the rest."),
    "slack:notes": Promise(
        "What a linked person writes below a card is one note, and what is noted elsewhere stands"
        " there once."
    ),
    "slack:notes-decide-nothing": Promise("A message in a thread decides nothing."),
    "teams:decides": Promise(
        "A yes, a no with its reason, less and a question are said on a card in Microsoft Teams; "
        "each decides once, by whoever may, and every click is answered."
    ),
    "teams:same-words": Promise("A card in Teams says what the same card says in Slack."),
    "teams:valid": Promise("Every card is a valid Adaptive Card, and foreign text is only text."),
    "teams:pointer": Promise("A card in Teams carries a pointer, and nothing of it is believed."),
    "teams:signed": Promise(
        "What isn't signed by the Bot Framework for this bot, this service and this organisation "
        "does nothing, and no token of ours is sent anywhere but to Teams."
    ),
    "teams:once": Promise("An activity that is sent again is answered as before."),
    "teams:linked": Promise(
        "An account in Teams decides once the log links it with a person, while Teams says that it "
        "is a member of the organisation; never by name or e-mail."
    ),
    "teams:fail-closed": Promise("While Teams doesn't say who clicked, nothing is decided."),
    "teams:secret": Promise(
        "A wrong secret, app, organisation or channel is named by `sayso doctor teams`."
    ),
    "teams:newest": Promise(
        "A card in Teams shows what was decided elsewhere, expired or came of it, wherever it "
        "stands."
    ),
    "teams:pace": Promise("A pause that Teams asks for is kept, and no card is lost."),
    "teams:lost-answer": Promise(
        "A card that is there twice after a lost answer decides once, and both show it."
    ),
    "teams:shared": Promise("A channel that other organisations read gets no cards."),
    "teams:personal": Promise(
        "Without a channel, and with a reminder, the card goes to each who may decide, personally."
    ),
    "teams:notes": Promise(
        "What is written below a card in Teams is noted once, by whoever is linked, and decides "
        "nothing; notes from elsewhere are told there."
    ),
    "slack:valid": Promise("Every card is checked before it is sent."),
}
