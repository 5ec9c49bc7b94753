"""One object per noun of the SDK's front, each in the file of its name, over `base`.

`requests`, `actions`, `approvals`, `solutions`, `work` (with its `work_draft`, `work_wait` and
`work_elsewhere`) are what waits (by pages, `inbox_page`) and what was done, `notes` what
people say of both, `assignment` who was given a card, `calling` who is told so, `compose` (with its
`compose_fields`) what they propose themselves; `canaries` what tests whoever answers;
`stops`, `policy`, `limits`, `rollout`, `analysis` (with `backtesting` and `change_examples`),
`suggestions` what holds back and why; `people` (changed by themselves: `staff`), `tokens`,
`passkeys`, `oidc` (over `oidc_provider` and `oidc_sessions`), `account_link`, `sessions` and
`authentication` who; `connections`, `accounts`,
`prompts` and `evaluations` what it works with;
`events`, `outbox` what surfaces tell; `processes` who lives; `figures`, `statistics` (with its
`period_figures`) and `report` (sent by `report_mail`) what it came to. `identity` says who the
customer is, `customers` (with `customer_search`, `customer_rows` and `vouching`) which accounts
they have, `confirmations` the page behind a link.
"""
