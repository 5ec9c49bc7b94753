-- By which older servers ask.
drop index log_entry_by_caller_key;
