"""What the verifier reads, checks and says; `sayso.audit.verify` is its command.

`flags` are what an auditor passes. Read: `database`, `bundle`, `filtered` exports, `one_segment`,
each within a `guard`, with a `medium` on the disk. Check: `checks` puts together one `walk` over
the entries, `sealed_checks`, and the rows: `state_checks`, `replay` and `replay_controls`
(`replayed_rows`, `stored_rows`, `latest`). Say: `damage`, `finding`, `verification`,
`description`; `memory`
keeps what verified for the next time.
"""
