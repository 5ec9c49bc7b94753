"""The command line: `sayso …`. Thin over the SDK; each command is one module of `commands`.

`app` has them by name; `command` makes a function one of them, with the options that all have;
`workspace` says where a command works, `invocation` how it was called,
`options` what many share. What is shown: `output`, `pages`, `show`, the card as `solution`,
`words` of others, a `problem`, what is `unfinished`; `confirm` asks once more; a start seeks no
`garbage`; `console_link`
opens the console; `findings` has what is asked outside; `follow_files` has a workspace's files
say what is in force; while a program starts, no `garbage` is sought. `audit` and `demo` are larger
commands.

Nothing is imported here, so that `sayso --help` is quick.
"""
