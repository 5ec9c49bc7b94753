"""Limits: how much may be done by itself, or at all, of a customer, a bot, an approver, in a time.

`definition` is what a limit says; `file` reads them from `limits.toml`; `window` is the time that
it counts over; `usage` is what has been used, in rows that each reservation, settlement and release
keeps. `checks` asks where something is decided, `reservations` finds the limits that count an
action, each with its room as a `limit_check`, `linked` adds the customer's other accounts, and
`following` writes with the change of an action. `rates` sums several currencies; `direction`
compares two versions, `fill` fills a new limit from the ledger; `invariants` judges the rows,
`agreement` what one unit writes of them, and `by_log` holds counters against the log. A limit only
ever takes away.
"""
