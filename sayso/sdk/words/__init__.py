"""Sentences about solutions and approvals that every surface says alike, and why people say no."""
