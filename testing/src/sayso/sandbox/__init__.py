"""A stateful, Stripe-compatible provider on loopback, for demos, crash tests and your own tests.

    with Sandbox.start(seed="demo") as sandbox:
        client = stripe.StripeClient(sandbox.api_key, base_addresses={"api": sandbox.url})
        client.v1.refunds.create({"charge": "ch_demo_ana_1"})
        assert sandbox.books().money_out == {"usd": 12900}

It keeps books of what really happened, which is what "exactly once" is judged by, and it misbehaves
on request (`Fault`). docs/reference/sandbox.md says what it does not do.

`server` opens it on a `wire`, `provider` answers a `call` by its `routes` and `params`: `auth`,
`faults`, then `customers`, `payments`, `refunds`, `subscriptions` (on a `billing_clock`) over the
`rows` in `state`, shown by `shapes`, refused by `problems`, written to the `journal`. `seed` has
the demo's customers; `asgi` and `control` are the side for tests. `mailboxes` are kept by Dovecot.
"""

from sayso.sandbox.control import SandboxControl
from sayso.sandbox.faults import Fault, FaultKind
from sayso.sandbox.journal import Books, EffectKind, JournalEffect
from sayso.sandbox.seed import DEMO, DemoCustomer, demo_rows, seed_demo
from sayso.sandbox.server import API_KEY, Sandbox

__all__ = [
    "API_KEY",
    "DEMO",
    "Books",
    "DemoCustomer",
    "EffectKind",
    "Fault",
    "FaultKind",
    "JournalEffect",
    "Sandbox",
    "SandboxControl",
    "demo_rows",
    "seed_demo",
]
