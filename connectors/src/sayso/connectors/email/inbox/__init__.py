"""The mailbox that customers write to, read by IMAP.

`desk` is the way in, `mailbox` the connection, `reader` what is read by it, `cursor` how far.
`letter` reads one mail: `heads` who wrote, `authentication` whether they did, `html` what
they wrote (`html_style` what is hidden, `html_bounds` how much is parsed); `threads` says
which mails are one conversation, and with whom. `check` says how it is set up.
"""
