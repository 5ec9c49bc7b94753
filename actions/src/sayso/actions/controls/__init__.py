"""What holds an approved action back, and what people do by hand.

`kill_switch` stops and resumes, `blocking` makes an action wait for a stop or for another one on
the same object, `rate_limit` spreads calls; `manual_resolution` settles an unknown outcome;
`erasure` empties the rows of a customer who is erased.
"""
