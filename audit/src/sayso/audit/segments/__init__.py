"""Parts of a log that are sealed in files, and may then leave the database.

`segment` is the file, `sealed` what a database keeps of it (`rows`); `sealing` writes, `pruning`
takes out.
"""
