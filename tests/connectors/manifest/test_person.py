"""`[person]`: who a customer is at the provider of a manifest, and who has an address there."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from connectors.manifest.stand import shipped, source_of

from sayso.actions.model.definition import Subject
from sayso.connectors.base import Connector
from sayso.connectors.http import HttpAnswer, HttpRequest
from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.connector import Connected, ManifestConnector
from sayso.connectors.manifest.people import connector_of
from sayso.connectors.manifest.schema import SubjectForm
from sayso.connectors.manifests import manifest_names
from sayso.connectors.person import Person
from sayso.connectors.registry import Connectors
from sayso.connectors.retry import RetryPolicy
from sayso.connectors.setup import AddressBook
from sayso.errors import Code, ConfigError, RefusedError, RetryableError
from sayso.json import JsonValue
from sayso.secret import Secret
from sayso.testing.clock import FakeClock
from sayso.testing.manifests import wrong_person

NAMES = manifest_names(Path("/nowhere"))
CASES = [(name, number) for name in NAMES for number in range(len(shipped(name)[1].person))]


@pytest.mark.promise("manifests:person")
@pytest.mark.parametrize(("name", "number"), CASES)
async def test_a_shipped_manifest_says_who_a_customer_is(name: str, number: int) -> None:
    """As its cases say, and nothing more; another customer's record is not believed."""
    source, cases = shipped(name)
    assert await wrong_person(source, cases, cases.person[number]) == ""


# ---- the engine --------------------------------------------------------------------------------

MINE = """
manifest = 1
connector = "desk"
version = "1"
title = "Desk"
[settings.address_from]
pattern = "[a-z_]+"
says = "who knows the addresses"
default = "stripe"
[connection]
base = "https://api.desk.example"
auth = { kind = "bearer" }
account = { get = "/me", id = "id", title = "name" }
[person]
get = "/people/{subject.id}"
id = "id"
email = "email"
email_verified = "confirmed"
ids = { external_id = "external_id", "meta.*" = "meta" }
[person.find]
get = "/people"
query = { email = "{find.email}" }
items = "data"
page = { number = "query.page", size = 2, max_pages = 2 }
[actions.note]
summary = "Note"
effect = "change"
sentence = "Note {person}"
reversible = true
resolve = ["person"]
reads.person = { get = "/people/{subject.id}/card" }
object = { kind = "person", id = "person.id" }
owner = { path = "person.id" }
payee = "your team"
preconditions = { state = "person.state" }
card = { person = "person.id" }
call = { post = "/people/{object.id}/notes", receipt = { id = "id", status = "'noted'" } }
"""
ANA, EMAIL = Subject(id="ana"), "ana@example.com"


class Desk:
    """Answers each path as a test says; a list of answers is pages."""

    def __init__(self, **answers: JsonValue) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """See `Sender.send`."""
        parts = urlsplit(request.url)
        self.asked.append(request.url)
        found = self.answers[parts.path.rpartition("/")[2]]
        if isinstance(found, list):
            page = int(dict(parse_qsl(parts.query)).get("page", "1"))
            found = found[page - 1]
        return HttpAnswer(status=200, headers={}, body=json.dumps(found).encode())

    async def close(self) -> None:
        """Nothing is open."""


def desk(wire: Desk, text: str = MINE, **peers: object) -> ManifestConnector:
    """The connector of a manifest, over a wire of a test's own."""

    async def secret() -> Secret:
        return Secret("sk_desk")

    def peer(name: str) -> Connector:
        if name not in peers:
            raise ConfigError(Code.INVALID_SETTING, f"there is no `{name}`")
        return peers[name]  # type: ignore[return-value]  # only what is asked of it

    return connector_of(
        source_of(text, "connectors/desk.toml"),
        Connected(
            settings={"address_from": "stripe"},
            secret=secret,
            clock=FakeClock(),
            peer=peer,
            retry=RetryPolicy(attempts=1),
            sender=lambda _: wire,
        ),
    )


async def person(**answer: JsonValue) -> Person | None:
    """What is said of Ana, by an answer."""
    found = Connectors([desk(Desk(ana=answer))])
    try:
        return await found.person_of("desk", ANA)
    finally:
        await found.close()


async def test_what_is_neither_a_text_nor_a_number_is_no_id() -> None:
    """Nested tables, truths and lists name nobody; an id of another form fails nothing."""
    told = await person(
        id="ana", external_id=7723, meta={"shop": "9", "n": 4, "t": True, "l": ["x"], "e": ""}
    )
    assert told is not None
    assert told.ids == {"external_id": "7723", "meta.shop": "9", "meta.n": "4"}
    listed = await person(id="ana", meta=[{"key": "shop", "value": "9"}, {"key": "x"}])
    assert listed is not None
    assert listed.ids == {"meta.shop": "9"}


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "ana", "confirmed": "true"},
        {"id": "ana", "confirmed": 1},
        {"id": "ana", "meta": "cus_9"},
        {"id": "ana", "meta": [{"name": "shop", "value": "9"}]},
        {"id": "Ana "},
        {"id": None},
        {"email": EMAIL},
        {"id": "ANA"},
    ],
    ids=["word", "one", "text", "other", "spaced", "null", "none", "case"],
)
async def test_an_answer_of_another_form_is_no_person(answer: dict[str, JsonValue]) -> None:
    """Nobody is verified, linked or named by what could be read in two ways."""
    with pytest.raises(RetryableError) as caught:
        await person(**answer)
    assert caught.value.code is Code.CONNECTOR_FAILED


