"""Drafts of manifests: the easy half filled in from a description, and a question for the rest.

What a rule is not sure of is asked and never guessed: a wrong line harms more than a missing one.
A draft has `[draft]` and is never loaded until somebody has answered and taken that out.
"""

from sayso.connectors.draft.draft import DraftedManifest, DraftLines

__all__ = ["DraftLines", "DraftedManifest"]
