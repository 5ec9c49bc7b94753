"""What happened: entries, the Merkle tree over them, signed heads, queries, and the verifier.

| room or file | what |
|---|---|
| `log`, `entry` | the only writer of a log, and what one line says |
| `place` | in which database a log goes on, where there are several |
| `meaning`, `request_digests` | what an entry means for rows, held against them first |
| `customer_links` | what entries say of links between accounts, and of what goes over them |
| `customer_codes` | what entries say of codes, and of who is known by them |
| `limit_sums` | what is used of limits, by the entries alone |
| `personal`, `erasure`, `holds` | personal text beside the log, its end, and what keeps it |
| `authority` | who may do what, by the log alone |
| `rules` | what an entry must follow from, for whoever replays a log (`event`, `fields`) |
| `tree` | hashes, proofs and tiles |
| `signed_note`, `signing` | signed heads, cosignatures, time stamps; who holds the keys |
| `verify`, `verifier` | the auditor's command; what it reads, checks and says |
| `segments`, `retention_clock` | what is sealed in files, and may be pruned then |
| `queries` | what can be asked, the index that answers, and an entry in words |
| `ask`, `questions` | ten questions with names, of an export, too |
| `publishing`, `witness`, `log_of_logs` | places that are not the server's |
| `exports`, `evidence` | what leaves for others |
| `release`, `atomic_files`, `safe_open`, `io_errors` | two people for one end; files |

Nothing is imported here, so that `sayso.audit.verify` loads without a store or a network client.
"""
