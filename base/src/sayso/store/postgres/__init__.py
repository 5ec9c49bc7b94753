"""The store on PostgreSQL: `store`, opened for a workspace, with its listener and its readers.

Units wait in `lines`, one for each tenant, and a `writer` commits them in groups by what a
`transaction` lets each of them see. Under it: `session`, statements that are sent ahead;
`connection`, with its settings; `errors`, what the server's mean. Beside it: `replica`, a standby
for whoever only looks; `schema` and its versions, `examination` of the medium, `transfer` of rows
to another store.
"""
