"""Who plans: a customer's words become a plan whose steps are grounded in words and records.

`runner` leads each of the `requests` through `graph` (LangGraph). Planners keep the contract in
`base`: `playbooks` first, then `models` with their `prompts`; they see `records` by handles only.
`grounding` refuses what nobody asked for, and `reply` says what is true by the ledger.
"""
