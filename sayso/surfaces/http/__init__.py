"""The HTTP API on FastAPI, thin over the SDK. docs/reference/http-api.md shows it in use.

- `app` puts it together, `server` serves it, `edge` stands around every call; `by_database` has
  an app for each of several databases;
- what comes in: `auth`, `idempotency`, `shapes`; `problem` is what goes wrong;
- acting: `requests`, `actions`, `approvals`, `solutions`, `work`, `stops`; `idempotency` finds what
  a repeated call did;
- a desk of your own: `threads`;
- before a call: `gate`; providers' webhooks: `inbound`; the policy: `policy`; yours: `webhooks`;
- looking on: `events`, `operations`;
- the log: `audit`, `repairs`, `exports`, `retention`, `upkeep`;
- customers: `customers`, what they may ask for, `privacy`, and the page that they open, `confirm`;
- the OpenAPI document: `documents`, `examples`.
"""
