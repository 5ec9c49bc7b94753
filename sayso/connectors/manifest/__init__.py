"""Connectors by manifest: one reviewed TOML file for each provider, and one engine for all.

- `schema` is what a file can say; `source` reads it strictly; `check` finds what is wrong with it;
  `review` lets only reviewed bytes be loaded; `derive` says what an action is worth, and why.
- `connector` is what the engine sees; it has `resolving`, `calling` and `listing` do the work.
- `template` (placeholders) and `sayso.reading` (JMESPath) are all the language there is.
"""
