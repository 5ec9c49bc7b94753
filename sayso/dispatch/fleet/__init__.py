"""The fleet: any number of `sayso worker` processes on one PostgreSQL database.

What becomes due is handed to an existing engine, DBOS Transact, in the transaction that makes it
due (a trigger of the schema), and the engine hands it to a worker that has room. The row stays the
truth: what the engine does not deliver, for whatever reason, is taken by the workers' sweep.
"""
