"""Publishing: signed heads go to places that the database's administrator does not control.

`publisher` hands every log's newest head, by `reading`, to every place that keeps the contract in
`base`: a `directory`, a `witness_target`, a `timestamp_target`, the `log_of_logs_target`.
`witness_queries` asks witnesses themselves.
"""
