"""What callers get: what the store holds, in the forms that the SDK, the CLI and HTTP share."""
