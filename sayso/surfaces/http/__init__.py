"""The HTTP API on FastAPI, thin over the SDK. docs/http-api.md shows it in use.

- `app` puts it together, `server` serves it, `edge` stands around every call;
- what comes in: `auth`, `body`, `keys`, `shapes`, `wording`; `problem` is what goes wrong;
- acting: `requests`, `actions`, `plans`, `approvals`, `decisions`, `resolving`, `stops`, and
  `marks` by which a repeated call finds what it did;
- looking on: `events`, `changes`, `operations`;
- the log: `audit`, `exports`, `export_folders`, `log_tree`, `retention`, `upkeep`, `upkeep_shapes`;
- customers' data: `subjects`, `subject_shapes`;
- the OpenAPI document: `documents`, `examples`.
"""

from __future__ import annotations

from sayso.surfaces.http.app import create_app
from sayso.surfaces.http.server import serve

__all__ = ["create_app", "serve"]
