"""How an action is done once: proposed, claimed, called, settled, reconciled, compensated.

`engine` takes an action as far as it can go now, and makes the call to the provider; `proposals`
stores what is asked, and `planned_steps` judges those of a plan, both by `assessment`: on which
account, of what is found there, and with which entry; `quote` has the customer's words for a card
that is made anew; `claim` commits the intent before the call;
`outcomes` writes down what came of it; `reconcile` has the rules for a lost answer; `follow_up`
looks up what can still change, `late_effects` what was denied; `compensation` takes back what a
failed plan did; `withdrawal` ends what its customer does not want any more.
"""
