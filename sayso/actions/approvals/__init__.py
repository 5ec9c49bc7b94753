"""Who says yes: what waits for people, whose word counts, and what ties it to what is run."""
