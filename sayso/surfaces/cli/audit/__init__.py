"""The longer ones of the commands under `sayso audit`."""
