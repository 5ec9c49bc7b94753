"""Changes that somebody makes to the house, each as small as it can be made, with its own test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fences import fences_of
from tree import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is typed for one change.

    Attributes:
        new: files that are made, by path. edits: of files that are there: what is replaced by what.
        test: the file of the change's own test, which passes once all of it is made.
        most: so many files may be touched beside that test.
    """

    test: str
    most: int
    new: Mapping[str, str]
    edits: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    @property
    def files(self) -> frozenset[str]:
        """All that are touched, but for its own test; pages that are made from code are not."""
        return frozenset({*self.new, *self.edits} - {self.test})

    def make(self, root: Path, changed: Path) -> None:
        """Write the files as they are afterwards into a folder; the tree itself stays as it is.

        Raises:
            AssertionError: the tree has changed where this would change it: change this with it.
        """
        for name, text in self.new.items():
            assert not (root / name).exists(), f"{name} is there already"
            _put(changed / name, text)
        for name, edits in self.edits.items():
            whole = (root / name).read_text(encoding="utf-8")
            for old, new in edits.items():
                assert whole.count(old) == 1, f"{name} has not once: {old}"
                whole = whole.replace(old, new)
            _put(changed / name, whole)


def _put(path: Path, text: str) -> None:
    assert not path.exists(), f"two changes change {path.name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _of_page(name: str, language: str) -> str:
    """The only block of a language on a page: what a reader copies."""
    (found,) = (one.body for one in fences_of(ROOT / name) if one.language == language)
    return found


_CHANNEL_PAGE = "docs/how-to/add-a-channel.md"
CHANNEL = Change(
    test="tests/surfaces/test_pager.py",
    most=2,
    new={
        "sayso/surfaces/pager/__init__.py": _of_page(_CHANNEL_PAGE, "python"),
        "tests/surfaces/test_pager.py": '''\
import asyncio
from pathlib import Path

from actions.steps import propose, stock
from support.shop_workspace import open_shop

from sayso.surfaces.site import open_site


async def test_a_card_is_paged(tmp_path: Path) -> None:
    """By a server whose settings have the channel; what waited before is told as well."""
    pages = tmp_path / "pages.txt"
    pages.touch()
    async with open_shop(tmp_path / "shop", channels={"pager": {"file": str(pages)}}) as opened:
        stock(opened, "o1", "o2")
        await propose(opened, order="o1")
        async with open_site(opened.sayso), asyncio.timeout(60):
            while "pending: $" not in pages.read_text():
                await asyncio.sleep(0.01)
''',
    },
    edits={
        "sayso/surfaces/site.py": {
            '    "slack": "sayso.surfaces.slack",\n': '    "slack": "sayso.surfaces.slack",\n'
            + _of_page(_CHANNEL_PAGE, "text"),
        },
    },
)

FIELD = Change(
    test="tests/actions/test_fee.py",
    most=4,
    new={
        "tests/actions/test_fee.py": '''\
from collections.abc import Mapping
from pathlib import Path

from actions.steps import assert_verified, bodies, propose, shown, stock
from support.shop import Shop
from support.shop_workspace import open_shop

from sayso.actions.model.snapshot import Resolved
from sayso.frozen import replace


class Feeing(Shop):
    """A shop whose provider keeps a fee."""

    async def resolve(self, *args: object, **more: object) -> Resolved:
        return replace(await super().resolve(*args, **more), fee="$0.30")


async def test_a_fee_is_on_the_card_and_in_the_log(tmp_path: Path) -> None:
    """Shown by every surface, bound by the digest, and verified."""
    async with open_shop(tmp_path / "shop", shop=Feeing()) as opened:
        stock(opened)
        card = await shown(opened, await propose(opened))
        view = await opened.sayso.solutions.get(card.id)
        assert ("Fee", "$0.30") in view.lead.facts
        (said,) = [body["data"] for body in bodies(opened) if body["kind"] == "action.pending"]
        assert said["fee"] == "$0.30"
        assert_verified(opened)
''',
    },
    edits={
        "actions/src/sayso/actions/model/snapshot.py": {
            "    keep: JsonObject = field(default_factory=dict[str, JsonValue])\n": (
                "    keep: JsonObject = field(default_factory=dict[str, JsonValue])\n"
                '    fee: str = ""\n'
                '    """What the provider keeps of it, in the card\'s words."""\n'
            ),
        },
        "actions/src/sayso/actions/model/digest.py": {
            '        **({"keep": kept} if kept else {}),\n': (
                '        **({"keep": kept} if kept else {}),\n'
                '        **({"fee": resolved.fee} if resolved.fee else {}),\n'
            ),
            '                keep=dict(_unpair(value.get("keep", ()))),\n': (
                '                keep=dict(_unpair(value.get("keep", ()))),\n'
                '                fee=str(value.get("fee", "")),\n'
            ),
        },
        "actions/src/sayso/actions/policy/card.py": {
            "            *limits,\n        ),\n": (
                '            *((("fee", resolved.fee),) if resolved.fee else ()),\n'
                "            *limits,\n        ),\n"
            ),
        },
        "actions/src/sayso/actions/policy/judged.py": {
            "    if row.judgement.either:\n": (
                "    if row.snapshot is not None and row.snapshot.resolved.fee:\n"
                '        told["fee"] = row.snapshot.resolved.fee\n'
                "    if row.judgement.either:\n"
            ),
        },
    },
)

