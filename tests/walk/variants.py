"""The workspaces in which the walk goes about: what `sayso init` writes, and what teams make of it.

Each is the scaffold with a few lines more. What its limits and dials say stands here a second time,
as the walk's own numbers, since the judges must not ask the product what it should have done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.identity_provider import CLIENT_ID, CLIENT_SECRET
from walk.help_desk import DESK_ACTION

PEOPLE: Mapping[str, tuple[str, ...]] = {
    "maria": ("support_manager", "finance"),
    "noor": ("support_manager",),
    "finn": ("finance",),
    "olga": ("support_manager", "finance"),
    "zoe": (),
}
"""Roles by person; maria is the approver of `init`, and nobody asks zoe."""

WRITTEN_TO = "noor"
"""Whose address stands in sayso.toml."""
MAILBOX = "mailbox"
"""The connection that somebody has to agree to."""
NO_IDP = "http://127.0.0.1:7"

SLACK = {"maria": "UMARIA", "noor": "UNOOR", "finn": "UFINN"}

LIMITS = """
[[limit]]
id     = "out-customer-day"
say    = "At most $140 go out to one customer a day"
of     = "customer"
effect = "money_out"
sum    = { USD = 140, EUR = 140, GBP = 140 }
per    = "day"

[[limit]]
id     = "bot-hour"
say    = "One bot refunds at most $60 an hour by itself"
of     = "token"
action = "stripe.refund"
sum    = { USD = 60, EUR = 60, GBP = 60 }
per    = "hour"
counts = "automatic"
then   = { ask = "support_manager" }

[[limit]]
id      = "out-rolling"
say     = "At most $400 go out in 48 hours"
of      = "workspace"
effect  = "money_out"
sum     = { USD = 400, EUR = 400, GBP = 400 }
rolling = "48h"

[[limit]]
id     = "credits-month"
say    = "At most four credits a month for one customer"
of     = "customer"
action = "stripe.credit"
count  = 4
per    = "month"

[[limit]]
id     = "yes-day"
say    = "One person agrees to at most $350 a day"
of     = "approver"
effect = "money_out"
sum    = { USD = 350, EUR = 350, GBP = 350 }
per    = "day"

[[limit]]
id    = "cards-few"
say   = "At most 2 questions about one customer wait for people"
of    = "customer"
cards = 2
"""

DIALS = """
[[dial]]
id     = "refunds"
say    = "Refunds"
action = "stripe.refund"
stage  = "auto"
brake  = { wrong = 1, days = 7 }

[[dial]]
id     = "credits"
say    = "Credits"
action = "stripe.credit"
stage  = "auto"
share  = 50
else   = "suggest"

[[dial]]
id     = "cancellations"
say    = "Cancellations"
action = "stripe.cancel_subscription"
stage  = "shadow"
"""

TABLE = """
action   = "stripe.refund"
currency = "USD"

[[allow]]
id          = "year"
say         = "Up to $75 for a customer of over a year"
tenure_days = { over = 365 }
count_30d   = { under = 3 }
up_to       = 75

[[ask]]
id   = "thirty"
say  = "More than $30 needs a support manager"
over = 30
by   = "support_manager"
"""

SHELF_RULES = """
@id("shelf-small") @explain("up to 30 by itself")
permit (principal, action in [Action::"shelf.pay", Action::"shelf.post", Action::"shelf.hand"],
  resource)
when { context.amount.lessThanOrEqual(decimal("30.00")) };

@id("shelf-manager") @explain("up to 200 once a support manager says yes")
permit (principal, action in [Action::"shelf.pay", Action::"shelf.post", Action::"shelf.hand"],
  resource)
when {
  context.amount.lessThanOrEqual(decimal("200.00")) &&
  context.approvedBy.contains("support_manager")
};
"""

SHELF_PLAYBOOK = """
version = 2
name = "shelf"
summary = "the customer wants something from the shelf, twice"

