"""Webhooks out: programs of a tenant are called with every change, signed, in order, until it
arrives. Open `resource` first: what a team does with endpoints; `sender` is what calls them.
"""
