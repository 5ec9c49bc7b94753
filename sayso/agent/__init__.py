"""Who plans: a customer's words become a plan whose steps are grounded in words and records.

`runner` leads each of the `requests` through `graph` (LangGraph). Planners keep the contract in
`base`: `understanding` first (no model; `playbooks` and `languages` are its data), then `models`
with their `prompts`; they see `records` by handles only. `grounding` refuses what comes from
nowhere, `intent` what nobody asked for. `question` asks the customer back, and `reply` says what is
true by the ledger, both by the `phrases` of the customer's language.
"""
