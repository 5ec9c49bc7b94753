"""`python -m sayso.sandbox`: the sandbox as its own process."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from sayso.errors import SaysoError
from sayso.sandbox.server import API_KEY, Sandbox


def _restricted(text: str) -> tuple[str, frozenset[str]]:
    key, equals, permissions = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("write it as rk_test_shop=charge_read,refund_write")
    return key, frozenset(permissions.split(","))


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sayso.sandbox",
        description="A Stripe-compatible provider on 127.0.0.1, for demos and tests.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--books", type=Path, help="a file that keeps the state over restarts")
    parser.add_argument("--seed", choices=("demo", "empty"), default="empty")
    parser.add_argument("--api-key", default=API_KEY, help="the key that may do everything")
    parser.add_argument(
        "--restricted-key",
        type=_restricted,
        action="append",
        default=[],
        metavar="KEY=PERMISSION,…",
        help="a key that may only do some things, such as rk_test_a=charge_read,refund_write",
    )
    parser.add_argument("--control-secret", help="bearer token that /_sandbox/ calls then need")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Serve until killed (SIGTERM and Ctrl-C end it in order); the exit status."""
    arguments = _arguments(argv)
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        sandbox = Sandbox.start(
            port=arguments.port,
            api_key=arguments.api_key,
            restricted_keys=dict(arguments.restricted_key),
            books=arguments.books,
            seed=arguments.seed,
            control_secret=arguments.control_secret,
        )
    except SaysoError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with sandbox:
        sys.stdout.write(f"sandbox ready {sandbox.url}\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
