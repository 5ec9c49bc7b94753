"""Forty secrets through a full run, failures included: none of them comes out anywhere."""

from __future__ import annotations

import base64
import logging
import secrets
import sqlite3
import traceback
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import pytest
from sdk.echoing import EchoingStripe, echoing_smtp
from sdk.test_telemetry import collect
from support.workspace import PEOPLE, make_workspace

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import SaysoError
from sayso.ids import Tenant
from sayso.sandbox import Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.workspace import Workspace
from sayso.surfaces.http.app import create_app
from sayso.testing.models import Completion, FakeOpenAI

NEIGHBOURS = (
    *("AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "GITHUB_TOKEN", "SENTRY_DSN", "JWT_SECRET"),
    *("SHOPIFY_TOKEN", "ZENDESK_TOKEN", "WEBHOOK_SECRET", "OAUTH_CLIENT_SECRET", "VAULT_TOKEN"),
    *("REDIS_URL", "SESSION_KEY", "GCP_KEY", "AZURE_KEY", "NPM_TOKEN", "PYPI_TOKEN"),
    *("TWILIO_TOKEN", "INTERCOM_TOKEN", "HUBSPOT_KEY", "DATADOG_KEY", "SLACK_APP_TOKEN"),
)
"""Other secrets of the process that runs it, beside its own."""
KNOWN_ATTRIBUTES = frozenset(
    {
        *("sayso.action", "sayso.attempt", "sayso.decision", "sayso.planner"),
        *("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"),
        *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
        "gen_ai.usage.cache_read.input_tokens",
        *("sayso.tenant", "sayso.request_id", "sayso.action_id", "sayso.call_id"),
    }
)
"""All that a span may tell by."""
OPERATOR = Actor(kind=ActorKind.SYSTEM, id="test")
ANA = "cus_demo_ana"
SERVICE = frozenset({Scope.PROPOSE, Scope.READ, Scope.AUDIT})
PERSON = frozenset({Scope.DECIDE, Scope.READ})
ACTIVE = [person for person in PEOPLE if person != "idle"]


@dataclass(kw_only=True)
class Run:
    """A full run: what is secret, and all that came out.

    Attributes:
        secrets: by name; in the form in which they are used.
        out: by where it came out.
    """

    sayso: Sayso
    http: httpx.AsyncClient
    stripe: EchoingStripe
    secrets: dict[str, str]
    out: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    spans: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def keep(self, where: str, said: object) -> None:
        """Something came out there."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        self.out[where].append(text)

    async def call(
        self, method: str, path: str, holder: str, body: object = None, **more: str
    ) -> httpx.Response:
        """A call over HTTP; what it answers has come out."""
        headers = {"Authorization": f"Bearer {self.secrets[f'token of {holder}']}", **more}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(8)
        answer = await self.http.request(method, path, json=body, headers=headers)
        self.keep("http", f"{answer.headers} {answer.text}")
        return answer


def canary(name: str) -> str:
    """A value that stands nowhere else."""
    return f"canary{name.lower().replace('_', '')}{secrets.token_hex(12)}"


def environment() -> dict[str, str]:
    """Variables of a process, to some of which the workspace refers."""
    own = {
        "STRIPE_KEY": f"sk_test_{canary('stripe')}",
        "SMTP_PASSWORD": canary("smtp"),
        "OPENAI_KEY": f"sk-{canary('openai')}",
        "SLACK_BOT_TOKEN": f"xoxb-{canary('slack')}",
        "SLACK_SIGNING_SECRET": canary("signing"),
    }
    return own | {name: canary(name) for name in NEIGHBOURS}


def workspace_of(
    folder: Path, stripe: str, smtp: int, openai: str, values: Mapping[str, str]
) -> Workspace:
    """A workspace whose provider, mail server and model all want a secret."""
    make_workspace(folder, stripe_url=stripe, people=PEOPLE)
    path = folder / "sayso.toml"
    text = path.read_text().replace(
        'transport = "file"\nfolder = "outbox"',
        f'transport = "smtp"\nhost = "127.0.0.1"\nport = {smtp}\nsecurity = "none"\n'
        'user = "ann"\npassword = "env:SMTP_PASSWORD"',
    )
    text += f'[planner]\nmodel = "openai:fake"\nbase_url = "{openai}"\napi_key = "env:OPENAI_KEY"\n'
    path.write_text(text)
    return Workspace.load(folder, values)


@asynccontextmanager
async def running(folder: Path) -> AsyncGenerator[Run]:
    """Everything open, with a token for everybody."""
    values = environment()
    telemetry, exporter, _ = collect()
    completions = [Completion(content={"steps": [], "hand_over": "not for me"}), Completion()]
    completions += [Completion(status=401), Completion(status=500)]
    with (
        Sandbox.start(seed="demo", api_key=values["STRIPE_KEY"]) as sandbox,
        FakeOpenAI(completions=completions) as model,
    ):
        stripe = EchoingStripe(sandbox.url)
        async with echoing_smtp() as (port, refused):
            with stripe.serving():
                workspace = workspace_of(folder, stripe.url, port, model.base_url, values)
                async with Sayso(workspace, mode="decide", telemetry=telemetry) as sayso:
                    transport = httpx.ASGITransport(create_app(sayso), raise_app_exceptions=False)
                    async with httpx.AsyncClient(
                        transport=transport, base_url="http://127.0.0.1:8390"
                    ) as client:
                        run = Run(sayso=sayso, http=client, stripe=stripe, secrets=dict(values))
                        await _make_tokens(run)
                        yield run
            assert refused, "the mail server has refused nothing"
            assert values["SMTP_PASSWORD"] in refused[0]
        run.keep("prompts", orjson.dumps(model.requests))
        assert values["OPENAI_KEY"] in str(model.keys)
    for span in exporter.get_finished_spans():
        run.keep("spans", f"{span.name} {span.attributes} {span.events} {span.status.description}")
        run.keep("spans", span.to_json())
        run.spans.append(dict(span.attributes or {}))


async def _make_tokens(run: Run) -> None:
    for holder in ("bot", "reader", "auditor", *ACTIVE, "left"):
        person = holder in ACTIVE
        _, token = await run.sayso.tokens.create(
            Tenant("main"),
            "person" if person else "service",
            holder,
            PERSON if person else SERVICE,
            days=1,
            by=OPERATOR,
        )
        run.secrets[f"token of {holder}"] = token
    key = (run.sayso.workspace.folder / "keys" / "log.key").read_text().strip()
    run.secrets["signing key"] = key
    vault = (run.sayso.workspace.folder / "keys" / "vault.key").read_text().strip()
    run.secrets["vault key"] = vault
    run.secrets["signing seed"] = key.split("+", 4)[4]  # base64 has `+`, too


async def _live(run: Run) -> None:
    """What goes well: words, an action that is allowed, one that a person approves, a message."""
    subject = {"id": ANA, "assurance": "verified"}
    words = [{"role": "customer", "content": "Please refund order 1042, it arrived broken"}]
    await run.call("POST", "/v1/requests?wait=5", "bot", {"subject": subject, "messages": words})
    wanted = _refund("ch_demo_ben_1", "cus_demo_ben", 10_000)
    asked = await run.call("POST", "/v1/actions", "bot", wanted)
    card = asked.json()["approval"]
    decision = {"decision": "approve", "revision": card["revision"], "digest": card["digest"]}
    await run.call("POST", f"/v1/approvals/{card['id']}/decision", "maria", decision)
    letter = {"title": "Sorry", "body": "We are sorry that it broke."}
    for action in ("email.send_apology", "email.nothing"):
        message = {"subject": subject, "action": action, "args": letter}
        sent = await run.call("POST", "/v1/actions", "bot", message)
        if sent.status_code == 201 and sent.json().get("approval"):
            card = sent.json()["approval"]
            yes = {"decision": "approve", "revision": card["revision"], "digest": card["digest"]}
            await run.call("POST", f"/v1/approvals/{card['id']}/decision", "noor", yes)
    for text in ("what is the weather like", "I am cross", "please do something", "hello?"):
        told = [{"role": "customer", "content": text}]
        body = {"subject": subject, "messages": told}
        await run.call("POST", "/v1/requests?wait=5", "bot", body)


def _refund(charge: str, customer: str, minor: int = 600) -> dict[str, object]:
    return {
        "subject": {"id": customer, "assurance": "verified"},
        "action": "stripe.refund",
        "args": {"charge": charge, "amount": {"amount_minor": minor, "currency": "USD"}},
        "reason": "it broke",
    }


async def _fail(run: Run) -> None:
    """A provider that repeats the key: in a look-up, in a call, in every kind of answer."""
    for status in (400, 401, 402, 404, 429, 500):
        for writes_only in (True, False):
            run.stripe.status, run.stripe.writes_only = status, writes_only
            refund = _refund("ch_demo_lena_1", "cus_demo_lena")
            await run.call("POST", "/v1/actions", "bot", refund)
            await run.call("POST", "/v1/actions?dry_run=true", "bot", refund)
            try:
                await run.sayso.propose(
                    "stripe.refund", {"charge": "ch_demo_lena_2"}, subject="cus_demo_lena"
                )
            except SaysoError as error:
                run.keep("tracebacks", "".join(traceback.format_exception(error)))
                run.keep("tracebacks", f"{error!r} {error.message} {error.next_step}")
                run.keep("tracebacks", error.detail)
    words = [{"role": "customer", "content": "Please refund order 1047"}]
    body = {"subject": {"id": "cus_demo_lena", "assurance": "verified"}, "messages": words}
    await run.call("POST", "/v1/requests?wait=5", "bot", body)
    run.stripe.status = 0
    wrong = {"Authorization": f"Bearer {run.secrets['token of bot'][:-1]}x"}
    for headers in (wrong, {"Authorization": f"Basic {run.secrets['token of bot']}"}):
        answer = await run.http.get("/v1/actions", headers=headers)
        run.keep("http", f"{answer.headers} {answer.text}")


async def _look(run: Run, folder: Path) -> None:
    """Everything that can be read of it, in every form in which it leaves."""
    for view in await run.sayso.actions.list(limit=200):
        run.keep("actions", (await run.sayso.actions.get(view.id)).model_dump_json())
        await run.call("GET", f"/v1/actions/{view.id}", "reader")
    for card in await run.sayso.approvals.list(status=None, limit=200):
        run.keep("cards", card.model_dump_json())
    for path in ("/v1/audit/entries?limit=100", "/v1/audit/checkpoint", "/v1/approvals"):
        await run.call("GET", path, "auditor" if "audit" in path else "reader")
    await _owe(run)
    run.keep("config", repr(run.sayso.workspace.settings))
    run.keep("config", repr(run.sayso.container.connectors.__dict__))
    for name in ("jsonl", "ocsf", "cloudevents"):
        place = folder / name
        await run.sayso.audit.export(place, format=name)
        for file in [place, *place.rglob("*")] if place.is_dir() else [place]:
            if file.is_file():
                run.keep("exports", file.read_bytes())
    with sqlite3.connect(run.sayso.workspace.store_path) as database:
        for (body,) in database.execute("select body from log_entry"):
            run.keep("entries", body)
        for row in database.execute("select key from subject"):
            name = f"key of subject {len(run.secrets)}"
            run.secrets[name] = row[0].hex()
            run.secrets[f"{name} b64"] = base64.b64encode(row[0]).decode()
        for table in ("action", "approval", "request", "outbox", "token", "stop", "vote"):
            for row in database.execute(f"select * from {table}"):
                run.keep(f"rows of {table}", row)
    database.close()


async def _owe(run: Run) -> None:
    """What is owed to customers, over HTTP: their data in clear, a hold, an erasure."""
    ben = {"subject": "cus_demo_ben"}
    shown = await run.call("POST", "/v1/privacy/exports", "maria", ben)
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    held = {**ben, "reason": "litigation"}
    hold = (await run.call("POST", "/v1/privacy/holds", "maria", held)).json()["id"]
    await run.call("POST", "/v1/privacy/erasures", "maria", ben)
    for holder in ("maria", "noor"):
        await run.call("POST", f"/v1/privacy/holds/{hold}/release", holder, {})
    erased = await run.call("POST", "/v1/privacy/erasures", "maria", ben)
    assert erased.status_code == 201, erased.text
    for path in ("/v1/privacy/erasures", f"/v1/privacy/holds/{hold}"):
        await run.call("GET", path, "auditor")


@pytest.mark.promise("secrets:forty")
async def test_forty_secrets_come_out_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 6: with every logger at DEBUG, and providers that repeat what they were sent."""
    caplog.set_level(logging.DEBUG)
    async with running(tmp_path / "shop") as run:
        await _live(run)
        await _fail(run)
        await _look(run, tmp_path)
    run.keep("logs", caplog.text)
    for record in caplog.records:
        run.keep("logs", f"{record.__dict__}")
    assert run.stripe.echoed > 20
    assert len(run.secrets) >= 40
    places = {"http", "spans", "prompts", "tracebacks", "logs", "exports", "entries", "cards"}
    out = {where: "\n".join(texts) for where, texts in run.out.items()}
    assert {where for where, text in out.items() if len(text) > 100} >= places
    found = [
        (name, where)
        for name, value in run.secrets.items()
        for where, text in out.items()
        if value in text
    ]
    assert found == []
    said = [record for record in caplog.records if record.levelno >= logging.INFO]
    named = {(one.name, one.getMessage()[:200]) for one in said if "cus_" in one.getMessage()}
    assert named == set(), "customers' ids are in no line above DEBUG"
    keys = {key for span in run.spans for key in span}
    assert keys <= KNOWN_ATTRIBUTES, keys - KNOWN_ATTRIBUTES
