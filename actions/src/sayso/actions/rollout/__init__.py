"""Roll-out: how far an action may go by itself, for whom; a ceiling, never a permission.

`definition` is what a dial says; `file` reads them from `rollout.toml`, and changes one; `dials`
says which stage an action meets, and `checks` holds back what goes further; `direction` says what a
change moves to the right; `shadow` compares what would have been proposed with what people did;
`agreement` says how often that was the same, and whether it is enough to widen.
"""
