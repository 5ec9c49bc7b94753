"""Tenants in several databases: one file for each thing that is done with these.

`names` says which there are, `operator_copy` brings each what the operator's log says, `open_ones`
has the database of a tenant open, `attending` has what is due in all of them carried out,
`transfers` copies rows between two, and `mover` moves a tenant.
"""
