"""What Sayso promises: each promise has a test that claims it, and each claim is a promise here.

A test claims one by `@pytest.mark.promise("area:feature")`, on the function, its class or its
module. `tests/test_promises.py` ties the two; docs/reference/promises.md is made of these by
`python tests/generated.py`. A promise that no test proves yet does not stand here but under "Open"
in docs/reference/promises.md.

`invariant n` is one of the twelve things that must always hold, which that page lists.
"""

from __future__ import annotations

from promises.actions import PROMISES as ACTIONS
from promises.audit import PROMISES as AUDIT
from promises.chats import PROMISES as CHATS
from promises.hearing import PROMISES as HEARING
from promises.promise import Promise
from promises.providers import PROMISES as PROVIDERS
from promises.running import PROMISES as RUNNING
from promises.surfaces import PROMISES as SURFACES

PARTS = (ACTIONS, AUDIT, RUNNING, PROVIDERS, CHATS, SURFACES, HEARING)
PROMISES: dict[str, Promise] = {name: promise for part in PARTS for name, promise in part.items()}
