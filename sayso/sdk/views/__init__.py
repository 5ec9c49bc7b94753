"""What callers get: what the store holds, in the forms that the SDK, the CLI and HTTP share.

`base` is what they all are; `rows` has those of what the store holds, the others those of a place.
"""
