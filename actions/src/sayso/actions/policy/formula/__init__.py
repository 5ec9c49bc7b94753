"""Rules as formulas over tests of single facts, of which people can be told more than yes or no.

`terms` is what a formula is; `translate` makes one of Cedar's typed tree and names what it cannot
express; `domain` is what each fact can be; `search` finds a question that makes a formula true, or
knows that there is none; `compiled` makes plain Python of it.

INVARIANT: a formula decides nothing. What is allowed was allowed by the engine, and each example
that people are shown was asked of it.
"""
