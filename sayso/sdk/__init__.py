"""One workspace, wired together: what a team's bot, the commands, HTTP, MCP and Slack go through.

- `app` is the front (`Sayso`), `sync` the same for synchronous code; `wiring` puts the floors
  together for a `workspace`: its `database`, `connectors`, `connections`, `agent`, `people`;
- who calls, and in which words: `tokens`, `rejected_calls`, `words`;
- what callers get: `views`, `showing`, `paging`, `keyed`, the `kinds` of action as `kind_views`;
- `tools` for a model; `carrying` a request on, `working`, `orphans` of connectors that are gone;
- people: `stopping` and `switch` (the stop switch), `resolving` (what nobody could know);
- `subjects` (what is owed to customers) and `log` (the auditor's side);
- operators: `scaffold` (`sayso init`), `checking`, `exposed`, `figures`, `tracing`.
"""
