"""One workspace, wired together: what a team's bot, the commands, HTTP, MCP and Slack go through.

- `client` is the front with its `nouns`, `sync` the same for synchronous code; `container` puts the
  floors together for a `workspace`, out of `wiring`;
- `resources` has an object per noun of the front, and beside it stand `audit`, `privacy`,
  `webhooks`, `push` (people's browsers), `inbound`, and `tools` for a model;
- `views` are what callers get, `words` the sentences in them, `chat` what every chat shows and
  takes alike, `progress` how a request goes on while somebody waits;
- `background` is what a server and a worker do by themselves;
- `databases` has tenants in several databases, and moves them;
- `connectors` opens a workspace's connectors and makes new ones; `setup` makes and checks a
  workspace.
"""