OPERATION = Change(
    test="tests/surfaces/test_shown_stop.py",
    most=3,
    new={
        "tests/surfaces/test_shown_stop.py": '''\
import asyncio
import io
from contextlib import redirect_stdout
from pathlib import Path

import httpx
from support.workspace import make_workspace
from surfaces.cli.reference import every_command
from surfaces.http.api_server import token
from surfaces.http.routes import rows_of_scopes

from sayso.actions.controls.kill_switch import StopScope
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.surfaces.cli.app import main
from sayso.surfaces.http.app import create_app
from sayso.testing.clock import FakeClock


async def test_a_stop_is_shown_by_every_surface(tmp_path: Path) -> None:
    """The same by Python, HTTP and the command line; both pages are made from these."""
    workspace = make_workspace(tmp_path)
    async with Sayso(workspace, mode="decide", clock=FakeClock()) as sayso:
        made = await sayso.stops.engage(StopScope.TENANT, "", reason="they call")
        assert await sayso.stops.get(made.id) == made

        _, secret = await token(sayso, "bot", "service", frozenset({Scope.READ}))
        transport = httpx.ASGITransport(create_app(sayso))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            bearer = {"Authorization": f"Bearer {secret}"}
            answer = await client.get(f"/v1/stops/{made.id}", headers=bearer)
            assert answer.json() == made.model_dump(mode="json")

    with redirect_stdout(printed := io.StringIO()):
        words = ["stop", "show", made.id, "--workspace", str(tmp_path)]
        assert await asyncio.to_thread(main, words) == 0
    assert "they call" in printed.getvalue()
    assert ("stop", "show") in every_command()
    assert any("`GET /v1/stops/{id}`" in row for row in rows_of_scopes())
''',
    },
    edits={
        "sayso/sdk/resources/stops.py": {
            "    async def list(\n        self,\n": '''\
    async def get(self, stop_id: str, *, tenant: str | None = None) -> StopView:
        """One stop, in force or released.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)
        return await self._container.store.read(
            lambda reader: show_stop(reader, get_stop(reader, where, stop_id), where)
        )

    async def list(
        self,
''',
            "from sayso.actions.controls.kill_switch import (\n": (
                "from sayso.actions.controls.kill_switch import (\n    get_stop,\n"
            ),
        },
        "sayso/surfaces/http/stops.py": {
            '@router.get(\n    "/v1/stops",\n': '''\
@router.get(
    "/v1/stops/{stop_id}",
    summary="A stop as it stands",
    responses=reads("as it is now", examples.STOP, 404),
)
async def show_stop(stop_id: str, sayso: Open, token: Watcher, _query: NoQuery) -> StopView:
    """Scope: `actions:read`, `approvals:decide` or `stop`."""
    return await sayso.stops.get(stop_id, tenant=token.tenant)


@router.get(
    "/v1/stops",
''',
        },
        "sayso/surfaces/cli/commands/stop.py": {
            '@command(app, "list")\n': '''\
@command(app, "show")
def show(
    here: Here, stop_id: Annotated[str, typer.Argument(metavar="ID", help="The stop, stp_….")]
) -> None:
    """Show a stop as it stands."""
    here.show(here.read(lambda sayso: sayso.stops.get(stop_id)), show_stop)


@command(app, "list")
''',
        },
    },
)

CHANGES: Mapping[str, Change] = {
    "a channel": CHANNEL,
    "an optional field": FIELD,
    "an operation": OPERATION,
}
