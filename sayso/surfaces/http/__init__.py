"""The HTTP API on FastAPI, thin over the SDK. docs/reference/http-api.md shows it in use.

- `app` puts it together of `parts`, most of which are loaded when they are first asked;
- `server` serves it, `edge` stands around every call; `by_database` has an app for each of several
  databases;
- what comes in: `auth`, `idempotency`, `shapes`; `problem` is what goes wrong;
- acting: `requests`, `actions`, `approvals`, `solutions`, `work`, `stops`; `idempotency` finds what
  a repeated call did;
- a desk of your own: `threads`;
- before a call: `gate`; providers' webhooks: `inbound`, yours: `webhooks`;
- the policy: `policy`, `policy_shapes`;
- looking on: `events`, `operations`, `metrics`;
- the log: `audit`, `repairs`, `exports`, `export_folders`, `retention`, `upkeep`;
- customers: `customers`, what they may ask for, `privacy`, and the page that they open, `confirm`;
- the OpenAPI document: `documents`, `examples`.
"""
