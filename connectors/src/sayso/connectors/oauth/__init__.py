"""OAuth 2: authorizing, the tokens that are kept, and who refreshes them."""