@pytest.mark.promise("manifests:person")
async def test_nobody_is_written_to_at_the_address_of_somebody_else() -> None:
    """A connector that asks for an address gets none from a record of another customer."""
    connector = desk(Desk(ana={"id": "ben", "email": "ben@example.com"}))
    assert isinstance(connector, AddressBook)
    with pytest.raises(RetryableError):
        await connector.address_of(ANA)
    own = desk(Desk(ana={"id": "ana", "email": EMAIL}))
    assert isinstance(own, AddressBook)
    assert (await own.address_of(ANA)).email == EMAIL


async def found(*pages: JsonValue) -> list[str]:
    """Whom a search finds, by the pages of its answer."""
    asked = Connectors([desk(Desk(people=[*pages]))])
    people = await asked.find_people("desk", EMAIL)
    await asked.close()
    assert people is not None
    return [one.id for one in people]


def page(*people: tuple[str, str]) -> JsonValue:
    """One page of an answer."""
    return {"data": [{"id": who, "email": email} for who, email in people]}


@pytest.mark.promise("manifests:person")
async def test_a_search_finds_the_address_and_nothing_near_it() -> None:
    """A provider that answers with prefixes, twins and the rest is no fault; each is compared."""
    near = page(("a", "ana@example.com.evil"), ("b", "xana@example.com"))
    assert await found(near, page(("ana", EMAIL))) == ["ana"]
    assert await found(page(("ana", EMAIL), ("ben", "ANA@EXAMPLE.COM")), page()) == ["ana", "ben"]
    assert await found(page()) == []


async def test_a_list_that_is_not_read_to_its_end_finds_nobody() -> None:
    """Whoever is the only one on two pages may have a twin on the third."""
    with pytest.raises(RetryableError) as caught:
        await found(page(("ana", EMAIL), ("b", "")), page(("c", ""), ("d", "")))
    assert caught.value.code is Code.CONNECTOR_FAILED


async def test_a_search_asks_for_no_address_that_is_none() -> None:
    """What could be a search's own language never reaches a provider."""
    wire = Desk(people=[page()])
    asked = Connectors([desk(wire)])
    assert await asked.find_people("desk", 'a" OR email:*@example.com') == ()
    assert wire.asked == []
    await asked.close()


@pytest.mark.promise("manifests:person")
@pytest.mark.parametrize("name", ["zendesk", "freshdesk", "recharge", "shopify"])
@pytest.mark.parametrize("twin", ["0123", "00123", "+123", "123.0", "\u0661\u0662\u0663"])
async def test_a_number_written_otherwise_is_nobodys_id(name: str, twin: str) -> None:
    """Whoever reads numbers reads 0123 as 123: two ids of one customer would be two customers."""
    source, cases = shipped(name)
    wire = Desk()
    connected = Connected(
        settings=cases.settings,
        secret=_no_secret,
        clock=FakeClock(),
        peer=lambda one: _there(one, ()),
        sender=lambda _: wire,
    )
    connector = connector_of(source, connected)
    with pytest.raises(RefusedError) as caught:
        await connector.list_records(Subject(id=twin))
    assert caught.value.code in (Code.UNKNOWN_SUBJECT, Code.INVALID_INPUT)
    assert wire.asked == []


class Shelf:
    """The tools of an MCP server, which say who a customer is."""

    async def call(
        self, tool: str, arguments: JsonValue, *, writing: bool, digest: str | None
    ) -> JsonValue:
        """See `Tools.call`."""
        assert (tool, writing, digest) in (
            ("get_customer", False, None),
            ("find_customers", False, None),
        )
        assert isinstance(arguments, dict)
        if tool == "find_customers":
            return {"found": [{"id": "ana", "email": arguments["email"]}]}
        return {"id": arguments["id"], "email": EMAIL}

    async def close(self) -> None:
        """Nothing is open."""


BY_TOOLS = (
    MINE.replace('base = "https://api.desk.example"', 'mcp = { command = ["shelf"] }')
    .replace('auth = { kind = "bearer" }\n', 'auth = { kind = "none" }\n')
    .replace('account = { get = "/me", id = "id", title = "name" }\n', "")
    .replace(
        '[person]\nget = "/people/{subject.id}"',
        '[person]\ntool = "get_customer"\narguments = { id = "{subject.id}" }',
    )
    .replace(
        'get = "/people"\nquery = { email = "{find.email}" }\nitems = "data"',
        'tool = "find_customers"\narguments = { email = "{find.email}" }\nitems = "found"',
    )
    .replace('page = { number = "query.page", size = 2, max_pages = 2 }\n', "")
    .replace('{ get = "/people/{subject.id}/card" }', '{ tool = "get_customer" }')
    .replace('post = "/people/{object.id}/notes"', 'tool = "note", schema_digest = "sha256:0"')
)


