"""A process that serves or works: beginning, reloading, what it does beside its calls."""
