"""What happened: entries, the Merkle tree over them, signed heads, queries, and the verifier.

Nothing is imported here, so that `sayso.audit.verify` loads without a store or a network client.
"""
