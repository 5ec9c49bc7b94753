"""Signed heads: the note, who else signed it, and which of them an auditor counts.

`note` is the checkpoint with its signatures, and keys as texts; `cosignature` is a witness's,
`cosigned_checkpoints` what a `witness_policy` makes of them; `timestamps` are judged by
`authorities`; `consistency_proof` shows that a log only grew.
"""
