"""How well customers are understood, by the labelled conversations in `SAYSO_TEST_DATA`.

`world` reads what the providers hold, `doubles` are those providers as connectors, `dialogue` has
one conversation with the product as a bot would, `planner_set` the older set of four acts, and
`figures` makes a table of what came of it. `python -m bench.understanding` runs them.
"""
