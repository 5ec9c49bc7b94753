"""Who says yes: what waits for people, what they answer, and what an answer must carry to count.

`service` takes a yes, a no or less, which `decision` checks, as an approver's; `decided` is what
came of it; `answer` is one for a whole `solution`, and `hold` the time in which a yes is taken
back. `repository` has the rows, `transitions` moves actions with their entries.
`integrity` finds what was changed since, `outdated` what the policy asks otherwise now.
`reminders` and `escalation` are for people who do not answer, `canary` for who answers too fast.
"""
