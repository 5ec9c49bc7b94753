"""Signed heads: the note, who else signed it, and which of them an auditor counts."""
