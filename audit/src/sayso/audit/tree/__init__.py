"""The Merkle tree over the entries: its hashes, its proofs, and its tiles."""
