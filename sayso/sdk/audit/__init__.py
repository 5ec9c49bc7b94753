"""The auditor's side of an open workspace; `audit` is what `Sayso.audit` gives.

`index` answers, `questions` those with a name, `cases` (`case_words`) those with a customer's,
`exporting` writes, `tree` proves, `publishing` hands heads out, `segments` seals and prunes.
`stored` feeds the verifier, `verifying` does so for a PostgreSQL by its URL;
`self_audit` has a server judge its own logs by `log_judge`, at the `pace` that leaves it to others,
with `alarms`, and read its `medium`;
`kept_heads` has how far each log was, on the host; `readiness` goes by both, `vault_key` is judged
before anything is written, and `repairs` (`repair_view`) are the way out of a false alarm.
"""
