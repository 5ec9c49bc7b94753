"""The keys that sign the logs: who holds them, and how one follows another."""
