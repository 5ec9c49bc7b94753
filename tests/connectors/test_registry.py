"""The registry: connectors by entry point, actions by name, and mistakes said early."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import Distribution, DistributionFinder, EntryPoint, entry_points
from pathlib import Path
from typing import cast

import httpx
import pytest
from connectors.benches import FakeAddressBook, email_over, stripe_on
from support.gift_shop import GiftShop
from tree import projects

from sayso.actions.model.definition import Action, Args, Effect, Subject, at_most_once, verifiable
from sayso.actions.model.snapshot import Call, Receipt, Record, Resolved
from sayso.connectors.define import OwnConnector, action
from sayso.connectors.email import EmailConnector, FileTransport
from sayso.connectors.registry import Connectors
from sayso.connectors.setup import AskedSettings
from sayso.connectors.sources import GROUP
from sayso.errors import Code, ConfigError, OutcomeUnknownError, RefusedError, RetryableError
from sayso.json import JsonValue
from sayso.sandbox import Sandbox
from sayso.secret import Secret
from sayso.testing.clock import FakeClock

ROOT = Path(__file__).parents[2]


class NoArgs(Args):
    """Nothing."""


class Fine(OwnConnector):
    """A connector with one action."""

    name = "fine"
    customers_of: str | None = "stripe"

    @action(summary="Do it", guarantee=at_most_once())
    async def do(self, args: NoArgs, subject: Subject) -> Resolved:
        """Read."""
        return self.resolved(args, subject, kind="thing", account="here", payee="nobody")

    @do.calls
    async def done(self, call: Call) -> Receipt:
        """Do."""
        return Receipt(id=call.action_id, status="done")


class Stray(Fine):
    """Its action bears another connector's name."""

    name = "stray"

    @property
    def actions(self) -> list[Action]:
        """Of another."""
        return list(Fine().actions)


def load(
    settings: Mapping[str, Mapping[str, JsonValue]],
    *points: EntryPoint,
    base: Path = ROOT,
) -> Connectors:
    return Connectors.load(
        settings,
        clock=FakeClock(),
        secret=lambda reference: Secret(f"secret of {reference}"),
        base=base,
        installed=points or None,
    )


def test_the_built_in_connectors_are_entry_points() -> None:
    """pyproject.toml declares them, and the installed package says the same."""
    (declared,) = (
        project["entry-points"][GROUP]
        for project in projects().values()
        if GROUP in project.get("entry-points", {})
    )
    installed = {point.name: point.value for point in entry_points(group=GROUP)}
    assert declared.items() <= installed.items()
    assert set(declared) == {"email", "stripe"}


_ALL = DistributionFinder.Context()


class _Asked(DistributionFinder):
    """Knows no package, and counts how often it is asked for all."""

    def __init__(self) -> None:
        self.times = 0

    def find_distributions(
        self, context: DistributionFinder.Context = _ALL
    ) -> Iterable[Distribution]:
        """None."""
        self.times += context.name is None
        return ()


