"""What callers get: what the store holds, in the forms that the SDK, the CLI and HTTP share.

`base` is what they all are; `rows` has those of what the store holds (by `presenters`), `solution`
and `bulk` cards, `customer`, `compose`, `suggestion` and `backtest` what the console shows,
`progress` a step of a request that runs, and `tenants` who is in which database.
"""
