"""Who may do what, by the log alone: people, credentials, stops and holds.

`state.py` is what the entries say, `log_directory.py` keeps it up to the signed head in every
process, `files.py` is what sayso.toml adds, and `keyring.py` holds the key outside the database
without which no credential opens anything.
"""
