"""Shipped manifests beside what the providers publish: every request and every read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from connectors.manifest.stand import shipped

from sayso.connectors.describe.conform import Description, deviations

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
SPECS = DATA / "specs"

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(
        not SPECS.is_dir(), reason=f"no public descriptions in {SPECS}; set SAYSO_TEST_DATA"
    ),
]

DESCRIBED = {
    "intercom": ("intercom_openapi_2.16.yaml.gz",),
    "jira": ("providers/jira_platform_v3.json.gz",),
    "paypal": (
        "providers/paypal_payments_v2.json.gz",
        "providers/paypal_orders_v2.json.gz",
        "providers/paypal_subscriptions_v1.json.gz",
        "providers/paypal_webhooks_v1.json.gz",
    ),
    "sendgrid": (
        "providers/sendgrid_mail_v3.json.gz",
        "providers/sendgrid_suppressions_v3.json.gz",
    ),
    "shopify": ("shopify_admin_2026-10_introspection.json.gz",),
    "square": ("providers/square_2025-08-20.json.gz",),
    "stripe_billing": ("stripe_requests_2023-08-16_support.json",),
    "twilio": (
        "providers/twilio_conversations_v1.json.gz",
        "providers/twilio_api_v2010.json.gz",
    ),
}
"""Chargebee's description here is of API v1, and the manifest speaks v2."""
ELSEWHERE = {
    "jira": {"reads.request", "reads.comments"},
    "sendgrid": {"connection.account"},
    "stripe_billing": {"connection.account", "reads.preview", "actions.apply_coupon"},
    "twilio": {"person"},
}
"""Jira describes `/rest/servicedeskapi` and SendGrid `GET /v3/user/profile` in files of their own,
which are not here. Stripe's description is of 2023: it has no account, no
`invoices/create_preview`, and a subscription's `discounts` came later. Twilio's was cut to
conversations, so it has no `GET /v1/Users/{Sid}`."""
NO_HEADERS = {"stripe_billing"}
"""Whose description names no header of any request, though its pages promise the key."""


@pytest.mark.promise("describe:shipped")
@pytest.mark.parametrize("name", DESCRIBED)
def test_a_shipped_manifest_says_what_the_provider_publishes(name: str) -> None:
    """Every path, parameter, body, variable and read."""
    description = Description.read([SPECS / file for file in DESCRIBED[name]])
    found = deviations(shipped(name)[0], description)
    excused = ELSEWHERE.get(name, set())
    if name in NO_HEADERS:
        assert not any(
            one.place == "header"
            for api in description.openapi
            for op in api.operations
            for one in op.parameters
        )
        found = [one for one in found if "reads no header" not in one.problem]
    assert not [str(one) for one in found if ".".join(map(str, one.at[:2])) not in excused]
