"""Ten questions that auditors ask of a log, the same for the command, the SDK, HTTP and the page.

`questions.toml` has them, each as SQL over an index of the log's entries; `catalog` reads it,
`index` is the index, `answer` what is given back, `exports` asks an export that verified first.
"""
