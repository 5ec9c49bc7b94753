"""How an action is done once: proposed, claimed, called, settled, reconciled, compensated."""
