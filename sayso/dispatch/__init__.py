"""Dispatch: who calls the engine, and when. Correctness never depends on it."""
