"""Who may do what, by the log alone: people, credentials, stops and holds.

`state` is what the entries say, one by one (`steps`); `people`, `credentials` and `passkeys` are
who and by what. `log_directory` keeps it up to the signed head in every process, by the port
`directory`, and leaves itself a `note` (`codec` is its form). `files` is what sayso.toml adds,
`by` who acts for the house. `keyring` holds the key outside the database without which no
credential opens anything, and by which rows are sealed; `rewrap` renews it. `known_limits` is what
a process that follows the logs knows of limits.
"""
