"""A witness: remembers the newest checkpoint of each log, and cosigns only what follows from it."""
