"""Limits: how much may be done by itself, or at all, of a customer, a bot, an approver, in a time.

`definition` is what a limit says; `file` reads them from `limits.toml`; `window` is the time that
it counts over; `usage` is what has been used, in rows that each reservation, settlement and release
keeps; `book` looks at it where something is judged, and follows each action from state to state;
`rates` sums several currencies; `fill` fills a new limit from the ledger; `invariants` judges the
rows. A limit only ever takes away.
"""