def test_the_installed_connectors_are_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look reads a file of every package that is installed; another path is looked at anew."""
    asked = _Asked()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, asked])
    for place, times in (("here", 1), ("there", 2)):
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / place)])
        assert load({}).names == load({}).names == []
        assert asked.times == times


def test_only_the_connectors_that_are_named_are_made() -> None:
    """A workspace without `[connectors.email]` has no e-mail action."""
    found = load({"stripe": {"api_key": "env:STRIPE_KEY"}})
    assert found.names == ["stripe"]
    assert [one.name for one in found.actions] == [
        "stripe.cancel_subscription",
        "stripe.credit",
        "stripe.keep_subscription",
        "stripe.refund",
        "stripe.take_back_credit",
    ]
    assert found.version_of("stripe.refund").startswith("2/")


async def test_email_writes_to_the_address_that_stripe_has(tmp_path: Path) -> None:
    """The two are wired by name, whichever comes first in the file."""
    with Sandbox.start(seed="demo") as sandbox:
        found = Connectors.load(
            {
                "email": {"from": "support@shop.example", "folder": "out", "title": "Hi: {title}"},
                "stripe": {"api_key": "env:KEY", "base_url": sandbox.url},
            },
            clock=FakeClock(),
            secret=lambda reference: Secret(sandbox.api_key),
            base=tmp_path,
        )
        args = found.validate_args("email.send_apology", {"title": "Sorry", "body": "Sorry."})
        subject = Subject(id="cus_demo_ben")
        resolved = await found.resolve(found.action("email.send_apology"), args, subject)
        assert resolved.personal["email"] == "ben@example.com"
        call = Call(
            tenant="main",
            action_id="act_1",
            action="email.send_apology",
            subject_id=subject.id,
            resolved=resolved,
            idempotency_key="k",
        )
        await found.call(call)
        assert isinstance(await found.look_up(call), Receipt)
        assert [record.kind for record in await found.list_records(subject)][:1] == ["charge"]
        await found.close()
    (path,) = (tmp_path / "out").glob("*.eml")
    assert b"To: ben@example.com" in path.read_bytes()


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"strpe": {}}, Code.INVALID_SETTING, "did you mean `stripe`?"),
        ({"magento": {}}, Code.INVALID_SETTING, "there are: `chargebee`, `email`"),
        ({"stripe": {}}, Code.MISSING_SECRET, "set `api_key"),
        ({"stripe": {"api_key": 5}}, Code.INVALID_SETTING, "set `api_key` to a text"),
        (
            {"stripe": {"api_key": "env:K", "base_url": "http://stripe.example"}},
            Code.INVALID_SETTING,
            "use https",
        ),
        (
            {"stripe": {"api_key": "env:K", "timeout_s": -1}},
            Code.INVALID_SETTING,
            "a number above zero",
        ),
        ({"email": {}}, Code.INVALID_SETTING, "set `from`"),
        ({"email": {"from": "a@b\nc"}}, Code.INVALID_SETTING, "a plain e-mail address"),
        ({"email": {"from": "a@b.c", "title": "Hi"}}, Code.INVALID_SETTING, "`{title}`"),
        ({"email": {"from": "a@b.c", "links": "x"}}, Code.INVALID_SETTING, "a list of texts"),
        ({"email": {"from": "a@b.c", "transport": "x"}}, Code.INVALID_SETTING, "`smtp`"),
        (
            {"email": {"from": "a@b.c", "transport": "smtp", "host": "m.example", "user": "u"}},
            Code.MISSING_SECRET,
            "password",
        ),
        (
            {"email": {"from": "a@b.c", "host": "m.example"}},
            Code.INVALID_SETTING,
            "set `transport` to `smtp`",
        ),
        (
            {"email": {"from": "a@b.c", "transport": "smtp", "host": "m", "password": "env:P"}},
            Code.INVALID_SETTING,
            "set `user` to a text",
        ),
        ({"stripe": {"apikey": "env:K"}}, Code.MISSING_SECRET, "is `apikey` meant for it?"),
        ({"email": {"form": "a@b.c"}}, Code.INVALID_SETTING, "is `form` meant for it?"),
        # the connector that is none comes before whatever else is wrong
        ({"stripe": {}, "emial": {}}, Code.INVALID_SETTING, "did you mean `email`?"),
    ],
)
def test_a_wrong_setting_names_the_next_step(
    settings: Mapping[str, Mapping[str, JsonValue]], code: Code, words: str
) -> None:
    """`sayso check` shows these before anything runs."""
    with pytest.raises(ConfigError) as caught:
        load(settings)
    assert caught.value.code is code
    assert words in caught.value.next_step


EMAIL: Mapping[str, JsonValue] = {"from": "a@b.c", "transport": "file", "folder": "outbox"}
STRIPE: Mapping[str, JsonValue] = {"api_key": "env:K"}


@pytest.mark.promise("connectors:settings")
@pytest.mark.parametrize(
    ("connector", "table", "words"),
    [
        ("email", {**EMAIL, "transprt": "smtp"}, "did you mean `transport`?"),
        ("email", {**EMAIL, "hots": "m.example"}, "did you mean `host`?"),
        ("email", {**EMAIL, "actions": ["actions/*.py"]}, "`actions` belongs at the top of sayso"),
        ("email", {**EMAIL, "rat": "1/s"}, "did you mean `rate`?"),
        ("email", {**EMAIL, "transport": "smtp", "host": "m", "sekurity": "tls"}, "`security`?"),
        ("stripe", {**STRIPE, "timeout": 3}, "did you mean `timeout_s`?"),
        ("stripe", {**STRIPE, "base-url": "x"}, "did you mean `base_url`?"),
        ("stripe", {**STRIPE, "colour": 1}, "there are: api_key, base_url, rate, timeout_s"),
        ("stripe", {**STRIPE, "x\n\u202e" * 99: 1}, "remove `x"),
    ],
)
def test_a_setting_that_a_connector_does_not_have_is_refused(
    connector: str, table: Mapping[str, JsonValue], words: str
) -> None:
    """Every other section refuses it, and a misspelt `transport` sends no mail, unnoticed."""
    with pytest.raises(ConfigError) as caught:
        load({connector: table})
    assert caught.value.code is Code.INVALID_SETTING
    assert caught.value.message.startswith(f"`connectors.{connector}.")
    assert words in caught.value.next_step
    assert len(caught.value.message) < 120
    assert "\n" not in caught.value.message + caught.value.next_step


def test_all_misspelt_settings_are_told_at_once() -> None:
    """`sayso check` finds every problem, not one after the other."""
    with pytest.raises(ConfigError) as caught:
        load({"email": {**EMAIL, "transprt": "smtp", "hots": "m.example"}})
    assert "`connectors.email.transprt`, `connectors.email.hots`" in caught.value.message
    assert caught.value.next_step == "did you mean `transport`?; did you mean `host`?"


def test_settings_that_nothing_depends_on_now_are_no_mistake() -> None:
    """Who changes `transport` for a day need not take the other settings out."""
    sending: Mapping[str, JsonValue] = {"host": "m.example", "user": "u", "password": "env:P"}
    both: Mapping[str, JsonValue] = {**EMAIL, **sending, "token": "mail"}
    for transport in ("file", "smtp"):
        assert load({"email": {**both, "transport": transport}}).names == ["email"]


def test_a_factory_that_reads_its_whole_table_judges_the_names_itself() -> None:
    """A plugin may hand the table to a model of its own."""
    table: Mapping[str, JsonValue] = {"a": 1, "b": 2}
    asked = AskedSettings("mine", table)
    assert dict(asked) == table
    asked.refuse_the_rest()
    with pytest.raises(ConfigError):
        AskedSettings("mine", table).refuse_the_rest()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("nowhere.at.all:connect", Code.MISSING_EXTRA),
        ("sayso.connectors.stripe:missing", Code.MISSING_EXTRA),
        ("sayso.connectors.sources:GROUP", Code.INVALID_ACTION),
        ("sayso.connectors.stripe:connect", Code.INVALID_ACTION),
    ],
)
def test_a_broken_plugin_is_named(value: str, code: Code) -> None:
    """Not importable, no factory, or another name than the one it is installed under."""
    with pytest.raises(ConfigError) as caught:
        load({"mine": {"api_key": "env:K"}}, EntryPoint(name="mine", value=value, group=GROUP))
    assert caught.value.code is code
    assert "mine" in caught.value.message or "`sayso" in caught.value.message


@pytest.mark.parametrize("connectors", [(Fine(), Fine()), (Stray(),)], ids=["twice", "stray"])
def test_names_are_unique_and_begin_with_the_connectors(
    connectors: tuple[OwnConnector, ...],
) -> None:
    """A connector cannot take over another's name or action."""
    with pytest.raises(ConfigError) as caught:
        Connectors(connectors)
    assert caught.value.code is Code.INVALID_ACTION


