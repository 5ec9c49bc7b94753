"""Connectors by manifest: one reviewed TOML file for each provider, and one engine for all.

- `schema` is what a file can say; `source` reads it strictly; `check` finds what is wrong with it,
  with `request_check`, `person_check`, `answer_check`, `ownership` of what it acts on and the
  `citations` of what it claims; `review` lets only reviewed bytes be loaded; a `probe` compares a
  few answers; `derive` says what an action is worth, by the `proof` of it, and why.
- `factory` makes the `connector` that the engine sees, of each `definition`; it has `resolving`,
  `calling` and `listing` do the work through the `provider`: `requests` with `credentials`,
  `answers`, `pages`, or `mcp_tools`. With `people` it says who a customer is, and who has which
  address; with `code_sending` it sends them codes; with `desk_reading` it is a desk, which
  `desk_check` checks.
- `template` (placeholders), `picks`, `scope` and `arguments`, with `sayso.reading` (JMESPath), are
  all the language there is.
"""
