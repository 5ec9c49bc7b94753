"""Carrying a request or an action on, and waiting for what becomes of it."""