def test_an_unknown_action_is_refused_with_the_nearest_name() -> None:
    """And a name of any length or content is repeated in 40 harmless characters."""
    found = Connectors([Fine()])
    with pytest.raises(RefusedError) as caught:
        found.action("fine.doo")
    assert caught.value.code is Code.UNKNOWN_ACTION
    assert caught.value.next_step == "did you mean `fine.do`?"
    with pytest.raises(RefusedError) as caught:
        found.validate_args("x\n\u202e" * 500, {})
    assert len(caught.value.message) < 80
    step = "use `fine.do`; `sayso actions types` says what they do"
    assert caught.value.next_step == step, "what can be proposed, not what was"


def test_the_next_step_of_an_unknown_action_is_bounded() -> None:
    """A connector made of a large API has hundreds of actions; a line names a dozen."""

    class Wide(Fine):
        def __init__(self) -> None:
            super().__init__()
            (only,) = super().actions
            self._wide = [replace(only, name=f"fine.do_{number}") for number in range(100)]

        @property
        def actions(self) -> Sequence[Action]:
            return self._wide

    with pytest.raises(RefusedError) as caught:
        Connectors([Wide()]).action("x")
    assert caught.value.next_step.count("`fine.do_") == 12
    assert "and 88 more" in caught.value.next_step


