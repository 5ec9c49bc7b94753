"""One module for each command; each is imported only when it runs.

- to begin: `init`, `demo`, `sandbox`, `check`, `migrate`, `store`, `doctor`;
- to act: `ask`, `propose`, `plan`, `requests`, `actions`, `approvals`, `work`, `worker`;
- to hold: `stop`, `resume`, `policy`, `limits`, `rollout`, `report`;
- to reach: `connect`, `connector`, `webhooks`, `mcp`, `serve`, `console`, `token`, `people`;
- to prove: `audit`, `witness`, `privacy`;
- to improve: `eval`, `prompts`.
"""
