"""What providers tell us: their webhooks, by signature, and what follows from one."""
