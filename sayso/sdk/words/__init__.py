"""Sentences about solutions and approvals that every surface says alike."""
