"""The evidence pack: one action on one page that a person can read and a verifier can check."""
