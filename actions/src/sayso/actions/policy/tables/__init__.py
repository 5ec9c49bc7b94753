"""Tables: rules as rows of a TOML file, which a support lead writes and reads.

`rows` is what a row says; `file` reads a file of them; `compile` makes one Cedar rule of each row;
`read_back` makes rows of Cedar rules again, those of tables and those written by hand in the same
shapes; `fields` is a row as fields of a form. Rows add up, there is no order and no first match,
so each can be read alone.
"""