[slots.amount]
type = "money"
required = true

[[steps]]
action = "shelf.pay"
args = { amount = "{amount}" }
reason = "the customer asks for it"

[[steps]]
action = "shelf.post"
args = { amount = "{amount}" }
reason = "the customer asks for it twice"
after = [1]

[words.en]
ask = ["from the shelf"]
"""

SHELF_ACTION = '''"""The shelf: one action of each guarantee, in this process."""

from walk.shelf import Shelf

CONNECTORS = [Shelf.of(__file__)]
'''


DESK_RULES = """
@id("seat-notes") @explain("colleagues leave notes and take threads by themselves")
permit (principal, action in [Action::"desk.note", Action::"desk.hand_over"], resource);

@id("seat-answers") @explain("a colleague's answer needs a support manager's yes")
permit (principal, action == Action::"desk.reply", resource)
when { context.approvedBy.contains("support_manager") };
"""


CONNECTION = f"""
[connections.{MAILBOX}]
grant = "refresh_token"
token_endpoint = "{NO_IDP}/token"
authorization_endpoint = "{NO_IDP}/authorize"
redirect_uri = "http://127.0.0.1:8765/callback"
client_id = "{CLIENT_ID}"
client_secret = "file:keys/mailbox.secret"
"""

TWO_RULES = """
@id("two-of-us") @explain("More than 20 needs two people")
forbid (principal, action in Action::"money_out", resource)
when { context.amount.greaterThan(decimal("20.00")) }
unless { context.approvals >= 2 };
"""


def undoing(name: str) -> str:
    """A playbook in place of a shipped act: its plans take back what was done when a step fails."""
    return (Path(__file__).parent / "undoing" / f"{name}.toml").read_text("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyLimit:
    """A limit on money, as the walk counts it: `per` is `day`, or hours that roll.

    Attributes:
        automatic: what nobody agreed to, alone, and beyond it somebody has to. Else it is hard.
    """

    id: str
    of: str
    minor: int
    per: str
    automatic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A workspace.

    Attributes:
        settings: lines for sayso.toml, behind the template. top: lines above its first section.
        replace: what stands in place of lines of the template.
        files: further files, by path. limits: the hard limits on money.
        cards: the most open questions about one customer. dials: stages by action, at the start.
        tenants: beside `main`. loosening_needs: how many people a loosening needs.
    """

    name: str
    settings: str = ""
    top: str = ""
    replace: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: tuple[MoneyLimit, ...] = ()
    cards: int = 20
    dials: Mapping[str, str] = field(default_factory=dict[str, str])
    tenants: tuple[str, ...] = ()
    has_shelf: bool = False
    has_slack: bool = False
    has_passkeys: bool = False
    has_canaries: bool = False
    has_webhooks: bool = False
    has_retention: bool = False
    has_desk: bool = False
    has_connection: bool = False
    loosening_needs: int = 1


