"""What an action is: its definition, its life, what was found at the provider, how it is stored."""
