"""A provider of account credit that keeps its promises, or not; a manifest that claims them all.

A double of our own: nobody's API is like this.
"""

# ruff: noqa: E501  (lines of manifests stand in tables)

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

MANIFEST = """
manifest = 1
connector = "purse"
version = "1"
title = "Purse"

[connection]
base = "https://api.purse.example"
auth = { kind = "bearer" }
[connection.account]
get = "/me"
id = "id"
title = "name"
live = "live"

[money]
unit = "minor"

[reads.customer]
get = "/customers/{subject.id}"

[actions.credit]
summary = "Give account credit"
act = "none"
because = "only its trial is looked at"
effect = "credit"
sentence = "Give {amount} of credit"
reversible = false
resolve = ["customer"]
object = { kind = "customer", id = "customer.id" }
owner = { path = "customer.id" }
payee = "the customer's purse"
amount = { arg = "amount" }
preconditions = { "customer.state" = "customer.state" }
args.amount = { type = "money", says = "how much" }
[actions.credit.call]
post = "/credits"
key = { at = "header.Idempotency-Key", keeps = "45d", source = "https://docs.purse.example/keys" }
reference = { at = "json.reference", max = 80 }
json = { customer = "{object.id}", amount = "{amount.minor}", currency = "{amount.currency}", reference = "{call.ref}" }
receipt = { id = "id", status = "state", ours = "reference", amount = { money = "amount", currency = "currency" } }
[actions.credit.look_up]
get = "/credits"
query = { customer = "{object.id}" }
items = "data"
absent_after = "1m"
record = "with"
source = "https://docs.purse.example/credits"
"""
LOOK_UP = MANIFEST[MANIFEST.index("[actions.credit.look_up]") :]
PAGED = MANIFEST.replace(
    'items = "data"\nabsent',
    'items = "data"\npage = { offset = "query.offset", size = 2, total = "total", max_pages = 9 }\nabsent',
)
"""Its credits come in pages of two."""
OF_A_PAYMENT = MANIFEST.replace(
    "[reads.customer]",
    """[reads.payment]
get = "/payments/{args.payment}"
root = "payment"

[records.payment]
get = "/payments"
query = { customer = "{subject.id}" }
items = "data"
page = { offset = "query.offset", size = 2, total = "total", max_pages = 9 }
id = "id"
title = "{state}"
picks = { state = "state" }

[reads.customer]""",
).replace(
    """resolve = ["customer"]
object = { kind = "customer", id = "customer.id" }
owner = { path = "customer.id" }""",
    """resolve = ["payment", "customer"]
object = { kind = "payment", id = "payment.id" }
owner = { path = "payment.customer" }
args.payment = { type = "ref", kind = "payment", pattern = "pay_[0-9]+", says = "for which payment" }""",
)
"""The same, for one of the customer's payments."""
FIRST_OF_ALL = 'get = "/payments"\nquery = { customer = "{subject.id}" }\nroot = "data[0]"'
"""A read that takes the first of a customer's payments."""
SETTINGS = """
[workspace]
name = "test"
[policy]
files = ["policy.cedar"]
[connectors.purse]
api_key = "env:PURSE_KEY"
base_url = "{url}"
"""


class Purse(ThreadingHTTPServer):
    """Credits of customers.

    Attributes:
        keeps_keys: drops a repeated key. lists: shows what was given. shows_after: so many looks
            in vain before that. beside: what somebody else gives at the same moment.
        pages: whether an offset takes effect; each page is the first one else.
        gives_to: whom it gives to, whatever is asked. factor: how much it gives for each of one.
        says: with which status it answers what it has given; 0 cuts the connection.
        rolls_back: loses its record, and the key, of what it has given.
        paid: customer and minor units of what has left it, which it shows to nobody.
    """

    daemon_threads = True

    def __init__(
        self,
        *,
        keeps_keys: bool = True,
        lists: bool = True,
        shows_after: int = 0,
        beside: int = 0,
        pages: bool = True,
        gives_to: str = "",
        factor: int = 1,
        says: int = 200,
        rolls_back: bool = False,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.keeps_keys, self.lists, self.shows_after = keeps_keys, lists, shows_after
        self.beside, self.pages = beside, pages
        self.gives_to, self.factor = gives_to, factor
        self.says, self.rolls_back = says, rolls_back
        self.paid: list[tuple[str, int]] = []
        self.credits: list[dict[str, Any]] = []
        self.by_key: dict[str, dict[str, Any]] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        purse, parts = cast("Purse", self.server), urlsplit(self.path)
        match parts.path.strip("/").split("/"):
            case ["me"]:
                self._answer({"id": "acct_1", "name": "Test", "live": False})
            case ["customers"]:
                asked = parse_qs(parts.query)["email"][0]
                known = [_customer("cus_1")] if asked == _customer("cus_1")["email"] else []
                self._answer({"data": known, "archived": []})
            case ["customers", one]:
                given = sum(credit["amount"] for credit in purse.credits)
                self._answer({**_customer(one), "given": given})
            case ["customers", one, "partner"]:
                self._answer(_customer(f"{one}_2"))
            case ["payments"]:
                self._answer(self._page([_payment(number) for number in (1, 2, 3)]))
            case ["payments", one]:
                self._answer({"payment": _payment(int(one.removeprefix("pay_")))})
            case ["credits"]:
                customer = parse_qs(parts.query)["customer"][0]
                shown = purse.lists and purse.shows_after <= 0
                purse.shows_after -= 1
                found = [one for one in purse.credits if one["customer"] == customer]
                self._answer(self._page(found if shown else []))
            case _:
                self._answer({}, 404)

    def _page(self, found: list[dict[str, Any]]) -> dict[str, Any]:
        purse, query = cast("Purse", self.server), parse_qs(urlsplit(self.path).query)
        at = int(query.get("offset", ["0"])[0]) if purse.pages else 0
        return {"data": found[at : at + 2], "total": len(found)}

    def do_POST(self) -> None:
        purse = cast("Purse", self.server)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["idempotency-key"]
        known = purse.by_key.get(key) if key and purse.keeps_keys else None
        if known is None:
            known = {"id": f"cr_{len(purse.credits) + 1}", "state": "given", **body}
            known["customer"] = purse.gives_to or known["customer"]
            purse.paid.append((known["customer"], known["amount"] * purse.factor))
            if not purse.rolls_back:
                purse.credits.append(known)
                purse.by_key[key] = known
            if purse.beside:
                purse.credits.append(
                    {**known, "id": "cr_x", "reference": "", "amount": purse.beside}
                )
        if purse.says == 0:
            self.close_connection = True
            return
        self._answer(known if purse.says == 200 else {"error": "busy"}, purse.says)

    def _answer(self, body: object, status: int = 200) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as the base has it)
        pass


def _customer(one: str) -> dict[str, Any]:
    name, email = "Ana Torres", f"{one}@example.com"
    return {"id": one, "state": "active", "name": name, "email": email, "metadata": {"shop": "7"}}


def _payment(number: int) -> dict[str, Any]:
    return {"id": f"pay_{number}", "state": "paid", "customer": "cus_1"}


@contextmanager
def serving(purse: Purse) -> Generator[Purse]:
    """The provider, reachable while the block runs."""
    thread = threading.Thread(target=purse.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield purse
    finally:
        purse.shutdown()
        thread.join()
        purse.server_close()
