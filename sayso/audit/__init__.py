"""What happened: entries, the Merkle tree over them, signed heads, queries, and the verifier.

| room | what |
|---|---|
| here | what an entry says, the only writer of a log, personal text beside it and its erasure |
| `tree` | hashes, proofs and tiles |
| `notes` | signed heads, cosignatures, time stamps, and the auditor's policy |
| `signing` | who holds the keys, and how one follows another |
| `verifying` | what the verifier reads, checks and says; `verify` is its command |
| `segments` | what is sealed in files, and may be pruned then |
| `queries` | what can be asked, and the index that answers |
| `publishing`, `witness` | places that are not the server's |
| `exports`, `evidence` | what leaves for others |

Nothing is imported here, so that `sayso.audit.verify` loads without a store or a network client.
"""
