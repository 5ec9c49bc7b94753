"""One workspace, wired together: what a team's bot, the commands, HTTP, MCP and Slack go through.

- `client` is the front with its `nouns`, `sync` the same for synchronous code; `container` puts the
  floors together for a `workspace`: its `database`, `connectors`, `agent`, and the `worker` that
  runs what is due in the `background`, with `patience` for a server that is not there yet;
- each noun of the front in `resources`, and beside it `audit`, `privacy`, `webhooks`, `inbound`,
  and `tools` for a model; `identity` says who the customer is;
- what callers get: `views` by `presenters`, `progress`, `changes` and `following`, read from
  `inputs`; `outcome_words`, and a solution by `solution_view`, `solution_outcome`,
  `solution_words`; several of them at once `bulk`, one to people by e-mail `solution_letter`; what
  is drafted for a hand-over, `work_draft`;
- connectors of a workspace: the `action_catalog`, `manifests`, `manifest_trial`, `drafts`,
  `recording` on a `tape` with a person's `sighting`, `connecting`, and `fin` of Intercom;
- operators: `scaffold` and its `scaffold_tables`, `reload` to the next of a server's `generations`,
  `presence`, `workspace_check`, `policy_in_force`, `orphaned_actions`, `backtest_figures`, what is
  `suggested`, `rejected_calls`, `tracing`.
"""
