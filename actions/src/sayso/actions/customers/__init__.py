"""Customers: one person or company, with the accounts that they have at several providers.

`account` is what one provider calls somebody; `proof` says how it is known to be theirs who write,
over links or in one conversation, and what each way is enough for. A `link` is that statement of
two accounts; `links` reads, makes and ends them, and holds each against the log. `evidence` is what
providers say now of who is who; `accounts` sets the links right by it, and says which account an
action is for. `contact` is where a customer can be sent a code.
"""
