"""The sandbox as its own process: started, killed in the middle, started again."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import stripe
from stripe.params import RefundCreateParams
from testing.sandbox.shop import SandboxProcess, Shop

from sayso.errors import Code, ConfigError
from sayso.sandbox import Fault, Sandbox, SandboxControl

LONG_S = 60.0
HEAVY = {
    *("cedarpy", "cryptography", "fastapi", "httpx", "langgraph", "opentelemetry", "rich"),
    *("slack_bolt", "starlette", "stripe", "typer", "uvicorn"),
}
REFUND: RefundCreateParams = {"charge": "ch_demo_ana_1", "amount": 500}


@pytest.mark.promise("sandbox:truth")
def test_killing_the_process_loses_nothing(shop: Shop, tmp_path: Path) -> None:
    """kill -9 between effect and answer: after the restart the effect and its answer are there."""
    books = tmp_path / "books.jsonl"
    first = SandboxProcess("--seed", "demo", "--books", books)
    client = shop.client(first.url)
    client.v1.subscriptions.cancel("sub_demo_ben")
    control = SandboxControl(first.url)
    control.advance(hours=1)
    control.add_faults(Fault(kind="hold_after", path="/v1/refunds"))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.v1.refunds.create, REFUND, {"idempotency_key": "k"})
        assert control.wait_until_held()
        before = control.books()
        first.kill()
        with pytest.raises(stripe.APIConnectionError):
            call.result(timeout=LONG_S)

    second = SandboxProcess("--seed", "demo", "--books", books)
    refund = shop.client(second.url).v1.refunds.create(REFUND, {"idempotency_key": "k"})
    after = SandboxControl(second.url).books()
    assert second.terminate() == 0

    assert [effect.kind for effect in before.effects] == ["cancel", "refund"]
    assert [effect.id for effect in after.effects] == ["sub_demo_ben", refund.id]
    assert (after.effects[1].calls, after.money_out) == (2, {"usd": 500})


@pytest.mark.promise("sandbox:truth")
def test_killing_before_the_effect_leaves_none(shop: Shop, tmp_path: Path) -> None:
    """kill -9 before the effect: the restarted provider has never heard of it."""
    books = tmp_path / "books.jsonl"
    first = SandboxProcess("--seed", "demo", "--books", books)
    control = SandboxControl(first.url)
    control.add_faults(Fault(kind="hold_before", path="/v1/refunds"))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(shop.client(first.url).v1.refunds.create, REFUND)
        assert control.wait_until_held()
        first.kill()
        with pytest.raises(stripe.APIConnectionError):
            call.result(timeout=LONG_S)

    with Sandbox.start(books=books) as again:
        assert again.books().effects == ()


def test_a_restart_keeps_objects_keys_and_clock(shop: Shop, tmp_path: Path) -> None:
    """State survives in the same file, without being seeded again."""
    books = tmp_path / "books.jsonl"
    with Sandbox.start(books=books, seed="demo") as first:
        refund = shop.client(first.url).v1.refunds.create(REFUND, {"idempotency_key": "k"})
        ahead = first.advance(hours=5)
    with Sandbox.start(books=books, seed="demo") as second:
        client = shop.client(second.url)
        same = client.v1.refunds.create(REFUND, {"idempotency_key": "k"})
        other = client.v1.refunds.create(REFUND)

        assert second.now() >= ahead
        assert same.id == refund.id
        assert other.id != refund.id
        assert client.v1.charges.retrieve("ch_demo_ana_1").amount_refunded == 1000


def test_a_torn_last_line_is_cut_off(shop: Shop, tmp_path: Path) -> None:
    """Half a line is half a call, which never happened; whole lines stay."""
    books = tmp_path / "books.jsonl"
    with Sandbox.start(books=books, seed="demo") as first:
        shop.client(first.url).v1.refunds.create(REFUND)
    whole = books.read_bytes()
    books.write_bytes(whole + whole.splitlines()[-1][:40])
    with Sandbox.start(books=books) as second:
        assert len(second.books().effects) == 1
    assert books.read_bytes() == whole


def test_a_file_that_is_no_books_is_refused(tmp_path: Path) -> None:
    """A foreign file is named with its line, and left alone."""
    foreign = tmp_path / "notes.txt"
    foreign.write_text("buy milk\n")
    with pytest.raises(ConfigError, match="line 1") as caught:
        Sandbox.start(books=foreign)

    assert caught.value.code is Code.INVALID_SETTING
    assert foreign.read_text() == "buy milk\n"


def test_a_folder_cannot_be_the_books(tmp_path: Path) -> None:
    """What cannot be opened is said before anything is served."""
    with pytest.raises(ConfigError) as caught:
        Sandbox.start(books=tmp_path)

    assert caught.value.code is Code.INVALID_SETTING


def test_a_taken_port_is_said(sandbox: Sandbox) -> None:
    """The process ends with status 2 and a sentence, not with a traceback."""
    port = sandbox.url.rpartition(":")[2]
    ended = subprocess.run(
        [sys.executable, "-m", "sayso.sandbox", "--port", port],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG_S,
    )

    assert ended.returncode == 2
    assert f"port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_process_starts_fast_because_it_loads_little() -> None:
    """Under a second on an idle machine, since Pydantic is the heaviest of what it imports."""
    code = "import sys, sayso.sandbox.__main__\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LONG_S
    )
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}

    assert "pydantic" in loaded
    assert not loaded & HEAVY


def test_keys_and_secret_are_arguments(shop: Shop) -> None:
    """The process takes its keys, restricted ones too, and a secret for its control calls."""
    process = SandboxProcess(
        "--seed",
        "demo",
        "--api-key",
        "sk_test_mine",
        "--restricted-key",
        "rk_test_reader=charge_read",
        "--control-secret",
        "open sesame",
    )
    shop.client(process.url, "sk_test_mine").v1.balance.retrieve()
    reader = shop.client(process.url, "rk_test_reader")
    reader.v1.charges.retrieve("ch_demo_ana_1")
    with pytest.raises(stripe.PermissionError):
        reader.v1.refunds.create(REFUND)
    effects = SandboxControl(process.url, secret="open sesame").books().effects
    process.terminate()

    assert effects == ()