async def test_a_peer_without_addresses_is_a_wrong_setting(tmp_path: Path) -> None:
    """`address_from` has to name a connector that knows addresses."""
    found = Connectors.load(
        {"email": {"from": "a@shop.example", "address_from": "fine"}},
        clock=FakeClock(),
        secret=Secret,
        base=tmp_path,
        own=[Fine()],
    )
    args = found.validate_args("email.send", {"title": "t", "body": "b"})
    with pytest.raises(ConfigError):
        await found.resolve(found.action("email.send"), args, Subject(id="cus_1"))


def test_the_guarantee_of_email_is_that_of_its_transport(tmp_path: Path) -> None:
    """What the approver reads is what the transport can keep."""
    connector: EmailConnector = email_over(FileTransport(tmp_path), FakeAddressBook())
    assert {one.guarantee.kind for one in connector.actions} == {"verifiable"}


def test_an_own_action_says_what_it_lacks() -> None:
    """No call, a promise without a look-up, arguments that are none: said when it is made."""

    class NoCall(OwnConnector):
        name = "bad"

        @action(summary="x", guarantee=at_most_once())
        async def do(self, args: NoArgs, subject: Subject) -> Resolved:
            raise NotImplementedError

    class NoLookUp(OwnConnector):
        name = "bad"

        @action(summary="x", guarantee=verifiable(settle_after_s=1), effect=Effect.CREDIT)
        async def do(self, args: NoArgs, subject: Subject) -> Resolved:
            raise NotImplementedError

        @do.calls
        async def done(self, call: Call) -> Receipt:
            raise NotImplementedError

    for kind, words in ((NoCall, "nothing calls it"), (NoLookUp, "nothing looks it up")):
        with pytest.raises(ConfigError) as caught:
            kind()
        assert caught.value.code is Code.INVALID_ACTION
        assert words in caught.value.message


def test_importing_the_package_imports_no_sdk() -> None:
    """`import sayso.connectors` and a made Stripe connector cost no SDK, HTTP or OAuth library."""
    code = (
        "import sys, sayso.connectors\n"
        "assert not {'pydantic', 'tenacity', 'httpx'} & set(sys.modules), 'package'\n"
        "import sayso.connectors.stripe, sayso.connectors.email, sayso.connectors.oauth.refresh\n"
        "assert not {'stripe', 'httpx', 'authlib'} & set(sys.modules), 'connectors'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_connector_opens_nothing_before_its_first_call() -> None:
    """Making one needs no network and no provider."""
    assert stripe_on("http://127.0.0.1:1", "sk_test_nobody").name == "stripe"


class Members(Fine):
    """Refuses whoever is no member; has nothing to list."""

    name = "members"

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Nothing, for members."""
        if not await self.knows(subject):
            raise RefusedError(Code.UNKNOWN_SUBJECT, "no member")
        return ()

    async def knows(self, subject: Subject) -> bool:
        """Whether they are the one member."""
        return subject.id == "zoe"


class Orders(Fine):
    """Lists the one order of its one customer, and says nothing of anybody else."""

    name = "orders"

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Zoe's order."""
        order = Record(kind="order", id="o1", title="a mug")
        return (order,) if subject.id == "zoe" else ()


class Away(Fine):
    """Cannot be read now."""

    name = "away"

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Fail."""
        raise RetryableError(Code.PROVIDER_UNAVAILABLE, "away")


class Vouching(Fine):
    """Lists nothing, and says whom it knows."""

    name = "vouching"

    async def knows(self, subject: Subject) -> bool:
        """Whether it is Zoe."""
        return subject.id == "zoe"


ZOE, NOBODY = Subject(id="zoe"), Subject(id="cus_nobody")


async def code_of_listing(found: Connectors, subject: Subject) -> Code | None:
    """Why a customer's objects are not listed; None when they are."""
    try:
        await found.list_records(subject)
    except (RefusedError, RetryableError) as error:
        return error.code
    return None


@pytest.mark.promise("connectors:known")
@pytest.mark.parametrize("own", [Orders, Vouching, Members])
async def test_a_customer_of_an_own_connector_is_known_beside_stripe(own: type[Fine]) -> None:
    """One that knows them is enough; whom nobody knows stays unknown."""
    with Sandbox.start(seed="demo") as sandbox:
        found = Connectors.load(
            {"stripe": {"api_key": "env:KEY", "base_url": sandbox.url}},
            clock=FakeClock(),
            secret=lambda reference: Secret(sandbox.api_key),
            own=[own()],
        )
        assert await code_of_listing(found, ZOE) is None
        assert await code_of_listing(found, Subject(id="cus_demo_ana")) is None
        assert await code_of_listing(found, NOBODY) is Code.UNKNOWN_SUBJECT
        await found.close()


@pytest.mark.promise("connectors:known")
async def test_a_stripe_customer_without_payments_is_known_beside_others() -> None:
    """Stripe lists nothing of theirs, and is asked whether they are there."""
    with Sandbox.start(seed="demo") as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.api_key}"}
        async with httpx.AsyncClient(base_url=sandbox.url, headers=headers) as client:
            made = await client.post("/v1/customers", data={"name": "New"})
        found = Connectors.load(
            {"stripe": {"api_key": "env:KEY", "base_url": sandbox.url}},
            clock=FakeClock(),
            secret=lambda reference: Secret(sandbox.api_key),
            own=[Members()],
        )
        assert await code_of_listing(found, Subject(id=str(made.json()["id"]))) is None
        await found.close()


