"""Whose is it: colliding ids over five connectors, and one solution over three that are killed."""
