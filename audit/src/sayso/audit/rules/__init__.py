"""What a log may say after what it said before: the rules, one place for each kind of entry.

`registry` names for every kind of entry the rules that it is judged by, or why there are none; a
kind that is not in it fails the tests. `replayed` holds what the entries read so far make true. The
rules: `people` and `passkeys`, `policy`, `limits`, `requests`, `actions` (with `transitions` and
`quorum`), `links`, `codes`, `canaries`, `repairs`, and `controls`.
"""