@pytest.mark.parametrize("others", [[Fine()], [Orders()], [Vouching()], [Fine(), Orders()]])
async def test_whom_nobody_vouches_for_is_unknown(others: list[Fine]) -> None:
    """Saying nothing is no yes: invariant 10."""
    assert await code_of_listing(Connectors([Members(), *others]), NOBODY) is Code.UNKNOWN_SUBJECT


async def test_a_connector_that_is_away_answers_for_nobody() -> None:
    """It may know them, so the look-up is tried again later."""
    found = Connectors([Members(), Away()])
    assert await code_of_listing(found, ZOE) is Code.PROVIDER_UNAVAILABLE
    assert await code_of_listing(found, NOBODY) is Code.PROVIDER_UNAVAILABLE


class Broken(Fine):
    """Raises while it lists what a customer has, or lists nothing that could be read."""

    name = "broken"

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self._error = error

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Fail."""
        if self._error is None:
            return cast("Sequence[Record]", None)
        raise self._error


@pytest.mark.promise("engine:broken-reading")
@pytest.mark.parametrize(
    "error",
    [None, AttributeError("for Ana"), OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "for Ana")],
)
async def test_a_connector_that_breaks_off_in_listing_is_named(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Its name and a code for who asked, its place for the operator, and nobody's words."""
    with pytest.raises(RetryableError) as caught:
        await Connectors([Fine(), Broken(error)]).list_records(ZOE)
    assert caught.value.code is Code.CONNECTOR_FAILED
    assert "`broken`" in caught.value.message
    assert "broken in list_records raised an unexpected error" in caplog.text
    assert "Ana" not in str(caught.value) + caplog.text


class Closing(Fine):
    """It says that it was closed, and may break at it."""

    def __init__(self, name: str, closed: list[str], error: BaseException | None = None) -> None:
        super().__init__()
        self.name = name
        self._closed = closed
        self._error = error

    @property
    def actions(self) -> list[Action]:
        """None."""
        return []

    async def close(self) -> None:
        """Note it, then break."""
        self._closed.append(self.name)
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize(
    "error", [OSError("x"), ValueError("x"), KeyError("x"), asyncio.CancelledError()]
)
async def test_a_connector_that_breaks_at_its_end_keeps_no_other_open(error: BaseException) -> None:
    """Each is closed, in their order, and then the error is told."""
    closed: list[str] = []
    found = Connectors(
        [Closing("one", closed, error), Closing("two", closed, error), Closing("three", closed)]
    )
    with pytest.raises(type(error)):
        await found.close()
    assert closed == ["one", "two", "three"]


async def test_what_breaks_at_the_end_says_no_secret_either() -> None:
    """Closing is a call like the others."""
    key = "sk_test_a_key_to_hide"
    broken = Closing("three", [], ValueError(f"cannot log out with {key}"))
    found = Connectors.load(
        {"stripe": {"api_key": "env:KEY", "base_url": "http://127.0.0.1:9"}},
        clock=FakeClock(),
        secret=lambda reference: Secret(key),
        own=[broken],
    )
    with pytest.raises(RuntimeError, match="cannot log out") as raised:
        await found.close()
    assert key not in str(raised.value)


def test_an_undo_asks_only_for_arguments_that_the_action_has() -> None:
    """A misspelt name would mean that nothing can ever be taken back, and nobody would know."""
    shop, wrong = GiftShop(), {"amont": 1}
    shop.actions = [
        replace(one, undo=one.undo and replace(one.undo, only=wrong)) for one in shop.actions
    ]
    with pytest.raises(ConfigError, match="no argument that its undo asks for"):
        Connectors([shop])
