"""Measuring planners on labelled messages: `sayso eval`.

`cases` reads the messages and their labels, `torture` makes harder ones of them, `trial` runs a
planner on one and judges the answer, `measures` sums trials up to the seven things that planners
are chosen by, `page` draws them. Nothing here stores or does anything.
"""