async def test_a_server_of_tools_says_who_a_customer_is() -> None:
    """The same table, with a tool in place of an address."""
    source = source_of(BY_TOOLS, "connectors/desk.toml")
    assert not mistakes(source)
    connected = Connected(
        settings={},
        secret=_no_secret,
        clock=FakeClock(),
        peer=lambda one: _there(one, ()),
        tools=Shelf(),
    )
    asked = Connectors([connector_of(source, connected)])
    person = await asked.person_of("desk", ANA)
    assert person is not None
    assert person.email == EMAIL
    assert await asked.find_people("desk", EMAIL) == (person,)
    await asked.close()


# ---- whose customers ---------------------------------------------------------------------------


class Book:
    """Another connector, which knows addresses."""

    def __init__(self, customers_of: str | None = "") -> None:
        self.customers_of = customers_of


@pytest.mark.parametrize(
    ("name", "there", "whose"),
    [
        ("shopify", (), "shopify"),
        ("sendgrid", ("stripe",), "stripe"),
        ("sendgrid", (), None),
        ("twilio", ("stripe",), "stripe"),
        ("twilio", (), "twilio"),
        ("stripe_billing", ("stripe",), "stripe"),
        ("stripe_billing", (), "stripe_billing"),
    ],
)
def test_a_shipped_manifest_says_whose_customers_it_takes(
    name: str, there: tuple[str, ...], whose: str | None
) -> None:
    """Its own, or those of the connector that a setting names, where that one is set up."""
    source, cases = shipped(name)
    connected = Connected(
        settings=cases.settings,
        secret=_no_secret,
        clock=FakeClock(),
        peer=lambda one: _there(one, there),
    )
    connector = connector_of(source, connected)
    assert connector.customers_of == whose


async def _no_secret() -> Secret:
    return Secret("")


def _there(name: str, there: tuple[str, ...]) -> Connector:
    if name not in there:
        raise ConfigError(Code.INVALID_SETTING, f"there is no `{name}`")
    return Book()  # type: ignore[return-value]  # only whose customers


def test_ids_hold_colons_where_the_pattern_lets_them() -> None:
    """The pattern that a manifest has by itself lets none; in doubt one may stand there."""
    holding = [
        name
        for name in NAMES
        if shipped(name)[0].manifest.connection.subject.holds_colons
    ]  # fmt: skip
    assert holding == ["intercom", "jira", "twilio"]
    for pattern, holds in (
        (".{1,9}", True),
        ("[^/]+", True),
        (r"\S+", True),
        ("[!-~]+", True),
        (r"a\x3ab", True),
        ("(?:a|b)+", False),
        (r"\w+@[a-z.]+", False),
        ("[^:]+", False),
    ):
        assert SubjectForm(pattern=pattern).holds_colons is holds, pattern


BY_PEER = (
    MINE.replace('resolve = ["person"]', "resolve = []")
    .replace('owner = { path = "person.id" }', 'owner = { peer = "address_from" }')
    .replace('id = "person.id" }', 'id = "subject.id" }')
    .replace('card = { person = "person.id" }', 'card = { person = "peer.email.masked" }')
    .replace('state = "person.state"', 'state = "peer.email.fingerprint"')
    .replace("/notes", "/{peer.email.address}")
)


@pytest.mark.promise("manifests:person")
async def test_no_id_is_handed_to_a_peer_whose_customers_are_others() -> None:
    """Desk's own customers are nobody that Stripe knows, whatever their ids look like."""
    connector = desk(Desk(me={"id": "1", "name": "Desk"}), BY_PEER, stripe=Book())
    action = connector.actions[0]
    with pytest.raises(ConfigError) as caught:
        await connector.resolve(action, action.args(), ANA)
    assert caught.value.code is Code.INVALID_SETTING
    assert "set `address_from` of [connectors.desk]" in (caught.value.next_step or "")


# ---- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("/people/{subject.id}\"\nid", "/me\"\nid", "does not name the customer"),
        ('email = "{find.email}"', 'q = "x"', "does not name the address"),
        ('external_id = "external_id"', 'external_id = "notes"', "write freely into `notes`"),
        ('external_id = "external_id"', 'tags = "x.y"', "write freely into"),
        ('external_id = "external_id"', 'x = "custom.nickname"', "write freely into `nickname`"),
        ('email = "email"\n', "", "about an address that is not read"),
        ("[person.find]", "[contact]\nget = \"/c/{subject.id}\"\n[person.find]", "reached, too"),
        ('query = { email', 'root = "data"\nquery = { email', "a search has `items`"),
        ("{find.email}", "{subject.id}", "`{subject…}` is not known here"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_table_is_told(before: str, after: str, problem: str) -> None:
    """With its place, before anybody is asked."""
    assert not mistakes(source_of(MINE, "connectors/desk.toml"))
    assert before in MINE
    found = mistakes(source_of(MINE.replace(before, after, 1), "connectors/desk.toml"))
    assert any(problem in str(one) for one in found), [str(one) for one in found]
