"""Links to the provider, the ticket and the trace: by the settings' hosts, ids percent-encoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.workspace import ENVIRONMENT, NOWHERE, make_workspace
from surfaces.console.served_console import ROOT, WORDS, open_console

from sayso.errors import ConfigError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.settings import FILE_NAME, parse_settings
from sayso.surfaces.console.visit import is_sandbox, sandboxes

pytestmark = pytest.mark.promise("console:answer")
LINKS = {
    "shop": "https://shop.example/orders/{object}",
    "ticket": "https://desk.example/tickets/{conversation}",
    "trace": "https://traces.example/trace/{trace}",
}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_the_pages_lead_to_the_provider_the_ticket_and_the_trace(tmp_path: Path) -> None:
    """Whatever an id holds, it stays within its own part of the address."""
    async with open_console(tmp_path, console={"links": LINKS}) as console:
        odd = 'o/1?x="<b>'
        console.shop.books.orders.clear()
        console.shop.books.add(odd, "cus_1", Money(100_000, "USD"))
        request = await console.sayso.ask(
            "cus_1", WORDS, conversation="4711/..?a=b", traceparent=TRACE
        )
        action = request.actions[0]
        assert action.approval is not None
        async with console.client(await console.sign_in()) as browser:
            solution = (await browser.get(f"{ROOT}/solution/{action.approval.id}")).text
            page = (await browser.get(f"{ROOT}/action/{action.id}")).text
        for text in (solution, page):
            assert 'href="https://shop.example/orders/o%2F1%3Fx%3D%22%3Cb%3E"' in text
            assert 'href="https://desk.example/tickets/4711%2F..%3Fa%3Db"' in text
            assert 'href="https://traces.example/trace/0af7651916cd43dd8448eb211c80319c"' in text
            assert text.count('rel="noreferrer noopener"') >= 3
        assert "/console/audit?q=customer%3Acus_1" in solution
        assert "<h1>shop.refund $129.00: pending approval</h1>" in page
        assert "Asked for" in page


async def test_without_settings_no_page_leads_anywhere(tmp_path: Path) -> None:
    """No guess of whose dashboard it may be."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        async with console.client(await console.sign_in()) as browser:
            text = (await browser.get(f"{ROOT}/solution/{view.id}")).text
        assert "noopener" not in text


@pytest.mark.parametrize(
    "address",
    [
        "http://shop.example/{object}",
        "javascript:alert(1)//{object}",
        "https://{object}/x",
        "https://{object}.shop.example/x",
        "https://shop.example@evil.example/{object}",
        "https://shop.example/",
        "https://shop.example/{object}/{object}",
        "https://shop.example/{trace}/{object}",
        "https:///{object}",
    ],
)
def test_a_link_leads_to_one_https_place_that_its_id_cannot_choose(address: str) -> None:
    """Refused where the settings are read."""
    values = {"workspace": {"name": "test"}, "console": {"links": {"shop": address}}}
    with pytest.raises(ConfigError, match="https://HOST"):
        parse_settings(values, "sayso.toml")


async def test_a_catalogue_on_this_machine_makes_real_money_no_sandbox(tmp_path: Path) -> None:
    """The header says so where every provider that moves money is here, and never else."""
    more = '[connectors.catalogue]\nbase_url = "http://127.0.0.1:9"'
    make_workspace(tmp_path, more=more)
    settings = tmp_path / FILE_NAME
    for base, practice in ((NOWHERE, True), ("https://api.stripe.com", False)):
        text = settings.read_text(encoding="utf-8").replace(NOWHERE, base, 1)
        settings.write_text(text, encoding="utf-8")
        async with Sayso.open(tmp_path, mode="read", environment=ENVIRONMENT) as sayso:
            assert "catalogue" in sandboxes(sayso)
            assert await is_sandbox(sayso) is practice
