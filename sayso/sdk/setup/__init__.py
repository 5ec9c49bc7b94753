"""A workspace as a folder: made from a `template`, and checked.

`live` asks what is outside, `store_copy` moves its rows to another database.
"""
