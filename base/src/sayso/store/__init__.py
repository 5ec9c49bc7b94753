"""Rows and transactions on SQLite and PostgreSQL; knows no domain word.

`base` is the contract that both keep, `queries` reads the SQL that both run from `sql/`, `units`
are pieces of work that wait for the one writer, `migrations` are numbered and applied once,
`transfer` copies all rows into another database.
"""
