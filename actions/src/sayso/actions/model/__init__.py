"""What an action is: its definition, its life, what was found at the provider, how it is stored.

`definition` is what may be asked and what a connector promises, `guarantee` what that is worth;
`status` the states and every way between them; `plan` the steps of a request, `plan_state` what
they wait for; `snapshot` what was resolved, `digest` what ties it to the card and the call;
`action_row` the row, also as its entry says it, `ledger` the only way to change one, with its
entry. `ports` reach connectors, `attempt` asks them and reads what they answer, `tries` counts
them, `priority` says which of them goes first. `idempotency` has callers' keys, as rows and the log
know them, `customer_words` what a customer is told it is called, `act` by which of their wishes it
is reached.
"""
