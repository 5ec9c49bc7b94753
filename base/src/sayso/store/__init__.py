"""Rows and transactions on SQLite and PostgreSQL; knows no domain word.

`base` is the contract that both keep, `queries` reads the SQL that both run from `sql/`, `units`
are pieces of work that wait for the one writer, `migrations` are numbered and applied once and
written in one `dialect`, `transfer` copies all rows into another database. `replica` says who may
be answered from a standby, `rows` how a dataclass is read from a row, `clock` gives the server's
time, and `private_files` makes what its owner alone may read.
"""
