"""`sayso demo`: the whole line from a customer's words to a proven refund, on one machine."""
