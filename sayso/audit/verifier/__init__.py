"""What the verifier reads, checks and says; `sayso.audit.verify` is its command."""