def push_key() -> str:
    """A private key of the curve P-256, the same each time."""
    key = ec.derive_private_key(2**200 + 1, ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode()


INIT = (MoneyLimit(id="customer-day", of="customer", minor=100_00, per="day", automatic=True),)
"""What `init` writes, as far as a walk could reach it."""

_SHELF = {
    "actions/shelf.py": SHELF_ACTION,
    "policies/shelf.cedar": SHELF_RULES,
    "playbooks/shelf.toml": SHELF_PLAYBOOK,
}
_ACTIONS = 'actions = ["actions/*.py"]\n'

VARIANTS: Mapping[str, Variant] = {
    one.name: one
    for one in (
        Variant(name="init", limits=INIT),
        Variant(
            name="limits",
            files={"policies/limits.toml": LIMITS},
            limits=(
                MoneyLimit(id="out-customer-day", of="customer", minor=140_00, per="day"),
                MoneyLimit(id="out-rolling", of="workspace", minor=400_00, per="48h"),
            ),
            cards=2,
        ),
        Variant(
            name="dials",
            files={"policies/rollout.toml": DIALS},
            limits=INIT,
            dials={
                "stripe.refund": "auto",
                "stripe.credit": "share",
                "stripe.cancel_subscription": "shadow",
            },
        ),
        Variant(
            name="tables",
            replace={"expires_after_minutes = 480": 'expires_after_minutes = 480\nhold = "5m"'},
            files={"policies/refunds.toml": TABLE},
            limits=INIT,
        ),
        Variant(name="shelf", limits=INIT, top=_ACTIONS, files=_SHELF, has_shelf=True),
        Variant(
            name="tenants",
            limits=INIT,
            top=_ACTIONS,
            files=_SHELF,
            has_shelf=True,
            tenants=("acme",),
        ),
        Variant(
            name="canaries",
            replace={"expires_after_minutes = 480": "expires_after_minutes = 480\ncanaries = 0.2"},
            has_canaries=True,
            limits=INIT,
        ),
        Variant(
            name="careful",
            replace={
                "[policy]\n": "[policy]\nloosening_needs = 2\n",
                "expires_after_minutes = 480": "expires_after_minutes = 480\n"
                'yes_reason_from = { USD = "60.00" }',
            },
            files={"policies/limits.toml": LIMITS, "policies/rollout.toml": DIALS},
            limits=(
                MoneyLimit(id="out-customer-day", of="customer", minor=140_00, per="day"),
                MoneyLimit(id="out-rolling", of="workspace", minor=400_00, per="48h"),
            ),
            cards=2,
            dials={
                "stripe.refund": "auto",
                "stripe.credit": "share",
                "stripe.cancel_subscription": "shadow",
            },
            loosening_needs=2,
        ),
        Variant(
            name="passkeys",
            replace={
                "expires_after_minutes = 480": "expires_after_minutes = 480\n"
                'passkey_from = { USD = "100.00", EUR = "100.00", GBP = "100.00" }'
            },
            has_passkeys=True,
            limits=INIT,
        ),
        Variant(
            name="slack",
            replace={"expires_after_minutes = 480": "expires_after_minutes = 480\ncanaries = 0.2"},
            has_slack=True,
            has_canaries=True,
            limits=INIT,
        ),
        Variant(
            name="undo",
            files={f"playbooks/{name}.toml": undoing(name) for name in ("credit", "refund")},
            limits=INIT,
        ),
        Variant(
            name="told",
            settings='[retention]\nlog = "183d"\n\n[webhooks]\nlocal = true\n\n'
            '[channels.push]\nkey = "file:keys/push.key"\ncontact = "ops@shop.example"\n'
            f"{CONNECTION}",
            files={"keys/push.key": push_key(), "keys/mailbox.secret": CLIENT_SECRET},
            has_webhooks=True,
            has_retention=True,
            has_connection=True,
            limits=INIT,
        ),
        Variant(
            name="two",
            replace={"expires_after_minutes = 480": 'expires_after_minutes = 480\nhold = "5m"'},
            settings="[webhooks]\nlocal = true\n\n"
            '[channels.push]\nkey = "file:keys/push.key"\ncontact = "ops@shop.example"\n',
            top=_ACTIONS,
            files={
                **_SHELF,
                "policies/two.cedar": TWO_RULES,
                "keys/push.key": push_key(),
            },
            has_shelf=True,
            has_webhooks=True,
            tenants=("acme",),
            limits=INIT,
        ),
        Variant(
            name="desk",
            top=_ACTIONS,
            files={"actions/desk.py": DESK_ACTION, "policies/desk.cedar": DESK_RULES},
            settings="[desk.desk]\nclose = true\nhand_over = { group = 7 }\n"
            '[desk.chat]\nconnector = "thread"\n',
            has_desk=True,
            limits=INIT,
        ),
    )
}
