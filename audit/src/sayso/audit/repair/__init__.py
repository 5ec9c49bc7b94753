"""Rebuilding derived rows from the log: `plan` says what would be written, `writing` writes it.

Rows follow from entries, so a row that somebody changed is written again as its entries say. No
entry is ever touched, and what no entry says (such as the text of a card) is left alone.
"""
