"""The command line: `sayso …`. Thin over the SDK; each command is one module of `commands`.

Nothing is imported here, so that `sayso --help` is quick.
"""
