"""The connectors of a workspace, and making new ones.

- `load` opens those of sayso.toml and of its Python files, `catalog` has their types of action;
- `connect` has a person authorise an account, `fin` lets Intercom's Fin ask;
- a new one is one of the `drafts`; its `manifests` are reviewed, its reads are put on `trial`, its
  calls recorded (`recording`) on a `tape`, with a person's `sighting` of what none can compare.
"""
